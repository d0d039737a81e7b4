// SPDX-License-Identifier: MIT OR Apache-2.0

//! The module in kernels that are configured at random.

use super::lints;
use crate::kernel::build::{Build, Jobs};
use crate::kernel::random::Switches;
use crate::kernel::tree::MODULE_PATH;
use crate::ui::{Progress, Scale};
use anyhow::{anyhow, bail, Context, Result};
use std::fs;

/// How many lines are shown from the first mistake on.
const EXCERPT: usize = 15;

/// The seed of a run: what a person asked for, the usual one, or one that nobody knows before, of a size
/// that can be read out to somebody.
pub fn seed(asked: Option<&str>) -> Result<u64> {
    match asked {
        None => Ok(1),
        Some("new") => {
            let bytes = fs::read("/proc/sys/kernel/random/uuid").context("a new seed")?;
            let digits = String::from_utf8_lossy(&bytes[..bytes.len().min(8)]).into_owned();
            Ok(u32::from_str_radix(&digits, 16)
                .with_context(|| format!("{digits}: a new seed"))?
                .into())
        }
        Some(number) => number.parse().with_context(|| format!("{number}: a seed")),
    }
}

/// The kernel is built and linked, and no compiler has anything to say about the module.
pub fn check(build: &Build, switches: &Switches, jobs: &Jobs) -> Result<()> {
    builds(build, switches, jobs)
        .map_err(|error| anyhow!("{error:#}\n{switches}\nonce more: {}", switches.again()))
}

fn builds(build: &Build, switches: &Switches, jobs: &Jobs) -> Result<()> {
    let what = format!("building configuration {}", switches.name());
    let log = build.log(&format!("config-{}", switches.name()))?;
    let fragment = switches.apply(&build.fragments_text()?);
    switches.verify(&build.configure_as(&fragment, &log)?)?;
    let said = fs::read_to_string(&log).with_context(|| log.display().to_string())?;
    if let Some(line) = said.lines().find(|line| line.contains("SECURITY_JAULA")) {
        bail!("Kconfig says: {line}\n(all of it: {})", log.display());
    }

    // Compilers are silent about what is up to date.
    let objects = build.dir().join(MODULE_PATH);
    if objects.exists() {
        fs::remove_dir_all(&objects).with_context(|| objects.display().to_string())?;
    }
    let log = build.log(&format!("build-{}", switches.name()))?;
    let progress = Progress::start(&what, Scale::Unknown);
    let result = build.make_targets(&what, &["vmlinux".to_owned()], jobs, &log, &progress);
    let said = fs::read_to_string(&log).with_context(|| log.display().to_string())?;
    if let Err(error) = result {
        let errors = first_errors(&said);
        if errors.is_empty() {
            return Err(error);
        }
        bail!("{errors}\n(all of it: {})", log.display());
    }
    let warnings = warnings(&said);
    if !warnings.is_empty() {
        bail!("{}\n(all of it: {})", warnings.join("\n"), log.display());
    }
    if !objects.join("jaula.o").exists() {
        bail!(
            "make succeeded, but there is no {}/jaula.o",
            objects.display()
        );
    }
    progress.done();
    Ok(())
}

/// What a build says of its first mistake.
fn first_errors(said: &str) -> String {
    let is_error = |line: &&str| {
        ["error: ", "error[", "ERROR: "]
            .iter()
            .any(|word| line.contains(word))
    };
    let from = said.lines().skip_while(|line| !is_error(line));
    // What make says then is that it gives up, once for each directory.
    let lines = from.take_while(|line| !line.starts_with("make["));
    lines.take(EXCERPT).collect::<Vec<_>>().join("\n")
}

/// What rustc, clang, objtool and modpost have to say about the module.
fn warnings(said: &str) -> Vec<String> {
    let mut ours = lints::warnings(said);
    let is_ours = |line: &&str| {
        let Some((place, text)) = line
            .split_once("warning: ")
            .or_else(|| line.split_once("WARNING: "))
        else {
            return false;
        };
        // The cache, in which everything lies, may have the name of the project.
        let tells_of_symbols = text.starts_with("objtool: ") || text.starts_with("modpost: ");
        place.contains(MODULE_PATH) || (tells_of_symbols && text.contains("jaula"))
    };
    ours.extend(said.lines().filter(is_ours).map(str::to_owned));
    ours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_asked_for_usual_or_new() -> Result<()> {
        assert_eq!(seed(None)?, 1);
        assert_eq!(seed(Some("7"))?, 7);
        assert_ne!(seed(Some("new"))?, seed(Some("new"))?);
        assert!(seed(Some("x")).is_err());
        Ok(())
    }

    #[test]
    fn the_first_mistake_is_shown() {
        let said = "\
  CC      security/jaula/setup.o
  RUSTC     security/jaula/jaula.o
error[E0425]: cannot find function `put_ipc_ns` in crate `bindings`
   --> /c/jaula/src/security/jaula/ipc.rs:212:28
make[4]: *** [security/jaula/jaula.o] Error 1
";
        let shown = first_errors(said);
        assert!(
            shown.starts_with("error[E0425]") && shown.ends_with("ipc.rs:212:28"),
            "{shown}"
        );
        assert_eq!(first_errors(&"error: x\n".repeat(99)).lines().count(), 15);
        assert!(first_errors("ld.lld: error: undefined symbol: init_net\n").contains("init_net"));
        assert_eq!(first_errors("  LD      vmlinux\n"), "");
    }

    #[test]
    fn only_warnings_about_the_module_count() {
        let said = "\
/build/linux/fs/exec.c:1:2: warning: unused variable 'x' [-Wunused-variable]
/build/linux/security/jaula/lsm.c:68:12: warning: unused function 'hook' [-Wunused-function]
vmlinux.o: warning: objtool: do_exit+0x1: unreachable instruction
vmlinux.o: warning: objtool: jaula_task_exit+0x1: unreachable instruction
WARNING: modpost: vmlinux: section mismatch in reference: jaula_x (section: .text)
  RUSTC     security/jaula/jaula.o
warning: variant `UseKey` is never constructed
  --> /build/linux/security/jaula/policy.rs:66:5
   |

warning: 1 warning emitted

";
        let ours = warnings(said);
        assert_eq!(ours.len(), 4, "{ours:?}");
        assert!(ours[0].contains("UseKey") && ours[1].contains("lsm.c"));
    }
}
