# SPDX-License-Identifier: MIT OR Apache-2.0
# Something of the host can be shown in the jail's /dev.
R=/srv/bind-into-dev; jaula rootfs build -q -t minimal $R; touch $R/dev/log; echo hello >/run/bind-into-dev
o=$(jaula -q --bind /run/bind-into-dev:/dev/log $R -- cat /dev/log 2>&1)
rm -rf $R /run/bind-into-dev
echo "$o"
