// SPDX-License-Identifier: GPL-2.0-only

//! The jail itself.

use crate::{
    number::Number,
    policy::{self, Relation},
    ratelimit::Ratelimit,
};
use kernel::{
    prelude::*,
    sync::{Arc, ArcBorrow},
};

/// A jail other than the host.
///
/// It lives as long as a task, an IPC object or a child jail refers to it, and its number is not
/// given out again before that. The last reference may be dropped where nothing may sleep: tasks
/// and IPC objects are freed by RCU callbacks.
#[pin_data]
pub(crate) struct Jail {
    number: Number,
    /// [`None`] is the host. Dropping a jail may drop its parent within the same call: how deep
    /// jails may lie within each other has to be bounded, and is, by
    /// [`policy::may_have_children`].
    parent: Option<Arc<Jail>>,
    /// Of its own, so that one jail can't keep the refusals of another out of the log.
    #[pin]
    pub(crate) ratelimit: Ratelimit,
}

impl Jail {
    /// Makes a jail within `parent`, with nothing in it yet.
    ///
    /// May sleep.
    ///
    /// # Errors
    ///
    /// Those of [`Number::new`], and `ENOMEM`.
    pub(crate) fn new(parent: Option<ArcBorrow<'_, Jail>>) -> Result<Arc<Self>> {
        let number = Number::new()?;
        let parent = parent.map(Arc::from);

        Arc::pin_init(
            pin_init!(Self {
                number,
                parent,
                ratelimit <- Ratelimit::new(),
            }),
            GFP_KERNEL,
        )
    }

    /// Returns the jail's number, which is never [`policy::HOST`].
    pub(crate) fn number(&self) -> u32 {
        self.number.get()
    }

    /// Returns the numbers of the jails that this one is in, innermost first, the host last.
    fn ancestors(&self) -> impl Iterator<Item = u32> + '_ {
        core::iter::successors(Some(self.parent()), |jail| jail.map(Jail::parent)).map(number_of)
    }

    fn parent(&self) -> Option<&Jail> {
        self.parent.as_deref()
    }
}

/// Returns the number of a jail, where [`None`] is the host.
pub(crate) fn number_of(jail: Option<&Jail>) -> u32 {
    jail.map_or(policy::HOST, Jail::number)
}

/// Tells how the jail `subject` stands to the jail `object`, where [`None`] is the host.
pub(crate) fn relation(subject: Option<&Jail>, object: Option<&Jail>) -> Relation {
    Relation::between(
        number_of(subject),
        number_of(object),
        object.into_iter().flat_map(Jail::ancestors),
    )
}
