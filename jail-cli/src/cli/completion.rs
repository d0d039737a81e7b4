// SPDX-License-Identifier: MIT OR Apache-2.0

//! `jaula completion`: what lets a shell complete commands of jaula.

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::aot::{generate, Shell as Generator};

use super::{output, Cli, Failure};

/// A shell that can complete commands.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// For which shell.
#[derive(Debug, Args)]
#[command(after_help = PLACES)]
pub struct Completion {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

const PLACES: &str = "\
Where it goes:
  jaula completion bash > /usr/share/bash-completion/completions/jaula
  jaula completion zsh  > /usr/share/zsh/vendor-completions/_jaula
  jaula completion fish > /usr/share/fish/vendor_completions.d/jaula.fish";

impl Completion {
    /// Prints it.
    pub fn run(self) -> Result<u8, Failure> {
        let generator = match self.shell {
            Shell::Bash => Generator::Bash,
            Shell::Zsh => Generator::Zsh,
            Shell::Fish => Generator::Fish,
        };
        let mut script = Vec::new();
        generate(generator, &mut Cli::command(), "jaula", &mut script);
        output::print(&String::from_utf8_lossy(&script))?;
        Ok(0)
    }
}
