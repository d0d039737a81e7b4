# SPDX-License-Identifier: MIT OR Apache-2.0
# An ordinary user can open /dev/stdout and /dev/stderr: the log of a detached jail, and a pipe of
# the caller's.
n=$(jaula run -d /srv/jail -- sh -c 'echo one >/dev/stdout; echo two >/dev/stderr; echo three >>/proc/self/fd/1'); sleep 2
a=$(jaula logs "$n" 2>&1 | tr '\n' ' '); jaula rm "$n" 2>/dev/null
b=$(jaula -q /srv/jail -- sh -c 'echo four >/dev/stdout' 2>&1)
echo "[$a] [$b]"
