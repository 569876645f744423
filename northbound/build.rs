//! Collects every `crashpoint!` of the project into a list, so that none can be forgotten. Only with the feature `crashpoints`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const CRATES: [&str; 4] = ["controller", "southbound", "netsetup", "northbound"];
/// Where the macro is defined and told of.
const DEFINITION: &str = "controller/src/crash.rs";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_CRASHPOINTS").is_none() {
        return Ok(());
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut points: BTreeMap<String, String> = BTreeMap::new();
    for name in CRATES {
        let sources = root.join(name).join("src");
        println!("cargo::rerun-if-changed={}", sources.display());
        collect(&sources, &mut points)?;
    }
    let names: Vec<&str> = points.keys().map(String::as_str).collect();
    let list = format!(
        "/// Every point, in order of its name.\npub const POINTS: &[&str] = &{names:?};\n"
    );
    let out = env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?;
    fs::write(Path::new(&out).join("crashpoints.rs"), list)
}

/// Adds the points of every source below this folder, each with where it stands.
fn collect(folder: &Path, points: &mut BTreeMap<String, String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, points)?;
        } else if path.extension().is_some_and(|end| end == "rs") && !path.ends_with(DEFINITION) {
            let text = fs::read_to_string(&path)?;
            for after in text.split("crashpoint!(").skip(1) {
                let name = after.trim_start().strip_prefix('"');
                let name = name.and_then(|rest| Some(rest.split_once('"')?.0));
                let here = path.display().to_string();
                let Some(name) = name else {
                    return Err(io::Error::other(format!(
                        "{here}: a crash point needs a name"
                    )));
                };
                if let Some(there) = points.insert(name.to_owned(), here.clone()) {
                    return Err(io::Error::other(format!(
                        "the crash point `{name}` stands in {there} and in {here}; give each a name of its own"
                    )));
                }
            }
        }
    }
    Ok(())
}
