// SPDX-License-Identifier: MIT OR Apache-2.0

//! Roots that are thrown away: those of `jaula run --template` and `--image`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;

use jaula::environment::Variable;
use jaula::isolation::{Mount, Size};
use jaula::layers::store::{of_image, of_template, Stored};
use jaula::privilege;
use jaula::signal::SignalNumber;
use jaula::template::setting;
use jaula::text::shown;
use jaula::user::UserSpec;
use jaula_rootfs::image::{Config, Pull};

use super::derive::Progress;
use super::Failure;

/// What the root is made from, in place of ROOT.
#[derive(Debug, Args)]
#[group(id = "built", multiple = false)]
pub struct From {
    /// Have a root from a template, in which what is written is thrown away
    ///
    /// It is built once and kept in /var/cache/jaula, until the template or what it takes of this machine
    /// changes. The name of a template, or a file, as for "jaula rootfs build"; "host" stands for this
    /// machine's own root.
    #[arg(long, value_name = "NAME|FILE", help_heading = "Root")]
    template: Option<String>,

    /// Have a root from an image, in which what is written is thrown away
    ///
    /// A directory or archive, or what skopeo fetches (docker://NAME), as for "jaula rootfs build". User,
    /// environment, entrypoint, command, directory and signal are those of the image where nothing else is
    /// said; COMMAND follows its entrypoint, --shell takes the place of both.
    #[arg(long, value_name = "IMAGE", help_heading = "Root")]
    image: Option<String>,
}

/// What the root is made from, and how.
#[derive(Debug, Args)]
pub struct ThrownAway {
    #[command(flatten)]
    from: From,

    /// With --template: what a variable of it stands for; repeatable
    #[arg(
        long,
        value_name = "NAME=VALUE",
        value_parser = setting,
        requires = "template",
        conflicts_with = "image",
        help_heading = "Root"
    )]
    set: Vec<(String, String)>,

    /// With --template or --image: how much may be written [default: 64M]
    ///
    /// It is kept in memory.
    #[arg(long, value_name = "BYTES", requires = "built", help_heading = "Root")]
    upper_size: Option<Size>,

    /// With --image: fetch it again, where it is fetched
    #[arg(
        long,
        requires = "image",
        conflicts_with = "template",
        help_heading = "Root"
    )]
    pull: bool,
}

impl ThrownAway {
    /// What it is made from, in the cache; nothing where there is a ROOT.
    pub fn store(&mut self, quiet: bool) -> Result<Option<Stored>, Failure> {
        let (here, mut progress) = (Path::new(""), Progress::new(quiet));
        let mut tell = |bytes| progress.tell(bytes);
        let stored = match (self.from.template.take(), self.from.image.take()) {
            (None, None) => return Ok(None),
            (Some(template), _) => {
                privilege::require().map_err(Failure::failed)?;
                let settings = std::mem::take(&mut self.set).into_iter().collect();
                of_template(&template, here, &settings, &mut tell)
            }
            (None, Some(image)) => {
                privilege::require().map_err(Failure::failed)?;
                let pull = match self.pull {
                    true => Pull::Always,
                    false => Pull::Missing,
                };
                of_image(&image, here, pull, &mut tell)
            }
        };
        progress.clear();
        let mut stored = stored.map_err(Failure::failed)?;
        stored.contents.limit(self.upper_size);
        Ok(Some(stored))
    }
}

/// What an image says about running it.
#[derive(Debug, Default)]
pub struct Said {
    pub user: Option<UserSpec>,
    pub variables: Vec<Variable>,
    pub entrypoint: Vec<OsString>,
    pub cmd: Vec<OsString>,
    pub workdir: Option<PathBuf>,
    pub stop_signal: Option<SignalNumber>,
    volumes: Vec<PathBuf>,
}

impl Said {
    /// That of an image.
    pub fn of(config: &Config) -> Result<Self, Failure> {
        let wrong = |what: &str, text: &str, why: String| {
            Failure::failed(format!("the image says {what} {}: {why}", shown(text)))
        };
        let user = match config.user.as_str() {
            "" => "0".parse(),
            user => user.parse(),
        };
        let user = user.map_err(|why| wrong("user", &config.user, why))?;
        let variable = |text: &String| {
            let parsed = Variable::parse(text.as_ref());
            parsed.map_err(|why| wrong("variable", text, why))
        };
        let signal = config.stop_signal.as_ref().map(|signal| {
            let parsed = signal.parse::<SignalNumber>();
            parsed.map_err(|why| wrong("signal", signal, why.to_string()))
        });
        let words = |words: &[String]| words.iter().map(OsString::from).collect();
        Ok(Said {
            user: Some(user),
            variables: config.env.iter().map(variable).collect::<Result<_, _>>()?,
            entrypoint: words(&config.entrypoint),
            cmd: words(&config.cmd),
            workdir: (!config.workdir.is_empty()).then(|| Path::new("/").join(&config.workdir)),
            stop_signal: signal.transpose()?,
            volumes: config.volumes.iter().map(PathBuf::from).collect(),
        })
    }

    /// Says which directories are meant to outlive the jail, and do not.
    pub fn warn_of_volumes<'a>(&self, mounts: impl Iterator<Item = &'a Mount> + Clone) {
        for volume in &self.volumes {
            let is_mounted = |mount: &Mount| volume.starts_with(mount.target());
            if !mounts.clone().any(is_mounted) {
                jaula::complain!(
                    "jaula: warning: the image has a volume at {0}, and what is written there is thrown \
                     away: --bind SRC:{0} keeps it in a directory of the host",
                    shown(volume)
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_image_says_is_taken() {
        let config = Config {
            user: "www:7".into(),
            env: vec!["PATH=/bin".into(), "A=b=c".into()],
            entrypoint: vec!["/run".into()],
            cmd: vec!["--fast".into()],
            workdir: "srv".into(),
            stop_signal: Some("SIGQUIT".into()),
            volumes: vec!["/data".into()],
        };
        let said = Said::of(&config).expect("an image");
        assert_eq!(said.user, "www:7".parse().ok());
        assert_eq!(said.variables.len(), 2);
        assert_eq!(
            (said.entrypoint, said.cmd),
            (vec!["/run".into()], vec!["--fast".into()])
        );
        assert_eq!(said.workdir.as_deref(), Some(Path::new("/srv")));
        assert_eq!(said.stop_signal, "QUIT".parse().ok());
        // Where nothing is said it is root, at the root.
        let said = Said::of(&Config::default()).expect("an image");
        assert_eq!((said.user, said.workdir), ("0".parse().ok(), None));
    }

    #[test]
    fn what_an_image_says_wrongly_is_refused() {
        for config in [
            Config {
                user: ":".into(),
                ..Config::default()
            },
            Config {
                env: vec!["=x".into()],
                ..Config::default()
            },
            Config {
                stop_signal: Some("SIGNONE".into()),
                ..Config::default()
            },
        ] {
            Said::of(&config).expect_err("wrong");
        }
    }
}
