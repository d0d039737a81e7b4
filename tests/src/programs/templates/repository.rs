// SPDX-License-Identifier: MIT OR Apache-2.0

//! A directory of packages from which Debian can be installed without a network: those of the tree, packed
//! again.

use crate::services::page::bash;
use crate::services::tree::TREE;
use jaula_tests::ktap::{CaseResult, Context};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// What of a package's notes is not of the package.
const NOTED: [&str; 3] = ["Status", "Conffiles", "Config-Version"];

/// What it takes besides what every system has.
const ALSO: [&str; 1] = ["apt"];

type Fields = BTreeMap<String, String>;

/// Packs a package of the tree: its files, and what is done when it is installed.
const PACK: &str = r#"set -eu
tree=$1 name=$2 list=$3 to=$4
mkdir -p $to/$name/DEBIAN
# Documentation that is left out of the tree is named there all the same.
tar -C $tree --no-recursion -cf - -T $list 2> /dev/null | tar -C $to/$name -xpf -
for part in preinst postinst prerm postrm triggers conffiles templates config; do
    if [ -e ${list%list}$part ]; then cp ${list%list}$part $to/$name/DEBIAN/; fi
done
cp $to/$name.control $to/$name/DEBIAN/control
dpkg-deb -Znone --build $to/$name $to/$name.deb > /dev/null
rm -rf $to/$name
"#;

/// Makes it.
pub fn make(directory: &str) -> CaseResult {
    let status = format!("{TREE}/var/lib/dpkg/status");
    let packages = read(&fs::read_to_string(&status).context(&status)?);
    fs::create_dir_all(directory).context(directory)?;
    let script = format!("{directory}/pack");
    fs::write(&script, PACK).context(&script)?;
    let mut index = String::new();
    for name in needed(&packages) {
        let fields = &packages[&name];
        let control = written(fields);
        let file = format!("{directory}/{name}.control");
        fs::write(&file, &control).context(&file)?;
        let info = format!("{TREE}/var/lib/dpkg/info");
        let lists = [
            format!("{info}/{name}:amd64.list"),
            format!("{info}/{name}.list"),
        ];
        let list = lists.iter().find(|list| fs::exists(list).unwrap_or(false));
        let list = list.ok_or_else(|| jaula_tests::ktap::fail(format!("{name} has no list")))?;
        let relative = format!("{directory}/{name}.list");
        let parts = list.trim_end_matches("list");
        bash(&format!(
            "for part in preinst postinst prerm postrm triggers conffiles templates config; do
                 if [ -e {parts}$part ]; then cp {parts}$part {directory}/{name}.$part; fi
             done
             sed -n 's,^/\\([^.]\\),./\\1,p' {list} > {relative}
             bash {script} {TREE} {name} {relative} {directory}"
        ))?;
        let found = bash(&format!(
            "cd {directory} && stat -c %s {name}.deb && sha256sum {name}.deb | cut -d' ' -f1"
        ))?;
        let (size, digest) = found.split_once('\n').unwrap_or_default();
        let digest = digest.trim();
        index += &format!("{control}Filename: ./{name}.deb\nSize: {size}\nSHA256: {digest}\n\n");
    }
    let file = format!("{directory}/Packages");
    fs::write(&file, index).context(&file)?;
    bash(&format!(
        "cd {directory} && {{ date -u '+Date: %a, %d %b %Y %T UTC'; echo SHA256:; \
         echo \" $(sha256sum Packages | cut -d' ' -f1) $(stat -c %s Packages) Packages\"; }} > Release"
    ))?;
    Ok(())
}

/// The packages that are noted, by name.
fn read(status: &str) -> BTreeMap<String, Fields> {
    let mut packages = BTreeMap::new();
    for paragraph in status.split("\n\n") {
        let mut fields = Fields::new();
        let mut last = String::new();
        for line in paragraph.lines() {
            match line.split_once(':') {
                Some((name, value)) if !line.starts_with(' ') => {
                    last = name.to_owned();
                    fields.insert(last.clone(), value.trim_start().to_owned());
                }
                _ => {
                    if let Some(value) = fields.get_mut(&last) {
                        value.push('\n');
                        value.push_str(line);
                    }
                }
            }
        }
        if let Some(name) = fields.get("Package") {
            packages.insert(name.clone(), fields);
        }
    }
    packages
}

/// As it stands in a package.
fn written(fields: &Fields) -> String {
    let own = fields
        .iter()
        .filter(|(name, _)| !NOTED.contains(&name.as_str()));
    own.fold(String::new(), |text, (name, value)| {
        text + &format!("{name}: {value}\n")
    })
}

/// What every system has, with all that depends on.
fn needed(packages: &BTreeMap<String, Fields>) -> BTreeSet<String> {
    let has =
        |fields: &Fields, name: &str, value: &str| fields.get(name).is_some_and(|is| is == value);
    let mut left: Vec<String> = ALSO.map(str::to_owned).to_vec();
    let essential = packages
        .iter()
        .filter(|(_, fields)| has(fields, "Essential", "yes"));
    left.extend(essential.map(|(name, _)| name.clone()));
    let mut found = BTreeSet::new();
    while let Some(name) = left.pop() {
        let Some(fields) = packages.get(&name) else {
            continue;
        };
        if !found.insert(name) {
            continue;
        }
        for field in ["Depends", "Pre-Depends"] {
            let depends = fields.get(field).map(String::as_str).unwrap_or_default();
            for alternatives in depends.split(',') {
                let names = alternatives
                    .split('|')
                    .filter_map(|one| one.split([' ', '(', ':']).find(|word| !word.is_empty()));
                let provider = |name: &str| {
                    let provides = |fields: &&Fields| {
                        let all = fields
                            .get("Provides")
                            .map(String::as_str)
                            .unwrap_or_default();
                        all.split(',')
                            .any(|one| one.split_whitespace().next() == Some(name))
                    };
                    match packages.contains_key(name) {
                        true => Some(name.to_owned()),
                        false => packages
                            .values()
                            .find(provides)
                            .map(|fields| fields["Package"].clone()),
                    }
                };
                left.extend(names.filter_map(provider).next());
            }
        }
    }
    found
}
