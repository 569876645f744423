//! The arguments of `asaas chart`.

use std::path::PathBuf;
use std::time::Duration;

use controller::id::TenantName;
use jiff::SignedDuration;

use crate::cli::Moment;

/// What `--help` says at its end.
const HELP: &str = "\
One SVG is made from the CSV files alone: the load, the response time, the instances by cloud with the number that was wanted, every \
action, and the metric that decides with its threshold, all over the same time.";

/// Draws what has happened to a tenant, from its CSV files alone.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = HELP)]
pub struct ChartArgs {
    /// Whose.
    pub tenant: TenantName,

    /// Where the log files are, in one folder per tenant [default: `logs` in the configuration].
    #[arg(long, value_name = "DIR")]
    pub logs: Option<PathBuf>,

    /// What `asaas load --csv` has written; without it there is no response time, and the load is what the load balancer has counted.
    #[arg(long, value_name = "FILE")]
    pub load: Option<PathBuf>,

    /// Where the chart goes, `-` for standard output; `chart.svg` in the tenant's folder where this is not given.
    #[arg(short, long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Begin here: `2026-01-15T08:00:00Z`, `08:00` (today, UTC), or how long ago: `1h30m`.
    #[arg(
        long,
        value_name = "TIME",
        conflicts_with = "last",
        allow_hyphen_values = true
    )]
    pub since: Option<Moment>,

    /// End here.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub until: Option<Moment>,

    /// Draw so much up to the end, such as `2h`; an hour where neither this nor `--since` nor `--load` says more.
    #[arg(long, value_name = "DURATION", value_parser = some_time, allow_hyphen_values = true)]
    pub last: Option<SignedDuration>,

    /// Also check that the response time settles near this during high load, ends below it, and falls at low load; exit with 1 where it
    /// does not.
    #[arg(long, value_name = "DURATION", value_parser = milliseconds)]
    pub response_target: Option<Duration>,
}

fn some_time(text: &str) -> Result<SignedDuration, String> {
    text.parse()
        .ok()
        .filter(SignedDuration::is_positive)
        .ok_or_else(|| {
            format!(
                "a chart shows some time, such as `10m` or `2h`, and more than none; found `{text}`"
            )
        })
}

fn milliseconds(text: &str) -> Result<Duration, String> {
    let problem = || format!("a target is a duration such as `200ms`, found `{text}`");
    let target: SignedDuration = text.parse().map_err(|_| problem())?;
    Duration::try_from(target)
        .ok()
        .filter(|target| !target.is_zero())
        .ok_or_else(problem)
}
