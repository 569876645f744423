//! The commands that list things.

use clap::Args;
use controller::id::CloudName;

/// The arguments of `tenants`.
#[derive(Debug, Clone, Args)]
pub struct TenantsArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `nodes`.
#[derive(Debug, Clone, Args)]
pub struct NodesArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// The arguments of `clouds`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "Ends with 1 where something is missing.")]
pub struct CloudsArgs {
    /// Only this one [default: all].
    pub cloud: Option<CloudName>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}
