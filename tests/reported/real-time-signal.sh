# SPDX-License-Identifier: MIT OR Apache-2.0
# A command that a real-time signal kills has the exit status 128 + N, and a detached jail the
# signal noted.
jaula -q /srv/jail -- sh -c 'kill -40 $$'; a=$?
n=$(jaula run -d /srv/jail -- sh -c 'sleep 1; kill -40 $$'); sleep 4
b=$(jaula inspect "$n" | tr -d ' \n' | sed -n 's/.*"ended":\({[^}]*}\|null\).*/\1/p')
jaula rm "$n" 2>/dev/null
echo "status=$a noted=$b"
