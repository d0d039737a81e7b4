// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which jail comes before which.

use std::collections::BTreeMap;

use super::{Description, ManifestError};
use crate::jails::JailName;

/// Names in an order in which each comes after those that it depends on; where that leaves a
/// choice, by name.
pub fn order(jails: &BTreeMap<JailName, Description>) -> Result<Vec<JailName>, ManifestError> {
    let mut walk = Walk {
        jails,
        done: Vec::new(),
        path: Vec::new(),
    };
    for name in jails.keys() {
        walk.visit(name)?;
    }
    Ok(walk.done)
}

struct Walk<'a> {
    jails: &'a BTreeMap<JailName, Description>,
    done: Vec<JailName>,
    /// From a jail to one that it depends on, and so on.
    path: Vec<&'a JailName>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, name: &'a JailName) -> Result<(), ManifestError> {
        if self.done.contains(name) {
            return Ok(());
        }
        if let Some(start) = self.path.iter().position(|on_path| *on_path == name) {
            let circle = self.path[start..].iter().chain([&name]);
            let names: Vec<&str> = circle.map(|name| name.as_str()).collect();
            return Err(ManifestError::Circle(names.join(" -> ")));
        }
        let Some(description) = self.jails.get(name) else {
            return Err(ManifestError::Undescribed {
                // Only one that another depends on can be missing.
                jail: (*self.path.last().unwrap_or(&name)).clone(),
                missing: name.clone(),
            });
        };
        self.path.push(name);
        for dependency in &description.depends {
            self.visit(dependency)?;
        }
        self.path.pop();
        self.done.push(name.clone());
        Ok(())
    }
}
