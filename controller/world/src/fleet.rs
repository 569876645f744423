//! Many seeds, on all cores, within a time: what they add up to, and the first lines of what went wrong.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::coverage::Coverage;
use crate::fault::{Fault, KINDS};
use crate::oracle::{Rule, Violation};
use crate::run::{Options, Report, Without, hours, run};

/// Of so many seeds one is run twice, and has to give the same events.
const TWICE: u64 = 100;
/// Of so many seeds one is run with and without its other tenants, and one with and without clocks that jump.
const APART: u64 = 50;

/// What is to be run.
#[derive(Debug, Clone)]
pub struct Orders {
    /// Until so many hours of tenants have passed.
    pub tenant_hours: f64,
    /// But for no longer than this.
    pub limit: Duration,
    /// The first seed; the others follow.
    pub from: u64,
    /// How many at once.
    pub threads: usize,
    /// How each is run.
    pub options: Options,
}

/// What many worlds add up to.
#[derive(Debug, Clone)]
pub struct Sum {
    /// How many seeds.
    pub seeds: u64,
    /// Of tenants, in microseconds.
    pub tenant_time: u64,
    /// How often each kind of fault struck.
    pub faults: [u64; KINDS],
    /// How often a rule was asked.
    pub evaluated: u64,
    /// How many instances were made.
    pub launches: u64,
    /// How many intents made more than one.
    pub duplicates: u64,
    /// How many instances were left that nobody knew of.
    pub leaks: u64,
    /// How many connections were served, and how many found nobody.
    pub connections: (u64, u64),
    /// What must not have happened, by seed.
    pub violations: Vec<(u64, Violation)>,
    /// What has happened at all.
    pub coverage: Coverage,
}

impl Default for Sum {
    fn default() -> Self {
        Self {
            seeds: 0,
            tenant_time: 0,
            faults: [0; KINDS],
            evaluated: 0,
            launches: 0,
            duplicates: 0,
            leaks: 0,
            connections: (0, 0),
            violations: Vec::new(),
            coverage: Coverage::default(),
        }
    }
}

impl Sum {
    /// Takes in a world.
    pub fn add(&mut self, report: Report) {
        self.seeds += 1;
        self.tenant_time += report.tenant_time;
        for (sum, struck) in self.faults.iter_mut().zip(report.faults) {
            *sum += struck;
        }
        self.evaluated += report.evaluated;
        self.launches += report.launches;
        self.duplicates += report.duplicates;
        self.leaks += report.leaks;
        self.connections.0 += report.connections.0;
        self.connections.1 += report.connections.1;
        let found = report.violations.into_iter();
        self.violations
            .extend(found.take(1).map(|violation| (report.seed, violation)));
        self.coverage.add(&report.coverage);
    }

    /// How many faults struck.
    pub fn struck(&self) -> u64 {
        self.faults.iter().sum()
    }

    /// What never happened, and should have.
    pub fn missing(&self) -> Vec<String> {
        let silent = Fault::ALL
            .iter()
            .zip(self.faults)
            .filter(|(_, struck)| *struck == 0);
        let silent = silent.map(|(kind, _)| format!("fault {}", kind.name()));
        silent.chain(self.coverage.missing()).collect()
    }
}

/// Runs a seed, and again where it has to give the same.
pub fn examine(seed: u64, options: &Options) -> Report {
    let mut report = run(seed, options);
    let mut differ = |rule, what: &str, is_other: bool| {
        report.evaluated += 1;
        if is_other {
            let what = what.to_owned();
            report.violations.push(Violation { rule, at: 0, what });
        }
    };
    let with = |without| {
        run(
            seed,
            &Options {
                without,
                ..options.clone()
            },
        )
    };
    match seed % TWICE {
        0 => {
            let again = run(seed, options);
            differ(
                Rule::I18,
                "the same seed gave other events: chance or time leaks in",
                again.hash != report.hash,
            );
        }
        1 | APART => {
            let (both, alone) = (with(Without::Sharing), with(Without::Others));
            let is_other = both.first != alone.first;
            let is_whole = both.violations.is_empty() && alone.violations.is_empty();
            differ(
                Rule::I19,
                "the first tenant acts otherwise without the others",
                is_other && is_whole,
            );
        }
        2 | 51 => {
            let (jumping, even) = (with(Without::Restarts), with(Without::Jumps));
            let is_other = jumping.first != even.first;
            let is_whole = jumping.violations.is_empty() && even.violations.is_empty();
            // Load is foreseen at times of day, as the clocks of people have them.
            let is_timeless = !jumping.has_forecast && !even.has_forecast;
            differ(
                Rule::I18,
                "tenants act otherwise where wall clocks jump",
                is_other && is_whole && is_timeless,
            );
        }
        _ => {}
    }
    report
}

/// Runs seeds until there are enough; `on_progress` is called every second or two with what there is.
pub fn sail(orders: &Orders, on_progress: impl Fn(&Sum, Duration) + Sync) -> Sum {
    let began = Instant::now();
    let next = AtomicU64::new(orders.from);
    let sum = Mutex::new(Sum::default());
    let shown = Mutex::new(Instant::now());
    let is_enough = |sum: &Sum| hours(sum.tenant_time) >= orders.tenant_hours;
    std::thread::scope(|scope| {
        for _ in 0..orders.threads {
            scope.spawn(|| {
                while began.elapsed() < orders.limit {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let report = examine(seed, &orders.options);
                    let Ok(mut sum) = sum.lock() else { return };
                    sum.add(report);
                    if let Ok(mut last) = shown.lock()
                        && last.elapsed() > Duration::from_secs(1)
                    {
                        *last = Instant::now();
                        on_progress(&sum, began.elapsed());
                    }
                    if is_enough(&sum) || sum.violations.len() >= 20 {
                        return;
                    }
                }
            });
        }
    });
    let mut sum = sum
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    sum.violations.sort_by_key(|(seed, _)| *seed);
    sum
}

/// How many worlds run at once, where nobody says: as many as there are cores.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
