// SPDX-License-Identifier: MIT OR Apache-2.0

//! Kernel-level jails for Linux: the launcher and the system call wrappers.
//!
//! [`create_newjail`] and [`get_jailnumber`] are the two system calls, typed.
//!
//! ```no_run
//! let number = jaula::create_newjail()?;
//! assert_eq!(jaula::get_jailnumber()?, number);
//! # Ok::<(), jaula::JailError>(())
//! ```

mod error;
mod jail;
pub mod sys;

pub use error::{Call, JailError};
pub use jail::{create_newjail, get_jailnumber, JailNumber};
