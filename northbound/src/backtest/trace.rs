//! From samples to the load of each tick: a straight line from sample to sample, and silence where there are none.

use std::io::BufRead;

use jiff::{SignedDuration, Timestamp};

use super::samples::{self, Samples, SamplesError};
use crate::problem::counted;

/// The load of each tick.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// What arrived in each tick, with a straight line over gaps: what is scored.
    pub load: Vec<f64>,
    /// The same, and not a number where nothing was measured: what a policy sees.
    pub measured: Vec<f64>,
    /// When it began, where that is known.
    pub start: Option<Timestamp>,
    /// What a person should know of it.
    pub notes: Vec<String>,
    capacity_told: Option<String>,
}

impl Trace {
    /// What its comments say an instance carries: a hint for people, nothing that is computed with.
    pub fn capacity_told(&self) -> Option<&str> {
        self.capacity_told.as_deref()
    }
}

/// More ticks than this are not worked out.
const TICKS_LIMIT: usize = 10_000_000;
/// Where so many times the usual time between samples passes without one, nothing was measured.
const GAP: f64 = 3.0;
/// So many gaps are told one by one.
const GAPS_TOLD: usize = 3;
/// Half of the last tick's rounding error.
const HAIR: f64 = 1e-9;

/// Reads a trace. `file` is its name as people know it; it is only shown. Of a tenant's own `metrics.csv` it takes `metric`.
pub fn read(
    input: impl BufRead,
    file: &str,
    metric: Option<&str>,
    tick: SignedDuration,
) -> Result<Trace, SamplesError> {
    let samples = samples::read(input, file, metric)?;
    let tick = tick.as_secs_f64();
    let last = samples.points.last().map_or(0.0, |(t, _)| *t);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates, and more than the limit is refused"
    )]
    let ticks = ((last + HAIR) / tick).floor() as usize + 1;
    if ticks > TICKS_LIMIT {
        return Err(SamplesError::whole(
            file,
            format!("it is {last:.0} s long: more than {TICKS_LIMIT} ticks of {tick} s"),
            "give a longer `--tick`, or a piece of it",
        ));
    }
    if ticks < 2 {
        return Err(SamplesError::whole(
            file,
            format!("it is {last:.0} s long, and a tick is {tick} s: nothing is to be decided"),
            "give a longer trace, or a shorter `--tick`",
        ));
    }
    Ok(over_ticks(&samples, ticks, tick))
}

fn over_ticks(samples: &Samples, ticks: usize, tick: f64) -> Trace {
    let usual = usual_step(&samples.points);
    let longest = (GAP * usual).max(tick);
    let mut trace = Trace {
        load: Vec::with_capacity(ticks),
        measured: Vec::with_capacity(ticks),
        start: samples.start,
        notes: Vec::new(),
        capacity_told: fact(samples, "vm_capacity"),
    };
    let mut gaps: Vec<(f64, f64)> = Vec::new();
    let mut next = 0;
    for index in 0..ticks {
        #[expect(clippy::cast_precision_loss, reason = "ten million is exact in an f64")]
        let t = index as f64 * tick;
        while samples.points.get(next).is_some_and(|(at, _)| *at <= t) {
            next += 1;
        }
        let before = next.checked_sub(1).and_then(|at| samples.points.get(at));
        let after = samples.points.get(next);
        let (load, is_known) = match (before, after) {
            (Some((t0, y0)), Some((t1, y1))) => {
                let is_known = t1 - t0 <= longest || t <= *t0;
                if !is_known && gaps.last() != Some(&(*t0, *t1)) {
                    gaps.push((*t0, *t1));
                }
                (y0 + (y1 - y0) / (t1 - t0) * (t - t0), is_known)
            }
            (Some((_, y)), None) | (None, Some((_, y))) => (*y, true),
            (None, None) => (0.0, false),
        };
        trace.load.push(load);
        trace.measured.push(if is_known { load } else { f64::NAN });
    }
    trace.notes = notes(samples, &gaps, usual);
    trace
}

/// The usual time between samples: the median.
fn usual_step(points: &[(f64, f64)]) -> f64 {
    let mut steps: Vec<f64> = points
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].0)
        .collect();
    if steps.is_empty() {
        return 0.0;
    }
    let middle = steps.len() / 2;
    let (_, median, _) = steps.select_nth_unstable_by(middle, f64::total_cmp);
    *median
}

fn notes(samples: &Samples, gaps: &[(f64, f64)], usual: f64) -> Vec<String> {
    let mut notes: Vec<String> = gaps
        .iter()
        .take(GAPS_TOLD)
        .map(|(from, to)| {
            format!(
                "nothing was measured from second {from} to {to}, where a sample every {usual} s is usual: the policy sees nothing there, and a straight line is scored"
            )
        })
        .collect();
    if gaps.len() > GAPS_TOLD {
        let more = counted((gaps.len() - GAPS_TOLD) as u64, "more gap");
        notes.push(format!("and {more}"));
    }
    if let Some(metric) = fact(samples, "metric") {
        notes.push(format!(
            "the load is the log's `{metric}` of all instances together, so the capacity is what one of them carries of it"
        ));
    }
    notes
}

fn fact(samples: &Samples, key: &str) -> Option<String> {
    let fact = samples.facts.iter().find(|(name, _)| name == key);
    fact.map(|(_, value)| value.clone())
}
