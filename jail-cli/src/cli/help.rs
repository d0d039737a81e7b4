// SPDX-License-Identifier: MIT OR Apache-2.0

//! The parts of the help that are not about one option.

pub const USAGE: &str = "\
jaula [OPTIONS] ROOT [-- COMMAND [ARG]...]
       jaula [OPTIONS] --template NAME|--image IMAGE [-- COMMAND [ARG]...]
       jaula run|exec|console|cp|set|kill|wait|stop|rm ...
       jaula ls|ps|stats|inspect|logs ...
       jaula clone|snapshot SOURCE NEW
       jaula up|down [FILE|DIR]
       jaula net create|ls|inspect|rm ...
       jaula doctor [--json]
       jaula number
       jaula rootfs build|check|list|show|trace|save|cache ...
       jaula completion bash|zsh|fish";

pub const SHORT: &str = "\
Examples:
  jaula rootfs build -t minimal /srv/jail          make a root directory
  jaula /srv/jail                                  a shell as user 1000
  jaula --template minimal                         the same, thrown away after
  jaula --user www /srv/jail -- httpd -f           a service as user www
  jaula run -d --name web /srv/jail -- httpd -f    one in the background; then
  jaula ls; jaula exec web; jaula logs web; jaula stop web

\"jaula --help\" says more.";

pub const LONG: &str = "\
What happens:
  A child makes ROOT the root of mounts of its own, with a /proc that shows the jail alone and a
  small /dev where ROOT has such directories, enters a new jail, closes all descriptors from 3 up,
  filters its system calls, drops groups, user, capabilities and the chance of new privileges,
  starts from an empty environment, and executes the shell or COMMAND. Each step is verified; one
  that fails is named, and nothing is executed. What the kernel lacks is named with the --without
  that leaves it out; --plain leaves out all that is not the jail, ROOT and the user.

  User 0 in a jail keeps only capabilities that cannot reach outside; --allow gives more. It sees
  what the other users of the jail run. To reach into a jail from outside takes a capability (kill,
  sys_ptrace, sys_nice, sys_resource), whoever the users are.

  The launcher waits outside. It passes signals on to the first process, all but SIGCHLD, SIGPIPE,
  SIGURG, SIGTTIN, SIGTTOU and what its caller ignores. When the first process has ended, the jail
  ends with all that is left in it, unless --keep is given. Should the launcher be killed, the
  kernel ends the jail; with --keep, the first process alone.

  On a terminal the command gets one of the jail's own, and jaula copies what is typed and shown.
  With --without pty it shares the caller's, which what jaula exec and jaula run --keep leave
  running can go on to read and write: only for what is trusted.

  JAIL, in the other commands, is the number or the name of a jail. A list is aligned and has a
  header on a terminal; elsewhere it has a line with tabs for each entry, and none else.

  Put \"--\" before COMMAND, so that no option of it is taken for one of jaula's. A ROOT with the
  name of a command is written with a slash: ./number.

Exit status:
  that of the shell or COMMAND, 128 + N when signal N killed it, and
  125  something failed before it could be executed
  126  it is there but cannot be executed
  127  it, its interpreter or its loader is not there
  The other commands exit with 125 when they fail, \"jaula doctor\" with 1 where something is missing
  that is needed by default, and \"jaula rootfs check\" with 1 where a root has a problem.

Examples:
  A shell for user 1000 in a new root directory:
    jaula rootfs build --template minimal /srv/jail
    jaula /srv/jail

  One command, its output kept apart from what jaula says:
    jaula --quiet /srv/jail -- /bin/ls -l / > listing

  A service as the user that the jail's own passwd calls www, with a variable:
    jaula --user www --setenv PORT=8080 /srv/jail -- httpd -f -p 8080

  As user 1000 with the group of another, and bash:
    jaula --user 1000:audio --shell /bin/bash /srv/jail

  The same in the background, with a name and limits; a look at it, a shell in it, its end:
    jaula run --detach --name web --max-tasks 50 /srv/jail -- httpd -f -p 8080
    jaula stats web
    jaula exec web
    jaula logs --follow web
    jaula stop web

  Data of the host that the jail can read and not change, an empty /tmp, a network of its own:
    jaula --bind /srv/data:/data:ro --tmpfs /tmp:size=64M --new-net /srv/jail

  Root in a jail that may make device nodes; then a jail that exists may no longer chroot:
    jaula --user root --allow mknod /srv/jail
    jaula set web allow=-chroot

  Can this machine do all of that?
    jaula doctor

  Am I in a jail?
    jaula number";
