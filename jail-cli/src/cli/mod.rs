// SPDX-License-Identifier: MIT OR Apache-2.0

//! The command line: what is asked for, and to whom it goes.

mod around;
mod completion;
mod console;
mod cp;
mod derive;
mod doctor;
mod end;
mod events;
mod exec;
mod failure;
mod group;
mod help;
mod inspect;
mod kill;
mod limits;
mod logs;
mod ls;
mod mounting;
mod net;
mod networking;
mod oci;
mod output;
mod pause;
mod process;
mod ps;
mod rootfs;
mod run;
mod set;
mod stats;
mod table;
mod thrown_away;
mod top;
mod wait;
mod waiting;

use clap::{Parser, Subcommand};

pub use failure::Failure;

/// Run a shell or command in a jail of its own
///
/// A jail is known to the kernel: what runs in it, and everything that comes of that, cannot
/// reach what belongs to another jail or to the host. ROOT becomes its root directory.
#[derive(Debug, Parser)]
#[command(
    name = "jaula",
    version,
    after_help = help::SHORT,
    after_long_help = help::LONG,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true,
    override_usage = help::USAGE,
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    run: run::Run,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a shell or command in a new jail, as "jaula ROOT" does
    Run(Box<run::Run>),

    /// List jails
    Ls(ls::Ls),

    /// List the processes in jails
    Ps(ps::Ps),

    /// Run a shell or command in a jail that exists
    Exec(Box<exec::Exec>),

    /// Attach to the terminal of a detached jail
    Console(console::Console),

    /// Ask what runs in a jail to end, then end the jail
    ///
    /// First the first process is asked, with SIGTERM or what "jaula run --stop-signal" says; when it
    /// has ended, all others that are left.
    Stop(end::Stop),

    /// Send a signal to the first process of a jail
    Kill(kill::Kill),

    /// Wait until the first process of a jail has ended, and print its exit status
    ///
    /// 128 + N where signal N killed it. It is known only of a jail that was detached or is kept.
    Wait(wait::Wait),

    /// End a jail at once, and forget what is noted about it
    Rm(end::Rm),

    /// Print all that is known of a jail, as JSON
    Inspect(inspect::Inspect),

    /// Show what jails use: tasks, memory, processor time, System V objects
    Stats(stats::Stats),

    /// Show what jails use, those first that use most, until "q" is pressed
    ///
    /// Processor time, memory, pressure, disks, network, tasks, refusals. What only a control group counts
    /// is there for jails that have one: those of which something is limited.
    Top(top::Top),

    /// Print what happens to jails, as it happens
    ///
    /// created, entered, limit (all that it may have of something), oom-kill, refused, paused, resumed,
    /// ended: each a line of time, number, name, event and more about it.
    Events(events::Events),

    /// Print what a detached jail has printed
    Logs(logs::Logs),

    /// Copy files into a jail or out of it
    Cp(cp::Cp),

    /// Make a root of its own upon the layers of another, without copying these
    ///
    /// NEW is a root file: "jaula NEW" has all that SOURCE has, and what is written there is seen by
    /// nobody else. Its upper, where that goes, is a directory beside it. What was written in SOURCE is
    /// copied; what its read-only layers have is shared.
    Clone(derive::Derive),

    /// Keep what a root has now, to run it and to build on it
    ///
    /// NEW is a root file: what is written in a jail with it is thrown away, and "jaula clone NEW" begins
    /// with it. Of a root of layers what was written is copied, of a directory everything. A file that is
    /// being written meanwhile is in it as far as it is then: stop the jail first where that matters.
    Snapshot(derive::Derive),

    /// Stop all that runs in jails until "jaula resume"
    ///
    /// Whatever it does about signals; it does not notice. A jail that is paused can be ended, and "jaula
    /// stop" lets it go on before it is asked to end.
    Pause(pause::Pause),

    /// Let jails go on that were paused
    Resume(pause::Pause),

    /// Change limits of a jail, and what else can be set about it
    Set(set::Set),

    /// Bring the jails up that a jaula.toml describes, in order
    ///
    /// Each is started detached when those run that it depends on; one that runs already is left
    /// alone. When one cannot be started, those that were are taken down again.
    ///
    /// Each file of a directory is one for itself: what is wrong with one, or fails, does not keep the
    /// jails of others. The exit status is 1 then, and 125 where all has failed.
    Up(group::Up),

    /// Take the jails down that a jaula.toml describes, in reverse order
    ///
    /// Of a directory also those that were started from files there and are not described any more.
    Down(group::Group),

    /// Tell whether this machine can do what jaula promises, and what to do
    ///
    /// Each line has how something stands, what, and what was found; below it, where all is not
    /// well, what that means and what to do. The exit status is 1 where something is missing that
    /// is needed by default.
    Doctor(doctor::Doctor),

    /// Print a script with which a shell completes commands of jaula
    Completion(completion::Completion),

    /// Print the number of the jail this runs in; 0 is the host
    Number,

    /// Make, start and end containers as engines do; only to be tried
    #[command(subcommand, hide = true)]
    Oci(oci::Oci),

    /// Make networks of jails, and look at them
    #[command(subcommand)]
    Net(net::Net),

    /// Make root directories for jails
    #[command(subcommand)]
    Rootfs(rootfs::Rootfs),
}

impl Cli {
    /// Does what is asked for and returns the exit status.
    pub fn run(self) -> Result<u8, Failure> {
        jaula::caller::settle();
        match self.command {
            Some(Command::Number) => {
                output::print(&format!("{}\n", jaula::get_jailnumber()?))?;
                Ok(0)
            }
            Some(Command::Run(run)) => run.run(),
            Some(Command::Ls(ls)) => ls.run(),
            Some(Command::Exec(exec)) => exec.run(),
            Some(Command::Console(console)) => console.run(),
            Some(Command::Stop(stop)) => stop.run(),
            Some(Command::Kill(kill)) => kill.run(),
            Some(Command::Wait(wait)) => wait.run(),
            Some(Command::Rm(rm)) => rm.run(),
            Some(Command::Ps(ps)) => ps.run(),
            Some(Command::Inspect(inspect)) => inspect.run(),
            Some(Command::Stats(stats)) => stats.run(),
            Some(Command::Top(top)) => top.run(),
            Some(Command::Events(events)) => events.run(),
            Some(Command::Logs(logs)) => logs.run(),
            Some(Command::Cp(cp)) => cp.run(),
            Some(Command::Clone(derive)) => derive.run(derive::Kind::Clone),
            Some(Command::Snapshot(derive)) => derive.run(derive::Kind::Snapshot),
            Some(Command::Set(set)) => set.run(),
            Some(Command::Pause(pause)) => pause.pause(),
            Some(Command::Resume(pause)) => pause.resume(),
            Some(Command::Up(up)) => up.run(),
            Some(Command::Down(group)) => group.down(),
            Some(Command::Doctor(doctor)) => doctor.run(),
            Some(Command::Completion(completion)) => completion.run(),
            Some(Command::Rootfs(rootfs)) => rootfs.run(),
            Some(Command::Net(net)) => net.run(),
            Some(Command::Oci(oci)) => oci.run(),
            None => self.run.run(),
        }
    }
}

#[cfg(test)]
mod man;
#[cfg(test)]
mod tests;
