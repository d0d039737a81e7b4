# SPDX-License-Identifier: MIT OR Apache-2.0
# What "jaula logs" shows on a terminal is what it writes to a file.
jaula run -d --name letters-on-a-terminal /srv/jail -- sh -c 'printf a; yes "$(printf "\303\251")" | head -n 50000 | tr -d "\n"; echo' >/dev/null; sleep 4
a=$(jaula logs letters-on-a-terminal | wc -c)
b=$(withpty jaula logs letters-on-a-terminal | tr -d '\r' | wc -c)
jaula rm letters-on-a-terminal
[ "$a" = "$b" ] && echo "same $a" || echo "file $a terminal $b"
