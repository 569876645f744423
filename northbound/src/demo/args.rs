//! The arguments of `asaas demo`.

use std::path::PathBuf;

/// What `--help` says at its end.
const HELP: &str = "\
Starts a service of its own with two local clouds, applies `tenants/demo.yml`, sends load from a client's namespace so that the tenant \
goes from two instances to five and back, kills an instance on the way, and removes everything again. Needs root. Nothing of it can \
be reached from outside of this machine, and nothing outside is sent to.

Exit code: 0 when every promise was kept, 1 when one was broken, 130 when it was interrupted.";

/// Shows one tenant scaling for real on this machine, and checks what it promises.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = HELP)]
pub struct DemoArgs {
    /// The same in less than 90 seconds.
    #[arg(long)]
    pub short: bool,

    /// The instances' root file system, as `make demo-root` makes it.
    #[arg(long, default_value = "target/demo-root", value_name = "DIR")]
    pub root: PathBuf,

    /// Where `demo.yml` is.
    #[arg(long, default_value = "tenants", value_name = "DIR")]
    pub tenants: PathBuf,

    /// Where the CSV files and the chart go; a new folder in `logs` where this is not given.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Show nothing: remove what a demo that was killed has left behind.
    #[arg(long, conflicts_with_all = ["short", "out"])]
    pub cleanup: bool,
}
