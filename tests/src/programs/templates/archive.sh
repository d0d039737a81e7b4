#!/bin/bash
# SPDX-License-Identifier: MIT OR Apache-2.0
# Makes a directory of packages from which mmdebstrap installs Debian without a network: those of a tree that are
# in every system, and apt, packed again.
#
#     archive.sh TREE DIRECTORY
set -euo pipefail
tree=$1 to=$2 suite=trixie
info=$tree/var/lib/dpkg/info
mkdir -p "$to"

# What every system has, with all that depends on. Of alternatives the first that is there counts.
needed() {
    dpkg-query --admindir="$tree/var/lib/dpkg" --show \
        --showformat='${Package}\t${Essential}\t${Priority}\t${Pre-Depends}, ${Depends}\t${Provides}\n' |
        awk -F '\t' '
            { depends[$1] = $4; count = split($5, all, /, */)
              for (i = 1; i <= count; i++) { split(all[i], word, " "); provider[word[1]] = $1 }
              if ($2 == "yes" || $3 == "required" || $1 == "apt") left[++last] = $1 }
            END {
                while (last > 0) {
                    name = left[last--]
                    if (name in found) continue
                    found[name]; print name
                    count = split(depends[name], all, /, */)
                    for (i = 1; i <= count; i++) {
                        others = split(all[i], either, / *\| */)
                        for (j = 1; j <= others; j++) {
                            split(either[j], word, /[ :(]/)
                            one = word[1] in depends ? word[1] : provider[word[1]]
                            if (one != "") { left[++last] = one; break }
                        }
                    }
                }
            }'
}

: > "$to/Packages"
for name in $(needed | sort); do
    list=$info/$name.list
    [ -e "$list" ] || list=$(echo "$info/$name":*.list)
    root=$to/$name
    mkdir -p "$root/DEBIAN"
    # What is left out of the tree, documentation, is on the list all the same.
    sed -n 's,^/\([^.]\),./\1,p' "$list" |
        (cd "$tree" && while read -r file; do if [ -e "$file" ] || [ -L "$file" ]; then echo "$file"; fi; done) |
        tar -C "$tree" --no-recursion -cf - -T - | tar -C "$root" -xpf -
    # A package without a file of its own disappears when another is unpacked.
    mkdir -p "$root/usr/share/doc/$name"
    echo "without documentation" > "$root/usr/share/doc/$name/README"
    for part in preinst postinst prerm postrm triggers conffiles templates config; do
        if [ -e "${list%list}$part" ]; then cp "${list%list}$part" "$root/DEBIAN/$part"; fi
    done
    dpkg-query --admindir="$tree/var/lib/dpkg" --status "$name" |
        awk '/^[^ ]/ { own = !/^(Status|Conffiles|Config-Version):/ } own' > "$root/DEBIAN/control"
    dpkg-deb -Znone --build "$root" "$to/$name.deb" > /dev/null
    { grep -v '^$' "$root/DEBIAN/control"
      echo "Filename: ./$name.deb"
      echo "Size: $(stat -c %s "$to/$name.deb")"
      echo "SHA256: $(sha256sum "$to/$name.deb" | cut -d' ' -f1)"
      echo; } >> "$to/Packages"
    rm -rf "$root"
done
{ echo "Suite: $suite"
  echo "Codename: $suite"
  date -u '+Date: %a, %d %b %Y %T UTC'
  echo 'SHA256:'
  echo " $(sha256sum "$to/Packages" | cut -d' ' -f1) $(stat -c %s "$to/Packages") Packages"; } > "$to/Release"
