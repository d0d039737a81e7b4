#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# How long a jail with a network takes to begin and end when others are there. On the Debian machine, which has nft:
#
#     cargo xtask exec --machine debian --timeout 1500 --copy tests/bench/networks.sh -- sh /opt/networks.sh
#
# and on the small one, which has not (NETWORKS=--internal). A line for each number of others: milliseconds of `jaula run
# ... true` without a network of its own, in the one in which all the others are, and in one of its own while each of
# the others is in another; the mean of ROUNDS.
set -u
ROUNDS=${ROUNDS:-10}
OTHERS=${OTHERS:-0 10 50 100}
ROOT=${ROOT:-/srv/bench/box}
NETWORKS=${NETWORKS:-}

mkdir -p "${ROOT%/*}"
chmod 700 "${ROOT%/*}"
[ -e "$ROOT" ] || jaula rootfs build -q -t minimal "$ROOT" || exit 1

now() {
    read -r up _ < /proc/uptime
    echo "${up%.*}${up#*.}"
}

# Milliseconds of a run with the options.
takes() {
    local begun=$(now) i=0
    while [ $i -lt "$ROUNDS" ]; do
        jaula run -q "$@" "$ROOT" -- true || exit 1
        i=$((i + 1))
    done
    echo $((($(now) - begun) * 10 / ROUNDS))
}

# One that goes on, called $1, in the network $2.
other() {
    jaula run -q -d -n "$1" --net "$2" "$ROOT" -- sleep 100000 > /dev/null || exit 1
}

for name in one own; do
    jaula net create $name $NETWORKS > /dev/null || exit 1
done
echo "| others | no network | in the same | each in its own |"
there=0
rows=
for others in $OTHERS; do
    while [ $there -lt "$others" ]; do
        there=$((there + 1))
        other "one$there" one
    done
    rows="$rows $others:$(takes --net none):$(takes --net one)"
done
jaula rm --all
there=0
for row in $rows; do
    others=${row%%:*}
    while [ $there -lt "$others" ]; do
        there=$((there + 1))
        jaula net create "n$there" $NETWORKS > /dev/null || exit 1
        other "own$there" "n$there"
    done
    echo "| $others | $(echo "${row#*:}" | sed 's/:/ | /') | $(takes --net own) |"
done
jaula rm --all
for name in $(jaula net ls | cut -f1); do
    jaula net rm "$name"
done
