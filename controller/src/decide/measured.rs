//! From the readings of a window to one value (S4-45).
//!
//! What grows and shrinks with the number of instances is added up, so that the formula of S4-77 and S4-78 is one division:
//! n instances at an average of m need `ceil(n × m ÷ threshold)`, and n × m is the total. A total stays right while n changes
//! within the window.
//!
//! Instances that gave no reading leave a [`Span`]: what the value is with them as idle as any other, and as busy. Growing goes
//! by the one and shrinking by the other, so silence alone moves nothing.

use super::window::{covered, readings};
use super::{Question, percent, short};
use crate::amount::Amount;
use crate::decision::{QUORUM_PERCENT, Reading};
use crate::load::{Metric, Unit};
use crate::policy::{Aggregation, Monitor};

/// What adds up over time is too little where less than this share of the window has been watched.
const COVERED_PERCENT: i32 = 90;

/// A value of which only the limits are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) least: Amount,
    pub(super) most: Amount,
}

impl Span {
    fn exactly(value: Amount) -> Self {
        Self {
            least: value,
            most: value,
        }
    }

    /// The number that `of` gives for a value in the span, as near to `before` as it can be.
    pub(super) fn number(self, before: u32, of: impl Fn(Amount) -> u32) -> u32 {
        let (one, other) = (of(self.least), of(self.most));
        before.clamp(one.min(other), one.max(other))
    }
}

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { least, most } = self;
        if least == most {
            write!(f, "{least}")
        } else {
            write!(f, "{least} to {most}")
        }
    }
}

/// A metric over its window.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    /// As the monitor's aggregation has it.
    pub(super) value: Span,
    /// Over all instances together, with missing ones as idle: what growing to a threshold goes by.
    pub(super) total: Amount,
    /// The same over all ticks, those without any reading as zero, and how many readings were missing in each.
    seen: Amount,
    missing: Amount,
    /// The reading of this tick.
    pub(super) reading: Reading,
    /// Why fewer must not be wanted.
    pub(super) doubt: Option<String>,
}

impl Measured {
    /// The total with missing instances as loaded to `each`: what shrinking goes by.
    pub(super) fn most(&self, each: Amount) -> Amount {
        self.total.max(self.seen + each.share(self.missing))
    }
}

/// The metric over its window; `None` where nothing was measured at this tick.
pub(super) fn measured(question: &Question<'_>, monitor: &Monitor) -> Option<Measured> {
    let reading = *question
        .readings
        .get(&monitor.metric)
        .filter(|reading| reading.fresh > 0)?;
    let sums = Sums::of(question, monitor);
    let here = Amount::whole(reading.fresh);
    let value = sums.value(monitor, &reading);
    let (total, seen, missing) = match monitor.aggregation {
        Aggregation::Average => (sums.total(), sums.seen(), sums.missing()),
        Aggregation::Last => (
            reading.sum,
            reading.sum,
            Amount::from_millionths(u64::from(reading.missing()) * 1_000_000),
        ),
        Aggregation::Minimum | Aggregation::Maximum => {
            let total = value.least.share(here);
            (total, total, Amount::whole(reading.missing()))
        }
        Aggregation::Total if monitor.metric.unit() != Unit::PerSecond => {
            (sums.total(), sums.seen(), sums.missing())
        }
        Aggregation::Total | Aggregation::Count => (value.least, value.most, Amount::ZERO),
    };
    Some(Measured {
        value,
        total,
        seen,
        missing,
        doubt: doubt(&reading, &monitor.metric).or_else(|| too_short(question, monitor)),
        reading,
    })
}

/// What the readings of a window add up to, each times the milliseconds that it stands for.
struct Sums {
    /// Of all ticks; of those with a fresh reading.
    time: u128,
    fresh_time: u128,
    /// The values; how many there were; how many were missing, at ticks with a fresh reading and at those without any.
    values: u128,
    fresh: u128,
    missing: u128,
    silent: u128,
    /// How many readings there were and were missing, each counted once.
    readings: u64,
    gaps: u64,
    /// Millionths × milliseconds of a rate; a tick without a reading is made up for by the next with one.
    least_counted: u128,
    most_counted: u128,
    lowest: Amount,
    highest: Amount,
}

impl Sums {
    fn of(question: &Question<'_>, monitor: &Monitor) -> Self {
        let mut sums = Self {
            time: 0,
            fresh_time: 0,
            values: 0,
            fresh: 0,
            missing: 0,
            silent: 0,
            readings: 0,
            gaps: 0,
            least_counted: 0,
            most_counted: 0,
            lowest: Amount::from_millionths(u64::MAX),
            highest: Amount::ZERO,
        };
        let mut unread = 0;
        for (tick, reading) in readings(question, monitor) {
            let millis = u128::from(tick.millis);
            let missing = u128::from(reading.missing());
            sums.time += millis;
            sums.gaps += u64::from(reading.missing());
            unread += millis;
            if reading.fresh == 0 {
                sums.silent += missing * millis;
                continue;
            }
            let value = u128::from(reading.sum.millionths());
            sums.fresh_time += millis;
            sums.values += value * millis;
            sums.fresh += u128::from(reading.fresh) * millis;
            sums.missing += missing * millis;
            sums.readings += u64::from(reading.fresh);
            sums.lowest = sums.lowest.min(reading.lowest);
            sums.highest = sums.highest.max(reading.highest);
            let busy = u128::from(reading.highest.millionths());
            sums.least_counted += value * unread;
            sums.most_counted += (value + missing * busy) * unread;
            unread = 0;
        }
        sums
    }

    fn value(&self, monitor: &Monitor, reading: &Reading) -> Span {
        let (low, high) = (self.lowest.millionths(), self.highest.millionths());
        let with = |each: u64| self.values + self.missing * u128::from(each);
        match monitor.aggregation {
            Aggregation::Average => Span {
                least: mean(with(low), self.fresh + self.missing),
                most: mean(with(high), self.fresh + self.missing),
            },
            Aggregation::Minimum => Span::exactly(self.lowest),
            Aggregation::Maximum => Span::exactly(self.highest),
            Aggregation::Last => {
                let all = (reading.fresh + reading.missing()) as usize;
                let with = |each: Amount| (reading.sum + each.times(reading.missing())).over(all);
                Span {
                    least: with(reading.lowest),
                    most: with(reading.highest),
                }
            }
            Aggregation::Count => Span {
                least: count(self.readings),
                most: count(self.readings + self.gaps),
            },
            Aggregation::Total if monitor.metric.unit() == Unit::PerSecond => Span {
                least: number(self.least_counted, &monitor.metric),
                most: number(self.most_counted, &monitor.metric),
            },
            Aggregation::Total => Span {
                least: mean(with(low), self.fresh_time),
                most: mean(with(high), self.fresh_time),
            },
        }
    }

    /// The sum over the instances that were measured, averaged over the ticks at which any was.
    fn total(&self) -> Amount {
        mean(self.values, self.fresh_time)
    }

    fn seen(&self) -> Amount {
        mean(self.values, self.time)
    }

    fn missing(&self) -> Amount {
        mean((self.missing + self.silent) * 1_000_000, self.time)
    }
}

fn mean(sum: u128, weight: u128) -> Amount {
    let millionths = sum.checked_div(weight).unwrap_or(0);
    Amount::from_millionths(u64::try_from(millionths).unwrap_or(u64::MAX))
}

fn count(readings: u64) -> Amount {
    Amount::from_millionths(readings.saturating_mul(1_000_000))
}

/// How many there were of what is counted per second. Requests and connections are whole: what the rates lost in rounding
/// must not turn the twentieth into the nineteenth.
fn number(counted: u128, metric: &Metric) -> Amount {
    let is_whole = matches!(
        metric,
        Metric::RequestsPerSecond | Metric::ConnectionsPerSecond
    );
    if is_whole {
        let whole = (counted + 500_000_000) / 1_000_000_000;
        mean(whole * 1_000_000, 1)
    } else {
        mean(counted, 1_000)
    }
}

/// Why fewer must not be wanted: too few readings, or ones that are hard to believe.
pub(super) fn doubt(reading: &Reading, metric: &Metric) -> Option<String> {
    if !reading.has_quorum() {
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

/// Why what adds up over the window is too little: it has not been watched for so long.
fn too_short(question: &Question<'_>, monitor: &Monitor) -> Option<String> {
    let adds_up = match monitor.aggregation {
        Aggregation::Count => true,
        Aggregation::Total => monitor.metric.unit() == Unit::PerSecond,
        Aggregation::Average | Aggregation::Minimum | Aggregation::Maximum | Aggregation::Last => {
            false
        }
    };
    let covered = adds_up.then(|| covered(question, monitor))?;
    (covered.saturating_mul(100) < monitor.window.saturating_mul(COVERED_PERCENT)).then(|| {
        format!(
            "{} was watched for only {} of its window of {}",
            monitor.metric,
            short(covered),
            short(monitor.window),
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
        Some(Reading { is_of_group, .. })
            if *is_of_group || matches!(metric, Metric::Pushed(_) | Metric::Prometheus(_)) =>
        {
            format!("no fresh value of {metric}: the number stays")
        }
        Some(Reading { expected, .. }) => {
            format!("none of {expected} instances gave a fresh reading: the number stays")
        }
    }
}
