# SPDX-License-Identifier: MIT OR Apache-2.0
# ROOT may be /.
o=$(jaula -q --user root / -- /bin/sh -c 'echo in' 2>&1); s=$?
echo "status=$s $o"
