# SPDX-License-Identifier: MIT OR Apache-2.0
# A user has the groups that /etc/group gives it.
R=/srv/groups-of-a-user; jaula rootfs build -q -t minimal $R; echo 'alice:x:1001:1001::/:/bin/sh' >>$R/etc/passwd
printf 'alice:x:1001:\nvideo:x:44:bob,alice\ndialout:x:20:alice\n' >>$R/etc/group
o=$(jaula -q --user alice $R -- id -G 2>&1 | tr ' ' '\n' | sort -n | tr '\n' ' ')
rm -rf $R
echo "$o"
