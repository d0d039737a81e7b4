// SPDX-License-Identifier: MIT OR Apache-2.0

//! Stopping all that is in a control group, and letting it go on.

use std::time::{Duration, Instant};

use super::{Group, LOOK};

/// How long what is in a system call has to leave it.
const PATIENCE: Duration = Duration::from_secs(10);

impl Group {
    /// Stops all that is in it, whatever it does about signals; returns when all has stopped.
    ///
    /// # Errors
    ///
    /// Where something does not stop: then all goes on.
    pub fn freeze(&self) -> Result<(), String> {
        self.freezer("1")?;
        let deadline = Instant::now() + PATIENCE;
        while !self.is_frozen()? {
            if Instant::now() >= deadline {
                let _ = self.freezer("0");
                return Err(
                    "something in it is in a call of the kernel that cannot be stopped; it goes on"
                        .into(),
                );
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Lets it go on.
    ///
    /// # Errors
    ///
    /// What the kernel says.
    pub fn thaw(&self) -> Result<(), String> {
        self.freezer("0")
    }

    /// Whether all that is in it has stopped.
    ///
    /// # Errors
    ///
    /// Where it is gone.
    pub fn is_frozen(&self) -> Result<bool, String> {
        let events = self.read("cgroup.events")?;
        Ok(events.lines().any(|line| line == "frozen 1"))
    }

    /// Whether it is to be stopped.
    pub fn is_freezing(&self) -> bool {
        self.read("cgroup.freeze")
            .is_ok_and(|text| text.trim() == "1")
    }

    fn freezer(&self, value: &str) -> Result<(), String> {
        const FILE: &str = "cgroup.freeze";
        self.write(FILE, value)
            .map_err(|error| self.about(FILE, &error))
    }
}
