// SPDX-License-Identifier: MIT OR Apache-2.0

//! The same server on the same files, in no jail.

use super::count;
use crate::services::page::bash;
use jaula_tests::ktap::Failure;

/// Has the root's mounts made in a namespace of their own, the server run in it, and done with it what
/// `$DO` says.
const SCRIPT: &str = r#"
set -e
exec 2>&1
mount -t tmpfs tmpfs $ROOT/run
mkdir -m 1777 $ROOT/run/postgresql
mount -t proc proc $ROOT/proc
mount --rbind /dev $ROOT/dev
mount --bind /srv/postgresql/postgresql.conf $ROOT/etc/postgresql/17/main/postgresql.conf
as() { chroot --userspec=postgres:postgres $ROOT "$@"; }
# Not by the function: that would be a process around it.
chroot --userspec=postgres:postgres $ROOT /usr/lib/postgresql/17/bin/postgres -D /etc/postgresql/17/main &
server=$!
trap 'kill -INT $server; wait $server' EXIT
until as pg_isready --quiet; do kill -0 $server; sleep 0.2; done
as pgbench --client=4 --jobs=2 --no-vacuum --time $SECONDS_EACH postgres
"#;

/// A root directory with a database.
pub struct Outside {
    root: &'static str,
}

impl Outside {
    pub fn start(root: &'static str) -> Result<Self, Failure> {
        Ok(Outside { root })
    }

    /// How many transactions are done.
    pub fn pgbench(self, seconds: u32) -> Result<u64, Failure> {
        let root = self.root;
        let script = format!("ROOT={root}\nSECONDS_EACH={seconds}\n{SCRIPT}");
        let said = bash(&format!("unshare --mount bash <<'END'\n{script}END\n"))?;
        count(&said)
    }
}
