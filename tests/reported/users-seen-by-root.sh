# SPDX-License-Identifier: MIT OR Apache-2.0
# Root of the jail sees and signals what its other users run.
o=$(jaula -q --user root /srv/jail -- sh -c 'su user -c "exec sleep 30" & sleep 2
pidof sleep >/dev/null && echo seen || echo unseen; killall sleep && echo killed; kill $!' 2>/dev/null)
echo $o
