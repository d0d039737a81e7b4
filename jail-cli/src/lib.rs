// SPDX-License-Identifier: MIT OR Apache-2.0

//! Kernel-level jails for Linux: the launcher and the system call wrappers.
//!
//! [`create_newjail`] and [`get_jailnumber`] are the two system calls, typed;
//! [`launch::Launch`] is what `jaula ROOT` does.
//!
//! ```no_run
//! let number = jaula::create_newjail()?;
//! assert_eq!(jaula::get_jailnumber()?, number);
//! # Ok::<(), jaula::JailError>(())
//! ```

pub mod environment;
mod error;
mod jail;
pub mod launch;
mod path_walk;
mod privilege;
mod root;
pub mod sys;
mod text;
pub mod user;

pub use error::{Call, JailError};
pub use jail::{create_newjail, get_jailnumber, JailNumber};
