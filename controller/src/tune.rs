//! Looks for settings of a policy that meet a goal at less cost, by trying them on a load that is known. Pure.
//!
//! What is found is chosen on the first part of the load and proved on the rest, which the choice has not seen: settings
//! that only fit the days on which they were chosen show there. One setting is changed at a time, to the best of a few values,
//! until none helps any more.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::backtest::{Options, Score, Simulation, score};
use crate::difference::differences;
use crate::policy::{Goal, PerDirection, Proactive, Response};
use crate::spec::TenantSpec;

/// More is never tried.
pub const TRIALS: u32 = 120;
/// So often every setting is looked at.
const ROUNDS: u32 = 3;
/// A cost has to be lower by this share to be better: less is chance.
const WORTH: f64 = 0.005;
/// Seconds.
const WINDOWS: [i64; 4] = [60, 120, 300, 600];
const BUFFERS: [i64; 4] = [0, 60, 120, 300];
const STABILIZATIONS: [i64; 5] = [0, 120, 300, 600, 1_200];
/// Of the threshold, in percent.
const THRESHOLDS: [u32; 6] = [60, 75, 90, 110, 125, 150];
/// Of the load that may miss capacity, in percent.
const BUDGETS: [u32; 4] = [40, 60, 80, 140];

/// What was looked for, and what was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Tuned {
    /// The best that was found; the policy as it was where nothing is better.
    pub spec: TenantSpec,
    /// What is different in it, in words.
    pub changes: Vec<String>,
    /// How many backtests were made.
    pub trials: u32,
    /// On the part that it was chosen on.
    pub chosen_on: Pair,
    /// On the part that was held out.
    pub held_out: Pair,
    /// What follows.
    pub verdict: Verdict,
}

/// The policy as it was, and as it was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// As it was.
    pub old: Score,
    /// As it was found.
    pub new: Score,
}

/// What follows from a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// What was found is better on the held-out part too.
    Better,
    /// Nothing that was tried is better.
    NothingBetter,
    /// What was better where it was chosen is not on the held-out part.
    NotProved,
}

/// What to tune.
#[derive(Debug, Clone, Copy)]
pub struct Task<'a> {
    /// The policy as it is.
    pub spec: &'a TenantSpec,
    /// The share of load that must meet enough capacity: 0.99.
    pub goal: Amount,
    /// What arrived in each tick.
    pub load: &'a [f64],
    /// The same, and not a number where nothing was measured.
    pub measured: &'a [f64],
    /// The world to try it in.
    pub options: &'a Options,
    /// From this tick on it is held out.
    pub split: usize,
}

/// Tunes. `tell` hears after each backtest how many there were.
pub fn tune(task: &Task<'_>, tell: &mut dyn FnMut(u32)) -> Tuned {
    let mut search = Search {
        task,
        trials: 0,
        tell,
    };
    let old = search.choose(task.spec);
    let (mut best, mut best_score) = (task.spec.clone(), old);
    for _ in 0..ROUNDS {
        let before = best.clone();
        for setting in Setting::ALL {
            for candidate in setting.others(&best, task) {
                if search.trials >= TRIALS {
                    break;
                }
                let score = search.choose(&candidate);
                if search.is_better(&score, &best_score) {
                    (best, best_score) = (candidate, score);
                }
            }
        }
        if best == before {
            break;
        }
    }
    let held_out = Pair {
        old: search.prove(task.spec),
        new: search.prove(&best),
    };
    let verdict = if best == *task.spec {
        Verdict::NothingBetter
    } else if search.is_better(&held_out.new, &held_out.old) {
        Verdict::Better
    } else {
        Verdict::NotProved
    };
    Tuned {
        changes: differences(task.spec, &best),
        trials: search.trials,
        chosen_on: Pair {
            old,
            new: best_score,
        },
        held_out,
        verdict,
        spec: best,
    }
}

struct Search<'a> {
    task: &'a Task<'a>,
    trials: u32,
    tell: &'a mut dyn FnMut(u32),
}

impl Search<'_> {
    /// The score of a policy on the part to choose on.
    fn choose(&mut self, spec: &TenantSpec) -> Score {
        let split = self.task.split;
        let supply = self.supply(spec, split);
        score(&self.task.load[..split], &supply, self.task.options)
    }

    /// The score of a policy on the held-out part, with what it has learned before.
    fn prove(&mut self, spec: &TenantSpec) -> Score {
        let split = self.task.split;
        let supply = self.supply(spec, self.task.load.len());
        score(
            &self.task.load[split..],
            &supply[split..],
            self.task.options,
        )
    }

    fn supply(&mut self, spec: &TenantSpec, until: usize) -> Vec<u32> {
        let mut simulation = Simulation::new(spec, &self.task.measured[..until], self.task.options);
        while simulation.step() {}
        self.trials += 1;
        (self.tell)(self.trials);
        simulation.into_curve().supply
    }

    /// Whether the goal is met where it was not, or at less cost; or where neither meets it, missed by less.
    fn is_better(&self, new: &Score, old: &Score) -> bool {
        let budget = 100.0 * (1.0 - self.task.goal.as_f64());
        match (new.slo <= budget, old.slo <= budget) {
            (true, false) => true,
            (false, true) => false,
            (true, true) => new.billed_h < old.billed_h * (1.0 - WORTH),
            (false, false) => new.slo < old.slo * (1.0 - WORTH),
        }
    }
}

/// What may be changed.
#[derive(Debug, Clone, Copy)]
enum Setting {
    /// A goal instead of a threshold.
    ToGoal,
    Threshold,
    Goal,
    Window,
    Buffer,
    Stabilization,
    Min,
}

impl Setting {
    const ALL: [Self; 7] = [
        Self::ToGoal,
        Self::Threshold,
        Self::Goal,
        Self::Window,
        Self::Buffer,
        Self::Stabilization,
        Self::Min,
    ];

    /// The same policy with other values of this setting.
    fn others(self, spec: &TenantSpec, task: &Task<'_>) -> Vec<TenantSpec> {
        let all: Vec<Option<TenantSpec>> = match self {
            Self::ToGoal => vec![to_goal(spec, task)],
            Self::Threshold => THRESHOLDS.map(|share| threshold(spec, share)).into(),
            Self::Goal => BUDGETS.map(|share| goal(spec, task.goal, share)).into(),
            Self::Window => WINDOWS.map(|window| within(spec, window)).into(),
            Self::Buffer => BUFFERS
                .map(|buffer| {
                    let mut spec = spec.clone();
                    spec.policy.buffer = PerDirection::both(SignedDuration::from_secs(buffer));
                    Some(spec)
                })
                .into(),
            Self::Stabilization => STABILIZATIONS
                .map(|span| {
                    let mut spec = spec.clone();
                    spec.policy.stabilization.scale_in = SignedDuration::from_secs(span);
                    Some(spec)
                })
                .into(),
            Self::Min => mins(spec),
        };
        all.into_iter()
            .flatten()
            .filter(|other| other != spec)
            .collect()
    }
}

/// Follows the load by a goal, where it followed a threshold.
fn to_goal(spec: &TenantSpec, task: &Task<'_>) -> Option<TenantSpec> {
    let mut spec = spec.clone();
    let [signal] = &mut spec.policy.signals[..] else {
        return None;
    };
    let Response::Target(_) = &signal.response else {
        return None;
    };
    let metric = &signal.monitor.metric;
    let capacity = Amount::measured(task.options.capacity())?;
    signal.response = Response::Goal(Goal {
        goal: task.goal,
        capacity: (!metric.is_share()).then_some(capacity),
        reactive: true,
        proactive: Proactive::On,
    });
    spec.policy.buffer = PerDirection::both(SignedDuration::ZERO);
    Some(spec)
}

fn threshold(spec: &TenantSpec, percent: u32) -> Option<TenantSpec> {
    let mut spec = spec.clone();
    let signal = spec.policy.signals.first_mut()?;
    let Response::Target(target) = &mut signal.response else {
        return None;
    };
    target.threshold = rounded(target.threshold.times(percent).over(100));
    let is_possible = !signal.monitor.metric.is_share() || target.threshold < Amount::ONE;
    (is_possible && target.threshold > Amount::ZERO).then_some(spec)
}

/// To three decimals: what a person would write.
fn rounded(amount: Amount) -> Amount {
    Amount::from_millionths((amount.millionths() + 500) / 1_000 * 1_000)
}

/// The goal that leaves so many percent of what the tenant's goal allows to miss.
fn goal(spec: &TenantSpec, asked: Amount, percent: u32) -> Option<TenantSpec> {
    let mut spec = spec.clone();
    let Response::Goal(goal) = &mut spec.policy.signals.first_mut()?.response else {
        return None;
    };
    let missed = (Amount::ONE - asked).times(percent).over(100);
    goal.goal = Amount::ONE - missed;
    Some(spec)
}

fn within(spec: &TenantSpec, seconds: i64) -> Option<TenantSpec> {
    let mut spec = spec.clone();
    let signal = spec.policy.signals.first_mut()?;
    let has_window = !matches!(signal.response, Response::Goal(_));
    signal.monitor.window = SignedDuration::from_secs(seconds);
    has_window.then_some(spec)
}

fn mins(spec: &TenantSpec) -> Vec<Option<TenantSpec>> {
    let min = spec.instances.min;
    [
        min / 2,
        min.saturating_sub(1),
        min + 1,
        min.saturating_mul(2),
    ]
    .into_iter()
    .filter(|other| (1..=spec.instances.max).contains(other))
    .map(|min| {
        let mut spec = spec.clone();
        spec.instances.min = min;
        Some(spec)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    /// Days with an evening peak of twice the load of the night; `wild` adds a sudden peak each morning.
    fn days(count: usize, high: f64) -> Vec<f64> {
        (0..count * 1_440)
            .map(|minute| {
                let is_evening = (minute % 1_440) / 60 >= 17;
                if is_evening { high } else { 1.0 }
            })
            .collect()
    }

    fn tuned(spec: &TenantSpec, load: &[f64]) -> Tuned {
        let seconds = SignedDuration::from_secs;
        let start = "2026-01-05T00:00:00Z".parse().unwrap();
        let options = Options::new(1.0, seconds(120), seconds(60), start).unwrap();
        let task = Task {
            spec,
            goal: Amount::from_millionths(990_000),
            load,
            measured: load,
            options: &options,
            split: load.len() / 2,
        };
        tune(&task, &mut |_| {})
    }

    fn wasteful() -> TenantSpec {
        let mut spec = example::spec();
        (spec.instances.min, spec.instances.max) = (6, 20);
        example::target(&mut spec).1.threshold = Amount::from_millionths(300_000);
        spec
    }

    #[test]
    fn a_wasteful_policy_is_tuned_and_the_proof_is_of_days_that_were_not_seen() {
        let tuned = tuned(&wasteful(), &days(4, 2.5));

        assert_eq!(tuned.verdict, Verdict::Better, "{tuned:?}");
        assert!(tuned.held_out.new.billed_h < tuned.held_out.old.billed_h);
        assert!(tuned.held_out.new.slo <= 1.0);
        assert!(tuned.trials <= TRIALS + 3);
        assert!(!tuned.changes.is_empty());
    }

    #[test]
    fn what_only_fits_the_days_it_was_chosen_on_is_not_proposed() {
        // Quiet days, and then nothing like them: a peak of ten every other minute of the hour.
        let mut load = days(2, 1.0);
        load.extend((0..2 * 1_440).map(|minute| if minute % 20 < 4 { 12.0 } else { 1.0 }));
        let mut spec = wasteful();
        spec.instances.min = 15;

        let tuned = tuned(&spec, &load);

        assert_eq!(tuned.verdict, Verdict::NotProved, "{tuned:?}");
    }

    #[test]
    fn equal_questions_get_equal_answers() {
        let load = days(2, 2.0);
        assert_eq!(tuned(&wasteful(), &load), tuned(&wasteful(), &load));
    }
}
