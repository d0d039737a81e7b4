// SPDX-License-Identifier: MIT OR Apache-2.0

//! Kernel-level jails for Linux: the launcher and the system call wrappers.
//!
//! [`create_newjail`], [`get_jailnumber`], [`attach_jail`] and [`destroy_jail`] are the system
//! calls, typed, and [`jailfd`] has those about descriptors of jails; [`launch::Launch`] is what `jaula run` does; [`jails::Jails`] is what the kernel
//! knows of all jails, and [`state::Store`] what jaula itself notes about those it started.
//!
//! ```no_run
//! let number = jaula::create_newjail()?;
//! assert_eq!(jaula::get_jailnumber()?, number);
//! # Ok::<(), jaula::JailError>(())
//! ```

// These panic where nobody reads what they print: `complain!` does not.
#![warn(clippy::print_stderr, clippy::print_stdout)]

pub mod admin;
pub mod built;
pub mod caller;
pub mod console;
pub mod doctor;
pub mod environment;
mod error;
pub mod events;
pub mod host_address;
pub mod image;
pub mod isolation;
pub mod jail;
pub mod jailfd;
pub mod jails;
pub mod kept;
pub mod launch;
pub mod layers;
pub mod manifest;
mod mountinfo;
pub mod network;
pub mod oci;
mod path_walk;
pub mod privilege;
pub mod process;
mod program;
pub mod reach;
pub mod resources;
mod root;
pub mod signal;
mod stat;
pub mod state;
pub mod sys;
pub mod template;
pub mod text;
pub mod trace;
mod trace_marker;
mod trusted_path;
pub mod user;

pub use error::{Call, JailError};
pub use jail::{attach_jail, create_newjail, destroy_jail, get_jailnumber, JailNumber};
pub use jailfd::{
    attach_jailfd, create_owned_jail, destroy_jailfd, disown_jail, open_jail, JailFd, Rights,
};
