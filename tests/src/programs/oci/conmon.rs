// SPDX-License-Identifier: MIT OR Apache-2.0

//! A stand-in for conmon, which stands between an engine and a runtime: it adopts orphans, has the
//! container made with the standard streams that it is to have, learns its process from the pid
//! file, and waits for that.

use jaula_tests::ktap::{fail, CaseResult, Context, Failure};
use jaula_tests::launch::{complaint, jaula, Root};
use jaula_tests::sys::jailfd;
use jaula_tests::sys::process::{self, Ended};
use jaula_tests::{check, check_eq, procfs, wait};
use serde_json::{json, Value};
use std::fs::{self, File};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Where the state of containers is.
pub const STATE: &str = "/run/jaula/oci";

/// A container, and what it is made of.
pub struct Bundle {
    pub id: String,
    pub directory: PathBuf,
    console: Option<UnixListener>,
    pid: Option<libc::pid_t>,
    maker: libc::pid_t,
}

impl Bundle {
    /// What a container with this command is to be made of.
    pub fn new(root: &Root, id: &str, command: &[&str], terminal: bool) -> Result<Bundle, Failure> {
        // What create leaves is ours, as it is conmon's.
        process::adopt_orphans().context("becoming who adopts orphans")?;
        let maker = process::pid();
        let directory = std::env::temp_dir().join(format!("bundle-{id}-{maker}"));
        fs::create_dir_all(&directory).context(directory.display())?;
        let config = json!({
            "ociVersion": "1.2.0",
            "process": {
                "args": command,
                "env": ["PATH=/bin", "COLOUR=red"],
                "cwd": "/tmp",
                "user": { "uid": 1001, "gid": 1002 },
                "terminal": terminal,
            },
            "root": { "path": root.path() },
            "annotations": { "org.example.what": "a test" },
        });
        let file = directory.join("config.json");
        fs::write(&file, config.to_string()).context(file.display())?;
        let console = match terminal {
            true => Some(UnixListener::bind(directory.join("console")).context("console")?),
            false => None,
        };
        Ok(Bundle {
            id: id.to_owned(),
            directory,
            console,
            pid: None,
            maker,
        })
    }

    fn path(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// The command that makes it. What it prints, and what its process prints, goes to files: of a
    /// pipe nobody would see the end while the process has it.
    pub fn creating(&self) -> Result<Command, Failure> {
        let bundle = self.directory.display().to_string();
        let pid_file = self.path("pid");
        let mut command = jaula(&[
            "oci",
            "create",
            "--bundle",
            &bundle,
            "--pid-file",
            &pid_file,
        ]);
        if self.console.is_some() {
            command.args(["--console-socket", &self.path("console")]);
        }
        command.arg(&self.id);
        for (name, is_output) in [("out", true), ("err", false)] {
            let file = File::create(self.path(name)).context(name)?;
            match is_output {
                true => command.stdout(file),
                false => command.stderr(file),
            };
        }
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// Has it made; its process.
    pub fn create(&mut self) -> Result<libc::pid_t, Failure> {
        let status = self.creating()?.status().context("starting jaula")?;
        check_eq!(status.code(), Some(0), "create: {}", self.printed("err")?);
        let text = fs::read_to_string(self.path("pid")).context("the pid file")?;
        let pid = text.parse();
        let pid = pid.map_err(|_| fail(format!("the pid file holds {text:?}")))?;
        self.pid = Some(pid);
        Ok(pid)
    }

    /// Has it made, which must fail; what is said then.
    pub fn create_fails(&self) -> Result<String, Failure> {
        let status = self.creating()?.status().context("starting jaula")?;
        check_eq!(status.code(), Some(1), "create: {}", self.printed("err")?);
        self.printed("err")
    }

    /// The master side of its terminal, as it is handed over.
    pub fn receive_console(&self) -> Result<File, Failure> {
        let console = self.console.as_ref().ok_or_else(|| fail("it has none"))?;
        let (socket, _) = console.accept().context("accept")?;
        let mut received = jailfd::receive_descriptors(&socket).context("recvmsg")?;
        check_eq!(received.descriptors.len(), 1, "descriptors that came");
        let master = received.descriptors.pop();
        Ok(master.ok_or_else(|| fail("none"))?.into())
    }

    /// What its process, or create, has printed.
    pub fn printed(&self, name: &str) -> Result<String, Failure> {
        let text = fs::read(self.path(name)).context(name)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Does something with it.
    pub fn act(&self, arguments: &[&str]) -> Result<Output, Failure> {
        let (command, more) = arguments
            .split_first()
            .ok_or_else(|| fail("nothing to be done"))?;
        let arguments = [&["oci", command, &self.id], more].concat();
        jaula(&arguments).output().context("starting jaula")
    }

    /// Does something with it, which must not fail.
    pub fn succeed(&self, arguments: &[&str]) -> Result<String, Failure> {
        let output = self.act(arguments)?;
        let said = complaint(&output);
        check_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Does something with it, which must fail with a message that has this in it.
    pub fn refuse(&self, arguments: &[&str], part: &str) -> CaseResult {
        let output = self.act(arguments)?;
        let said = complaint(&output);
        check_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        check!(said.contains(part), "{arguments:?}: no {part:?} in: {said}");
        Ok(())
    }

    /// What is told of it.
    pub fn state(&self) -> Result<Value, Failure> {
        let text = self.succeed(&["state"])?;
        serde_json::from_str(&text).map_err(|error| fail(format!("{error}: {text}")))
    }

    /// Checks how far it is.
    pub fn expect_status(&self, status: &str) -> CaseResult {
        let state = self.state()?;
        check_eq!(state["status"], status, "the status in {state}");
        Ok(())
    }

    /// Waits for its process, which conmon has adopted.
    pub fn ended(&mut self) -> Result<Ended, Failure> {
        let pid = self.pid.take().ok_or_else(|| fail("it has no process"))?;
        wait::until_some("the process of the container has ended", || {
            process::try_wait(pid).context("waitpid")
        })
    }

    /// Checks that nothing is left of it: neither its state nor its jail.
    pub fn check_gone(&self, jail: i64) -> CaseResult {
        self.refuse(&["state"], "does not exist")?;
        jaula_tests::jailfs::check_gone(jail)?;
        let noted = format!("{}/{jail}", jaula_tests::admin::STATE);
        check!(!PathBuf::from(&noted).exists(), "{noted} is left");
        Ok(())
    }

    /// The jail of its process.
    pub fn jail(&self) -> Result<i64, Failure> {
        let pid = self.pid.ok_or_else(|| fail("it has no process"))?;
        procfs::jail(pid).context("its jail")
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        if self.maker != process::pid() {
            return;
        }
        let _ = self.act(&["delete", "--force"]);
        if let Some(pid) = self.pid {
            let _ = process::wait(pid);
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}
