# SPDX-License-Identifier: MIT OR Apache-2.0
# Arguments, values and the caller's own variables may be any bytes.
b=$(printf 'caf\351')
x=$(jaula -q /srv/jail -- sh -c 'printf %s "$1" | wc -c' sh "$b" 2>&1)
y=$(BAD="$b" jaula -q /srv/jail -- echo ok 2>&1)
z=$(jaula -q --setenv "N=$b" /srv/jail -- sh -c 'printf %s "$N" | wc -c' 2>&1 | head -n 1)
echo "$x $y $z"
