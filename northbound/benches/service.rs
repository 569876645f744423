//! What the whole service does in time and space, measured on this machine: the real program, real clouds, clients on the edge.
//! Needs root and `make demo-root`.
//!
//! ```text
//! arrive   from the decision to a new instance's first answer      at most 1 s, of which 500 ms are not the runtime's
//!          from healthy to the first answer                        at most 100 ms
//! leave    100 drains under load                                   0 requests broken; a wrong order breaks some
//! rest     a tenant that nobody asks for anything, for 30 s        at most 40 MiB and 1 % of a core
//! restart  kill -9, until the API answers and the world is looked at
//! ```
//!
//! `cargo bench -p northbound --bench service -- arrive` runs one part. A figure that misses its bar is said so, and no more; it ends
//! with an error only where something could not be measured. Interrupted, it takes everything away before it ends.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for people at a terminal, which panics with what went wrong"
)]

#[path = "../tests/given/exec.rs"]
mod exec;
#[path = "../tests/local/host.rs"]
#[expect(dead_code, reason = "shared with the tests, which use all of it")]
mod host;
#[path = "../tests/local/remains.rs"]
mod remains;
#[path = "../tests/local/traffic.rs"]
#[expect(dead_code, reason = "shared with the tests, which use all of it")]
mod traffic;

#[path = "service/arrive.rs"]
mod arrive;
#[path = "service/interruption.rs"]
mod interruption;
#[path = "service/leave.rs"]
mod leave;
#[path = "service/rest.rs"]
mod rest;
#[path = "service/said.rs"]
mod said;

/// What every tenant here is asked at.
const URL: &str = "http://45.45.45.45/whoami";

/// Says what came out, and whether it is enough.
fn report(what: &str, figure: &str, bar: &str, is_met: bool) {
    let verdict = if is_met { "ok    " } else { "MISSED" };
    println!("{verdict} {what}: {figure} ({bar})");
}

/// Says a figure that nothing is asked of.
fn note(what: &str, figure: &str) {
    println!("       {what}: {figure}");
}

/// Milliseconds of several cases, in order of size.
#[derive(Debug)]
struct Spread(Vec<f64>);

impl Spread {
    fn of(cases: impl Iterator<Item = f64>) -> Self {
        let mut cases: Vec<f64> = cases.collect();
        assert!(!cases.is_empty(), "nothing was measured");
        cases.sort_by(f64::total_cmp);
        Self(cases)
    }

    /// The smallest case that so many percent are not above.
    fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100);
        self.0[rank.max(1) - 1]
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (p50, p99, max) = (
            self.percentile(50),
            self.percentile(99),
            self.percentile(100),
        );
        write!(
            f,
            "p50 {p50:.0} ms, p99 {p99:.0}, max {max:.0}, of {}",
            self.0.len()
        )
    }
}

fn main() {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let runs = |part: &str| wanted.is_empty() || wanted.iter().any(|name| name == part);
    interruption::watch();
    note("load average at the start", &said::load_average());
    if runs("arrive") {
        arrive::run();
    }
    if runs("leave") {
        leave::run();
    }
    if runs("rest") {
        rest::run();
    }
    if runs("restart") {
        rest::restart();
    }
    note("load average at the end", &said::load_average());
}
