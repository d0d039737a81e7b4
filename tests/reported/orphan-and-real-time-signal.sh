# SPDX-License-Identifier: MIT OR Apache-2.0
# With --new-pid, an orphan that dies of a real-time signal is reaped, and nothing else happens.
o=$(jaula -q --new-pid /srv/jail -- sh -c '(sh -c "sleep 1; kill -40 \$\$" &); sleep 3; echo survived' 2>/dev/null); s=$?
echo "$o status=$s"
