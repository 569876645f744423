//! What the data plane costs, measured on this machine, each comparison within one run. Needs root and haproxy; ends with 1
//! where a bar is missed.
//!
//! ```text
//! rules   one tenant's rule change with 100 tenants on the host   at most 25 ms (median)
//! path    new connections per second through two DNAT levels      at least 0.85 of the same path without DNAT
//!                                                                  at least 1.4 of HAProxy in TCP mode in transit
//!         with 200 backends                                       at least 0.9 of the figure with 5
//! drain   100 times rule out, flows gone, instance gone, under load    0 connections broken; a wrong order breaks some
//! ```
//!
//! `cargo bench -p netsetup -- path` runs one part.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people at a terminal, which panics with what went wrong"
)]

#[path = "../tests/kernel/exec.rs"]
mod exec;
#[path = "../tests/kernel/load.rs"]
mod load;
#[path = "../tests/kernel/traffic.rs"]
#[expect(dead_code, reason = "shared with the tests, which use all of it")]
mod traffic;
#[path = "../tests/kernel/world.rs"]
#[expect(dead_code, reason = "shared with the tests, which use all of it")]
mod world;

#[path = "dataplane/exec.rs"]
mod background;
#[path = "dataplane/drain.rs"]
mod drain;
#[path = "dataplane/path.rs"]
mod path;
#[path = "dataplane/rules.rs"]
mod rules;

use std::process::ExitCode;

/// What is asked of a figure.
#[derive(Debug, Clone, Copy)]
enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

/// Says what came out, and whether it is enough.
fn report(what: &str, figure: f64, unit: &str, bar: Bar) -> bool {
    let (is_met, asked) = match bar {
        Bar::AtLeast(least) => (figure >= least, format!("at least {least}")),
        Bar::AtMost(most) => (figure <= most, format!("at most {most}")),
    };
    let verdict = if is_met { "ok    " } else { "MISSED" };
    println!("{verdict} {what}: {figure:.2}{unit} ({asked})");
    is_met
}

/// The middle of some figures.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let runs = |part: &str| wanted.is_empty() || wanted.iter().any(|name| name == part);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut is_met = true;
    if runs("rules") {
        is_met &= runtime.block_on(rules::run());
    }
    if runs("path") {
        is_met &= runtime.block_on(path::run());
    }
    if runs("drain") {
        is_met &= runtime.block_on(drain::run());
    }
    if is_met {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
