// SPDX-License-Identifier: MIT OR Apache-2.0

//! POSIX message queues, by their calls and as files.

use super::attack::{Area, Attack, Attempt, Down, Expected, Stop};
use super::scene::Scene;
use crate::sys::{mqueue, tree, Errno};
use std::fs::{self, File};

const fn attack(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::crossing(Area::Queues, name, attempt, Errno::EACCES)
        .counted("refusals.mqueue")
        .from_above(Down::Refused)
}

/// The rows of the table.
pub const ATTACKS: &[Attack] = &[
    attack("mq_open", |scene| open(scene, 0)),
    attack("mq_open with O_CREAT", |scene| open(scene, libc::O_CREAT)),
    attack("mq_open with O_CREAT and O_EXCL", |scene| {
        open(scene, libc::O_CREAT | libc::O_EXCL)
    })
    .for_all(Expected::Fails(Errno::EEXIST))
    .uncounted(),
    attack("reading a queue's file", |scene| {
        in_file_system(scene, "open")?;
        File::open(path(scene, "open")).map_err(errno)?;
        Ok(())
    }),
    attack("chmod of a queue's file", |scene| {
        in_file_system(scene, "open")?;
        Ok(tree::set_mode(path(scene, "open"), 0o666)?)
    }),
    attack("unlink of a queue's file", |scene| {
        in_file_system(scene, "file")?;
        fs::remove_file(path(scene, "file")).map_err(errno)?;
        Ok(())
    }),
    attack("mq_unlink", |scene| {
        has_queues(scene)?;
        Ok(mqueue::unlink(&scene.target.queue("unlink"))?)
    }),
];

fn errno(error: std::io::Error) -> Stop {
    Stop::Refused(Errno(error.raw_os_error().unwrap_or(libc::EIO)))
}

fn has_queues(scene: &Scene) -> Result<(), Stop> {
    match scene.target.queues {
        true => Ok(()),
        false => Err(Stop::NotHere("the kernel has no message queues".into())),
    }
}

fn open(scene: &Scene, flags: i32) -> Attempt {
    has_queues(scene)?;
    mqueue::open(&scene.target.queue("open"), flags)?;
    Ok(())
}

/// Where the file system of queues is mounted in the root directory.
fn path(scene: &Scene, which: &str) -> String {
    format!("/queues/{}", scene.target.queue(which))
}

fn in_file_system(scene: &Scene, which: &str) -> Result<(), Stop> {
    has_queues(scene)?;
    match fs::exists(path(scene, which)) {
        Ok(true) => Ok(()),
        other => Err(Stop::Broken(format!(
            "whether /queues has the queue: {other:?}"
        ))),
    }
}
