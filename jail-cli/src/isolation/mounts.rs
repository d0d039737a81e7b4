// SPDX-License-Identifier: MIT OR Apache-2.0

//! What is mounted in a jail.

mod bind;
mod device;
mod text;
mod tmpfs;

use std::ffi::OsString;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub use bind::Bind;
pub use device::Device;
pub use tmpfs::{Mode, Size, Tmpfs};

/// Something that is mounted in a jail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mount {
    /// What the host has.
    Bind(Bind),
    /// Memory.
    Tmpfs(Tmpfs),
    /// A device of the host.
    Device(Device),
}

impl Mount {
    /// Where, in the jail.
    pub fn target(&self) -> &Path {
        match self {
            Mount::Bind(bind) => &bind.target,
            Mount::Tmpfs(tmpfs) => &tmpfs.target,
            Mount::Device(device) => &device.target,
        }
    }

    /// As it is given on the command line.
    pub fn to_text(&self) -> OsString {
        let (option, value) = match self {
            Mount::Bind(bind) => ("--bind ", bind.to_text()),
            Mount::Tmpfs(tmpfs) => ("--tmpfs ", tmpfs.to_text()),
            Mount::Device(device) => ("--device ", device.to_text()),
        };
        let mut text = OsString::from(option);
        text.push(value);
        text
    }

    fn kind(&self) -> &'static str {
        match self {
            Mount::Bind(_) => "a bind mount",
            Mount::Tmpfs(_) => "a tmpfs",
            Mount::Device(_) => "a device",
        }
    }
}

/// What is mounted in a jail, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Keys", rename_all = "kebab-case")]
pub struct Mounts {
    /// What is asked for, in the order in which it is mounted: later ones lie on earlier ones.
    #[serde(rename = "mounts")]
    pub list: Vec<Mount>,
    /// Whether the root, with all that is mounted below it outside, cannot be changed.
    pub read_only: bool,
    /// How much /dev/shm holds, where something is said.
    pub shm_size: Option<Size>,
}

/// The ways in which it is described: each kind by its own key, or all in one order.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(crate) struct Keys {
    pub tmpfs: Vec<Tmpfs>,
    pub bind: Vec<Bind>,
    pub device: Vec<Device>,
    pub mounts: Vec<Mount>,
    pub read_only: bool,
    pub shm_size: Option<Size>,
}

impl From<Keys> for Mounts {
    fn from(keys: Keys) -> Self {
        let tmpfs = keys.tmpfs.into_iter().map(Mount::Tmpfs);
        let bind = keys.bind.into_iter().map(Mount::Bind);
        let device = keys.device.into_iter().map(Mount::Device);
        Mounts {
            list: tmpfs.chain(bind).chain(device).chain(keys.mounts).collect(),
            read_only: keys.read_only,
            shm_size: keys.shm_size,
        }
    }
}

impl Mounts {
    /// Something that takes mounts of the jail's own, where there is something.
    pub(super) fn need_own(&self) -> Option<&'static str> {
        let first = self.list.first().map(Mount::kind);
        first.or(self.read_only.then_some("a root that cannot be changed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn mounts_are_read() {
        let bind: Bind = "/srv/data:/data:ro".parse().expect("a bind");
        assert!(bind.read_only && bind.target == Path::new("/data"));
        let bind: Bind = "/srv/data:/data".parse().expect("a bind");
        assert!(!bind.read_only);
        let tmpfs: Tmpfs = "/tmp:size=2K".parse().expect("a tmpfs");
        assert_eq!(tmpfs.to_text(), "/tmp:size=2048");
        let tmpfs: Tmpfs = "/a:b:mode=0755,size=2K".parse().expect("a tmpfs");
        assert_eq!(tmpfs.target, Path::new("/a:b"));
        assert_eq!(tmpfs.to_text(), "/a:b:size=2048,mode=755");
        let device: Device = "/dev/ttyS1".parse().expect("a device");
        assert_eq!(device.target, Path::new("/dev/ttyS1"));
        assert_eq!(device.to_text(), "/dev/ttyS1");
        let device: Device = "/dev/ttyS1:/dev/modem".parse().expect("a device");
        assert_eq!(device.to_text(), "/dev/ttyS1:/dev/modem");
        for text in [
            "", "/a", "a:/b", "/a:b", "/a:/", "/a://.", "/a:/b:rw", ":/b", "/a:",
        ] {
            assert!(text.parse::<Bind>().is_err(), "{text}");
        }
        for text in [
            "",
            "tmp",
            "/",
            "//",
            "/a:size=",
            "/a:size=0",
            "/a:size=max",
            "/a:size=1X",
            "/a:size=1M,",
            "/a:size=1M,size=2M",
            "/a:mode=",
            "/a:mode=+7",
            "/a:mode=8",
            "/a:mode=10000",
            "/a:mode=755:size=1M",
            "/a:size=1M,exec",
        ] {
            assert!(text.parse::<Tmpfs>().is_err(), "{text}");
        }
        for text in ["", "ttyS1", "/dev/a:b", "/dev/a:/", "/dev/a:/dev/b:rw"] {
            assert!(text.parse::<Device>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_bytes() {
        let bytes = OsStr::from_bytes(b"/srv/\xe9t\xe9:/d\xff:ro");
        let bind = Bind::parse(bytes).expect("a bind");
        assert_eq!(bind.to_text(), bytes);
        let text = serde_json::to_string(&bind).expect("JSON");
        assert_eq!(serde_json::from_str::<Bind>(&text).expect(&text), bind);
    }

    #[test]
    fn the_order_is_kept() {
        let text = r#"{"mounts":[{"bind":"/a:/b"},{"tmpfs":"/b/c"},{"device":"/dev/x"}],
                       "shm-size":"1M"}"#;
        let mounts: Mounts = serde_json::from_str(text).expect("mounts");
        let targets: Vec<&Path> = mounts.list.iter().map(Mount::target).collect();
        assert_eq!(targets, ["/b", "/b/c", "/dev/x"].map(Path::new));
        assert_eq!(mounts.shm_size.map(Size::bytes), Some(1 << 20));
        let text = serde_json::to_string(&mounts).expect("JSON");
        assert_eq!(
            serde_json::from_str::<Mounts>(&text).expect(&text),
            mounts,
            "{text}"
        );
    }

    #[test]
    fn keys_of_their_own_come_first() {
        let text = r#"{"bind":["/a:/b/c"],"tmpfs":["/b"],"mounts":[{"tmpfs":"/d"}]}"#;
        let mounts: Mounts = serde_json::from_str(text).expect("mounts");
        let targets: Vec<&Path> = mounts.list.iter().map(Mount::target).collect();
        assert_eq!(targets, ["/b", "/b/c", "/d"].map(Path::new));
    }
}
