use std::collections::BTreeMap;

use super::*;
use crate::amount::Amount;
use crate::decision::Reading;
use crate::example;
use crate::load::{Metric, Sample};
use crate::policy::{Adjustment, Aggregation, Change, Formula, Monitor, PerDirection, Rounding};

mod brakes;
mod measured;
mod properties;
mod response_time;
mod signals;
mod steps;
mod trend;

/// A tenant that decides tick after tick, and remembers.
struct Scene {
    spec: TenantSpec,
    history: History,
    orders: Orders,
    now: Now,
    /// Why fewer must not be wanted at the next tick.
    hold: Option<String>,
}

impl Scene {
    /// So many instances in force, of at most a thousand, without any brake.
    fn new(running: u32) -> Self {
        let mut spec = example::spec();
        (spec.instances.min, spec.instances.max) = (1, 1_000);
        let policy = &mut spec.policy;
        policy.buffer = PerDirection::both(SignedDuration::ZERO);
        policy.stabilization = PerDirection::both(SignedDuration::ZERO);
        policy.max_step = PerDirection::both(Some(1_000));
        let mut history = History::new(seconds(1));
        history.in_force = Some(running);
        Self {
            spec,
            history,
            orders: Orders::default(),
            now: example::now(),
            hold: None,
        }
    }

    /// The same with this signal alone.
    fn with(running: u32, signal: Signal) -> Self {
        let mut scene = Self::new(running);
        scene.spec.policy.signals = vec![signal];
        scene
    }

    /// So much later the history hears these readings, and a decision is taken.
    fn tick(&mut self, after: i64, readings: Readings) -> Decision {
        self.now = self.now.after(seconds(after));
        self.history.read(&self.spec.policy, &readings, self.now);
        let decision = decide(&self.question(readings));
        self.history.remember(&decision, self.now.steady);
        decision
    }

    /// The same of one metric, of which each instance in force gave this much.
    fn tick_at(&mut self, after: i64, metric: &Metric, each: Amount) -> Decision {
        let running = self.history.in_force.unwrap();
        self.tick(after, example::readings(metric.clone(), each, running))
    }

    fn question(&self, readings: Readings) -> Question<'_> {
        Question {
            spec: &self.spec,
            orders: &self.orders,
            current: self.history.in_force.unwrap(),
            hold: self.hold.clone(),
            young: 0,
            affordable: None,
            readings,
            history: &self.history,
            now: self.now,
        }
    }
}

fn seconds(seconds: i64) -> SignedDuration {
    SignedDuration::from_secs(seconds)
}

fn percent_of(percent: u64) -> Amount {
    Amount::from_millionths(percent * 10_000)
}

fn monitor(metric: Metric, aggregation: Aggregation, window: i64) -> Monitor {
    Monitor {
        metric,
        aggregation,
        window: seconds(window),
    }
}

/// What these instances gave of one metric.
fn reading(values: &[f64]) -> Reading {
    let mut reading = Reading::default();
    for value in values {
        reading.expected += 1;
        reading.add(Amount::measured(*value).unwrap());
    }
    reading
}

/// A tick at which so many instances gave nothing.
fn silent(expected: u32) -> Reading {
    Reading {
        expected,
        ..Reading::default()
    }
}

fn guards(decision: &Decision) -> Vec<Guard> {
    decision.steps.iter().map(|step| step.guard).collect()
}

/// What a policy at `threshold` percent decides for `running` instances that report `percent` each.
fn decided(
    running: u32,
    threshold: u64,
    percent: u64,
    adjust: impl Fn(&mut TenantSpec),
) -> Decision {
    let mut scene = Scene::new(running);
    scene.spec.policy.max_step = PerDirection::both(None);
    example::target(&mut scene.spec).1.threshold = percent_of(threshold);
    adjust(&mut scene.spec);
    scene.tick_at(10, &Metric::Cpu, percent_of(percent))
}

fn desired(running: u32, threshold: u64, percent: u64) -> u32 {
    decided(running, threshold, percent, |_| {}).desired
}

// S4-79, S4-77: 9 instances, threshold 60 %, load 80 %: three more, exactly.
#[test]
fn nine_instances_at_eighty_percent_over_sixty_become_twelve() {
    assert_eq!(desired(9, 60, 80), 12);
}

// S4-77: (load − threshold) ÷ threshold × current, rounded up.
#[test]
fn growth_follows_the_formula_rounded_up() {
    for (running, threshold, load) in [(4, 50, 60), (3, 70, 100), (10, 60, 61 + 6), (7, 30, 45)] {
        let more = (u64::from(running) * (load - threshold)).div_ceil(threshold);
        assert_eq!(
            u64::from(desired(running, threshold, load)),
            u64::from(running) + more
        );
    }
}

// S4-78: (threshold − load) ÷ threshold × current, rounded down, and never so far that it would grow again.
#[test]
fn shrinking_follows_the_formula_rounded_down_with_the_tolerance_to_spare() {
    let without_tolerance = |spec: &mut TenantSpec| {
        spec.policy.max_step.scale_in = Some(100);
        example::target(spec).1.tolerance = Amount::ZERO;
    };
    for (running, threshold, load) in [(9, 60, 40), (10, 50, 20), (5, 60, 47)] {
        let fewer = u64::from(running) * (threshold - load) / threshold;
        let decision = decided(running, threshold, load, without_tolerance);
        assert_eq!(u64::from(decision.desired), u64::from(running) - fewer);
    }
    // 9 × 40 ÷ 60 = 6 exactly; six would be at the threshold, so with 10 % to spare seven stay.
    let decision = decided(9, 60, 40, |spec| spec.policy.max_step.scale_in = Some(100));
    assert_eq!(decision.desired, 7);
    assert_eq!(decision.steps.last().unwrap().guard, Guard::Projected);
}

#[test]
fn a_load_within_the_tolerance_changes_nothing_and_says_so() {
    let decision = decided(10, 60, 65, |_| {});
    assert_eq!(decision.desired, 10);
    assert_eq!(decision.steps.last().unwrap().guard, Guard::Tolerance);
}

#[test]
fn every_guard_that_speaks_is_in_the_explanation_in_the_guards_order() {
    let decision = decided(10, 60, 100, |spec| spec.policy.max_step.scale_out = Some(2));
    let guards: Vec<Guard> = decision.steps.iter().map(|step| step.guard).collect();
    assert_eq!(guards, [Guard::Target, Guard::Rate]);
    assert_eq!(decision.desired, 12);
    assert_eq!(decision.reason(), "10 to 17 is too far at a time: 12 first");
}

// S4-110
#[test]
fn the_maximum_holds_however_high_the_load() {
    let decision = decided(5, 60, 100, |spec| spec.instances.max = 6);
    assert_eq!(decision.desired, 6);
}
