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

/// The first place that has the app in it: the one that was named, beside the program (`target/demo-root` for
/// `target/release/asaas`), or where packages put it.
pub fn root() -> Option<PathBuf> {
    let named = env::var_os(VARIABLE).map(PathBuf::from);
    let program = env::current_exe().ok();
    let beside = program.iter().flat_map(|program| {
        program
            .ancestors()
            .skip(1)
            .take(2)
            .map(|directory| directory.join(DIRECTORY))
    });
    named
        .into_iter()
        .chain(beside)
        .chain([PathBuf::from(INSTALLED)])
        .find(|root| root.join(APP).is_file())
}

/// The demo app, on this root.
pub(super) fn template(root: PathBuf) -> Template {
    Template::new(root, &["/bin/demo-app"])
}
