// SPDX-License-Identifier: MIT OR Apache-2.0

//! Descriptors that are handed to others: who gets them, and what they are good for there.

use jaula_tests::descriptor::{apart, close_owners, enter, Info, Owner, Status, ALL};
use jaula_tests::inmate::{wait_for_ever, Inmate};
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::sys::jailfd::{self as call, ADMINISTER, ATTACH};
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::sys::{ids, peer, seccomp, Errno};
use jaula_tests::{check, check_eq, jail, jailfs};
use std::fmt;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

/// Who gets a descriptor of the jail J.
///
/// ```text
///  Host
///  .-P-----------------------------------------------.
///  |  Parent   .-S-------.  .-J-------------------.  |
///  |           | Sibling |  | Itself  .-W------.  |  |
///  |           '---------'  |         | Within |  |  |
///  |                        |         '--------'  |  |
///  |                        '---------------------'  |
///  '-------------------------------------------------'
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receiver {
    Host,
    Parent,
    Sibling,
    Itself,
    Within,
}

use Receiver::{Host, Itself, Parent, Sibling, Within};

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Host => "the host",
            Parent => "the jail that it lies in",
            Sibling => "a jail beside it",
            Itself => "the jail itself",
            Within => "a jail within it",
        })
    }
}

/// What is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Passed {
    Plain(u32),
    Owner,
}

impl Passed {
    const ALL: [Passed; 4] = [
        Passed::Plain(0),
        Passed::Plain(ATTACH),
        Passed::Plain(ADMINISTER),
        Passed::Owner,
    ];

    fn rights(self) -> u32 {
        match self {
            Passed::Plain(rights) => rights,
            Passed::Owner => ALL,
        }
    }
}

impl fmt::Display for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Passed::Plain(ATTACH) => "a descriptor for attaching",
            Passed::Plain(ADMINISTER) => "a descriptor for administering",
            Passed::Plain(_) => "a descriptor for reading",
            Passed::Owner => "an owner",
        })
    }
}

const NOT_PERMITTED: Result<(), Errno> = Err(Errno::EPERM);
const INVALID: Result<(), Errno> = Err(Errno::EINVAL);

/// What one who has got it can do with it: what attaching, destroying and making a jail give.
struct Use {
    attach: &'static [Result<(), Errno>],
    destroy: Result<(), Errno>,
    make: Result<(), Errno>,
}

/// Whether something arrives, and what can be done with it then.
fn expected(receiver: Receiver, passed: Passed) -> Option<Use> {
    let inside = matches!(receiver, Itself | Within);
    if passed == Passed::Owner && inside {
        return None;
    }
    let above = matches!(receiver, Host | Parent);
    let (attaches, administers) = (
        passed.rights() & ATTACH != 0,
        passed.rights() & ADMINISTER != 0,
    );
    Some(Use {
        attach: match (above, passed) {
            (true, Passed::Owner) => &[Err(Errno::EBUSY)],
            // Both are true of it.
            (false, Passed::Owner) => &[NOT_PERMITTED, Err(Errno::EBUSY)],
            (true, _) if attaches => &[Ok(())],
            _ => &[NOT_PERMITTED],
        },
        destroy: match (administers, inside) {
            (false, _) => NOT_PERMITTED,
            (true, true) => INVALID,
            (true, false) => Ok(()),
        },
        make: if administers { Ok(()) } else { NOT_PERMITTED },
    })
}

pub fn add(suite: &mut Suite) {
    for receiver in [Host, Parent, Sibling, Itself, Within] {
        for passed in Passed::ALL {
            suite.case(&format!("{passed} is passed to {receiver}"), move || {
                handed_on(receiver, passed)
            });
        }
    }
    suite.case(
        "of several that are passed those before an owner arrive",
        several,
    );
    suite.case("one that did not arrive is owned by nobody", not_arrived);
    suite.case(
        "pidfd_getfd: owners and plain ones of a process above",
        taken,
    );
    suite.case(
        "pidfd_getfd: nothing of who has an owner, by the jail: EPERM",
        || taken_from_outside(true),
    );
    suite.case(
        "pidfd_getfd: no more of who has a plain one, by the jail: EPERM",
        || taken_from_outside(false),
    );
    suite.case("what a filter's listener adds is refused alike", added);
    suite.case("what is inherited has the rights that it had", inherited);
}

/// The jails of the picture, with their owners.
struct Stage {
    parent: Owner,
    jail: Owner,
    sibling: Owner,
    within: Owner,
}

impl Stage {
    fn new() -> Result<Stage, Failure> {
        let parent = Owner::new()?;
        jailfs::set(parent.number, "children.max", "2")?;
        let jail = Owner::within(parent.raw())?;
        jailfs::set(jail.number, "children.max", "3")?;
        let sibling = Owner::within(parent.raw())?;
        let within = Owner::within(jail.raw())?;
        // That nothing is refused for want of a capability.
        for each in [&parent, &jail, &sibling, &within] {
            jailfs::set(each.number, "allow", "+sys_admin")?;
        }
        Ok(Stage {
            parent,
            jail,
            sibling,
            within,
        })
    }

    /// Something that is handed on: a descriptor of its own.
    fn passed(&self, passed: Passed) -> Result<OwnedFd, Failure> {
        match passed {
            Passed::Plain(rights) => self.jail.plain(rights),
            Passed::Owner => call::dup(&self.jail.descriptor).context("dup"),
        }
    }

    /// Starts a process where the receiver is, which owns none of the jails and does something.
    fn start(
        &self,
        receiver: Receiver,
        what: impl FnOnce() -> CaseResult,
    ) -> Result<Inmate, Failure> {
        let number = match receiver {
            Host => None,
            Parent => Some(self.parent.number),
            Sibling => Some(self.sibling.number),
            Itself => Some(self.jail.number),
            Within => Some(self.within.number),
        };
        let go = || match number {
            Some(number) => enter(number),
            None => close_owners().and_then(|()| jail::number()),
        };
        Inmate::start_by(go, what)
    }

    /// The same, up to the end of that process.
    fn apart(&self, receiver: Receiver, what: impl FnOnce() -> CaseResult) -> CaseResult {
        self.start(receiver, what).map(drop)
    }
}

fn handed_on(receiver: Receiver, passed: Passed) -> CaseResult {
    let stage = Stage::new()?;
    let (ours, theirs) = UnixStream::pair().context("socketpair")?;
    let descriptor = stage.passed(passed)?;
    call::send_descriptors(&ours, &[descriptor.as_raw_fd()]).context("sendmsg")?;
    drop(descriptor);
    let number = stage.jail.number;
    stage.apart(receiver, || {
        let received = call::receive_descriptors(&theirs).context("recvmsg")?;
        let Some(expected) = expected(receiver, passed) else {
            check_eq!(received.descriptors.len(), 0, "how many arrived");
            check!(received.truncated, "the message is not marked as truncated");
            return Ok(());
        };
        check!(!received.truncated, "the message was truncated");
        check_eq!(received.descriptors.len(), 1, "how many arrived");
        use_it(&received.descriptors[0], number, passed, &expected)
    })
}

/// Does all that can be done with a descriptor that has arrived.
fn use_it(jail: &OwnedFd, number: i64, passed: Passed, expected: &Use) -> CaseResult {
    let raw = jail.as_raw_fd();
    let info = Info::of(jail)?;
    check_eq!(
        info.owner,
        passed == Passed::Owner,
        "whether it owns the jail"
    );
    check_eq!(Status::of(jail)?.number, number, "what reading tells");
    // In a child: who is in does not come back. It is bound where it is.
    let attached = process::in_child(|| error_of(call::attach_jailfd(raw, 0)));
    let attached = match attached.context("fork")? {
        Ended::Exited(0) => Ok(()),
        Ended::Exited(error) => Err(Errno(error)),
        ended => return Err(jaula_tests::ktap::fail(format!("attaching: {ended}"))),
    };
    check!(
        expected.attach.contains(&attached),
        "attaching: got {attached:?}, expected one of {:?}",
        expected.attach
    );
    let made = call::create_owned_jail(raw, 0).map(drop);
    check_eq!(made, expected.make, "making a jail in it");
    let destroyed = call::destroy_jailfd(raw, 0);
    check_eq!(destroyed, expected.destroy, "destroying it");
    let state = Status::of(jail)?.state;
    let left = if destroyed.is_ok() { "dead" } else { "alive" };
    check_eq!(state, left, "the state afterwards");
    Ok(())
}

fn error_of(result: Result<(), Errno>) -> i32 {
    result.map_or_else(|errno| errno.0, |()| 0)
}

fn several() -> CaseResult {
    let stage = Stage::new()?;
    let (ours, theirs) = UnixStream::pair().context("socketpair")?;
    let plain = stage.jail.plain(0)?;
    let sent = [
        plain.as_raw_fd(),
        stage.sibling.raw(),
        stage.jail.raw(),
        plain.as_raw_fd(),
    ];
    call::send_descriptors(&ours, &sent).context("sendmsg")?;
    let numbers = [stage.jail.number, stage.sibling.number];
    stage.apart(Itself, || {
        let received = call::receive_descriptors(&theirs).context("recvmsg")?;
        check!(received.truncated, "the message is not marked as truncated");
        let arrived = received.descriptors.iter().map(Status::of);
        let arrived = arrived.collect::<Result<Vec<_>, _>>()?;
        let arrived: Vec<_> = arrived.iter().map(|status| status.number).collect();
        check!(arrived.starts_with(&numbers), "{arrived:?} arrived");
        for descriptor in &received.descriptors {
            let info = Info::of(descriptor)?;
            check!(
                !info.owner || info.jail == numbers[1],
                "the owner of the own jail arrived"
            );
        }
        Ok(())
    })
}

fn not_arrived() -> CaseResult {
    let owner = Owner::new()?;
    let (ours, theirs) = UnixStream::pair().context("socketpair")?;
    call::send_descriptors(&ours, &[owner.raw()]).context("sendmsg")?;
    let jail = owner.plain(0)?;
    let _inmate = owner.member(|| {
        let received = call::receive_descriptors(&theirs).context("recvmsg")?;
        check_eq!(received.descriptors.len(), 0, "how many arrived");
        Ok(())
    })?;
    drop(owner);
    // The queue has it no more, though both ends are open here and there.
    jaula_tests::descriptor::wait_for_end(&jail)
}

fn taken() -> CaseResult {
    let stage = Stage::new()?;
    for passed in Passed::ALL {
        let descriptor = stage.passed(passed)?;
        // It has all that this process has.
        let holder = process::fork(|| wait_for_ever()).context("fork")?;
        let holder = peer::pidfd(holder).context("pidfd_open")?;
        let copy = peer::take_descriptor(&holder, descriptor.as_raw_fd());
        let info = Info::of(&copy.context("pidfd_getfd")?)?;
        check_eq!(info, Info::of(&descriptor)?, "{passed}");
        peer::send_by_pidfd(&holder, libc::SIGKILL)?;
    }
    // From a jail, of a process in one within that one, which owns a third.
    let (number, wanted) = (stage.parent.number, stage.sibling.raw());
    let inner = Inmate::start_by(
        || {
            call::close_inherited(stage.parent.raw())?;
            call::close_inherited(stage.jail.raw())?;
            jaula_tests::sys::jail::attach_jail(stage.jail.number).context("attach_jail")?;
            jail::number()
        },
        || Ok(()),
    )?;
    let process = peer::pidfd(inner.pid).context("pidfd_open")?;
    Inmate::start_by(
        || enter(number),
        || {
            let copy = peer::take_descriptor(&process, wanted).context("pidfd_getfd")?;
            check!(Info::of(&copy)?.owner, "it owns nothing");
            Ok(())
        },
    )
    .map(drop)
}

/// Has a process of a jail take a descriptor of that jail from one that is outside.
fn taken_from_outside(owner: bool) -> CaseResult {
    let stage = Stage::new()?;
    let plain = stage.jail.plain(ALL)?;
    let wanted = if owner {
        stage.jail.raw()
    } else {
        plain.as_raw_fd()
    };
    let outside = peer::pidfd(process::pid()).context("pidfd_open")?;
    for receiver in [Itself, Within] {
        stage.apart(receiver, || {
            let got = peer::take_descriptor(&outside, wanted).map(drop);
            check_eq!(got, NOT_PERMITTED, "by {receiver}");
            Ok(())
        })?;
    }
    Ok(())
}

fn added() -> CaseResult {
    let stage = Stage::new()?;
    let plain = stage.jail.plain(ALL)?;
    for (receiver, of_jail) in [
        (Host, true),
        (Sibling, true),
        (Itself, false),
        (Within, false),
    ] {
        let (ours, theirs) = UnixStream::pair().context("socketpair")?;
        let filtered = stage.start(receiver, || make_listener(&theirs))?;
        let received = call::receive_descriptors(&ours).context("recvmsg")?;
        check_eq!(received.descriptors.len(), 1, "listeners");
        let listener = &received.descriptors[0];
        let cookie = seccomp::next_call(listener).context("SECCOMP_IOCTL_NOTIF_RECV")?;
        let add = |added| seccomp::add_descriptor(listener, cookie, added).map(drop);
        let got = add(&stage.jail.descriptor);
        let wanted = if of_jail { Ok(()) } else { NOT_PERMITTED };
        check_eq!(got, wanted, "an owner, to {receiver}");
        check_eq!(add(&plain), Ok(()), "a plain one, to {receiver}");
        check_eq!(
            add(&stage.sibling.descriptor).is_ok(),
            receiver != Sibling,
            "another owner"
        );
        seccomp::answer(listener, cookie, 0).context("SECCOMP_IOCTL_NOTIF_SEND")?;
        drop(filtered);
    }
    Ok(())
}

/// Has a child send a listener of its own, and make a call that waits for it.
fn make_listener(socket: &UnixStream) -> CaseResult {
    let child = process::fork(|| {
        let listener =
            ids::set_no_new_privileges().and_then(|()| seccomp::listen_to(libc::SYS_getppid));
        let Ok(listener) = listener else { return 1 };
        let sent = call::send_descriptors(socket, &[listener.as_raw_fd()]);
        drop(listener);
        process::parent();
        i32::from(sent.is_err())
    });
    child.map(drop).context("fork")
}

fn inherited() -> CaseResult {
    let stage = Stage::new()?;
    let (attacher, administrator) = (stage.jail.plain(ATTACH)?, stage.jail.plain(ADMINISTER)?);
    apart(|| {
        call::close_inherited(stage.jail.raw())?;
        ids::become_user(1000)?;
        for (jail, rights) in [
            (&attacher, "read attach"),
            (&administrator, "read administer"),
        ] {
            check_eq!(Info::of(jail)?.rights, rights, "the rights");
        }
        let raw = administrator.as_raw_fd();
        check_eq!(call::attach_jailfd(raw, 0), NOT_PERMITTED, "attaching");
        let raw = attacher.as_raw_fd();
        check_eq!(call::destroy_jailfd(raw, 0), NOT_PERMITTED, "destroying");
        call::destroy_jailfd(administrator.as_raw_fd(), 0).context("destroy_jailfd")
    })
}
