# SPDX-License-Identifier: MIT OR Apache-2.0
# Makes a package $2 of version $3 of what is installed of the package $1.
set -eu
package=$1 out=$2 version=$3
tree=$(mktemp -d /var/tmp/repack.XXXXXX)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree"

mkdir "$tree/DEBIAN"
dpkg-query --status "$package" |
    awk '/^[^ ]/ { skip = /^(Status|Conffiles|Config-Version):/ } !skip' |
    sed "s/^Version:.*/Version: $version/" >"$tree/DEBIAN/control"
for script in preinst postinst prerm postrm conffiles; do
    file=/var/lib/dpkg/info/$package.$script
    [ ! -e "$file" ] || cp "$file" "$tree/DEBIAN/$script"
done
# /lib is a directory in a package, and a link on the machine.
dpkg-query --listfiles "$package" | grep -v '^/\.$' | while read -r file; do
    if [ -d "$file" ]; then
        mkdir -p "$tree$file"
    else
        mkdir -p "$tree${file%/*}"
        cp -a "$file" "$tree$file"
    fi
done
dpkg-deb --root-owner-group -Znone --build "$tree" "$out" >/dev/null
