//! `bugs`: whether the seeded world finds every bug of `controller::seeded`, and nothing where none is on.

#![expect(clippy::print_stderr, reason = "a command")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use controller::seeded::Bug;
use world::bugs::{Hunt, Trail};
use world::{Options, fleet, say};

/// Switches the seeded bugs on, one after the other, and runs worlds until one is found.
#[derive(Debug, Parser)]
struct Args {
    /// Only these: `F4`.
    #[arg(long, value_parser = bug)]
    bug: Vec<Bug>,
    /// Look for each no longer than so many seconds.
    #[arg(long, default_value_t = 120)]
    limit: u64,
    /// How many at once; as many as there are cores if it is not said.
    #[arg(long)]
    threads: Option<usize>,
    /// Run this seed only, with the one bug that is named, and show what happens in it.
    #[arg(long, requires = "bug")]
    seed: Option<u64>,
    /// Write the table into this file.
    #[arg(long)]
    write: Option<PathBuf>,
}

fn bug(text: &str) -> Result<Bug, String> {
    let known = || Bug::ALL.iter().map(|bug| bug.story());
    let found = Bug::ALL.iter().copied().find(|bug| bug.story() == text);
    found.ok_or_else(|| format!("it is none of {}", known().collect::<Vec<_>>().join(", ")))
}

fn main() -> ExitCode {
    let args = Args::parse();
    if let (Some(seed), Some(bug)) = (args.seed, args.bug.first()) {
        return show(*bug, seed);
    }
    let hunt = Hunt {
        limit: Duration::from_secs(args.limit),
        threads: args.threads.unwrap_or_else(fleet::cores),
        options: Options::default(),
    };
    let bugs = if args.bug.is_empty() {
        Bug::ALL
    } else {
        &args.bug
    };
    let caught = hunt.run(bugs, |trail| eprintln!("{}", line(trail)));

    for (seed, breach) in caught.unclean() {
        eprintln!(
            "with no bug on, seed {seed} breaks {}: {}",
            breach.rule, breach.what
        );
    }
    say(caught.table());
    if let Some(file) = &args.write
        && let Err(error) = std::fs::write(file, page(&caught.table()))
    {
        eprintln!("{} could not be written: {error}", file.display());
        return ExitCode::FAILURE;
    }
    let missed: Vec<&str> = caught.missed().into_iter().map(Bug::story).collect();
    if !missed.is_empty() {
        eprintln!("not found: {}", missed.join(", "));
    }
    if missed.is_empty() && caught.unclean().is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn line(trail: &Trail) -> String {
    let Trail {
        bug,
        seeds,
        took,
        found,
    } = trail;
    let told = match found {
        Some((seed, breach)) => format!("seed {seed}: {}: {}", breach.rule, breach.what),
        None => "not found".to_owned(),
    };
    format!(
        "{:5} {:>4} seeds {:>5.1} s  {told}",
        bug.story(),
        seeds,
        took.as_secs_f64()
    )
}

/// One world with a bug, event by event.
fn show(bug: Bug, seed: u64) -> ExitCode {
    let options = Options {
        is_told: true,
        ..Options::default()
    };
    let report = controller::seeded::with(Some(bug), || world::run(seed, &options));
    for violation in &report.violations {
        say(violation);
    }
    ExitCode::SUCCESS
}

/// What is kept of a run.
fn page(text: &str) -> String {
    format!(
        "# The test of the test\n\n\
         Mistakes of others, each switched on by itself in the shipped core (`controller/src/seeded.rs`), and how many seeds of\n\
         the world it takes until a rule is broken. Made by `make sim-bugs WRITE=1` on {}, with {} cores.\n\n{text}",
        jiff::Timestamp::now().strftime("%Y-%m-%d"),
        fleet::cores(),
    )
}
