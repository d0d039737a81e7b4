// SPDX-License-Identifier: MIT OR Apache-2.0

//! What happens to jails, and what is refused, is told to tracepoints and to the audit log.

use jaula_tests::audit::{self, Audit};
use jaula_tests::inmate::Inmate;
use jaula_tests::kmsg::Kmsg;
use jaula_tests::ktap::{CaseResult, Context, Failure, Suite};
use jaula_tests::sys::{jail as call, process};
use jaula_tests::sysv::{Object, Path, PATHS};
use jaula_tests::tracing::Tracing;
use jaula_tests::{check, check_eq, jail, wait};
use std::process::ExitCode;

/// More than a rate limit lets pass.
const MANY: usize = 100;

fn main() -> ExitCode {
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
    suite.case("audit: a flood of refusals is a few records", || {
        let mut audit = Audit::start()?;
        let path = &PATHS[0];
        let object = refused(path)?;
        for _ in 1..MANY {
            check_eq!((path.attempt)(&object), Err(path.crossing), "{}", path.name);
        }
        // Records come in order: with this one, all of the flood are there.
        let last = process::in_child(|| i32::from(call::create_newjail().is_ok()));
        check_eq!(
            last,
            Ok(process::Ended::Exited(0)),
            "a jail may not have one"
        );
        let ours = [format!("pid={}", process::pid())];
        let mut records = 0;
        wait::until("a record of a refusal", || {
            let new = audit.new_records()?;
            records += new
                .iter()
                .filter(|(kind, text)| *kind == audit::REFUSAL && audit::has_all(text, &ours))
                .count();
            Ok(records > 0)
        })?;
        check!(records < MANY / 2, "{records} records of {MANY} refusals");
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
    suite.run()
}

/// The processes that create, enter and destroy a jail, and its number.
fn live_and_die() -> Result<[i32; 4], Failure> {
    let creator = Inmate::start(|| Ok(()))?;
    let number = creator.number;
    let attacher = Inmate::start_by(
        || {
            call::attach_jail(number).context("attach_jail")?;
            jail::number()
        },
        || Ok(()),
    )?;
    call::destroy_jail(number).context("destroy_jail")?;
    Ok([creator.pid, attacher.pid, process::pid(), number as i32])
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
        format!("key=0x{:x}", object.key),
        "res=0".to_owned(),
    ]);
    audit.expect(audit::REFUSAL, &values).map(drop)
}
