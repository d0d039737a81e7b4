// SPDX-License-Identifier: MIT OR Apache-2.0

//! Work that is shared out among the processors: what waits for what, and what comes first.
//!
//! A job runs once those that it waits for have ended well. Of those that can run, the one comes
//! first from whose beginning it is furthest to the end of everything. Each job that runs holds a
//! token of a job server, and so does each compiler that it starts beside its first (make and cargo
//! take part): while there is enough to do a build has one processor, and one that is alone has all.

use anyhow::{Context, Result};
use jobserver::Client;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Names a job of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(usize);

/// What a job does; the job server is for the builds that it starts.
type Work<'a> = Box<dyn FnOnce(&Client) -> Result<()> + Send + 'a>;

struct Job<'a> {
    name: String,
    after: Vec<Id>,
    takes: Duration,
    is_urgent: bool,
    work: Option<Work<'a>>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Done,
    Failed,
}

/// Jobs, and the order among them.
#[derive(Default)]
pub struct Queue<'a> {
    jobs: Vec<Job<'a>>,
}

impl<'a> Queue<'a> {
    /// Adds a job that runs once all of `after` have ended well, and takes about so long.
    pub fn add(
        &mut self,
        name: &str,
        after: &[Id],
        takes: Duration,
        work: impl FnOnce(&Client) -> Result<()> + Send + 'a,
    ) -> Id {
        self.jobs.push(Job {
            name: name.to_owned(),
            after: after.to_vec(),
            takes,
            is_urgent: false,
            work: Some(Box::new(work)),
            state: State::Waiting,
        });
        Id(self.jobs.len() - 1)
    }

    /// Has a job run before all that are not urgent: somebody outside of the queue waits for it.
    pub fn make_urgent(&mut self, id: Id) {
        self.jobs[id.0].is_urgent = true;
    }

    /// Runs everything, at most `processors` jobs at a time. `failed` is told the name of each job
    /// that failed and why, and of each that could not run for that reason.
    pub fn run(self, processors: usize, failed: impl Fn(&str, &str) + Sync) -> Result<()> {
        let tokens = Client::new(processors).context("a job server")?;
        let way = ways(&self.jobs);
        let shared = Shared {
            jobs: Mutex::new(self.jobs),
            changed: Condvar::new(),
        };
        std::thread::scope(|scope| {
            for _ in 0..processors {
                scope.spawn(|| shared.work(&tokens, &way, &failed));
            }
        });
        Ok(())
    }
}

/// How long it is from the beginning of each job to the end of the last one that waits for it. Jobs are
/// added after those that they wait for.
fn ways(jobs: &[Job]) -> Vec<Duration> {
    let mut ways: Vec<Duration> = jobs.iter().map(|job| job.takes).collect();
    for at in (0..jobs.len()).rev() {
        for before in &jobs[at].after {
            ways[before.0] = ways[before.0].max(jobs[before.0].takes + ways[at]);
        }
    }
    ways
}

struct Shared<'a> {
    jobs: Mutex<Vec<Job<'a>>>,
    changed: Condvar,
}

impl<'a> Shared<'a> {
    fn work(&self, tokens: &Client, way: &[Duration], failed: &(impl Fn(&str, &str) + Sync)) {
        while self.wait_for_work() {
            // What cannot be had is done without: two things at once are no mistake.
            let _token = tokens.acquire().ok();
            let Some((at, work)) = self.take(way) else {
                continue; // another was faster
            };
            let result = catch_unwind(AssertUnwindSafe(|| work(tokens)));
            let why = match result {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(format!("{error:#}")),
                Err(_) => Some("it panicked".to_owned()),
            };
            for (name, why) in self.ended(at, why) {
                // Whoever waits for other jobs is not to wait for one that has ended like this.
                let _ = catch_unwind(AssertUnwindSafe(|| failed(&name, &why)));
            }
        }
    }

    /// Waits until a job can run; false when there will be no more.
    fn wait_for_work(&self) -> bool {
        let mut jobs = self.lock();
        loop {
            if jobs.iter().all(|job| job.state != State::Waiting) {
                return false;
            }
            if (0..jobs.len()).any(|at| is_ready(&jobs, at)) {
                return true;
            }
            let waited = self.changed.wait(jobs);
            jobs = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The job that is to run next, if there still is one.
    fn take(&self, way: &[Duration]) -> Option<(usize, Work<'a>)> {
        let mut jobs = self.lock();
        let ready = (0..jobs.len()).filter(|&at| is_ready(&jobs, at));
        let at = ready.max_by_key(|&at| (jobs[at].is_urgent, way[at]))?;
        jobs[at].state = State::Running;
        Some((at, jobs[at].work.take()?))
    }

    /// Notes the end of a job, and why it failed if it did. Gives the jobs that have failed with
    /// that, each with the reason.
    fn ended(&self, at: usize, why: Option<String>) -> Vec<(String, String)> {
        let mut jobs = self.lock();
        let mut lost = Vec::new();
        jobs[at].state = match why {
            None => State::Done,
            Some(why) => {
                lost.push((jobs[at].name.clone(), why));
                State::Failed
            }
        };
        // Those that wait stand after what they wait for: once through is enough.
        for later in at + 1..jobs.len() {
            let dead = |id: &&Id| jobs[id.0].state == State::Failed;
            let Some(before) = jobs[later].after.iter().find(dead).copied() else {
                continue;
            };
            if jobs[later].state == State::Waiting {
                let why = format!("not run, since `{}` failed", jobs[before.0].name);
                jobs[later].state = State::Failed;
                jobs[later].work = None;
                lost.push((jobs[later].name.clone(), why));
            }
        }
        self.changed.notify_all();
        lost
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Job<'a>>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_ready(jobs: &[Job], at: usize) -> bool {
    let done = |id: &Id| jobs[id.0].state == State::Done;
    jobs[at].state == State::Waiting && jobs[at].after.iter().all(done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const SECOND: Duration = Duration::from_secs(1);

    /// The order in which jobs run on one processor, and what failed.
    fn run(
        fill: impl FnOnce(&mut Queue<'_>, &'static Mutex<Vec<String>>),
    ) -> (Vec<String>, Vec<String>) {
        let order: &'static Mutex<Vec<String>> = Box::leak(Box::default());
        let failed = Mutex::new(Vec::new());
        let mut queue = Queue::default();
        fill(&mut queue, order);
        queue
            .run(1, |name, why| {
                let mut failed = failed.lock().expect("not poisoned");
                failed.push(format!("{name}: {why}"));
            })
            .expect("a job server");
        let order = order.lock().expect("not poisoned").clone();
        (order, failed.into_inner().expect("not poisoned"))
    }

    fn add(
        queue: &mut Queue,
        order: &'static Mutex<Vec<String>>,
        name: &'static str,
        after: &[Id],
        seconds: u32,
    ) -> Id {
        queue.add(name, after, SECOND * seconds, move |_| {
            order.lock().expect("not poisoned").push(name.to_owned());
            if name.starts_with("bad") {
                bail!("it is {name}");
            }
            Ok(())
        })
    }

    #[test]
    fn the_longest_way_goes_first() {
        let (order, failed) = run(|queue, order| {
            add(queue, order, "long", &[], 5);
            let kernel = add(queue, order, "kernel", &[], 3);
            add(queue, order, "short", &[], 1);
            add(queue, order, "boot", &[kernel], 4);
        });
        assert_eq!(order, ["kernel", "long", "boot", "short"]);
        assert!(failed.is_empty());
    }

    #[test]
    fn what_is_urgent_does_not_wait_for_what_is_not() {
        let (order, _) = run(|queue, order| {
            add(queue, order, "long", &[], 5);
            let short = add(queue, order, "short", &[], 1);
            queue.make_urgent(short);
        });
        assert_eq!(order, ["short", "long"]);
    }

    #[test]
    fn what_waits_for_a_failure_fails_with_it() {
        let (order, failed) = run(|queue, order| {
            let bad = add(queue, order, "bad", &[], 9);
            let boot = add(queue, order, "boot", &[bad], 1);
            add(queue, order, "compare", &[boot], 1);
            add(queue, order, "other", &[], 1);
        });
        assert_eq!(order, ["bad", "other"]);
        assert_eq!(
            failed,
            [
                "bad: it is bad",
                "boot: not run, since `bad` failed",
                "compare: not run, since `boot` failed"
            ]
        );
    }

    #[test]
    fn a_panic_is_a_failure() {
        let (order, failed) = run(|queue, order| {
            queue.add("panics", &[], SECOND * 2, |_| panic!("on purpose"));
            add(queue, order, "other", &[], 1);
        });
        assert_eq!(
            (order, failed),
            (vec!["other".into()], vec!["panics: it panicked".into()])
        );
    }

    #[test]
    fn as_many_run_at_once_as_there_are_processors() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut queue = Queue::default();
        for _ in 0..6 {
            queue.add("job", &[], SECOND, |_| {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            });
        }
        queue.run(2, |_, _| {}).expect("a job server");
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }
}
