// SPDX-License-Identifier: GPL-2.0-only

//! What stands for `keyring.rs` in a kernel without keys.

use crate::jail::Jail;
use kernel::bindings::cred;

/// The place of a register that there never is.
pub(crate) struct UserKeyrings;

impl UserKeyrings {
    /// Makes it.
    pub(crate) const fn new() -> Self {
        Self
    }
}

/// Tells whether the session keyring of credentials is fit for a jail: they have none.
///
/// # Safety
///
/// As for that of a kernel with keys.
pub(crate) unsafe fn is_session_of(_cred: *const cred, _jail: Option<&Jail>) -> bool {
    true
}
