//! `asaas backtest`: what a policy would have done with a load that is known.
//!
//! ```text
//! samples (t_seconds,load, or our own logs) ─► trace (a load for each tick) ─► controller::backtest ─► text, JSON, CSV, SVG
//! ```

mod args;
mod difference;
mod draw;
mod notes;
mod own_logs;
mod report;
mod samples;
mod trace;

pub(crate) use args::number;
pub use args::{BacktestArgs, PaceArgs};
pub use notes::notes;
pub use report::{Report, Run, World};
pub use samples::SamplesError;
pub use trace::{Trace, read};

use controller::backtest::{Curve, Options, demand};

/// Draws the load, and what it needed and had, as SVG.
///
/// # Errors
/// Where the picture cannot be made, in words.
pub fn chart(trace: &Trace, curve: &Curve, options: &Options) -> Result<String, String> {
    let shown = crate::chart::Supply {
        begins: options.start(),
        tick_s: options.tick().as_secs_f64(),
        load: &trace.load,
        demand: &demand(&trace.load, options.capacity()),
        in_service: &curve.supply,
    };
    crate::chart::supply(&shown).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests;
