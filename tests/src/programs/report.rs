// SPDX-License-Identifier: MIT OR Apache-2.0

//! What happens to jails, and what is refused, is told to tracepoints and to the audit log.

mod records;

use jaula_tests::audit::{self, Audit};
use jaula_tests::inmate::Inmate;
use jaula_tests::kmsg::Kmsg;
use jaula_tests::ktap::{CaseResult, Chosen, Context, Failure, Suite};
use jaula_tests::sys::{jail as call, process, schedule, trace, Result as SysResult};
use jaula_tests::sysv::{Family, Object, Path, PATHS};
use jaula_tests::tracing::Tracing;
use jaula_tests::{check, check_eq, jail};
use std::process::ExitCode;

/// More than a rate limit lets pass.
const MANY: usize = 100;

pub fn main(chosen: &Chosen) -> ExitCode {
    let mut suite = Suite::new();
    suite.case("tracing: a jail is created, entered and destroyed", || {
        let tracing = Tracing::start()?;
        let [creator, attacher, destroyer, number] = live_and_die()?;
        for (pid, event) in [
            (creator, format!("jaula_create: jail={number} from=0")),
            (attacher, format!("jaula_attach: jail={number} from=0")),
            (destroyer, format!("jaula_destroy: jail={number} from=0")),
        ] {
            check_eq!(tracing.events_of(pid)?, [event], "process {pid}");
        }
        Ok(())
    });
    suite.case("tracing: a jail within a jail", || {
        let tracing = Tracing::start()?;
        let outer = jail_with_children()?;
        call::attach_jail(outer.number).context("attach_jail")?;
        let inner = jail::enter()?;
        check_eq!(
            tracing.events_of(process::pid())?.pop(),
            Some(format!("jaula_create: jail={inner} from={}", outer.number)),
            "the last event"
        );
        Ok(())
    });
    for path in PATHS.iter().filter(|path| !path.is_listing()) {
        suite.case(
            &format!("tracing and audit: {} is refused", path.name),
            || refusal(path),
        );
    }
    suite.case("tracing: each refusal, however many", || {
        let tracing = Tracing::start()?;
        let path = &PATHS[0];
        let object = refused(path)?;
        for _ in 1..MANY {
            check_eq!((path.attempt)(&object), Err(path.crossing), "{}", path.name);
        }
        let events = tracing.events_of(process::pid())?;
        let refusals = events
            .iter()
            .filter(|event| event.starts_with("jaula_refuse: "));
        check_eq!(refusals.count(), MANY, "the refusals");
        Ok(())
    });
    suite.case("audit: a jail is created, entered and destroyed", || {
        let mut audit = Audit::start()?;
        let [creator, attacher, destroyer, number] = live_and_die()?;
        for (op, pid) in [
            ("create", creator),
            ("attach", attacher),
            ("destroy", destroyer),
        ] {
            let values = [
                format!("op={op}"),
                format!("pid={pid}"),
                "uid=0".to_owned(),
                format!("jail={number}"),
                "from=0".to_owned(),
                "res=1".to_owned(),
            ];
            audit.expect(audit::JAIL, &values)?;
        }
        Ok(())
    });
    suite.case(
        "audit: the name of a process cannot look like a value",
        || {
            process::set_name("a jail=7").context("prctl(PR_SET_NAME)")?;
            let mut audit = Audit::start()?;
            let object = refused(&PATHS[0])?;
            let values = [
                // As hexadecimal digits, which is what audit does with a space.
                "comm=61206A61696C3D37".to_owned(),
                format!("id={}", object.id),
            ];
            let text = audit.expect(audit::REFUSAL, &values)?;
            check!(!audit::has_all(&text, &["jail=7".to_owned()]), "{text}");
            Ok(())
        },
    );
    // The kernel asks about these with the lock of a task held, the caller's own among them.
    for (name, call, attempt) in LOCKED {
        suite.case(
            &format!("audit: {name} is refused under a lock"),
            move || refused_under_lock(call, attempt),
        );
    }
    suite.case("audit: a flood of refusals is a few records", || {
        let mut audit = Audit::start()?;
        let flood = process::in_child(|| {
            let path = &PATHS[0];
            let again = |object| (1..MANY).all(|_| (path.attempt)(&object) == Err(path.crossing));
            i32::from(!refused(path).is_ok_and(again))
        });
        check_eq!(flood, Ok(process::Ended::Exited(0)), "what is refused");
        few_records(&mut audit)
    });
    suite.case("audit: a jail gets no more records by making jails", || {
        let outer = jail_with_children()?;
        let number = outer.number;
        let mut audit = Audit::start()?;
        for _ in 0..MANY / 10 {
            let refusals = process::in_child(|| {
                let refused_ten = || -> CaseResult {
                    jail::private_tables()?;
                    call::attach_jail(number).context("attach_jail")?;
                    let path = &PATHS[0];
                    let object = Object::create(path.family, 0o666).context("creating")?;
                    jail::enter()?;
                    for _ in 0..10 {
                        check_eq!((path.attempt)(&object), Err(path.crossing), "{}", path.name);
                    }
                    Ok(())
                };
                i32::from(refused_ten().is_err())
            });
            check_eq!(refusals, Ok(process::Ended::Exited(0)), "a jail in a jail");
            jaula_tests::jailfs::wait_for(number, "children", 0)?;
        }
        few_records(&mut audit)
    });
    suite.case("tracing and audit: a limit is reached", || {
        let tracing = Tracing::start()?;
        let mut audit = Audit::start()?;
        let target = Inmate::start(|| Ok(()))?;
        let number = target.number;
        for limit in ["tasks.max", "sem.max"] {
            jaula_tests::jailfs::set(number, limit, "0")?;
        }
        check!(call::attach_jail(number).is_err(), "no task more");
        jaula_tests::jailfs::set(number, "tasks.max", "2")?;
        call::attach_jail(number).context("attach_jail")?;
        check!(
            Object::create(Family::Sem, 0o600).is_err(),
            "no semaphore set"
        );
        check!(process::fork(|| 0).is_err(), "no third task");
        check!(call::create_newjail().is_err(), "no jail in it");
        let events = tracing.events_of(process::pid())?;
        for (count, limit) in [(2, "tasks.max"), (1, "sem.max"), (1, "children.max")] {
            let event = format!("jaula_limit: jail={number} limit={limit}");
            let found = events.iter().filter(|found| **found == event).count();
            check_eq!(found, count, "events of {limit} in {events:?}");
            let values = [
                "op=limit".to_owned(),
                format!("pid={}", process::pid()),
                format!("jail={number}"),
                format!("limit={limit}"),
                "res=0".to_owned(),
            ];
            audit.expect(audit::REFUSAL, &values)?;
        }
        Ok(())
    });
    suite.case("audit: what is audited is not printed as well", || {
        let audit = Audit::start()?;
        let mut log = Kmsg::from_now()?;
        refused(&PATHS[0])?;
        drop(audit);
        let printed = log.new_messages()?;
        let told = printed.iter().find(|line| line.starts_with("jaula: "));
        check_eq!(told, None, "a message of jaula's own");
        Ok(())
    });
    records::cases(&mut suite);
    suite.run(chosen)
}

/// A call that is refused on the process with this number, and how the record names it.
type Locked = (&'static str, &'static str, fn(libc::pid_t) -> SysResult<()>);

const LOCKED: [Locked; 4] = [
    ("setrlimit", "capable", |_| schedule::raise_limit()),
    ("ptrace", "ptrace", |pid| trace::seize(pid, 0)),
    ("setpriority", "setpriority", |pid| {
        schedule::set_nice(schedule::Whose::Process, pid as u32, 5)
    }),
    ("kill", "kill", |pid| process::kill(pid, libc::SIGCONT)),
];

fn refused_under_lock(call: &str, attempt: fn(libc::pid_t) -> SysResult<()>) -> CaseResult {
    let outsider = Inmate::start(|| Ok(()))?;
    let mut audit = Audit::start()?;
    let number = jail::enter()?;
    // Twice, since the second finds whatever the first has left locked.
    for _ in 0..2 {
        let ended = process::in_child(|| match attempt(outsider.pid) {
            Err(errno) => errno.0,
            Ok(()) => 0,
        });
        check_eq!(ended, Ok(process::Ended::Exited(libc::EPERM)), "{call}");
    }
    let values = [format!("jail={number}"), format!("call={call}")];
    audit.expect(audit::REFUSAL, &values).map(drop)
}

/// The processes that create, enter and destroy a jail, and its number.
fn live_and_die() -> Result<[i32; 4], Failure> {
    let creator = Inmate::start(|| Ok(()))?;
    let number = creator.number;
    let attacher = Inmate::start_in(number, || Ok(()))?;
    call::destroy_jail(number).context("destroy_jail")?;
    Ok([creator.pid, attacher.pid, process::pid(), number as i32])
}

/// Fails unless there are some records of refusals, and few for how many there were.
fn few_records(audit: &mut Audit) -> CaseResult {
    // Records come in order: when this one is there, so are all before it.
    let inmate = Inmate::start(|| Ok(()))?;
    audit.expect(audit::JAIL, &[format!("jail={}", inmate.number)])?;
    let records = audit.matching(audit::REFUSAL, &[])?.count();
    check!(records > 0, "no record of {MANY} refusals");
    check!(records < MANY / 2, "{records} records of {MANY} refusals");
    Ok(())
}

/// A jail that may have one of its own.
fn jail_with_children() -> Result<Inmate, Failure> {
    let outer = Inmate::start(|| Ok(()))?;
    jaula_tests::jailfs::set(outer.number, "children.max", "1")?;
    Ok(outer)
}

/// Enters a jail and is refused an object of the host.
fn refused(path: &Path) -> Result<Object, Failure> {
    jail::private_tables()?;
    let object = Object::create(path.family, 0o666).context("creating on the host")?;
    jail::enter()?;
    check_eq!((path.attempt)(&object), Err(path.crossing), "{}", path.name);
    Ok(object)
}

fn refusal(path: &Path) -> CaseResult {
    let tracing = Tracing::start()?;
    let mut audit = Audit::start()?;
    let object = refused(path)?;
    let (call, command) = path.call();
    let mut values = vec![
        format!("jail={}", jail::number()?),
        "owner=0".to_owned(),
        format!("call={call}"),
        format!("id={}", object.id),
        format!("key=0x{:x}", object.key),
    ];
    values.extend(command.map(|command| format!("cmd={command}")));

    let events = tracing.events_of(process::pid())?;
    check!(
        events
            .iter()
            .any(|event| event.starts_with("jaula_refuse: ") && audit::has_all(event, &values)),
        "no event with {values:?}: {events:?}"
    );
    values.extend([
        "op=refuse".to_owned(),
        format!("pid={}", process::pid()),
        "uid=0".to_owned(),
        "res=0".to_owned(),
    ]);
    audit.expect(audit::REFUSAL, &values).map(drop)
}
