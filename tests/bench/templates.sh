#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# How long a root of each template takes, and how much room. On the Debian machine:
#
#     cargo xtask exec --machine debian --timeout 1500 --copy tests/bench/templates.sh \
#         --copy tests/src/programs/templates/archive.sh -- bash /opt/templates.sh
#
# The first build begins with nothing in the kernel's caches and jaula's; the second is made after it, elsewhere. Both
# end when all is on the disk. A line for each, as docs/measurements.md has them: the template, seconds of both builds
# by the clock, KiB of the tree by du, how many files, directories and links there are, and whether both are the same.
set -euo pipefail
tree=/srv/debian place=/srv/bench
TIMEFORMAT=%R
if ! [ -e $tree/usr/sbin/nginx ]; then
    mkdir -p $tree
    chmod 700 /srv
    mount --read-only /dev/disk/by-label/services $tree
fi
rm -rf $place /var/cache/jaula
mkdir -p $place
cd $place

timed() {
    { time { "$@" > said 2>&1 || cat said >&2; sync; }; } 2>&1
}

# A row: its name, and the arguments of a build.
row() {
    local name=$1 first second same
    shift
    sync
    echo 3 > /proc/sys/vm/drop_caches
    first=$(timed jaula rootfs build "$@" $place/one)
    local digest=$(sed -n 's/.*sha256:\([0-9a-f]*\).*/\1/p' said)
    second=$(timed jaula rootfs build "$@" $place/two)
    same=$(grep -q "sha256:$digest" said && echo same || echo other)
    echo "| $name | $first | $second | $(du -sk one | cut -f1) | $(find one | wc -l) | $same |"
    rm -rf one two
}

row minimal --template minimal
row bash --template bash
row "program (curl)" --template program --set program=curl
for name in python sqlite nginx postgres; do
    row $name --template $name --sysroot $tree
done

bash "$(dirname "$0")/archive.sh" $tree $place/archive
row debian --template debian --set mirror="deb [trusted=yes] copy:$place/archive ./"

# Debian's tree of the services, as an image of one layer.
tar -C $tree --one-file-system -c usr/lib usr/share etc | podman import -q - localhost/bench > /dev/null
skopeo copy -q containers-storage:localhost/bench oci:layout:x
podman rmi -f localhost/bench > /dev/null
row "image ($(du -sk layout | cut -f1) KiB stored)" --image oci:layout:x

sync
echo 3 > /proc/sys/vm/drop_caches
first=$(timed jaula --quiet --template host -- true)
second=$(timed jaula --quiet --template host -- true)
echo "| host, with its run | $first | $second | | | |"
cd /
rm -rf $place /var/cache/jaula
