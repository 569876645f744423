//! What the demo needs from the project's directory, and where it leaves its files.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::{DemoArgs, DemoError, TENANT};

/// Where everything is, so that it does not depend on the directory of whoever reads it.
#[derive(Debug)]
pub(super) struct Paths {
    pub(super) root: PathBuf,
    pub(super) tenants: PathBuf,
    pub(super) out: PathBuf,
}

impl Paths {
    pub(super) fn new(args: &DemoArgs) -> Result<Self, DemoError> {
        let missing = |what: &Path, hint| DemoError::Missing {
            what: what.to_owned(),
            hint,
        };
        let absolute = |path: &Path, hint| path.canonicalize().map_err(|_| missing(path, hint));
        let root = absolute(
            &args.root,
            "make it with `make demo-root`, or name it with `--root`",
        )?;
        let hint = "run the demo in the project's directory, or name it with `--tenants`";
        let tenants = absolute(&args.tenants, hint)?;
        let file = tenants.join(format!("{TENANT}.yml"));
        if !file.exists() {
            return Err(missing(&file, hint));
        }
        let out = args.out.clone().unwrap_or_else(|| {
            let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
            Path::new("logs").join(format!("{TENANT}-{now}"))
        });
        // The log files of two demos in one folder would be one log of two tenants.
        let logs = out.join(TENANT);
        if logs.exists() {
            return Err(DemoError::Used { out: logs });
        }
        std::fs::create_dir_all(&out)
            .and_then(|()| out.canonicalize())
            .map(|out| Self { root, tenants, out })
            .map_err(|cause| DemoError::io("make the folder for the CSV files", cause))
    }

    pub(super) fn load(&self) -> PathBuf {
        self.out.join("load.csv")
    }

    pub(super) fn chart(&self) -> PathBuf {
        self.out.join("chart.svg")
    }
}
