// SPDX-License-Identifier: MIT OR Apache-2.0

//! The environment a jail starts with: nothing of the caller's but TERM.

use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::str::FromStr;

use crate::user::User;

const ROOT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const USER_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// One variable, `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The name, without `=`.
    pub name: String,
    /// The value.
    pub value: OsString,
}

impl FromStr for Variable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() && !text.contains('\0') => Ok(Variable {
                name: name.to_owned(),
                value: value.into(),
            }),
            _ => Err("expected NAME=VALUE".into()),
        }
    }
}

/// An environment to execute something with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment(Vec<Variable>);

impl Environment {
    /// The environment of `user`: HOME, USER, USERNAME, LOGNAME, SHELL and PATH, then TERM
    /// where the caller has one, then `extra`, which replaces what has the same name.
    pub fn new(user: &User, shell: &OsStr, term: Option<OsString>, extra: &[Variable]) -> Self {
        let path = if user.uid == 0 { ROOT_PATH } else { USER_PATH };
        let mut environment = Environment(Vec::new());
        environment.set("HOME", &user.home);
        environment.set("USER", &user.name);
        environment.set("USERNAME", &user.name);
        environment.set("LOGNAME", &user.name);
        environment.set("SHELL", shell);
        environment.set("PATH", OsStr::new(path));
        if let Some(term) = term {
            environment.set("TERM", &term);
        }
        for variable in extra {
            environment.set(&variable.name, &variable.value);
        }
        environment
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let found = self.0.iter().find(|variable| variable.name == name);
        found.map(|variable| variable.value.as_os_str())
    }

    fn set(&mut self, name: &str, value: &OsStr) {
        self.0.retain(|variable| variable.name != name);
        self.0.push(Variable {
            name: name.to_owned(),
            value: value.to_owned(),
        });
    }

    /// The strings execve(2) takes.
    ///
    /// # Errors
    ///
    /// The name of a variable that has a NUL byte in it.
    pub fn to_strings(&self) -> Result<Vec<CString>, String> {
        let string = |variable: &Variable| {
            let mut bytes = variable.name.clone().into_bytes();
            bytes.push(b'=');
            bytes.extend_from_slice(variable.value.as_bytes());
            CString::new(bytes).map_err(|_| variable.name.clone())
        };
        self.0.iter().map(string).collect()
    }

    /// The directories of PATH, those that are not absolute left out.
    pub fn search_path(&self) -> Vec<OsString> {
        let path = self.get("PATH").unwrap_or_default().as_bytes();
        let directories = path
            .split(|&byte| byte == b':')
            .filter(|dir| dir.starts_with(b"/"));
        directories
            .map(|directory| OsString::from_vec(directory.to_vec()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(uid: u32) -> User {
        User {
            uid,
            gid: 5,
            name: "bob".into(),
            home: "/home/bob".into(),
            shell: "/bin/sh".into(),
        }
    }

    fn lines(uid: u32, term: Option<&str>, extra: &[&str]) -> Vec<String> {
        let extra: Vec<Variable> = extra
            .iter()
            .map(|text| text.parse().expect("a variable"))
            .collect();
        let shell = OsStr::new("/bin/ash");
        let environment = Environment::new(&user(uid), shell, term.map(Into::into), &extra);
        let strings = environment.to_strings().expect("no NUL");
        strings
            .into_iter()
            .map(|line| line.into_string().expect("UTF-8"))
            .collect()
    }

    #[test]
    fn holds_what_is_documented_and_nothing_else() {
        let expected = [
            "HOME=/home/bob",
            "USER=bob",
            "USERNAME=bob",
            "LOGNAME=bob",
            "SHELL=/bin/ash",
            "PATH=/usr/local/bin:/usr/bin:/bin",
            "TERM=vt100",
        ];
        assert_eq!(lines(1000, Some("vt100"), &[]), expected);
        assert_eq!(lines(1000, None, &[]), expected[..6]);
    }

    #[test]
    fn root_finds_the_programs_for_administration() {
        assert!(lines(0, None, &[]).contains(&format!("PATH={ROOT_PATH}")));
    }

    #[test]
    fn given_variables_replace_and_the_last_one_counts() {
        let lines = lines(1000, None, &["A=1", "HOME=/x", "A=2=3", "EMPTY="]);
        assert_eq!(lines[5..], ["HOME=/x", "A=2=3", "EMPTY="]);
        assert!(!lines.contains(&"HOME=/home/bob".to_owned()));
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for text in ["", "A", "=1", "A=\0"] {
            assert!(text.parse::<Variable>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_search_path_has_absolute_directories_only() {
        let extra = [Variable {
            name: "PATH".into(),
            value: "/a::b:/c".into(),
        }];
        let environment = Environment::new(&user(1), OsStr::new("/bin/sh"), None, &extra);
        assert_eq!(environment.search_path(), ["/a", "/c"]);
    }
}
