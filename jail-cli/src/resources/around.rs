// SPDX-License-Identifier: MIT OR Apache-2.0

//! The control group that counts what is in a jail.

use super::{place, Group};
use crate::jail::JailNumber;
use crate::jails::{JailInfo, Jails};
use crate::state::Store;

impl Group {
    /// That of a jail, as it is noted by now, or of the nearest jail around it that has one.
    ///
    /// # Errors
    ///
    /// Where the jails that there are cannot be read.
    pub fn of_jail(number: JailNumber) -> Result<Option<Self>, String> {
        if !place::is_on_host() {
            // There it is seen to by who is outside.
            return Ok(None);
        }
        let jails = Jails::open().map_err(|error| error.to_string())?;
        let store = Store::default();
        let get = |number| jails.get(number).map_err(|error| error.to_string());
        nearest(number, get, |jail| {
            let group = store.of(jail)?.group;
            group.filter(Group::exists)
        })
    }
}

/// What `of` finds about a jail, or about the nearest one around it.
fn nearest<T>(
    number: JailNumber,
    get: impl Fn(JailNumber) -> Result<Option<JailInfo>, String>,
    of: impl Fn(&JailInfo) -> Option<T>,
) -> Result<Option<T>, String> {
    let mut number = number;
    while !number.is_host() {
        let Some(jail) = get(number)? else { break };
        if let Some(found) = of(&jail) {
            return Ok(Some(found));
        }
        // A jail is in one that was there before it; a number that has become another's ends this as well.
        if jail.parent == number {
            break;
        }
        number = jail.parent;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jails::sample;

    #[test]
    fn what_limits_a_jail_limits_those_within_it() {
        let number = |number| JailNumber::new(number).expect("a number");
        let jail = |own, parent| JailInfo {
            number: number(own),
            parent: number(parent),
            ..sample()
        };
        let jails = [jail(1, 0), jail(2, 1), jail(3, 2), jail(4, 0)];
        let get = |of| Ok(jails.iter().find(|jail| jail.number == of).cloned());
        let grouped = |jail: &JailInfo| (jail.number == number(1)).then_some("its group");
        for (of, found) in [
            (1, Some("its group")),
            (3, Some("its group")),
            (4, None),
            (5, None),
        ] {
            assert_eq!(nearest(number(of), get, grouped), Ok(found), "{of}");
        }
    }
}
