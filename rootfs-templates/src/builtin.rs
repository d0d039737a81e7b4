// SPDX-License-Identifier: MIT OR Apache-2.0

//! The templates that come with the program.

/// A template that comes with the program.
#[derive(Clone, Copy, Debug)]
pub struct Builtin {
    /// The name it is asked for by.
    pub name: &'static str,
    /// Its text.
    pub source: &'static str,
}

/// Those in the directory that are called so.
macro_rules! builtins {
    ($($name:literal),* $(,)?) => {
        &[$(Builtin {
            name: $name,
            source: include_str!(concat!("../templates/", $name, ".toml")),
        }),*]
    };
}

const ALL: &[Builtin] =
    builtins!["bash", "debian", "minimal", "nginx", "postgres", "program", "python", "sqlite",];

/// All of them, by name.
pub fn all() -> &'static [Builtin] {
    ALL
}

/// The one called `name`.
pub fn find(name: &str) -> Option<Builtin> {
    ALL.iter().find(|builtin| builtin.name == name).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{Library, Settings, Template};

    #[test]
    fn every_one_is_valid() {
        for builtin in all() {
            // One that is for any program takes the name of one.
            let settings = match builtin.name {
                "program" => Settings::from([("program".to_owned(), "sh".to_owned())]),
                _ => Settings::new(),
            };
            let template = Template::load_named(builtin.name, &Library::default(), &settings);
            let template = template.unwrap_or_else(|error| panic!("{}: {error}", builtin.name));
            assert!(!template.description().is_empty(), "{}", builtin.name);
        }
    }

    #[test]
    fn every_file_in_the_directory_is_one() {
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        let files: BTreeSet<String> = std::fs::read_dir(directory)
            .expect("the templates")
            .map(|entry| entry.expect("an entry").path())
            .map(|path| {
                path.file_stem()
                    .expect("a name")
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        let names: BTreeSet<String> = all().iter().map(|one| one.name.to_owned()).collect();
        assert_eq!(files, names);
    }
}
