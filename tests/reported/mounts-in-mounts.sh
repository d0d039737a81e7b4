# SPDX-License-Identifier: MIT OR Apache-2.0
# Binds and file systems in memory can lie in one another, and what one of them lacks is made.
R=/srv/mounts-in-mounts; jaula rootfs build -q -t minimal $R; mkdir -p $R/mnt/cache $R/tmp/.X11-unix /srv/mounts-in-mounts-shown/cache; echo sock >/srv/mounts-in-mounts-shown/X0
a=$(jaula -q --user root --bind /srv/mounts-in-mounts-shown:/mnt:ro --tmpfs /mnt/cache $R -- sh -c 'echo x >/mnt/cache/f && echo written' 2>&1)
b=$(jaula -q --tmpfs /tmp --bind /srv/mounts-in-mounts-shown:/tmp/.X11-unix $R -- cat /tmp/.X11-unix/X0 2>&1)
rm -rf $R /srv/mounts-in-mounts-shown
echo "[$a] [$b]"
