// SPDX-License-Identifier: MIT OR Apache-2.0

//! Which jail comes before which.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Invalid, Member};
use crate::jails::JailName;
use crate::text::shown;

/// Why there is no such order.
pub struct Fault {
    /// The jails that are at fault.
    pub jails: Vec<JailName>,
    pub error: Invalid,
}

/// Names in an order in which each comes after those that it depends on; where that leaves a
/// choice, by name. `left_out` says which file describes a jail that is not among them.
pub fn order(
    jails: &BTreeMap<JailName, Member>,
    left_out: &dyn Fn(&JailName) -> Option<PathBuf>,
) -> Result<Vec<JailName>, Fault> {
    let mut walk = Walk {
        jails,
        left_out,
        done: Vec::new(),
        path: Vec::new(),
    };
    for (name, member) in jails {
        walk.visit(name, member)?;
    }
    Ok(walk.done)
}

struct Walk<'a> {
    jails: &'a BTreeMap<JailName, Member>,
    left_out: &'a dyn Fn(&JailName) -> Option<PathBuf>,
    done: Vec<JailName>,
    /// From a jail to one that it depends on, and so on.
    path: Vec<&'a JailName>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, name: &'a JailName, member: &'a Member) -> Result<(), Fault> {
        if self.done.contains(name) {
            return Ok(());
        }
        let place = member.description.place();
        if let Some(start) = self.path.iter().position(|on_path| *on_path == name) {
            let circle = &self.path[start..];
            let names = circle.iter().chain([&name]);
            let names: Vec<&str> = names.map(|name| name.as_str()).collect();
            let what = format!(
                "these depend on each other in a circle: {}",
                names.join(" -> ")
            );
            return Err(Fault {
                jails: circle.iter().map(|name| (*name).clone()).collect(),
                error: Invalid::new(place.clone(), what),
            });
        }
        self.path.push(name);
        for dependency in &member.description.depends {
            let Some((dependency, member)) = self.jails.get_key_value(dependency) else {
                let why = match (self.left_out)(dependency) {
                    Some(path) => format!("is described in {}, which cannot be used", shown(&path)),
                    None => "is not described".to_owned(),
                };
                let what = format!("jail.{name}: depends on {dependency}, which {why}");
                return Err(Fault {
                    jails: vec![name.clone()],
                    error: Invalid::new(place.clone(), what),
                });
            };
            self.visit(dependency, member)?;
        }
        self.path.pop();
        self.done.push(name.clone());
        Ok(())
    }
}
