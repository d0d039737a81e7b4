// SPDX-License-Identifier: MIT OR Apache-2.0

//! What an image says about running it, as plain values.

use serde::{Deserialize, Serialize};

use super::document::{Empty, RunConfig};
use super::error::ImageError;

/// What to run in an image, as whom, where and with what around it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// `user`, `uid`, `user:group` and so on; empty for root.
    pub user: String,
    /// `NAME=value`, in order.
    pub env: Vec<String>,
    /// What is executed whatever is asked for.
    pub entrypoint: Vec<String>,
    /// What follows it where nothing is asked for.
    pub cmd: Vec<String>,
    /// Directory to begin in; empty for the root.
    pub workdir: String,
    /// Signal that asks the first process to end: a name or a number.
    pub stop_signal: Option<String>,
    /// Directories that are to outlive what is thrown away.
    pub volumes: Vec<String>,
}

impl Config {
    /// Takes over what a configuration says. A zero byte is in none of what it may say: somebody
    /// would read a part of it for all.
    pub(crate) fn taken(said: RunConfig) -> Result<Self, ImageError> {
        let config = Config {
            user: said.user.unwrap_or_default(),
            env: said.env.unwrap_or_default(),
            entrypoint: said.entrypoint.unwrap_or_default(),
            cmd: said.cmd.unwrap_or_default(),
            workdir: said.working_dir.unwrap_or_default(),
            stop_signal: said.stop_signal.filter(|signal| !signal.is_empty()),
            volumes: said.volumes.unwrap_or_default().into_keys().collect(),
        };
        let all = [&config.user, &config.workdir].into_iter();
        let all = all.chain(&config.env).chain(&config.entrypoint);
        let all = all.chain(&config.cmd).chain(&config.volumes);
        for text in all.chain(config.stop_signal.iter()) {
            if text.contains('\0') {
                let reason = format!("{text:?} has a zero byte in it");
                return Err(ImageError::new("configuration", reason));
            }
        }
        let nameless = |entry: &&String| {
            entry
                .split_once('=')
                .is_none_or(|(name, _)| name.is_empty())
        };
        if let Some(entry) = config.env.iter().find(nameless) {
            let reason = format!("{entry:?} is no NAME=value for the environment");
            return Err(ImageError::new("configuration", reason));
        }
        Ok(config)
    }

    /// The same as a configuration has it.
    pub(crate) fn said(&self) -> RunConfig {
        let some = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let list = |list: &Vec<String>| Some(list.clone()).filter(|list| !list.is_empty());
        let volumes = self.volumes.iter().map(|path| (path.clone(), Empty));
        RunConfig {
            user: some(&self.user),
            env: list(&self.env),
            entrypoint: list(&self.entrypoint),
            cmd: list(&self.cmd),
            working_dir: some(&self.workdir),
            stop_signal: self.stop_signal.clone(),
            volumes: (!self.volumes.is_empty()).then(|| volumes.collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(text: &str) -> Result<Config, String> {
        let said = serde_json::from_str(text).expect("JSON");
        Config::taken(said).map_err(|error| error.to_string())
    }

    #[test]
    fn all_is_taken_over_and_written_again() {
        let text = r#"{"User":"www-data:8","Env":["PATH=/bin","A="],"Entrypoint":["/run"],"Cmd":["a"],
            "WorkingDir":"/srv","StopSignal":"SIGQUIT","Volumes":{"/data":{}},"Labels":{"a":"b"}}"#;
        let config = taken(text).expect("a configuration");
        assert_eq!(config.user, "www-data:8");
        assert_eq!(config.env, ["PATH=/bin", "A="]);
        assert_eq!(config.volumes, ["/data"]);
        assert_eq!(config.stop_signal.as_deref(), Some("SIGQUIT"));
        assert_eq!(Config::taken(config.said()), Ok(config));
        let null = r#"{"Env":null,"Cmd":null,"Volumes":null,"StopSignal":""}"#;
        assert_eq!(taken(null), Ok(Config::default()));
    }

    #[test]
    fn what_nobody_could_mean_is_refused() {
        assert!(taken(r#"{"Cmd":["/bin/sh\u0000x"]}"#).is_err());
        assert!(taken(r#"{"Env":["PATH"]}"#).is_err());
        assert!(taken(r#"{"Env":["=x"]}"#).is_err());
    }
}
