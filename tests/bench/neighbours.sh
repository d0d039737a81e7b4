#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# How many of the good answers of a server in one jail are lost while another jail uses up what it can, with
# limits and without. On the small machine:
#
#     cargo xtask exec --timeout 900 --copy tests/bench/neighbours.sh -- sh /opt/neighbours.sh
#
# A client on the host asks as often as it gets answers, SECONDS long, each for a second at most. What counts is how
# many good ones came, beside those of the same time with an idle neighbour. A line for each: the neighbour, per cent
# lost without limits, and with them; "did not respond" is all of them.
set -u
SECONDS_EACH=${SECONDS_EACH:-10}
ROOT=${ROOT:-/srv/jail}
LIMITS="--memory 64m --memory-swap 64m --cpu-weight 10 --cpus 0.5 --max-tasks 50 --net-rate 10mbit"
HOST=10.201.0.1
SERVER=10.201.0.2
NEIGHBOUR=10.201.0.3

mkdir -p /srv/www
echo good > /srv/www/index.html
mkdir -p $ROOT/www
ip link set lo up
jaula net create lan --internal --subnet 10.201.0.0/24 > /dev/null

server() {
    jaula run -q -d -n server -u 0 --net lan,ip=$SERVER --bind /srv/www:/www:ro $ROOT -- busybox httpd -f -p 8080 -h /www > /dev/null
    local tries=0
    until wget -q -O - http://$SERVER:8080/ > /dev/null 2>&1; do
        sleep 0.2
        tries=$((tries + 1))
        [ $tries -lt 100 ] || { echo "the server does not answer" >&2; exit 1; }
    done
}

# Prints how many good answers come.
answers() {
    local good=0 end=$(($(cut -d. -f1 /proc/uptime) + SECONDS_EACH))
    while [ "$(cut -d. -f1 /proc/uptime)" -lt $end ]; do
        [ "$(timeout 1 wget -q -O - http://$SERVER:8080/ 2> /dev/null)" = good ] && good=$((good + 1))
    done
    echo $good
}

neighbour() {
    jaula run -q -d -n neighbour --net lan,ip=$NEIGHBOUR $1 --tmpfs /tmp:size=1G $ROOT -- sh -c "$2" > /dev/null
    sleep 2
}

# The good answers that are left beside a neighbour that does $2, with the options $1, and talks to $3 on the host.
beside() {
    server
    neighbour "$1" "$2"
    local other=
    [ -z "${3:-}" ] || { sh -c "$3" > /dev/null 2>&1 & other=$!; sleep 1; }
    answers
    jaula rm --all
    [ -z "$other" ] || { kill $other; busybox pkill -x nc; wait $other; } 2> /dev/null
}

# The first one finds nothing in the caches.
beside "" "sleep 1000" > /dev/null
idle=$(beside "" "sleep 1000")
echo "| an idle one | $idle answers | |"

row() {
    local free=$(beside "--max-tasks unlimited" "$2" "${3:-}") bound=$(beside "$LIMITS" "$2" "${3:-}")
    echo "| $1 | $(lost $free) | $(lost $bound) |"
}

lost() {
    [ "${1:-0}" = 0 ] && echo "did not respond" && return
    echo "$(((idle - $1) * 100 / idle)) %"
}

row "four that use the processor" "for i in 1 2 3; do while :; do :; done & done; while :; do :; done"
row "a fork bomb" 'f() { f | f & }; while :; do f; sleep 0.1; done'
row "memory: it takes all that it gets" "while :; do tail /dev/zero; done"
row "files in memory: the same" "while :; do dd if=/dev/zero of=/tmp/much bs=1M; rm /tmp/much; done"
row "many short programs" "while :; do for i in 1 2 3 4 5 6 7 8; do /bin/true & done; wait; done"
row "a network sender" "while :; do cat /dev/zero | nc $HOST 9; sleep 0.1; done" "while :; do sleep 1000 | nc -l -p 9 > /dev/null; done"
row "a network receiver" "while :; do nc -l -p 9 > /dev/null; done" "while :; do cat /dev/zero | nc $NEIGHBOUR 9; sleep 0.1; done"
again=$(beside "" "sleep 1000")
echo "| an idle one, once more | $(lost $again) | |"
