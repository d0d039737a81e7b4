// SPDX-License-Identifier: MIT OR Apache-2.0

//! What paths in `/proc` stand for, compiled from the very file that is built into the kernel.

#[allow(missing_docs)]
#[path = "../../../kernel-module/proc_path.rs"]
mod source;

use source::{place_of, Place};

#[test]
fn paths_are_told_apart() {
    for (path, place) in [
        ("/", Place::Other),
        ("", Place::Other),
        ("/1", Place::Process(1)),
        ("/1/status", Place::Process(1)),
        ("/4194304/oom_score_adj", Place::Process(4_194_304)),
        ("/7/task/8/mem", Place::Process(7)),
        ("/7/net", Place::Process(7)),
        ("/7/net/unix", Place::UnixSockets(7)),
        ("/7/task/8/net/unix", Place::UnixSockets(7)),
        ("/7/net/tcp", Place::Network(7)),
        ("/7/net/xt_recent/list", Place::Network(7)),
        ("/locks", Place::Private),
        ("/key-users", Place::Private),
        ("/kcore", Place::Private),
        ("/locksmith", Place::Other),
        ("/sys/kernel/core_pattern", Place::Other),
        ("/sysrq-trigger", Place::Other),
        ("/keys", Place::Other),
        // No number of a process: taken for what it is not, and never for a process.
        ("/99999999999", Place::Other),
        ("/1a/mem", Place::Other),
    ] {
        assert_eq!(place_of(path.as_bytes()), place, "{path}");
    }
}
