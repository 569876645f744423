//! What a policy would have done with a load that is known: the same [`decide`](crate::decide::decide), fed with a history
//! as in service, in a world of whole ticks.
//!
//! ```text
//! load of tick k-1, instances that served it ─► readings ─► decide at the start of tick k ─► group: boots, serves, leaves
//!                                                  ▲                                            │
//!                                                  └──── history ◄──────────────────────────────┘
//! ```
//!
//! - Tick k begins at `start + k × tick`. What is known then is the load of tick k-1 and who served it; nothing of tick k.
//! - Instances that are missing are launched, and serve from the first tick that begins `boot` or more after it. Surplus ones
//!   leave at once: booting ones first, then the newest.
//! - It begins with as many as the first tick needs, within the bounds, all of them warm.
//!
//! So what is decided at tick k, and with it the supply up to tick k, depends on the loads of the ticks before k alone.
//!
//! It is not a test of clouds or networks: none refuses, nothing breaks, and drains take no time.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::decide::{self, Question};
use crate::decision::{Decision, Guard};
use crate::history::History;
use crate::id::CloudName;
use crate::ports::Orders;
use crate::spec::TenantSpec;
use crate::time::{Now, later};

mod group;
mod meter;
mod score;

pub use score::{Score, demand, most_turns, score};

use group::Group;
use meter::Meter;

/// Shorter ticks than this are not worked out: the service itself looks no more often.
pub const SHORTEST_TICK: SignedDuration = SignedDuration::from_secs(1);
/// Longer ticks or boots than this are no autoscaling.
pub const LONGEST_TIME: SignedDuration = SignedDuration::from_hours(24);

/// The world in which a policy is tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    capacity: f64,
    boot: SignedDuration,
    tick: SignedDuration,
    start: Timestamp,
}

/// No world to try a policy in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// An instance that carries nothing, or not even a millionth.
    #[error("an instance must carry something: from 0.001 to a billion")]
    Capacity,
    /// A boot that ends before it begins, or never.
    #[error("a boot takes from 0 seconds to 24 hours")]
    Boot,
    /// No time between decisions, or too much.
    #[error("a tick takes from 1 second to 24 hours")]
    Tick,
}

impl Options {
    /// An instance carries `capacity` in the unit of the load, serves `boot` after it was asked for, and somebody decides
    /// every `tick`, for the first time at `start`.
    pub fn new(
        capacity: f64,
        boot: SignedDuration,
        tick: SignedDuration,
        start: Timestamp,
    ) -> Result<Self, OptionsError> {
        if !(0.001..=1e9).contains(&capacity) {
            return Err(OptionsError::Capacity);
        }
        if boot.is_negative() || boot > LONGEST_TIME {
            return Err(OptionsError::Boot);
        }
        if !(SHORTEST_TICK..=LONGEST_TIME).contains(&tick) {
            return Err(OptionsError::Tick);
        }
        Ok(Self {
            capacity,
            boot,
            tick,
            start,
        })
    }

    /// What an instance carries.
    pub fn capacity(&self) -> f64 {
        self.capacity
    }

    /// When the first tick begins.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// From one decision to the next.
    pub fn tick(&self) -> SignedDuration {
        self.tick
    }

    /// From the wish for an instance to its service.
    pub fn boot(&self) -> SignedDuration {
        self.boot
    }

    /// How many ticks begin before so long is over.
    fn ticks(&self, long: SignedDuration) -> usize {
        let long = long.as_millis().unsigned_abs();
        let ticks = long.div_ceil(self.tick.as_millis().unsigned_abs().max(1));
        usize::try_from(ticks).unwrap_or(usize::MAX)
    }

    /// When a tick begins.
    fn at(&self, tick: usize) -> Now {
        let millis = i64::try_from(self.tick.as_millis()).unwrap_or(i64::MAX);
        let ticks = i64::try_from(tick).unwrap_or(i64::MAX);
        let passed = SignedDuration::from_millis(millis.saturating_mul(ticks));
        Now::at(later(self.start, passed))
    }
}

/// What a policy has done with a load.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Curve {
    /// How many instances are in service, in each tick.
    pub supply: Vec<u32>,
    /// How many are in service or on their way in, after the decision of each tick.
    pub decided: Vec<u32>,
    /// Why.
    pub summary: Summary,
}

/// What the decisions were.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// How many there were.
    pub decisions: u64,
    /// How many raised the number.
    pub raised: u64,
    /// How many lowered it.
    pub lowered: u64,
    /// How many there were in which nothing was measured.
    pub silent: u64,
    /// How often each guard changed the number, by its name.
    pub moved_by: BTreeMap<String, u64>,
}

impl Summary {
    fn count(&mut self, decision: &Decision) {
        self.decisions += 1;
        self.raised += u64::from(decision.desired > decision.before);
        self.lowered += u64::from(decision.desired < decision.before);
        let is_silent = decision.readings.values().all(|reading| reading.fresh == 0);
        self.silent += u64::from(is_silent && !decision.readings.is_empty());
        let mut number = decision.before;
        for step in &decision.steps {
            if step.number != number {
                number = step.number;
                self.count_guard(step.guard);
            }
        }
    }

    fn count_guard(&mut self, guard: Guard) {
        match self.moved_by.get_mut(guard.name()) {
            Some(count) => *count += 1,
            None => {
                self.moved_by.insert(guard.name().to_owned(), 1);
            }
        }
    }
}

/// Tries a policy. `load` is what arrives in each tick, in the unit of the capacity; where it is not a number it was not
/// measured, and nothing is known of it.
pub fn simulate(spec: &TenantSpec, load: &[f64], options: &Options) -> Curve {
    let mut simulation = Simulation::new(spec, load, options);
    while simulation.step() {}
    simulation.into_curve()
}

/// A policy being tried, tick by tick.
#[derive(Debug)]
pub struct Simulation<'a> {
    spec: TenantSpec,
    load: &'a [f64],
    options: Options,
    cloud: Option<CloudName>,
    orders: Orders,
    history: History,
    meter: Meter,
    group: Group,
    curve: Curve,
    decision: Option<Decision>,
}

impl<'a> Simulation<'a> {
    /// Before the first tick.
    pub fn new(spec: &TenantSpec, load: &'a [f64], options: &Options) -> Self {
        let (spec, meter) = meter::fitted(spec, options.capacity);
        let now = options.at(0);
        let (min, max) = decide::bounds(&spec, now.wall);
        let first = load.first().copied().unwrap_or(0.0);
        let needed = score::needed(first, options.capacity).clamp(min, max);
        let cloud = spec.clouds.first().map(|cloud| cloud.name.clone());
        let mut history = History::new(options.tick);
        if let Some(cloud) = &cloud {
            // Those that serve at the beginning have booted too.
            history.booted(cloud, options.boot);
        }
        Self {
            load,
            options: *options,
            cloud,
            orders: Orders::default(),
            history,
            meter,
            group: Group::of(needed),
            curve: Curve {
                supply: Vec::with_capacity(load.len()),
                decided: Vec::with_capacity(load.len()),
                summary: Summary::default(),
            },
            decision: None,
            spec,
        }
    }

    /// How many ticks are done.
    pub fn done(&self) -> usize {
        self.curve.supply.len()
    }

    /// What was decided in the last tick; `None` before the second.
    pub fn decision(&self) -> Option<&Decision> {
        self.decision.as_ref()
    }

    /// What has come of it.
    pub fn into_curve(self) -> Curve {
        self.curve
    }

    /// The next tick; `false` where there is none.
    pub fn step(&mut self) -> bool {
        let tick = self.done();
        if tick >= self.load.len() {
            return false;
        }
        let served = self.group.serving();
        let warm_up = self.options.ticks(self.spec.policy.warm_up);
        let warming = self.group.young(tick, warm_up);
        for _ in 0..self.group.arrive(tick) {
            if let Some(cloud) = &self.cloud {
                self.history.booted(cloud, self.options.boot);
            }
        }
        if let Some(load) = tick.checked_sub(1).and_then(|last| self.load.get(last)) {
            self.decide(tick, *load, served, warming);
        }
        self.curve.supply.push(self.group.serving());
        self.curve.decided.push(self.group.total());
        true
    }

    fn decide(&mut self, tick: usize, load: f64, served: u32, warming: u32) {
        let now = self.options.at(tick);
        let load = Amount::measured(load);
        let policy = &self.spec.policy;
        let readings = self
            .meter
            .read(load, served, warming, &mut self.history, now);
        self.history.read(policy, &readings, now);
        let decision = decide::decide(&Question {
            spec: &self.spec,
            orders: &self.orders,
            current: self.group.total(),
            hold: None,
            young: self
                .group
                .young(tick, self.options.ticks(policy.min_lifetime)),
            affordable: None,
            readings,
            history: &self.history,
            now,
        });
        self.history.remember(&decision, now.steady);
        self.curve.summary.count(&decision);
        let (boot, lifetime) = (self.options.boot, policy.min_lifetime);
        self.group
            .grow_to(decision.desired, tick, self.options.ticks(boot));
        self.group
            .shrink_to(decision.desired, tick, self.options.ticks(lifetime));
        self.decision = Some(decision);
    }
}

#[cfg(test)]
mod tests;
