# SPDX-License-Identifier: MIT OR Apache-2.0
# What follows ends when its reader has ended.
jaula run -d --name reader-has-gone /srv/jail -- sh -c 'echo line; sleep 100' >/dev/null; sleep 1
s=$(date +%s); timeout 15 sh -c 'jaula logs --follow reader-has-gone | head -n 1' >/dev/null; a=$(($(date +%s) - s))
s=$(date +%s); timeout 15 sh -c 'jaula stats --watch | head -n 1' >/dev/null; b=$(($(date +%s) - s))
for p in $(ps | awk '/[j]aula (stats --watch|logs --follow)/ { print $1 }'); do kill $p; done; jaula rm reader-has-gone
[ $a -lt 5 ] && a=quick || a="slow: $a s"; [ $b -lt 5 ] && b=quick || b="slow: $b s"
echo "logs $a, stats $b"
