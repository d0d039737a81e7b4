// SPDX-License-Identifier: MIT OR Apache-2.0

//! What control groups count.

use super::Event;
use crate::resources::Group;

/// How often something has happened in a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    memory_max: u64,
    oom_kills: u64,
    paused: bool,
}

impl Counts {
    /// By now.
    pub fn of(group: &Group) -> Self {
        let usage = group.usage().unwrap_or_default();
        Counts {
            memory_max: usage.memory_max_events.unwrap_or_default(),
            oom_kills: usage.oom_kills.unwrap_or_default(),
            paused: usage.frozen,
        }
    }

    /// What has happened until `now`.
    pub fn until(&self, now: &Counts) -> Vec<Event> {
        let mut events = Vec::new();
        if now.memory_max > self.memory_max {
            let of = "memory.max".to_owned();
            events.push(Event::Limit { of });
        }
        if now.oom_kills > self.oom_kills {
            let count = now.oom_kills - self.oom_kills;
            events.push(Event::OomKill { count });
        }
        match (self.paused, now.paused) {
            (false, true) => events.push(Event::Paused),
            (true, false) => events.push(Event::Resumed),
            _ => {}
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_happened_is_what_was_counted_meanwhile() {
        let before = Counts {
            memory_max: 3,
            oom_kills: 1,
            paused: false,
        };
        assert!(before.until(&before).is_empty());
        let now = Counts {
            memory_max: 9,
            oom_kills: 3,
            paused: true,
        };
        let of = "memory.max".to_owned();
        assert_eq!(
            before.until(&now),
            [
                Event::Limit { of },
                Event::OomKill { count: 2 },
                Event::Paused
            ]
        );
        assert_eq!(now.until(&before), [Event::Resumed]);
    }
}
