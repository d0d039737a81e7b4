// SPDX-License-Identifier: MIT OR Apache-2.0

//! Making a container.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::config::Config;
use super::container::{Draft, Noted};
use super::{console, ContainerId, OciError};
use crate::isolation::{Init, Isolation};
use crate::launch::{Created, Launch, NewJail, Place, RootChoice};
use crate::text::shown;
use crate::user::{Name, UserSpec};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Creation {
    /// Its name.
    pub id: ContainerId,
    /// The directory with its config.json.
    pub bundle: PathBuf,
    /// Where the number of its process is to be written.
    pub pid_file: Option<PathBuf>,
    /// Who listens for the master side of its terminal.
    pub console_socket: Option<PathBuf>,
}

/// Makes a container, whose process waits to be started and has been left to who adopts orphans.
///
/// # Errors
///
/// Whatever was in the way; nothing is left then.
pub fn create(creation: &Creation) -> Result<(), OciError> {
    let bundle = creation.bundle.canonicalize();
    let bundle = bundle.map_err(|error| format!("{}: {error}", shown(&creation.bundle)))?;
    let config = Config::read(&bundle)?;
    match (config.process.terminal, &creation.console_socket) {
        (true, None) => {
            return Err(OciError::from(
                "process.terminal is set, and nobody takes the terminal: give --console-socket"
                    .to_owned(),
            ))
        }
        (false, Some(_)) => {
            return Err(OciError::from(
                "--console-socket is given, and process.terminal is not set".to_owned(),
            ))
        }
        _ => {}
    }
    let variables = config.process.variables()?;
    let draft = Draft::new(&creation.id)?;
    let launch = launch(&config, &bundle);
    let created = launch
        .create(draft.waiting()?, &variables)
        .map_err(|error| OciError::launch(&creation.id, &error))?;
    let published = hand_out(creation, &created).and_then(|()| {
        let noted = Noted::about(&creation.id, &created, bundle, config.annotations)?;
        draft.publish(&creation.id, &noted)
    });
    let container = match published {
        Ok(container) => container,
        Err(error) => {
            created.abandon();
            return Err(error);
        }
    };
    created.hand_over().map_err(|error| {
        // What went wrong first is what is told.
        let _ = container.remove();
        OciError::launch(&creation.id, &error)
    })
}

fn launch(config: &Config, bundle: &Path) -> Launch {
    let mut isolation = Isolation::default();
    isolation.new.new_pid = true;
    isolation.new.init = Init::None;
    let ids = &config.process.user;
    Launch {
        root: RootChoice::Path(bundle.join(&config.root.path)),
        place: Place::New(NewJail::default()),
        user: UserSpec {
            user: Name::Id(ids.uid),
            group: Some(Name::Id(ids.gid)),
        },
        shell: None,
        variables: Vec::new(),
        command: config.process.args.iter().map(Into::into).collect(),
        isolation,
        workdir: Some(config.process.cwd.clone()),
        noted: None,
        tty: config.process.terminal,
        quiet: true,
    }
}

/// Hands out what the engine is to have.
fn hand_out(creation: &Creation, created: &Created) -> Result<(), OciError> {
    if let (Some(master), Some(path)) = (created.terminal(), &creation.console_socket) {
        console::send(master, path)?;
    }
    if let Some(path) = &creation.pid_file {
        let pid = created.process().map_err(|error| error.to_string())?.pid;
        let written = write_whole(path, &pid.to_string());
        written.map_err(|error| format!("{}: {error}", shown(path)))?;
    }
    Ok(())
}

/// Writes a file that nobody sees half.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o644)
        .open(&new)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&new, path)
}
