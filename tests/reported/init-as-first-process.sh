# SPDX-License-Identifier: MIT OR Apache-2.0
# An init can be the first process of a jail.
R=/srv/init-as-first-process; jaula rootfs build -q -t minimal $R; echo '::sysinit:/bin/sh -c "echo booted >/tmp/booted"' >$R/etc/inittab
[ -e $R/bin/init ] || ln -s busybox $R/bin/init
timeout 8 jaula -q --new-pid --init none --user root $R -- /bin/init >/dev/null 2>&1
o=$(cat $R/tmp/booted 2>/dev/null); rm -rf $R
echo "${o:-not booted}"
