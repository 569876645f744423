//! Where the demo app's root file system is: built by `make demo-root`, or installed.

use std::env;
use std::path::PathBuf;

use southbound::local::Template;

/// Names another place; for a build that keeps its things elsewhere.
const VARIABLE: &str = "ASAAS_DEMO_ROOT";
/// Where a package puts it.
const INSTALLED: &str = "/usr/lib/asaas/demo-root";
const DIRECTORY: &str = "demo-root";
const APP: &str = "bin/demo-app";

/// The first place that has the app in it.
pub fn root() -> Option<PathBuf> {
    places().into_iter().find(|root| root.join(APP).is_file())
}

/// Where it is looked for, in this order: the place that was named, beside the program (`target/demo-root` for
/// `target/release/asaas`), where `make demo-root` puts it below the working directory, and where packages put it.
pub fn places() -> Vec<PathBuf> {
    let named = env::var_os(VARIABLE).map(PathBuf::from);
    let program = env::current_exe().ok();
    let beside = program.iter().flat_map(|program| {
        program
            .ancestors()
            .skip(1)
            .take(2)
            .map(|directory| directory.join(DIRECTORY))
    });
    let here = env::current_dir()
        .ok()
        .map(|here| here.join("target").join(DIRECTORY));
    let mut places: Vec<PathBuf> = Vec::new();
    let all = named.into_iter().chain(beside).chain(here);
    for place in all.chain([PathBuf::from(INSTALLED)]) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// The demo app, on this root.
pub(super) fn template(root: PathBuf) -> Template {
    Template::new(root, &["/bin/demo-app"])
}
