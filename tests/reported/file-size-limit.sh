# SPDX-License-Identifier: MIT OR Apache-2.0
# A limit of file sizes is the command's and not jaula's, whose standard error is a larger file.
head -c 8192 /dev/zero >/tmp/file-size-limit
o=$(jaula --rlimit fsize=4096 /srv/jail -- echo hi 2>>/tmp/file-size-limit); s=$?
rm -f /tmp/file-size-limit
echo "status=$s $o"
