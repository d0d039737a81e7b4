// SPDX-License-Identifier: MIT OR Apache-2.0

//! The 32-bit entry of the x86-64 kernel knows the same calls and refuses the same crossings.

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use jaula_tests::crew::{Crew, Place};
    use jaula_tests::descriptor::Info;
    use jaula_tests::ktap::{skip, CaseResult, Chosen, Context, Suite};
    use jaula_tests::sys::jail::{self as call, syscall32};
    use jaula_tests::sys::process::{self, Ended};
    use jaula_tests::sys::{ids, Errno};
    use jaula_tests::sysv::{Family, Object};
    use jaula_tests::{check_eq, jail};
    use std::process::ExitCode;

    const CREATE_NEWJAIL: i32 = 1000;
    const GET_JAILNUMBER: i32 = 1001;
    const OPEN_JAIL: i32 = 1004;
    const CREATE_OWNED_JAIL: i32 = 1005;
    const ATTACH_JAILFD: i32 = 1006;
    const DESTROY_JAILFD: i32 = 1007;
    const DISOWN_JAIL: i32 = 1008;

    /// A way to an object whose arguments are all integers.
    struct Entry {
        name: &'static str,
        family: Family,
        /// The number of the call and its arguments (arch/x86/entry/syscalls/syscall_32.tbl).
        call: fn(&Object) -> [i32; 5],
    }

    const fn entry(name: &'static str, family: Family, call: fn(&Object) -> [i32; 5]) -> Entry {
        Entry { name, family, call }
    }

    const GETVAL: i32 = 12;

    /// `ipc(2)` multiplexes the family by its first argument (include/uapi/linux/ipc.h).
    const ENTRIES: [Entry; 13] = [
        entry("semget", Family::Sem, |o| [393, o.key, 0, 0, 0]),
        entry("semctl(GETVAL)", Family::Sem, |o| [394, o.id, 0, GETVAL, 0]),
        entry("semctl(IPC_RMID)", Family::Sem, |o| {
            [394, o.id, 0, libc::IPC_RMID, 0]
        }),
        entry("shmget", Family::Shm, |o| [395, o.key, 0, 0, 0]),
        entry("shmctl(IPC_RMID)", Family::Shm, |o| {
            [396, o.id, libc::IPC_RMID, 0, 0]
        }),
        entry("shmat", Family::Shm, |o| {
            [397, o.id, 0, libc::SHM_RDONLY, 0]
        }),
        entry("msgget", Family::Msg, |o| [399, o.key, 0, 0, 0]),
        entry("msgctl(IPC_RMID)", Family::Msg, |o| {
            [402, o.id, libc::IPC_RMID, 0, 0]
        }),
        entry("ipc(SEMGET)", Family::Sem, |o| [117, 2, o.key, 0, 0]),
        entry("ipc(SHMGET)", Family::Shm, |o| [117, 23, o.key, 0, 0]),
        entry("ipc(SHMCTL, IPC_RMID)", Family::Shm, |o| {
            [117, 24, o.id, libc::IPC_RMID, 0]
        }),
        entry("ipc(MSGGET)", Family::Msg, |o| [117, 13, o.key, 0, 0]),
        entry("ipc(MSGCTL, IPC_RMID)", Family::Msg, |o| {
            [117, 14, o.id, libc::IPC_RMID, 0]
        }),
    ];

    pub fn main(chosen: &Chosen) -> ExitCode {
        let mut suite = Suite::new();
        suite.case("get_jailnumber: the host is 0", || {
            need_entry()?;
            check_eq!(
                syscall32([GET_JAILNUMBER, 0, 0, 0, 0]),
                Ok(0),
                "get_jailnumber"
            );
            Ok(())
        });
        suite.case(
            "create_newjail and get_jailnumber agree with the 64-bit calls",
            || {
                need_entry()?;
                let number = syscall32([CREATE_NEWJAIL, 0, 0, 0, 0])?;
                check_eq!(
                    call::get_jailnumber(),
                    Ok(number.into()),
                    "the 64-bit get_jailnumber"
                );
                let again = syscall32([GET_JAILNUMBER, 0, 0, 0, 0]);
                check_eq!(again, Ok(number), "the 32-bit get_jailnumber");
                Ok(())
            },
        );
        suite.case("descriptors are the same by either entry", descriptors);
        suite.case("create_newjail in a jail: EPERM", || {
            need_entry()?;
            jail::enter()?;
            let got = syscall32([CREATE_NEWJAIL, 0, 0, 0, 0]);
            check_eq!(got, Err(Errno::EPERM), "create_newjail");
            Ok(())
        });
        suite.case("create_newjail by a user: EPERM", || {
            need_entry()?;
            ids::become_user(1000)?;
            let got = syscall32([CREATE_NEWJAIL, 0, 0, 0, 0]);
            check_eq!(got, Err(Errno::EPERM), "create_newjail");
            Ok(())
        });
        suite.case("create_newjail with threads: EINVAL", || {
            need_entry()?;
            let got = std::thread::spawn(|| syscall32([CREATE_NEWJAIL, 0, 0, 0, 0])).join();
            check_eq!(got.ok(), Some(Err(Errno::EINVAL)), "create_newjail");
            Ok(())
        });
        for entry in &ENTRIES {
            suite.case(&format!("jail to host, {}: EACCES", entry.name), || {
                jail::private_tables()?;
                let object = Object::create(entry.family, 0o666)?;
                jail::enter()?;
                refused(entry, &object)
            });
            suite.case(&format!("host to jail, {}: EACCES", entry.name), || {
                jail::private_tables()?;
                let owner = Crew::start(Place::NewJail, 1)?;
                let object = owner.member(0).create(entry.family, 0o666, false)?;
                refused(entry, &object)
            });
            suite.case(&format!("same jail, {}: works", entry.name), || {
                need_entry()?;
                jail::private_tables()?;
                jail::enter()?;
                let object = Object::create(entry.family, 0o666)?;
                syscall32((entry.call)(&object))?;
                Ok(())
            });
        }
        suite.run(chosen)
    }

    /// The calls about descriptors take integers alone; -1 comes as 32 bits.
    fn descriptors() -> CaseResult {
        need_entry()?;
        let owner = syscall32([CREATE_OWNED_JAIL, -1, 0, 0, 0]).context("create_owned_jail")?;
        let path = format!("/proc/self/fdinfo/{owner}");
        let info: Info = std::fs::read_to_string(&path).context(&path)?.parse()?;
        check_eq!(info.owner, true, "whether it owns the jail");
        let number = info.jail as i32;
        let plain = syscall32([OPEN_JAIL, -1, number, 3, 0]).context("open_jail")?;
        let attached = syscall32([ATTACH_JAILFD, plain, 0, 0, 0]);
        check_eq!(attached, Err(Errno::EBUSY), "attach_jailfd");
        let disowned = syscall32([DISOWN_JAIL, plain, 0, 0, 0]);
        check_eq!(disowned, Err(Errno::EINVAL), "disown_jail of a plain one");
        let destroyed = syscall32([DESTROY_JAILFD, plain, 0, 0, 0]);
        check_eq!(destroyed, Ok(0), "destroy_jailfd");
        jaula_tests::jailfs::check_gone(info.jail)
    }

    fn refused(entry: &Entry, object: &Object) -> CaseResult {
        need_entry()?;
        let got = syscall32((entry.call)(object));
        check_eq!(got, Err(Errno::EACCES), "{}", entry.name);
        Ok(())
    }

    /// Leaves the case out where the kernel has no 32-bit entry (CONFIG_IA32_EMULATION): using it is a
    /// fault then.
    fn need_entry() -> CaseResult {
        let getpid = || syscall32([20, 0, 0, 0, 0]).map_or(1, |_| 0);
        match process::in_child(getpid)? {
            Ended::Signaled(libc::SIGSEGV) => Err(skip("the kernel has no 32-bit entry")),
            ended => {
                check_eq!(ended, Ended::Exited(0), "getpid through the 32-bit entry");
                Ok(())
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86_64::main;

#[cfg(not(target_arch = "x86_64"))]
pub fn main(chosen: &jaula_tests::ktap::Chosen) -> std::process::ExitCode {
    let mut suite = jaula_tests::ktap::Suite::new();
    suite.case("32-bit programs on a 64-bit kernel", || {
        Err(jaula_tests::ktap::skip("this architecture has one entry"))
    });
    suite.run(chosen)
}
