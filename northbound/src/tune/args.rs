//! The arguments of `asaas tune`.

use std::path::PathBuf;

use controller::amount::Amount;

use crate::backtest::{PaceArgs, number};

/// What `--help` says at its end.
const HELP: &str = "\
Settings are chosen on the first two thirds of the days and proved on the rest, which the choice has not seen. What is found is \
printed and never applied. Without `--trace` the tenant's own log of the last four weeks is taken from the service.";

/// The arguments of `tune`.
#[derive(Debug, Clone, clap::Args)]
#[command(after_help = HELP)]
pub struct TuneArgs {
    /// A file, or a tenant's name: `demo` stands for `tenants/demo.yml`.
    #[arg(value_name = "FILE|NAME")]
    pub file: String,
    /// The share of load that must meet enough capacity, such as `99%` [default: the policy's own goal, else 99%].
    #[arg(long, value_name = "SHARE", value_parser = share, allow_negative_numbers = true)]
    pub goal: Option<Amount>,
    /// The load: `t_seconds,load`, or a tenant's own log [default: the tenant's own log].
    #[arg(long, value_name = "CSV")]
    pub trace: Option<PathBuf>,
    /// What one instance carries, in the unit of the load [default: the policy's `capacity`; 0.8 of CPU or memory].
    #[arg(long, value_name = "LOAD", value_parser = number, allow_negative_numbers = true)]
    pub capacity: Option<f64>,
    /// How fast the simulated service is.
    #[command(flatten)]
    pub pace: PaceArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// From 50 % to less than all.
fn share(text: &str) -> Result<Amount, String> {
    let hint = "give the share of load that must meet enough capacity, such as `99%` or `0.99`";
    let percent: Option<f64> = text
        .strip_suffix('%')
        .and_then(|number| number.trim().parse().ok());
    let share = percent.map(|percent| percent / 100.0).or(text.parse().ok());
    match share {
        Some(share) if (0.5..1.0).contains(&share) => {
            Amount::measured(share).ok_or(hint.to_owned())
        }
        Some(share) if (1.0..=100.0).contains(&share) && percent.is_none() => Err(format!(
            "{hint}: `{share}%` was meant, perhaps, and all of it cannot be promised"
        )),
        Some(_) => Err(format!("{hint}; from 50% to less than 100%")),
        None => Err(hint.to_owned()),
    }
}
