//! `world`: runs seeded worlds until enough has been simulated, and says what must not have happened.

#![expect(clippy::print_stderr, reason = "a command")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use world::fleet::{Orders, Sum, cores, examine, sail};
use world::{Options, hours, say};

/// Simulates tenants among faults, many hours in minutes, and judges what was done.
#[derive(Debug, Parser)]
struct Args {
    /// Run until so many hours of tenants have passed.
    #[arg(long, default_value_t = 100.0)]
    tenant_hours: f64,
    /// But for no longer than this: `90s`, `10m`.
    #[arg(long, default_value = "10m", value_parser = duration)]
    limit: Duration,
    /// Run this seed only, and show what happens in it.
    #[arg(long)]
    seed: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many worlds at once; as many as there are cores if it is not said.
    #[arg(long)]
    threads: Option<usize>,
    /// Let the recorded loads of this folder drive some tenants.
    #[arg(long)]
    traces: Option<PathBuf>,
    /// Print the sum as one JSON object.
    #[arg(long)]
    json: bool,
    /// Fail where a fault, a move or a recovery never occurred, or where it was less than asked for.
    #[arg(long)]
    strict: bool,
}

fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.len().saturating_sub(1));
    let number: u64 = number
        .parse()
        .map_err(|_| format!("`{text}` is no time; write 90s or 10m"))?;
    match unit {
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number * 60)),
        _ => Err(format!("`{text}` is no time; write 90s or 10m")),
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let options = Options {
        traces: args
            .traces
            .as_deref()
            .map(world::traces)
            .unwrap_or_default(),
        is_told: args.seed.is_some() && !args.json,
        ..Options::default()
    };
    let sum = match args.seed {
        Some(seed) => {
            let mut sum = Sum::default();
            sum.add(examine(seed, &options));
            sum
        }
        None => sail(
            &Orders {
                tenant_hours: args.tenant_hours,
                limit: args.limit,
                from: args.from,
                threads: args.threads.unwrap_or_else(cores),
                options,
            },
            |sum, passed| eprintln!("{:>4} s  {}", passed.as_secs(), line(sum)),
        ),
    };
    for (seed, violation) in &sum.violations {
        say(format_args!("make sim SEED={seed}   # {violation}"));
    }
    let missing = if args.strict {
        sum.missing()
    } else {
        Vec::new()
    };
    for what in &missing {
        say(format_args!("never occurred: {what}"));
    }
    say(if args.json { json(&sum) } else { line(&sum) });
    let is_short = args.strict && args.seed.is_none() && !is_enough(&sum, args.tenant_hours);
    if is_short {
        let seconds = args.limit.as_secs();
        say(format_args!("too little was simulated within {seconds} s"));
    }
    if sum.violations.is_empty() && missing.is_empty() && !is_short {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Ten faults and a launch for each hour of a tenant are the least that a run is worth.
fn is_enough(sum: &Sum, tenant_hours: f64) -> bool {
    let passed = hours(sum.tenant_time);
    #[expect(clippy::cast_precision_loss, reason = "compared with a round number")]
    let (faults, launches) = (sum.struck() as f64, sum.launches as f64);
    passed >= tenant_hours && faults >= tenant_hours * 10.0 && launches >= tenant_hours
}

fn line(sum: &Sum) -> String {
    format!(
        "{:.0} tenant-hours, {} faults, {} rules asked, {} launches, {} duplicates, {} leaks, {} seeds, {} violations",
        hours(sum.tenant_time),
        sum.struck(),
        sum.evaluated,
        sum.launches,
        sum.duplicates,
        sum.leaks,
        sum.seeds,
        sum.violations.len(),
    )
}

fn json(sum: &Sum) -> String {
    format!(
        "{{\"tenant_hours\":{:.1},\"faults\":{},\"evaluations\":{},\"launches\":{},\"duplicates\":{},\"leaks\":{},\
         \"connections\":{},\"refused\":{},\"seeds\":{},\"violations\":{}}}",
        hours(sum.tenant_time),
        sum.struck(),
        sum.evaluated,
        sum.launches,
        sum.duplicates,
        sum.leaks,
        sum.connections.0,
        sum.connections.1,
        sum.seeds,
        sum.violations.len(),
    )
}
