# SPDX-License-Identifier: MIT OR Apache-2.0
# Where the launcher is killed, what it has started dies, whomever that has become.
jaula -q --user root --name killed-launcher /srv/jail -- su user -c 'exec sleep 91306' & p=$!
sleep 3; kill -9 $p; wait $p 2>/dev/null; sleep 1
if ps | grep -q '[s]leep 91306'; then r=alive; else r=dead; fi
jaula rm killed-launcher 2>/dev/null
echo $r
