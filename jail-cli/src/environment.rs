// SPDX-License-Identifier: MIT OR Apache-2.0

//! The environment a jail starts with: nothing of the caller's but TERM.

use std::ffi::{CString, OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::str::FromStr;

use crate::text::shown;
use crate::user::User;

/// The largest file of variables read, in bytes; what can be executed is no larger either.
const FILE_LIMIT: u64 = 1 << 20;

const ROOT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const USER_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What a service manager tells a service by its environment: about that service, and no jail.
const OF_SERVICE_MANAGER: [&str; 15] = [
    "NOTIFY_SOCKET",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "FDSTORE",
    "MAINPID",
    "MANAGERPID",
    "SYSTEMD_EXEC_PID",
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "CREDENTIALS_DIRECTORY",
    "MEMORY_PRESSURE_WATCH",
];

/// The names of the variables by which a service manager talks to a service.
pub(crate) fn service_manager_variables() -> impl Iterator<Item = &'static str> {
    OF_SERVICE_MANAGER.into_iter()
}

fn of_caller(name: &OsStr) -> Option<OsString> {
    let is_passed_on = !OF_SERVICE_MANAGER.iter().any(|other| *other == name);
    is_passed_on.then(|| std::env::var_os(name)).flatten()
}

/// One variable, `NAME=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The name, without `=`.
    pub name: OsString,
    /// The value.
    pub value: OsString,
}

impl Variable {
    /// `NAME=VALUE`, whatever bytes both are.
    ///
    /// # Errors
    ///
    /// What is expected.
    pub fn parse(text: &OsStr) -> Result<Self, String> {
        let bytes = text.as_bytes();
        let at = bytes.iter().position(|&byte| byte == b'=');
        match at {
            Some(at) if at > 0 && !bytes.contains(&0) => Ok(Variable {
                name: OsStr::from_bytes(&bytes[..at]).to_owned(),
                value: OsStr::from_bytes(&bytes[at + 1..]).to_owned(),
            }),
            _ => Err("expected NAME=VALUE".into()),
        }
    }

    /// Those in a file: a line for each, as podman and docker have it.
    ///
    /// A name alone stands for what the caller has by that name, and for nothing where he has none, or
    /// where it is one by which a service manager talks to him.
    /// Empty lines and those that begin with `#` are passed over. Nothing is unquoted.
    ///
    /// # Errors
    ///
    /// A text that names the file, and the line where one is wrong.
    pub fn read_all(path: &Path) -> Result<Vec<Self>, String> {
        let file = File::open(path).map_err(|error| error.to_string());
        let variables = file.and_then(Self::read);
        variables.map_err(|error| format!("{}: {error}", shown(path)))
    }

    /// The same, of one that is open.
    ///
    /// # Errors
    ///
    /// A text that names the line where one is wrong.
    pub(crate) fn read(file: File) -> Result<Vec<Self>, String> {
        let mut content = Vec::new();
        let read = file.take(FILE_LIMIT + 1).read_to_end(&mut content);
        read.map_err(|error| error.to_string())?;
        if content.len() as u64 > FILE_LIMIT {
            return Err(format!("is larger than {FILE_LIMIT} bytes"));
        }
        Self::of_lines(&content, of_caller)
    }

    fn of_lines(
        content: &[u8],
        of_caller: impl Fn(&OsStr) -> Option<OsString>,
    ) -> Result<Vec<Self>, String> {
        let mut variables = Vec::new();
        for (number, line) in (1..).zip(content.split(|&byte| byte == b'\n')) {
            let line = line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let text = OsStr::from_bytes(line);
            if !line.contains(&b'=') && !line.contains(&0) {
                variables.extend(of_caller(text).map(|value| Variable {
                    name: text.to_owned(),
                    value,
                }));
                continue;
            }
            let variable = Self::parse(text);
            variables.push(variable.map_err(|error| format!("line {number}: {error}"))?);
        }
        Ok(variables)
    }
}

impl FromStr for Variable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Variable::parse(OsStr::new(text))
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

    /// These and nothing else; of several with the same name, the last.
    pub fn of(variables: &[Variable]) -> Self {
        let mut environment = Environment(Vec::new());
        for variable in variables {
            environment.set(&variable.name, &variable.value);
        }
        environment
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        let found = self.0.iter().find(|variable| variable.name == name);
        found.map(|variable| variable.value.as_os_str())
    }

    fn set(&mut self, name: impl AsRef<OsStr>, value: &OsStr) {
        let name = name.as_ref();
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
    pub fn to_strings(&self) -> Result<Vec<CString>, OsString> {
        let string = |variable: &Variable| {
            let mut bytes = variable.name.clone().into_vec();
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
            groups: Vec::new(),
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
    fn names_and_values_are_bytes() {
        let variable = Variable::parse(OsStr::from_bytes(b"caf\xe9=\xff=\xe9")).expect("bytes");
        assert_eq!(variable.name.as_bytes(), b"caf\xe9");
        assert_eq!(variable.value.as_bytes(), b"\xff=\xe9");
        let environment = Environment::new(&user(1), OsStr::new("/bin/sh"), None, &[variable]);
        let strings = environment.to_strings().expect("no NUL");
        let last = strings.last().expect("a variable");
        assert_eq!(last.as_bytes(), b"caf\xe9=\xff=\xe9");
    }

    #[test]
    fn a_file_has_a_variable_a_line() {
        let of_caller = |name: &OsStr| (name == "TZ").then(|| OsString::from("UTC"));
        let read = |content: &[u8]| Variable::of_lines(content, of_caller);
        let content = b"# comment\n\nA=1\r\n  B= x \nTZ\nUNSET\nN=\xe9\"\nEMPTY=";
        let read_back: Vec<Vec<u8>> = read(content)
            .expect("variables")
            .iter()
            .map(|variable| [variable.name.as_bytes(), b"=", variable.value.as_bytes()].concat())
            .collect();
        let expected = [&b"A=1"[..], b"B= x ", b"TZ=UTC", b"N=\xe9\"", b"EMPTY="];
        assert_eq!(read_back, expected);
        for (content, line) in [(&b"A=1\n=2\n"[..], 2), (b"A=\0", 1), (b"\n\nA\0", 3)] {
            let error = read(content).expect_err("no variable");
            assert_eq!(error, format!("line {line}: expected NAME=VALUE"));
        }
    }

    #[test]
    fn a_file_that_is_missing_or_endless_is_named() {
        let error = Variable::read_all(Path::new("/no/such")).expect_err("missing");
        assert!(error.starts_with("/no/such: "), "{error}");
        let error = Variable::read_all(Path::new("/dev/zero")).expect_err("endless");
        assert_eq!(error, "/dev/zero: is larger than 1048576 bytes");
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
