//! The arguments of `asaas backtest`.

use std::path::PathBuf;

use jiff::SignedDuration;

use crate::cli::Moment;

/// What `--help` says at its end.
const HELP: &str = "\
The trace is a header `t_seconds,load` and a line for each sample, or the tenant's own log: `asaas logs NAME --kind decisions`. The \
policy sees what it would have seen in service: the load of the tick before, and never anything later. \
No service and no configuration is needed; a file with `instances` and `policy` alone is enough.";

/// The arguments of `backtest`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = HELP)]
pub struct BacktestArgs {
    /// A file, or a tenant's name: `demo` stands for `tenants/demo.yml`.
    #[arg(value_name = "FILE|NAME")]
    pub file: String,
    /// The load: `t_seconds,load`, or a tenant's own log; `-` for standard input.
    #[arg(long, value_name = "CSV")]
    pub trace: PathBuf,
    /// What one instance carries, in the unit of the load, while its users are content.
    #[arg(long, value_name = "LOAD", value_parser = number, allow_negative_numbers = true)]
    pub capacity: Option<f64>,
    /// How fast the simulated service is.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// When the trace began, for windows: `2026-01-05T00:00:00Z` [default: what the trace says, else a Monday at midnight, UTC].
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub start: Option<Moment>,
    /// Write the instances in service here: `t_seconds,vms`, a line for each change.
    #[arg(long, value_name = "CSV")]
    pub supply: Option<PathBuf>,
    /// Draw demand and supply here, as SVG.
    #[arg(long, value_name = "SVG")]
    pub chart: Option<PathBuf>,
    /// Compare with another file: the one that is in force, say.
    #[arg(long, value_name = "FILE|NAME")]
    pub against: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// How fast the simulated service is.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct PaceArgs {
    /// From the wish for an instance to its service.
    #[arg(long, value_name = "DURATION", default_value = "120s", value_parser = duration, allow_hyphen_values = true)]
    pub boot: SignedDuration,
    /// From one decision to the next.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration, allow_hyphen_values = true)]
    pub tick: SignedDuration,
}

pub(crate) fn number(text: &str) -> Result<f64, String> {
    text.parse()
        .map_err(|_| "give a number, such as `250` or `0.8`".to_owned())
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    text.parse()
        .map_err(|_| "give a time with its unit, such as `90s` or `5m`".to_owned())
}
