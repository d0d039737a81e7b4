// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which of the described jails are there.

use crate::admin::{Admin, Jail};
use crate::jails::{JailId, JailName, State};

/// The jail with this name, where there is one directly below the caller's own: there alone `up`
/// makes jails, and a name is unique.
pub fn find(admin: &Admin, name: &JailName) -> Result<Option<Jail>, String> {
    admin.child(name).map_err(|error| error.to_string())
}

/// As [`find`], but only a jail that runs.
pub fn running(admin: &Admin, name: &JailName) -> Result<Option<Jail>, String> {
    Ok(find(admin, name)?.filter(runs))
}

/// As [`running`], for one that is to be started otherwise: the end of one that is ending is waited for,
/// and one whose first process has ended is ended.
pub fn running_or_ended(admin: &Admin, name: &JailName) -> Result<Option<Jail>, String> {
    let Some(jail) = find(admin, name)? else {
        return Ok(None);
    };
    if runs(&jail) {
        return Ok(Some(jail));
    }
    admin.end(&jail)?;
    Ok(None)
}

/// Sees to it that no jail with this name that has ended is made anew; whether one would have been.
///
/// One that is being made just now may be there when this returns.
pub fn call_off(admin: &Admin, name: &JailName) -> Result<bool, String> {
    let id = JailId::Name(name.clone());
    match admin.restarting_by(&id)? {
        Some(record) => admin.call_off(&record),
        None => Ok(false),
    }
}

fn runs(jail: &Jail) -> bool {
    let has_purpose = match &jail.record {
        Some(record) => record.keep || record.first_process.is_running(),
        // It was made by something else, which alone knows.
        None => true,
    };
    jail.info.state == State::Alive && has_purpose
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jails::JailInfo;
    use crate::process::ProcessId;
    use crate::state::{sample, Record};

    fn jail(state: State, record: Option<Record>) -> Jail {
        let info = JailInfo {
            state,
            ..crate::jails::sample()
        };
        Jail { info, record }
    }

    #[test]
    fn a_jail_runs_with_its_first_process() {
        let own = ProcessId::of(std::process::id() as i32).expect("this process");
        let ended = ProcessId {
            start: own.start + 1,
            ..own
        };
        let record = |first_process, keep| Record {
            first_process,
            keep,
            ..sample(7, 1)
        };
        assert!(runs(&jail(State::Alive, Some(record(own, false)))));
        assert!(!runs(&jail(State::Alive, Some(record(ended, false)))));
        assert!(runs(&jail(State::Alive, Some(record(ended, true)))));
        assert!(runs(&jail(State::Alive, None)));
        for record in [Some(record(own, false)), Some(record(own, true)), None] {
            assert!(!runs(&jail(State::Dying, record)));
        }
    }
}
