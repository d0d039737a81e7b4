# SPDX-License-Identifier: MIT OR Apache-2.0
# A passwd with 25,000 users is no obstacle.
R=/srv/large-passwd; jaula rootfs build -q -t minimal $R
awk 'BEGIN{for(i=2000;i<27000;i++)printf "u%d:x:%d:%d:Student Number %d:/home/u%d:/bin/sh\n",i,i,i,i,i}' >>$R/etc/passwd
a=$(jaula -q --user 0 $R -- id -u 2>&1); b=$(jaula -q --user u26999 $R -- id -u 2>&1)
rm -rf $R
echo "$a $b"
