# SPDX-License-Identifier: MIT OR Apache-2.0
# "jaula stop" asks everybody who is left in the jail before it ends them.
jaula run -d --keep --name stop-asks-everybody /srv/jail -- sh -c '(setsid sh -c "trap \"echo clean; exit 0\" TERM; while :; do sleep 1; done" &); exit 0' >/dev/null
sleep 2; jaula stop stop-asks-everybody; o=$(jaula logs stop-asks-everybody); jaula rm stop-asks-everybody
echo "[$o]"
