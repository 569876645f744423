//! What a supply curve costs and what it leaves short: the elasticity metrics of SPEC RG Cloud, the share of load that met too
//! little capacity, and the cost over a curve that knows the future.
//!
//! Demand is the fewest instances, at least one, whose capacity covers the load of a tick.

use std::collections::VecDeque;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::Options;

/// What has waited for so many seconds of capacity gives up.
const TIMEOUT_S: f64 = 10.0;
/// So little over a whole number is a rounding error of the division.
const HAIR: f64 = 1e-9;
const HOUR_S: f64 = 3_600.0;

/// What a supply curve costs and what it leaves short. Shares are in percent of the ticks, or of the load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Under-provisioning accuracy: what was missing, over the demand, on average.
    pub theta_u: f64,
    /// Over-provisioning accuracy: what was too much, over the demand, on average.
    pub theta_o: f64,
    /// How long too few were in service.
    pub tau_u: f64,
    /// How long too many were in service.
    pub tau_o: f64,
    /// Instability: how often supply and demand did not move the same way.
    pub upsilon: f64,
    /// Deviation from the ideal of five zeros: the five above, each to the fifth, summed, and the fifth root of it.
    pub sigma: f64,
    /// The share of the load that arrived when offered load and backlog exceeded the capacity in service.
    pub slo: f64,
    /// The share of the load that gave up: the backlog holds ten seconds of capacity.
    pub lost: f64,
    /// Instance-hours in service.
    pub vm_h: f64,
    /// The same, with the boot of each instance.
    pub billed_h: f64,
    /// What the cheapest curve is billed that always covers the demand, knowing the future.
    pub oracle_h: f64,
    /// Instance-hours of demand.
    pub demand_h: f64,
    /// What was billed over what the oracle is billed.
    pub over: f64,
    /// How often an hour the number in service changed.
    pub adapt_h: f64,
    /// How often the number in service turned from rising to falling or back, in the hour in which it did so most.
    pub turns: u32,
}

/// The fewest instances, at least one, that carry each load.
pub fn demand(load: &[f64], capacity: f64) -> Vec<u32> {
    load.iter()
        .map(|load| needed(*load, capacity).max(1))
        .collect()
}

/// The fewest instances that carry a load.
pub(super) fn needed(load: f64, capacity: f64) -> u32 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it saturates, and nothing is needed for what is no number"
    )]
    let needed = (load / capacity - HAIR).ceil() as u32;
    needed
}

/// Scores the instances in service in each tick against the load that arrived in it. Both have a value for each tick; an empty
/// curve scores zero in everything.
pub fn score(load: &[f64], supply: &[u32], options: &Options) -> Score {
    let demand = demand(load, options.capacity);
    let ticks = demand.len().min(supply.len());
    if ticks == 0 {
        return Score::default();
    }
    let hours = options.tick.as_secs_f64() / HOUR_S;
    let percent = 100.0 / real(ticks);
    let boot = boot_ticks(options);
    let mut score = Score::default();
    for (needed, there) in demand.iter().zip(supply) {
        let of_demand = |count: u32| f64::from(count) / f64::from(*needed);
        score.theta_u += percent * of_demand(needed.saturating_sub(*there));
        score.theta_o += percent * of_demand(there.saturating_sub(*needed));
        score.tau_u += percent * f64::from(u8::from(there < needed));
        score.tau_o += percent * f64::from(u8::from(there > needed));
    }
    score.upsilon = instability(&demand, supply);
    let five = [
        score.theta_u,
        score.theta_o,
        score.tau_u,
        score.tau_o,
        score.upsilon,
    ];
    score.sigma = five
        .iter()
        .map(|metric| metric.powi(5))
        .sum::<f64>()
        .powf(0.2);
    (score.slo, score.lost) = missed(load, supply, options);
    score.vm_h = total(supply) * hours;
    score.demand_h = total(&demand) * hours;
    score.billed_h = billed_ticks(supply, boot) * hours;
    score.oracle_h = billed_ticks(&oracle(&demand, boot), boot) * hours;
    score.over = score.billed_h / score.oracle_h;
    let changes = supply.windows(2).filter(|pair| pair[0] != pair[1]).count();
    score.adapt_h = real(changes) / (real(ticks) * hours);
    score.turns = most_turns(supply, options.tick);
    score
}

/// A boot in ticks, to the nearest; half a tick to the even one.
fn boot_ticks(options: &Options) -> usize {
    let ticks = options.boot.as_secs_f64() / options.tick.as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a day of seconds at most"
    )]
    let ticks = ticks.round_ties_even() as usize;
    ticks
}

fn instability(demand: &[u32], supply: &[u32]) -> f64 {
    let pairs = demand.windows(2).zip(supply.windows(2));
    let apart = pairs
        .filter(|(d, s)| d[1].cmp(&d[0]) != s[1].cmp(&s[0]))
        .count();
    100.0 * real(apart) / real(demand.len().saturating_sub(1).max(1))
}

/// The shares of the load that met too little capacity, and that gave up. What does not fit waits for the next tick.
fn missed(load: &[f64], supply: &[u32], options: &Options) -> (f64, f64) {
    let room = TIMEOUT_S / options.tick.as_secs_f64();
    let (mut waiting, mut late, mut lost, mut all) = (0.0, 0.0, 0.0, 0.0);
    for (load, there) in load.iter().zip(supply) {
        let carried = f64::from(*there) * options.capacity;
        let work = load + waiting;
        all += load;
        if work > carried * (1.0 + HAIR) {
            late += load;
            waiting = (work - carried).min(room * carried);
            lost += work - carried - waiting;
        } else {
            waiting = 0.0;
        }
    }
    if all > 0.0 {
        (100.0 * late / all, 100.0 * lost / all)
    } else {
        (0.0, 0.0)
    }
}

/// Ticks of instances in service, with the boot of each that was added.
fn billed_ticks(supply: &[u32], boot: usize) -> f64 {
    let started: f64 = supply
        .windows(2)
        .map(|pair| f64::from(pair[1].saturating_sub(pair[0])))
        .sum();
    total(supply) + started * real(boot)
}

/// The cheapest curve that covers the demand in every tick, knowing the future: an instance that is needed again within a boot
/// is kept. That fills each valley that is no longer than a boot: the highest of each stretch of a boot and a tick, and of
/// these the lowest around each tick.
pub(super) fn oracle(demand: &[u32], boot: usize) -> Vec<u32> {
    let stretch = boot + 1;
    let highest = sliding(demand, stretch, 0, |new, old| new >= old);
    let lowest = sliding(&highest, stretch, boot, |new, old| new <= old);
    lowest.into_iter().take(demand.len()).collect()
}

/// The best value of each stretch that ends at an index, or beyond the last one; without the first so many.
fn sliding(values: &[u32], stretch: usize, skip: usize, beats: fn(u32, u32) -> bool) -> Vec<u32> {
    let mut best: VecDeque<(usize, u32)> = VecDeque::new();
    let mut found = Vec::with_capacity(values.len() + stretch);
    for end in 0..values.len() + stretch - 1 {
        if let Some(new) = values.get(end) {
            while best.back().is_some_and(|(_, old)| beats(*new, *old)) {
                best.pop_back();
            }
            best.push_back((end, *new));
        }
        while best.front().is_some_and(|(at, _)| at + stretch <= end) {
            best.pop_front();
        }
        if end >= skip
            && let Some((_, value)) = best.front()
        {
            found.push(*value);
        }
    }
    found
}

/// How often a number turns from rising to falling or back, within the hour in which it does so most.
pub fn most_turns(numbers: &[u32], tick: SignedDuration) -> u32 {
    let hour = SignedDuration::from_hours(1).as_millis() / tick.as_millis().max(1);
    let hour = usize::try_from(hour).unwrap_or(usize::MAX).max(1);
    let mut recent: VecDeque<usize> = VecDeque::new();
    let (mut last, mut most) = (None, 0);
    for (at, pair) in numbers.windows(2).enumerate() {
        let way = pair[1].cmp(&pair[0]);
        if way.is_eq() {
            continue;
        }
        if last.replace(way).is_some_and(|last| last != way) {
            recent.push_back(at);
        }
        while recent.front().is_some_and(|first| first + hour <= at) {
            recent.pop_front();
        }
        most = most.max(recent.len());
    }
    u32::try_from(most).unwrap_or(u32::MAX)
}

fn total(numbers: &[u32]) -> f64 {
    numbers.iter().map(|number| f64::from(*number)).sum()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "millions of ticks are exact in an f64"
)]
fn real(count: usize) -> f64 {
    count as f64
}
