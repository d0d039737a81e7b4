# SPDX-License-Identifier: MIT OR Apache-2.0
# SIGUSR1 to jaula reaches the command.
jaula -q /srv/jail -- sh -c 'trap "echo got-usr1" USR1; for i in 1 2 3 4 5; do sleep 1; done' >/tmp/user-signal 2>&1 & p=$!
sleep 2; kill -USR1 $p; wait $p; s=$?
sleep 1; o=$(cat /tmp/user-signal); rm -f /tmp/user-signal
echo "$o status=$s"
