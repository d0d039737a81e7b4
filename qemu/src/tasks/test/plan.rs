// SPDX-License-Identifier: MIT OR Apache-2.0

//! The jobs of a test run: what is checked, built and booted, and what waits for what.

use super::selection::Selection;
use super::{
    cards, configurations, hook_table, host, kernel_checks, lints, permission_lists, restart,
    syscall_table,
};
use crate::arch::{Arch, Flavour};
use crate::cli::{GuestArgs, TestArgs};
use crate::guest::userland::{self, Program};
use crate::guest_tests::boot;
use crate::guest_tests::boot::seed_of_the_person;
use crate::guest_tests::setting::Setting;
use crate::guest_tests::shard::{shards, Shard};
use crate::guest_tests::skips::Skips;
use crate::image::card::board::Board;
use crate::image::disk::services;
use crate::kernel::build::{Image, Jobs};
use crate::kernel::random::Switches;
use crate::kernel::Kernel;
use crate::ktap::Verdict;
use crate::lock::CacheLock;
use crate::project::Project;
use crate::queue::{Id, Queue};
use crate::tasks::debian;
use crate::tasks::guest_run::{Bootable, Guest};
use crate::tasks::image::Ready;
use crate::verdicts::Verdicts;
use anyhow::{bail, Context, Result};
use jobserver::Client;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// About how many seconds of one processor's time jobs take, on the machine that the figures in
/// docs/measurements.md are of. They say only what comes first.
mod takes {
    use super::{Duration, Flavour};

    pub const CHECK: Duration = Duration::from_secs(3);
    pub const LINTS: Duration = Duration::from_secs(40);
    pub const HOST_TESTS: Duration = Duration::from_secs(30);
    pub const MODULE_LINTS: Duration = Duration::from_secs(90);
    pub const CONFIGURATION: Duration = Duration::from_secs(320);
    pub const USER_LAND: Duration = Duration::from_secs(90);
    pub const CARD: Duration = Duration::from_secs(15);
    pub const DISK: Duration = Duration::from_secs(240);
    pub const SERVICES: Duration = Duration::from_secs(90);
    pub const RESTART: Duration = Duration::from_secs(180);
    /// What has been built before, and may have changed a little.
    pub const AGAIN: Duration = Duration::from_secs(30);

    pub const fn kernel(flavour: Flavour) -> Duration {
        Duration::from_secs(match flavour {
            Flavour::Normal => 450,
            Flavour::Debug => 700,
            Flavour::Server => 1200,
        })
    }
}

/// What is made once and used by many jobs. Each place is filled by one job, and read only by jobs
/// that wait for it.
#[derive(Default)]
pub struct Built {
    images: Mutex<HashMap<(Arch, Flavour), Image>>,
    programs: Mutex<HashMap<Arch, Vec<Program>>>,
    /// The cards that have been made, by their boards' names.
    cards: Mutex<HashMap<String, PathBuf>>,
    /// The disk of each machine that boots from one, by the machines' names.
    disks: Mutex<HashMap<String, PathBuf>>,
}

fn put<K: std::hash::Hash + Eq, V>(place: &Mutex<HashMap<K, V>>, key: K, value: V) {
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    place.insert(key, value);
}

fn get<K: std::hash::Hash + Eq, V: Clone>(place: &Mutex<HashMap<K, V>>, key: &K) -> Result<V> {
    let place = place.lock().unwrap_or_else(PoisonError::into_inner);
    place.get(key).cloned().context("it has not been built")
}

/// What the jobs work with.
#[derive(Clone, Copy)]
pub struct Given<'a> {
    /// The checkout and the cache.
    pub project: &'a Project,
    /// What was asked for.
    pub args: &'a TestArgs,
    /// What of it is meant.
    pub selection: &'a Selection,
    /// The settings, and their architectures.
    pub settings: &'a [Setting],
    /// The architectures of the settings.
    pub archs: &'a [Arch],
    /// The patched tree.
    pub kernel: &'a Kernel<'a>,
    /// Where the jobs put what they make.
    pub built: &'a Built,
    /// Boot loaders of the boards whose cards are made.
    pub boards: &'a [(Board, PathBuf)],
    /// A directory for the cards.
    pub dir: &'a Path,
    /// Who is told of each verdict.
    pub verdicts: &'a Arc<Verdicts>,
    /// What may be skipped.
    pub skips: &'a Arc<Skips>,
}

/// A queue that is being filled.
pub struct Plan<'a> {
    given: Given<'a>,
    /// Held by each build that has not been done.
    lock: Arc<CacheLock>,
    queue: Queue<'a>,
    kernels: HashMap<(Arch, Flavour), Id>,
    user_lands: HashMap<Arch, Id>,
    disks: HashMap<String, Id>,
    /// The names of all checks there are, wanted or not.
    checks: Vec<String>,
}

impl<'a> Plan<'a> {
    /// Everything that is meant.
    pub fn make(given: Given<'a>, lock: CacheLock) -> Result<Queue<'a>> {
        let mut plan = Self {
            given,
            lock: Arc::new(lock),
            queue: Queue::default(),
            kernels: HashMap::new(),
            user_lands: HashMap::new(),
            disks: HashMap::new(),
            checks: Vec::new(),
        };
        plan.host();
        plan.series();
        for &arch in given.archs {
            plan.kernels(arch);
        }
        plan.configurations()?;
        for (place, (board, firmware)) in given.boards.iter().enumerate() {
            plan.card(board, firmware, place == 0);
        }
        for setting in given.settings {
            if setting.machine.disk && plan.wants(&disk_name(setting)) {
                plan.disk(setting);
            }
            plan.guests(setting)?;
            plan.restart(setting)?;
        }
        given
            .selection
            .verify(plan.checks.iter().map(String::as_str))?;
        Ok(plan.queue)
    }

    /// Whether a check is meant. That it is there is known from then on.
    fn wants(&mut self, name: &str) -> bool {
        self.checks.push(name.to_owned());
        self.given.selection.has_check(name)
    }

    /// Adds a check, unless it is not meant. Its verdict is its result.
    fn check(
        &mut self,
        stage: &str,
        name: &str,
        after: &[Id],
        takes: Duration,
        work: impl FnOnce(&Client) -> Result<()> + Send + 'a,
    ) -> Option<Id> {
        self.wants(name)
            .then(|| self.always(stage, name, after, takes, work))
    }

    /// Adds a check that works on the patched tree, unless it is not meant.
    fn check_tree(
        &mut self,
        stage: &str,
        name: &str,
        takes: Duration,
        work: impl FnOnce(&Client) -> Result<()> + Send + 'a,
    ) {
        if self.wants(name) {
            self.on_tree(stage, name, &[], takes, work);
        }
    }

    /// Adds a job that works on the patched tree: nobody may change that meanwhile, and whoever waits
    /// to do so is not to wait for the guests.
    fn on_tree(
        &mut self,
        stage: &str,
        name: &str,
        after: &[Id],
        takes: Duration,
        work: impl FnOnce(&Client) -> Result<()> + Send + 'a,
    ) {
        let lock = self.lock.clone();
        let id = self.always(stage, name, after, takes, move |tokens| {
            let _lock = lock;
            work(tokens)
        });
        self.queue.make_urgent(id);
    }

    /// Adds a job whose verdict is its result.
    fn always(
        &mut self,
        stage: &str,
        name: &str,
        after: &[Id],
        takes: Duration,
        work: impl FnOnce(&Client) -> Result<()> + Send + 'a,
    ) -> Id {
        let verdicts = self.given.verdicts;
        let own = name.to_owned();
        self.quiet(stage, name, after, takes, move |tokens| {
            let started = Instant::now();
            work(tokens)?;
            verdicts.case(&own, Verdict::Passed, started.elapsed());
            Ok(())
        })
    }

    /// Adds a job that tells of verdicts by itself. Where it cannot, that is a verdict.
    fn quiet(
        &mut self,
        stage: &str,
        name: &str,
        after: &[Id],
        takes: Duration,
        work: impl FnOnce(&Client) -> Result<()> + Send + 'a,
    ) -> Id {
        let verdicts = self.given.verdicts;
        let stage = stage.to_owned();
        self.queue.add(name, after, takes, move |tokens| {
            let started = Instant::now();
            let result = work(tokens);
            verdicts.work(&stage, started);
            result
        })
    }

    /// What needs no kernel. The lints and the tests build in one directory.
    fn host(&mut self) {
        let Given {
            project, verdicts, ..
        } = self.given;
        self.check("host", "format::user_land", &[], takes::CHECK, |_| {
            lints::format_user_land(project)
        });
        let lints = self.check("host", "lint::user_land", &[], takes::LINTS, |tokens| {
            lints::lint_user_land(project, tokens)
        });
        let after: Vec<Id> = lints.into_iter().collect();
        let name = "host::cargo_test";
        if self.wants(name) {
            self.quiet("host", name, &after, takes::HOST_TESTS, |tokens| {
                host::run(project, tokens, verdicts)
            });
        }
    }

    /// What is said of the patches, the module's sources and the documents.
    fn series(&mut self) {
        let Given {
            project, kernel, ..
        } = self.given;
        self.check_tree("series", "format::module", takes::CHECK, |_| {
            lints::format_module(project, kernel)
        });
        self.check_tree("series", "patches::checkpatch_series", takes::CHECK, |_| {
            kernel_checks::checkpatch_series(kernel)
        });
        self.check_tree("series", "patches::checkpatch_module", takes::CHECK, |_| {
            kernel_checks::checkpatch_module(project, kernel)
        });
        self.check_tree(
            "series",
            "patches::git_am_takes_the_export",
            takes::CHECK,
            |_| kernel_checks::git_am(project, kernel),
        );
        self.check_tree(
            "series",
            "docs::every_hook_is_told_of",
            takes::CHECK,
            |_| hook_table::check(project, kernel),
        );
        self.check_tree(
            "series",
            "docs::every_call_is_told_of",
            takes::CHECK,
            |_| syscall_table::check(project, kernel),
        );
        self.check_tree(
            "series",
            "docs::the_filter_knows_every_call",
            takes::CHECK,
            |_| syscall_table::check_filter(project, kernel),
        );
        self.check(
            "series",
            "docs::what_reaches_the_host_is_told_alike",
            &[],
            takes::CHECK,
            |_| permission_lists::check(project),
        );
    }

    /// The kernels of an architecture, and what is said of them.
    fn kernels(&mut self, arch: Arch) {
        let Given { kernel, built, .. } = self.given;
        for &flavour in arch.flavours() {
            let is_booted = self
                .given
                .settings
                .iter()
                .any(|one| one.arch() == arch && one.flavour == flavour);
            if !is_booted {
                // Not built here, but its fragments have to fit the kernel all the same.
                let name = format!("kernel::configures_{arch}_{flavour}");
                self.check_tree("kernels", &name, takes::CHECK, move |_| {
                    kernel.build(arch, flavour).configure()
                });
                continue;
            }
            if self.wants(&kernel_name(arch, flavour)) {
                self.kernel(arch, flavour);
            }
            let name = format!("size::module_{arch}");
            if flavour == Flavour::Normal && self.wants(&name) {
                let after = self.kernel(arch, flavour);
                self.on_tree("kernels", &name, &[after], takes::CHECK, move |_| {
                    kernel_checks::module_size(&kernel.build(arch, flavour))
                });
            }
        }
        if self.wants(&user_land_name(arch)) {
            self.user_land(arch);
        }
        let name = format!("size::jaula_{arch}");
        if self.wants(&name) {
            let after = self.user_land(arch);
            self.always("user land", &name, &[after], takes::CHECK, move |_| {
                kernel_checks::jaula_size(&get(&built.programs, &arch)?)
            });
        }
        // Clippy has nearly the same to say for all of them, and each takes a build of its own.
        if self.given.archs.first() == Some(&arch) {
            let takes = again(kernel.clippy(arch).was_built(), takes::MODULE_LINTS);
            self.check_tree("kernels", "lint::module", takes, move |tokens| {
                lints::lint_module(&kernel.clippy(arch), &Jobs::Shared(tokens))
            });
        }
    }

    /// Kernels that are configured at random: the module has to build whatever the rest of the kernel
    /// is. One architecture does: what the module sees of it is the same on the others. They build in
    /// one directory, so that each begins with what the last one has left.
    fn configurations(&mut self) -> Result<()> {
        const NAME: &str = "configurations";
        let Given {
            kernel,
            verdicts,
            selection,
            ..
        } = self.given;
        if !self.given.args.long {
            if selection.names_checks(NAME) {
                bail!("--only {NAME}: these are built with --long only");
            }
            return Ok(());
        }
        let Some(&arch) = self.given.archs.first() else {
            return Ok(());
        };
        let seed = configurations::seed(seed_of_the_person()?.as_deref())?;
        let mut after = Vec::new();
        for switches in Switches::all(seed)? {
            let name = format!("{NAME}::{}", switches.name());
            if !self.wants(&name) {
                continue;
            }
            let (lock, own) = (self.lock.clone(), name.clone());
            let id = self
                .queue
                .add(&name, &after, takes::CONFIGURATION, move |tokens| {
                    let _lock = lock;
                    // One that does not build keeps none of the others from it.
                    verdicts.check("configurations", &own, || {
                        configurations::check(
                            &kernel.random(arch),
                            &switches,
                            &Jobs::Shared(tokens),
                        )
                    });
                    Ok(())
                });
            after = vec![id];
        }
        Ok(())
    }

    /// The build of a kernel.
    fn kernel(&mut self, arch: Arch, flavour: Flavour) -> Id {
        if let Some(&id) = self.kernels.get(&(arch, flavour)) {
            return id;
        }
        let Given { kernel, built, .. } = self.given;
        let lock = self.lock.clone();
        let was_built = kernel.build(arch, flavour).was_built();
        let takes = again(was_built, takes::kernel(flavour));
        let id = self.always(
            "kernels",
            &kernel_name(arch, flavour),
            &[],
            takes,
            move |tokens| {
                let _lock = lock;
                let image = kernel.build(arch, flavour).run(&Jobs::Shared(tokens))?;
                put(&built.images, (arch, flavour), image);
                Ok(())
            },
        );
        if was_built {
            // It takes a moment, and others wait for the lock.
            self.queue.make_urgent(id);
        }
        self.kernels.insert((arch, flavour), id);
        id
    }

    /// The build of the programs for an architecture.
    fn user_land(&mut self, arch: Arch) -> Id {
        if let Some(&id) = self.user_lands.get(&arch) {
            return id;
        }
        let Given { project, built, .. } = self.given;
        let lock = self.lock.clone();
        let name = user_land_name(arch);
        let id = self.always("user land", &name, &[], takes::USER_LAND, move |tokens| {
            let programs = userland::build(project, arch, &lock, Some(tokens))?;
            put(&built.programs, arch, programs);
            Ok(())
        });
        // Every boot waits for it, and other runs for the lock.
        self.queue.make_urgent(id);
        self.user_lands.insert(arch, id);
        id
    }

    /// The card of a board. Cards differ in their device trees: one is booted.
    fn card(&mut self, board: &'a Board, firmware: &'a Path, boots: bool) {
        let Given {
            project,
            built,
            dir,
            ..
        } = self.given;
        let (reads_back, is_booted) = (
            format!("card::{}_reads_back", board.name),
            format!("card::{}_boots", board.name),
        );
        let is_read = self.wants(&reads_back);
        let boots = boots && self.wants(&is_booted);
        if !is_read && !boots {
            return;
        }
        let kernel = self.kernel(board.arch, Flavour::Normal);
        let user_land = self.user_land(board.arch);
        let after = [kernel, user_land];
        let made = self.always("cards", &reads_back, &after, takes::CARD, move |_| {
            let ready = Ready {
                board,
                firmware,
                kernel: &get(&built.images, &(board.arch, Flavour::Normal))?,
                programs: &get(&built.programs, &board.arch)?,
            };
            put(
                &built.cards,
                board.name.clone(),
                cards::make(project, &ready, dir)?,
            );
            Ok(())
        });
        if boots {
            self.always("cards", &is_booted, &[made], takes::CARD, move |_| {
                let image = get(&built.images, &(board.arch, Flavour::Normal))?;
                cards::boot(project, &image, &get(&built.cards, &board.name)?)
            });
        }
    }

    /// The disk of a machine that boots from one, with the kernel's package and the launcher's.
    fn disk(&mut self, setting: &'a Setting) -> Id {
        if let Some(&id) = self.disks.get(&setting.machine.name) {
            return id;
        }
        let Given {
            project,
            args,
            kernel,
            built,
            ..
        } = self.given;
        let after = [
            self.kernel(setting.arch(), setting.flavour),
            self.user_land(setting.arch()),
        ];
        let name = disk_name(setting);
        let lock = self.lock.clone();
        let id = self.always("disks", &name, &after, takes::DISK, move |tokens| {
            let made = debian::disk_of(
                project,
                &lock,
                kernel,
                args.kernel.source.as_deref(),
                &Jobs::Shared(tokens),
                setting.machine.selinux,
            )?;
            put(&built.disks, setting.machine.name.clone(), made);
            Ok(())
        });
        // Others wait for the lock.
        self.queue.make_urgent(id);
        self.disks.insert(setting.machine.name.clone(), id);
        id
    }

    /// The disk with what services run in, which lies beside that of the machine.
    fn services(&mut self, setting: &'a Setting) -> Id {
        let (project, lock) = (self.given.project, self.lock.clone());
        let name = "disk::services_is_made";
        // What is unfinished there is removed when that one is made.
        let after = [self.disk(setting)];
        self.always("disks", name, &after, takes::SERVICES, move |_| {
            services::make(project, &lock).map(drop)
        })
    }

    /// What a machine with a disk is after it has been restarted. It takes two boots to itself.
    fn restart(&mut self, setting: &'a Setting) -> Result<()> {
        let given = self.given;
        if !setting.machine.disk {
            return Ok(());
        }
        let name = format!("disk::{}_restarts", setting.machine.name);
        if !given.args.long {
            if given.selection.names_checks(&name) {
                bail!("--only {name}: this is done with --long only");
            }
            return Ok(());
        }
        if !self.wants(&name) {
            return Ok(());
        }
        let after = [self.disk(setting)];
        self.always("disks", &name, &after, takes::RESTART, move |_| {
            let disk = get(&given.built.disks, &setting.machine.name)?;
            restart::check(guest(&given, setting)?, &disk)
        });
        Ok(())
    }

    /// The boots of a setting.
    fn guests(&mut self, setting: &'a Setting) -> Result<()> {
        let Given {
            args,
            selection,
            verdicts,
            ..
        } = self.given;
        if !selection.has_programs() {
            return Ok(());
        }
        let programs = selection.programs(setting, args.long)?;
        let shards = shards(setting, &programs, args.shards, args.long);
        if shards.is_empty() {
            return Ok(());
        }
        let kernel = self.kernel(setting.arch(), setting.flavour);
        let mut after = vec![kernel, self.user_land(setting.arch())];
        if setting.machine.disk {
            after.push(self.disk(setting));
        }
        if programs.iter().any(|planned| planned.program.services) {
            after.push(self.services(setting));
        }
        let stage = setting.to_string();
        let mut boots = Vec::new();
        for shard in &shards {
            let name = format!("{}::boot_{}", shard.prefix(), shard.number);
            let (shard, given) = (shard.clone(), self.given);
            let takes = shard.takes;
            boots.push(self.quiet(&stage, &name, &after, takes, move |_| {
                boot_one(&given, &shard)
            }));
        }
        if let Some(&first) = boots.first() {
            // So that something is known of a kernel as soon as it is there.
            self.queue.make_urgent(first);
        }
        self.quiet(
            &stage,
            &format!("{setting}::compare"),
            &boots,
            Duration::ZERO,
            move |_| {
                boot::compare(setting, &shards, verdicts);
                Ok(())
            },
        );
        Ok(())
    }
}

fn boot_one(given: &Given, shard: &Shard) -> Result<()> {
    let guest = guest(given, &shard.setting)?;
    boot::run(&guest, shard, given.args.long, given.verdicts, given.skips)
}

/// A setting's machine with what has been built for it.
fn guest<'a>(given: &Given<'a>, setting: &Setting) -> Result<Guest<'a>> {
    let mut args = GuestArgs::plain(given.args.kernel.clone());
    args.debug_kernel = setting.is_debug();
    let disk = if setting.machine.disk {
        Some(get(&given.built.disks, &setting.machine.name)?)
    } else {
        None
    };
    Guest::of(
        given.project,
        args,
        setting.machine.clone(),
        setting.flavour,
        Bootable {
            kernel: get(&given.built.images, &(setting.arch(), setting.flavour))?,
            programs: get(&given.built.programs, &setting.arch())?,
            disk,
        },
    )
}

fn kernel_name(arch: Arch, flavour: Flavour) -> String {
    format!("kernel::builds_{arch}_{flavour}")
}

fn user_land_name(arch: Arch) -> String {
    format!("user_land::builds_{arch}")
}

fn disk_name(setting: &Setting) -> String {
    format!("disk::{}_is_made", setting.machine.name)
}

fn again(was_built: bool, whole: Duration) -> Duration {
    if was_built {
        takes::AGAIN.min(whole)
    } else {
        whole
    }
}
