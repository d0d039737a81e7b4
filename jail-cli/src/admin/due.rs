// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is still to be done on the host about jails that have ended.

use super::Admin;
use crate::jails::JailName;
use crate::state::Record;

impl Admin {
    /// What is noted about jails with this name that have ended, where that has not been followed
    /// by what is to be done then; the last one comes last.
    pub fn due(&self, name: &JailName) -> Result<Vec<Record>, String> {
        let mut due = Vec::new();
        for number in self.store.numbers()? {
            let Some(record) = self.store.read(number) else {
                continue;
            };
            let is_meant = record.after_stop_due && record.name.as_ref() == Some(name);
            if is_meant && !self.is_alive(&record)? {
                due.push(record);
            }
        }
        due.sort_by_key(|record| record.noted_at);
        Ok(due)
    }

    /// Notes that nothing is to be done any more about jails with this name that have ended.
    pub fn settle(&self, name: &JailName) -> Result<(), String> {
        for record in self.due(name)? {
            self.change(&record, |record| record.after_stop_due = false)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jails::{sample_tree, Jails};
    use crate::state::{sample, Store};

    #[test]
    fn only_what_has_ended_is_due_and_only_once() {
        let tree = sample_tree();
        let alive = crate::jails::sample();
        let jails = Jails::at(tree.path()).expect("jails");
        let dir = tempfile::tempdir().expect("temporary directory");
        let admin = Admin::with(jails, Store::at(dir.path()));
        let web: JailName = "web".parse().expect("a name");
        let note = |number, created, name: &JailName, after_stop_due| {
            let record = Record {
                name: Some(name.clone()),
                after_stop_due,
                ..sample(number, created)
            };
            drop(admin.store().create(&record).expect("created"));
        };
        note(1, 30, &web, true);
        note(2, 20, &web, true);
        note(3, 40, &web, false);
        note(4, 50, &"db".parse().expect("a name"), true);
        let runs = Record {
            created: alive.created,
            name: Some(web.clone()),
            after_stop_due: true,
            ..sample(alive.number.get(), 1)
        };
        drop(admin.store().create(&runs).expect("created"));
        let due = || -> Vec<u32> {
            let due = admin.due(&web).expect("read");
            due.iter().map(|record| record.number.get()).collect()
        };
        // In the order in which they were noted.
        assert_eq!(due(), [1, 2]);
        admin.settle(&web).expect("settled");
        assert_eq!(due(), [0; 0]);
        let left = admin.store().of(&alive).expect("the one that runs");
        assert!(left.after_stop_due);
    }
}
