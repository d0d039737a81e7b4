// SPDX-License-Identifier: MIT OR Apache-2.0

//! When a guest is ended, whatever it does. Whoever follows the guest may put that off.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A moment that all who have a clone of it can change.
#[derive(Clone, Debug)]
pub struct Deadline(Arc<Mutex<Moment>>);

#[derive(Clone, Copy, Debug)]
struct Moment {
    /// Never, where there is none.
    at: Option<Instant>,
    /// It is near, and nobody can put it off.
    is_final: bool,
}

impl Deadline {
    /// From now on that long; never, where there is no limit.
    pub fn after(limit: Option<Duration>) -> Self {
        Self(Arc::new(Mutex::new(Moment {
            at: limit.map(|limit| Instant::now() + limit),
            is_final: false,
        })))
    }

    /// Begins anew: that long from now on. Does nothing once the end has been brought forward.
    pub fn put_off(&self, limit: Duration) {
        let mut moment = self.lock();
        if !moment.is_final {
            moment.at = Some(Instant::now() + limit);
        }
    }

    /// No later than that long from now on.
    pub fn bring_forward(&self, limit: Duration) {
        let end = Instant::now() + limit;
        let mut moment = self.lock();
        moment.at = Some(moment.at.map_or(end, |at| at.min(end)));
        moment.is_final = true;
    }

    /// How long it is until then; `None` if that never comes.
    pub fn left(&self) -> Option<Duration> {
        let moment = self.lock();
        moment
            .at
            .map(|at| at.saturating_duration_since(Instant::now()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Moment> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_moves_for_all_who_have_it() {
        let deadline = Deadline::after(Some(Duration::from_secs(1000)));
        let other = deadline.clone();
        other.put_off(Duration::from_secs(5000));
        assert!(deadline.left() > Some(Duration::from_secs(4000)));
        other.bring_forward(Duration::ZERO);
        assert_eq!(deadline.left(), Some(Duration::ZERO));
        other.put_off(Duration::from_secs(5000));
        other.bring_forward(Duration::from_secs(5000));
        assert_eq!(deadline.left(), Some(Duration::ZERO));
        assert_eq!(Deadline::after(None).left(), None);
    }
}
