# SPDX-License-Identifier: MIT OR Apache-2.0
# A log that an earlier boot has left is not taken for that of the last jail of a name.
jaula run -d --name earlier-boot /srv/jail -- echo OLD >/dev/null; sleep 2
f=$(grep -l '"earlier-boot"' /run/jaula/*/record.json); sed -i 's/"created": "[0-9]*\./"created": "9999999./' $f
jaula run -d --name earlier-boot /srv/jail -- echo NEW >/dev/null; sleep 2
o=$(jaula logs earlier-boot)
jaula rm earlier-boot; jaula rm earlier-boot
echo "$o"
