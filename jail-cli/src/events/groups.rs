// SPDX-License-Identifier: MIT OR Apache-2.0

//! What has happened in control groups, by what they count.

use super::Event;
use crate::resources::Told;

/// What has happened in a group from one time to another.
pub fn between(before: &Told, now: &Told) -> Vec<Event> {
    let mut events = Vec::new();
    if now.memory_max > before.memory_max {
        let of = "memory.max".to_owned();
        events.push(Event::Limit { of });
    }
    if now.oom_kills > before.oom_kills {
        let count = now.oom_kills - before.oom_kills;
        events.push(Event::OomKill { count });
    }
    match (before.paused, now.paused) {
        (false, true) => events.push(Event::Paused),
        (true, false) => events.push(Event::Resumed),
        _ => {}
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_happened_is_what_was_counted_meanwhile() {
        let before = Told {
            memory_max: 3,
            oom_kills: 1,
            paused: false,
        };
        assert!(between(&before, &before).is_empty());
        let now = Told {
            memory_max: 9,
            oom_kills: 3,
            paused: true,
        };
        let of = "memory.max".to_owned();
        assert_eq!(
            between(&before, &now),
            [
                Event::Limit { of },
                Event::OomKill { count: 2 },
                Event::Paused
            ]
        );
        assert_eq!(between(&now, &before), [Event::Resumed]);
    }
}
