// SPDX-License-Identifier: MIT OR Apache-2.0

//! Declarative root file systems for jails.
//!
//! A [`Template`] says in TOML what is in a root directory; [`build`] makes it, whole or not at
//! all. The templates that come with the program are listed by [`builtin::all`].
//!
//! ```
//! use jaula_rootfs::{builtin, Template};
//!
//! let minimal = builtin::find("minimal").expect("it comes with the program");
//! let template = Template::parse(minimal.source)?;
//! assert_eq!(template.users()[0].name(), "root");
//! # Ok::<(), jaula_rootfs::TemplateError>(())
//! ```

pub mod build;
pub mod builtin;
pub mod check;
pub mod closure;
mod debian;
pub mod expand;
pub mod host;
pub mod image;
pub mod listing;
#[cfg(test)]
mod run;
pub mod template;
pub mod trace;

pub use build::{build, build_and_tell, fingerprint, BuildError, Options, Progress, Summary};
pub use check::{check, CheckOptions, Findings};
pub use listing::Listing;
pub use template::{Library, Outline, Settings, Template, TemplateError};
