#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# How long jaula, umoci and podman take to make a tree of the same image, and how much room that takes. On the
# Debian machine:
#
#     cargo xtask exec --machine debian -- "echo $(base64 -w 0 tests/bench/images.sh) | base64 -d | ROUNDS=1 bash"
#
# With OTHER=PROGRAM (copied there by --copy) that jaula is timed as well, such as one of an earlier commit.
#
# Each time begins with nothing in the kernel's caches, and ends when all is on the disk. A line for each run says
# seconds by the clock, and of the processor.
set -e
place=/var/tmp/bench
rm -rf $place && mkdir -p $place && cd $place
TIMEFORMAT='%R %U %S'

tar -C / -c usr/lib/x86_64-linux-gnu usr/share/zoneinfo usr/share/perl usr/share/man etc 2>/dev/null |
    podman import -q - localhost/bench >/dev/null
for compressed in gzip zstd; do
    skopeo copy -q --dest-compress-format $compressed containers-storage:localhost/bench oci:$compressed:x
done
podman rmi -f localhost/bench >/dev/null

by_jaula() { jaula rootfs build -q --image oci:$1:x $place/jaula.root; }
by_other() { $OTHER rootfs build -q --image oci:$1:x $place/other.root; }
by_umoci() { umoci unpack --image $1:x $place/umoci.root; }
by_podman() {
    skopeo copy -q oci:$1:x "containers-storage:[overlay@$place/podman.root+$place/podman.run]localhost/bench"
}

for compressed in gzip zstd; do
    echo "$compressed: $(du -sk $compressed | cut -f1) KiB stored"
    for round in $(seq ${ROUNDS:-3}); do
        for who in jaula ${OTHER:+other} umoci podman; do
            # umoci reads no zstd.
            [ $compressed.$who = zstd.umoci ] && continue
            # podman leaves its own directory mounted.
            umount $place/podman.root/overlay 2>/dev/null || true
            rm -rf $place/*.root $place/*.run
            sync
            echo 3 > /proc/sys/vm/drop_caches
            took=$( { time { by_$who $compressed >/dev/null 2>$place/said || cat $place/said >&2; sync; }; } 2>&1 )
            echo "$compressed $who: $took s; $(du -sk $place/$who.root | cut -f1) KiB, $(find $place/$who.root | wc -l) files"
        done
    done
done
umount $place/podman.root/overlay
rm -rf $place
