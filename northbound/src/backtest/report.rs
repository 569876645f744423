//! What came of a backtest, for people and for programs.

use std::fmt::Write as _;

use controller::backtest::{Curve, Options, Score, Summary, demand, most_turns, score};
use serde::Serialize;

use super::trace::Trace;
use super::{difference, draw};
use crate::show;

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// In what world.
    pub world: World,
    /// The policy that was tried.
    #[serde(flatten)]
    pub run: Run,
    /// The one that it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Run>,
    /// What it would change, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub difference: Vec<String>,
    #[serde(skip)]
    drawing: String,
}

/// What was tried against.
#[derive(Debug, Clone, Serialize)]
pub struct World {
    /// The trace, as the person named it.
    pub trace: String,
    /// How many ticks it has.
    pub ticks: usize,
    /// How long it is.
    pub hours: f64,
    /// The load that one instance carries.
    pub capacity: f64,
    /// Seconds from the wish for an instance to its service.
    pub boot_s: f64,
    /// Seconds between decisions.
    pub tick_s: f64,
    /// The instances that the load needs, at least one: the fewest, on average, and the most.
    pub demand: (u32, f64, u32),
    /// What a person should know of the trace and the runs.
    pub notes: Vec<String>,
}

/// What came of one policy.
#[derive(Debug, Clone, Serialize)]
pub struct Run {
    /// Its file, as the person named it.
    pub file: String,
    /// What it costs and what it leaves short.
    #[serde(flatten)]
    pub score: Score,
    /// How often an hour the number decided turned from growing to shrinking or back, in the worst hour.
    pub turns_decided: u32,
    /// The most instances in service.
    pub most: u32,
    /// What the decisions were.
    pub decisions: Summary,
}

impl Run {
    /// What came of the policy of a file.
    pub fn new(file: &str, trace: &Trace, curve: &Curve, options: &Options) -> Self {
        Self {
            file: file.to_owned(),
            score: rounded(&score(&trace.load, &curve.supply, options)),
            turns_decided: most_turns(&curve.decided, options.tick()),
            most: curve.supply.iter().copied().max().unwrap_or(0),
            decisions: curve.summary.clone(),
        }
    }
}

impl World {
    /// The world of these options and this trace.
    pub fn new(name: &str, trace: &Trace, options: &Options) -> Self {
        let demand = demand(&trace.load, options.capacity());
        #[expect(clippy::cast_precision_loss, reason = "ten million is exact in an f64")]
        let ticks = demand.len().max(1) as f64;
        let sum: f64 = demand.iter().map(|needed| f64::from(*needed)).sum();
        Self {
            trace: name.to_owned(),
            ticks: demand.len(),
            hours: four(ticks * options.tick().as_secs_f64() / 3_600.0),
            capacity: options.capacity(),
            boot_s: options.boot().as_secs_f64(),
            tick_s: options.tick().as_secs_f64(),
            demand: (
                demand.iter().copied().min().unwrap_or(0),
                four(sum / ticks),
                demand.iter().copied().max().unwrap_or(0),
            ),
            notes: trace.notes.clone(),
        }
    }
}

impl Report {
    /// The report of one run, or of two side by side. `supply` is what the first has in service.
    pub fn new(
        world: World,
        trace: &Trace,
        options: &Options,
        (run, supply): (Run, &[u32]),
        against: Option<Run>,
    ) -> Self {
        let needed = demand(&trace.load, options.capacity());
        Self {
            drawing: draw::drawing(&needed, supply, options.tick()),
            difference: against
                .as_ref()
                .map(|against| difference::in_words(against, &run))
                .unwrap_or_default(),
            world,
            run,
            against,
        }
    }

    /// As people read it; the table and the drawing take eighty columns.
    pub fn text(&self) -> String {
        let Self {
            world,
            run,
            against,
            difference,
            drawing,
        } = self;
        let mut text = String::new();
        let long = show::length(jiff::SignedDuration::from_secs_f64(world.hours * 3_600.0));
        let (least, mean, most) = world.demand;
        let head = [
            format!(
                "{}: {long}, a load that needs {least} to {most} instances, {mean:.1} on average",
                world.trace
            ),
            format!(
                "one instance carries {} and serves after {} s; decided every {} s",
                world.capacity, world.boot_s, world.tick_s
            ),
        ];
        for line in head.iter().chain(&world.notes) {
            let _ = writeln!(text, "{line}");
        }
        let _ = writeln!(text, "\n{}", table(run, against.as_ref()));
        let _ = writeln!(text, "{drawing}");
        for line in difference {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}

/// A row: what it says, of a run.
type Row = (&'static str, fn(&Run) -> String);

const ROWS: [Row; 15] = [
    ("load that met too few (SLO miss)", |run| {
        percent(run.score.slo)
    }),
    ("load that gave up", |run| percent(run.score.lost)),
    ("cost over the oracle", |run| {
        format!("{:.4}", run.score.over)
    }),
    ("instance-hours billed", |run| {
        format!("{:.1}", run.score.billed_h)
    }),
    ("instance-hours in service", |run| {
        format!("{:.1}", run.score.vm_h)
    }),
    ("  the oracle's, billed", |run| {
        format!("{:.1}", run.score.oracle_h)
    }),
    ("most in service", |run| run.most.to_string()),
    ("changes an hour", |run| format!("{:.2}", run.score.adapt_h)),
    ("most turns in an hour", |run| {
        run.score.turns.max(run.turns_decided).to_string()
    }),
    ("too few: by how much (theta_u)", |run| {
        percent(run.score.theta_u)
    }),
    ("too many: by how much (theta_o)", |run| {
        percent(run.score.theta_o)
    }),
    ("too few: how long (tau_u)", |run| percent(run.score.tau_u)),
    ("too many: how long (tau_o)", |run| percent(run.score.tau_o)),
    ("instability (upsilon)", |run| percent(run.score.upsilon)),
    ("deviation from the ideal (sigma)", |run| {
        format!("{:.4}", run.score.sigma)
    }),
];

fn table(run: &Run, against: Option<&Run>) -> String {
    let runs: Vec<&Run> = against.into_iter().chain([run]).collect();
    let mut text = format!("{:<34}", "");
    for run in &runs {
        let _ = write!(text, "{:>21}", shortened(&run.file));
    }
    text.push('\n');
    for (name, of) in ROWS {
        let _ = write!(text, "{name:<34}");
        for run in &runs {
            let _ = write!(text, "{:>21}", of(run));
        }
        text.push('\n');
    }
    text
}

/// The end of a long name, which tells most.
fn shortened(file: &str) -> String {
    const LIMIT: usize = 20;
    let long = file.chars().count();
    if long <= LIMIT {
        return file.to_owned();
    }
    let end: String = file.chars().skip(long - LIMIT + 1).collect();
    format!("…{end}")
}

fn percent(share: f64) -> String {
    format!("{share:.4} %")
}

/// To four decimals, as the figures are printed.
fn rounded(score: &Score) -> Score {
    let Score {
        theta_u,
        theta_o,
        tau_u,
        tau_o,
        upsilon,
        sigma,
        slo,
        lost,
        vm_h,
        billed_h,
        oracle_h,
        demand_h,
        over,
        adapt_h,
        turns,
    } = *score;
    Score {
        theta_u: four(theta_u),
        theta_o: four(theta_o),
        tau_u: four(tau_u),
        tau_o: four(tau_o),
        upsilon: four(upsilon),
        sigma: four(sigma),
        slo: four(slo),
        lost: four(lost),
        vm_h: four(vm_h),
        billed_h: four(billed_h),
        oracle_h: four(oracle_h),
        demand_h: four(demand_h),
        over: four(over),
        adapt_h: four(adapt_h),
        turns,
    }
}

fn four(value: f64) -> f64 {
    format!("{value:.4}").parse().unwrap_or(value)
}
