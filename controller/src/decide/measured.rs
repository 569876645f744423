//! From the readings of a window to one value.
//!
//! What grows and shrinks with the number of instances is added up, so that the formula of S4-77 and S4-78 is one division:
//! n instances at an average of m need `ceil(n × m ÷ threshold)`, and n × m is the total. A total stays right while n changes
//! within the window.

use jiff::Timestamp;

use super::{Question, percent};
use crate::amount::Amount;
use crate::decision::{Reading, Readings};
use crate::load::{Metric, Unit};
use crate::policy::{Aggregation, Monitor};

/// With fewer than this share of instances measured, fewer are never wanted (I3).
const QUORUM_PERCENT: u32 = 70;

/// A metric over its window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// Over all instances together, with missing ones as idle: what growing goes by.
    pub(super) total: Amount,
    /// How many readings were missing, on average over the window.
    pub(super) missing: Amount,
    /// As the monitor's aggregation has it.
    pub(super) value: Amount,
    /// The reading of this tick.
    pub(super) reading: Reading,
}

impl Measured {
    /// The total with missing instances as loaded to `each`: what shrinking goes by.
    pub(super) fn most(&self, each: Amount) -> Amount {
        self.total + each.share(self.missing)
    }
}

/// The readings of a metric in the window that ends now, oldest first.
pub(super) fn readings<'a>(
    question: &'a Question<'_>,
    monitor: &'a Monitor,
) -> impl Iterator<Item = (Timestamp, &'a Reading)> {
    let now = question.now.steady;
    let from = now.saturating_sub(monitor.window).unwrap_or(Timestamp::MIN);
    let past = &question.history.readings;
    let first = past.partition_point(|(at, _)| *at <= from);
    let end = past.partition_point(|(at, _)| *at < now);
    past.range(first.min(end)..end)
        .map(|(at, readings)| (*at, readings))
        .chain(std::iter::once((now, &question.readings)))
        .filter_map(|(at, readings): (Timestamp, &Readings)| {
            Some((at, readings.get(&monitor.metric)?))
        })
}

/// The metric over its window; `None` where nothing was measured at this tick.
pub(super) fn measured(question: &Question<'_>, monitor: &Monitor) -> Option<Measured> {
    let reading = *question
        .readings
        .get(&monitor.metric)
        .filter(|reading| reading.fresh > 0)?;
    let (mut ticks, mut sum, mut fresh, mut missing) = (0_usize, Amount::ZERO, 0_u32, 0_u32);
    let (mut lowest, mut highest) = (reading.lowest, reading.highest);
    for (_, one) in readings(question, monitor) {
        ticks += 1;
        sum = sum + one.sum;
        fresh += one.fresh;
        missing += one.missing();
        if one.fresh > 0 {
            lowest = lowest.min(one.lowest);
            highest = highest.max(one.highest);
        }
    }
    let mean = sum.over(ticks);
    let here = Amount::whole(reading.fresh);
    let (total, value) = match monitor.aggregation {
        Aggregation::Average => (mean, sum.over(fresh as usize)),
        Aggregation::Minimum => (lowest.share(here), lowest),
        Aggregation::Maximum => (highest.share(here), highest),
        Aggregation::Last => (reading.sum, reading.sum.over(reading.fresh as usize)),
        Aggregation::Count => (Amount::whole(fresh), Amount::whole(fresh)),
        Aggregation::Total if monitor.metric.unit() == Unit::PerSecond => {
            let number = counted(question, monitor);
            (number, number)
        }
        Aggregation::Total => (mean, mean),
    };
    let missing = match monitor.aggregation {
        Aggregation::Average => Amount::whole(missing).over(ticks),
        _ => Amount::whole(reading.missing()),
    };
    Some(Measured {
        total,
        missing,
        value,
        reading,
    })
}

/// How many there were in the window of what the metric counts per second. A reading stands for the time since the one
/// before it; the first for as long as the second.
fn counted(question: &Question<'_>, monitor: &Monitor) -> Amount {
    let millis = |from: Timestamp, to: Timestamp| {
        let passed = to.duration_since(from).as_millis();
        Amount::from_millionths(u64::try_from(passed).unwrap_or(0).saturating_mul(1_000))
    };
    let mut before: Option<(Timestamp, Amount)> = None;
    let mut first = None;
    let mut number = Amount::ZERO;
    for (at, reading) in readings(question, monitor) {
        if let Some((from, rate)) = before {
            let passed = millis(from, at);
            first.get_or_insert(rate.share(passed));
            number = number + reading.sum.share(passed);
        }
        before = Some((at, reading.sum));
    }
    number + first.unwrap_or_default()
}

/// Why fewer must not be wanted: too few readings, or ones that are hard to believe.
pub(super) fn doubt(reading: &Reading, metric: &Metric) -> Option<String> {
    if reading.fresh * 100 < reading.expected * QUORUM_PERCENT {
        return Some(format!(
            "only {} of {} instances gave a fresh reading, {QUORUM_PERCENT}% are needed",
            reading.fresh, reading.expected,
        ));
    }
    reading.is_suspect.then(|| {
        format!(
            "{metric} fell to exactly zero from more than {}% of the threshold, which a broken meter would show too",
            percent(crate::history::SUSPECT_SHARE),
        )
    })
}

/// Why there is no value to go by.
pub(super) fn silence(question: &Question<'_>, metric: &Metric) -> String {
    match question.readings.get(metric) {
        Some(Reading {
            expected: 0,
            warming: 0,
            ..
        })
        | None => {
            "no instance is in service yet, so nothing is measured: the number stays".to_owned()
        }
        Some(Reading {
            expected: 0,
            warming,
            ..
        }) => {
            format!("all {warming} instances are still warming up: the number stays")
        }
        Some(Reading { expected, .. }) => {
            format!("none of {expected} instances gave a fresh reading: the number stays")
        }
    }
}
