# SPDX-License-Identifier: MIT OR Apache-2.0
# A hook that leaves something in the background does not hold up "jaula up".
mkdir -p /srv/hook-in-the-background; cat >/srv/hook-in-the-background/jaula.toml <<'T'
[jail.hook-in-the-background]
root = "root"
template = "minimal"
command = ["sleep", "100"]
hooks = { after-start = "sleep 12 &" }
T
t=$(date +%s); jaula up /srv/hook-in-the-background/jaula.toml 2>&1 | cat >/dev/null; t=$(($(date +%s) - t))
jaula down -q /srv/hook-in-the-background/jaula.toml; jaula rm hook-in-the-background 2>/dev/null; rm -rf /srv/hook-in-the-background
[ $t -lt 10 ] && echo quick || echo "slow: $t s"
