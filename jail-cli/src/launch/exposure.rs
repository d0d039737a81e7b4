// SPDX-License-Identifier: MIT OR Apache-2.0

//! What of a jail lies open on the host.

use crate::isolation::{Isolation, Mount, Part};
use crate::layers;
use crate::reach::{is_exposed, is_path_exposed, warning};
use crate::root::{Identity, Root};
use crate::stat::stat;

/// Says on standard error what users of the host can reach of what a jail may write to.
pub fn warn(root: &Root, isolation: &Isolation) {
    for text in warnings(root, isolation) {
        crate::complain!("jaula: warning: {text}");
    }
}

fn warnings(root: &Root, isolation: &Isolation) -> Vec<String> {
    let mut warnings = Vec::new();
    if !isolation.has(Part::Mounts) {
        warnings.push(
            "without mounts of its own: device nodes that lie in the root work, and what is mounted \
             is what the host has"
                .into(),
        );
    }
    if is_own_root(root) {
        warnings.push(
            "/: the root of the jail is that of the host: what root of the jail may write there \
             the host reads and executes, and whom its daemons take for root on their sockets is root \
             of the jail as well"
                .into(),
        );
    } else if let Some(made) = root.as_made() {
        // What is written goes where root alone gets.
        warnings.extend(made.contents().warnings());
    } else if !isolation.mounts.read_only && is_exposed(root.directory()) == Ok(true) {
        warnings.push(warning(root.path()));
    }
    if root.as_made().is_none() && !isolation.mounts.read_only {
        warnings.extend(layers::warning_of_users(root));
    }
    for mount in &isolation.mounts.list {
        let Mount::Bind(bind) = mount else { continue };
        // Where it cannot be told it cannot be mounted either, which is said then.
        if !bind.read_only && is_path_exposed(&bind.source) == Ok(true) {
            warnings.push(warning(&bind.source));
        }
    }
    warnings
}

fn is_own_root(root: &Root) -> bool {
    stat("/").is_ok_and(|own| Identity::from(own) == root.identity())
}
