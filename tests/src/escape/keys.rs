// SPDX-License-Identifier: MIT OR Apache-2.0

//! Keys and keyrings, those that a user's processes share among them.

use super::attack::{Area, Attack, Attempt, Down, Expected, Needed, Stop};
use super::scene::Scene;
use super::services;
use crate::sys::key::{self, Serial};
use crate::sys::Errno;
use std::fs;

const fn attack(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    Attack::crossing(Area::Keys, name, attempt, Errno::EACCES)
        .counted("refusals.key")
        .from_above(Down::Refused)
}

/// An attack by a name that means something else in each jail.
const fn renamed(name: &'static str, attempt: fn(&Scene) -> Attempt) -> Attack {
    attack(name, attempt).without_error().uncounted()
}

/// The rows of the table.
pub const ATTACKS: &[Attack] = &[
    // Linux makes ENOKEY of whatever is in the way.
    attack("KEYCTL_READ", |scene| Ok(key::read(spare(scene, 0)?)?)).refused_with(Errno::ENOKEY),
    // Looks, as those of who lists keys, are not counted.
    attack("KEYCTL_DESCRIBE", |scene| {
        Ok(key::describe(spare(scene, 0)?)?)
    })
    .uncounted(),
    attack("KEYCTL_GET_SECURITY", |scene| {
        Ok(key::label(spare(scene, 0)?)?)
    })
    .refused_with(Errno::ENOKEY)
    .uncounted(),
    attack("KEYCTL_SEARCH in its keyring", |scene| {
        key::search(ring(scene)?, &scene.target.key("0"))?;
        Ok(())
    }),
    attack("KEYCTL_LINK into one's own", |scene| {
        let key = spare(scene, 0)?;
        Ok(key::link(key, key::PROCESS)?)
    }),
    attack("KEYCTL_UPDATE", |scene| Ok(key::update(spare(scene, 0)?)?)),
    attack("KEYCTL_SETPERM", |scene| {
        Ok(key::set_permissions(spare(scene, 0)?, key::ALL)?)
    }),
    attack("KEYCTL_SET_TIMEOUT", |scene| {
        Ok(key::set_timeout(spare(scene, 0)?, 0)?)
    }),
    attack("add_key into its keyring", |scene| {
        key::add("jaula-escape-planted", ring(scene)?)?;
        Ok(())
    }),
    attack("KEYCTL_UNLINK from its keyring", |scene| {
        Ok(key::unlink(spare(scene, 1)?, ring(scene)?)?)
    }),
    attack("KEYCTL_REVOKE", |scene| Ok(key::revoke(spare(scene, 2)?)?)),
    attack("KEYCTL_INVALIDATE", |scene| {
        Ok(key::invalidate(spare(scene, 3)?)?)
    }),
    renamed("the keyring of its user", |scene| {
        shared(scene, key::USER, "user")
    }),
    renamed("the session keyring of its user", |scene| {
        shared(scene, key::USER_SESSION, "user-session")
    }),
    renamed("KEYCTL_JOIN_SESSION_KEYRING by name", |scene| {
        let theirs = ring(scene)?;
        let joined = key::join_session(Some(&scene.target.session()))?;
        reached(joined == theirs)
    }),
    renamed("/proc/keys", |scene| {
        let serial = format!("{:08x} ", spare(scene, 0)?);
        let text = fs::read_to_string("/proc/keys").needed("/proc/keys")?;
        reached(text.lines().any(|line| line.starts_with(&serial)))
    }),
    Attack::breakout(
        Area::Keys,
        "request_key starting a program on the host",
        |scene| {
            spare(scene, 0)?;
            key::join_session(None).needed("beginning a session keyring")?;
            // What the program would make is not waited for: that it ran is what counts.
            let _ = key::request("jaula-escape-requested");
            Ok(())
        },
    )
    .proven(|_| services::was_called(services::REQUEST_KEY))
    .for_user(Expected::Succeeds)
    .without_error()
    .uncounted(),
    attack("KEYCTL_CLEAR of its keyring", |scene| {
        Ok(key::clear(ring(scene)?)?)
    }),
];

fn there(serial: Serial) -> Result<Serial, Stop> {
    match serial {
        0 => Err(Stop::NotHere("the kernel has no keys".into())),
        serial => Ok(serial),
    }
}

fn spare(scene: &Scene, at: usize) -> Result<Serial, Stop> {
    there(scene.target.keys.spare[at])
}

fn ring(scene: &Scene) -> Result<Serial, Stop> {
    there(scene.target.keys.session)
}

fn reached(it: bool) -> Attempt {
    match it {
        true => Ok(()),
        false => Err(Stop::NoEffect),
    }
}

/// Looks for the target's key in a keyring that goes by the user.
fn shared(scene: &Scene, ring: Serial, name: &str) -> Attempt {
    spare(scene, 0)?;
    match key::search(ring, &scene.target.key(name)) {
        Ok(_) => Ok(()),
        Err(Errno::ENOKEY) => Err(Stop::NoEffect),
        Err(errno) => Err(errno.into()),
    }
}
