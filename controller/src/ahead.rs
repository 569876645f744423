//! The hours ahead: the bounds, exact to the second, and the size that is expected, minute by minute. Pure.
//!
//! What is expected is what was there at this time of day and week before, sized as the policy sizes it now; or the number
//! that a person or the policy's mode keeps. It is an estimate to plan with; decisions go by forecasts of their own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::history::History;
use crate::load::Metric;
use crate::policy::{Aggregation, Mode, Monitor, Response, Signal};
use crate::ports::Orders;
use crate::prospect::Prospect;
use crate::schedule;
use crate::spec::TenantSpec;

/// From one expected size to the next.
const MINUTE: i64 = 60;
const DAY: i64 = 86_400;
const WEEK: i64 = 7 * DAY;
/// So many weeks are looked back.
const WEEKS: i64 = 4;
/// The load at a time of day is the mean over so many minutes before and after.
const AROUND: i64 = 5;
/// Headroom of a forecast is not taken to be more than this.
const MOST_HEADROOM: f64 = 3.0;

/// The hours ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Pieces that touch, in order, each different from the one before.
    pub pieces: Vec<Piece>,
    /// What the expected sizes are made from, or why there are none; in words.
    pub expects: String,
}

/// Some time for which nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// From this moment on.
    pub from: Timestamp,
    /// Before this moment.
    pub until: Timestamp,
    /// The fewest instances.
    pub min: u32,
    /// The most.
    pub max: u32,
    /// Why the fewest are so many, in words.
    pub because: String,
    /// How many are expected in service, within the bounds, unless the tenant is paused; `None` where nothing is known.
    pub expected: Option<u32>,
}

/// What is known of a tenant that is there already.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// What is remembered of it.
    pub history: &'a History,
    /// What people have ordered.
    pub orders: &'a Orders,
}

/// What the hours from `from` until `until` bring, at most [`schedule::LONGEST_TIMELINE`]. `known` is `None` of a
/// tenant that is new, or where nobody can be asked.
pub fn ahead(
    spec: &TenantSpec,
    known: Option<Known<'_>>,
    from: Timestamp,
    until: Timestamp,
) -> Ahead {
    let sizes = Sizes::of(spec, known);
    let mut number = known.and_then(|known| known.history.in_force);
    let mut pieces: Vec<Piece> = Vec::new();
    for bounds in schedule::timeline(spec, from, until) {
        let because = because(spec, &bounds);
        let mut at = bounds.from;
        while at < bounds.until {
            let end = next_minute(at).min(bounds.until);
            let expected = sizes.at(at.as_second(), number, &bounds);
            number = expected.or(number);
            push(
                &mut pieces,
                Piece {
                    from: at,
                    until: end,
                    min: bounds.min,
                    max: bounds.max,
                    because: because.clone(),
                    expected,
                },
            );
            at = end;
        }
    }
    Ahead {
        from,
        until: pieces.last().map_or(from, |last| last.until),
        pieces,
        expects: sizes.expects,
    }
}

fn push(pieces: &mut Vec<Piece>, next: Piece) {
    match pieces.last_mut() {
        Some(last)
            if (last.min, last.max, last.expected, &last.because)
                == (next.min, next.max, next.expected, &next.because) =>
        {
            last.until = next.until;
        }
        _ => pieces.push(next),
    }
}

fn next_minute(at: Timestamp) -> Timestamp {
    let second = at.as_second().div_euclid(MINUTE).saturating_add(1) * MINUTE;
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

/// Why the fewest are so many: the windows that ask for them, or the policy's own minimum.
fn because(spec: &TenantSpec, bounds: &schedule::Bounds<'_>) -> String {
    let open: Vec<String> = bounds
        .because
        .iter()
        .filter(|window| window.instances >= bounds.min && bounds.min > spec.instances.min)
        .map(|window| format!("window: {window}"))
        .collect();
    if open.is_empty() {
        "the policy's own bounds".to_owned()
    } else {
        open.join("; ")
    }
}

/// How many instances are expected at a time, and why.
struct Sizes<'a> {
    source: Source<'a>,
    /// Whether the number may fall by choice.
    falls: bool,
    expects: String,
}

/// What gives the number.
enum Source<'a> {
    /// Nothing that is known.
    Unknown,
    /// A person holds it still; not even the bounds move it.
    Paused,
    /// It stays what it is.
    Stays,
    /// A person has ordered it.
    Ordered(u32),
    /// Windows alone.
    Minimum,
    /// The highest of what signals ask for.
    Signals(Vec<Size<'a>>),
}

/// How a signal makes a number of a load that was seen before.
struct Size<'a> {
    prospect: &'a Prospect,
    loads: BTreeMap<i64, f64>,
    per: Amount,
    headroom: f64,
}

impl<'a> Sizes<'a> {
    fn of(spec: &TenantSpec, known: Option<Known<'a>>) -> Self {
        let (source, expects) = Self::held(spec, known).unwrap_or_else(|| followed(spec, known));
        Self {
            source,
            falls: spec.policy.mode != Mode::OnlyScaleOut,
            expects,
        }
    }

    /// What keeps the number whatever is measured, in the order in which decisions look at it.
    fn held(spec: &TenantSpec, known: Option<Known<'_>>) -> Option<(Source<'a>, String)> {
        let number = known.and_then(|known| known.history.in_force);
        if let Some(Known { orders, .. }) = known {
            if orders.holds_still() && number.is_some() {
                let why = "what there is now: paused, until `resume`";
                return Some((Source::Paused, why.to_owned()));
            }
            if let Some(desired) = orders.desired {
                let why =
                    format!("{desired} ordered by hand, within the bounds, until `scale auto`");
                return Some((Source::Ordered(desired), why));
            }
        }
        if spec.policy.mode != Mode::Off {
            return None;
        }
        Some(match number {
            Some(_) => (
                Source::Stays,
                "what there is now: the mode is off, so only the bounds change it".to_owned(),
            ),
            None => (
                Source::Unknown,
                "the number stays what it is, within the bounds: the mode is off".to_owned(),
            ),
        })
    }

    /// The number at a time, which was `before` until then.
    fn at(&self, second: i64, before: Option<u32>, bounds: &schedule::Bounds<'_>) -> Option<u32> {
        let (size, falls) = match &self.source {
            Source::Unknown => return None,
            Source::Paused => return before,
            Source::Stays => (before?, true),
            Source::Ordered(number) => (*number, true),
            Source::Minimum => (0, self.falls),
            Source::Signals(sizes) => {
                let all = sizes.iter().map(|size| size.at(second));
                (
                    all.collect::<Option<Vec<u32>>>()?.into_iter().max()?,
                    self.falls,
                )
            }
        };
        let size = if falls {
            size
        } else {
            size.max(before.unwrap_or(0))
        };
        Some(size.clamp(bounds.min, bounds.max))
    }
}

/// What the signals and the windows give.
fn followed<'a>(spec: &TenantSpec, known: Option<Known<'a>>) -> (Source<'a>, String) {
    let signals = &spec.policy.signals;
    let unknown = |why: &str| (Source::Unknown, why.to_owned());
    if signals.is_empty() {
        let why = "as many as the minimum: the policy follows nothing but its windows";
        return (Source::Minimum, why.to_owned());
    }
    if !signals.iter().all(is_sized) {
        return unknown(
            "only the bounds are told: no size is expected for steps, formulas, response times, or another aggregation than the average",
        );
    }
    let Some(Known { history, .. }) = known else {
        return unknown("nothing is known yet: no load of it was measured");
    };
    let sized: Vec<Size<'a>> = signals
        .iter()
        .filter_map(|signal| Size::of(signal, history))
        .collect();
    if sized.len() < signals.len() {
        return unknown(
            "nothing is known yet: loads are learned under `goal`, or with `proactive`, and for a day at least",
        );
    }
    let days = sized.iter().map(Size::days).min().unwrap_or(0);
    let why = format!(
        "from what was there at these times of the day and the week, over {days} days; an estimate"
    );
    (Source::Signals(sized), why)
}

/// Whether a load of the past gives a number: it is shared by the instances, and no more than divided.
fn is_sized(signal: &Signal) -> bool {
    let Monitor {
        metric,
        aggregation,
        ..
    } = &signal.monitor;
    match signal.response {
        Response::Goal(_) => true,
        Response::Target(_) => {
            *metric != Metric::ResponseTime && *aggregation == Aggregation::Average
        }
        Response::Steps(_) | Response::Formula(_) => false,
    }
}

impl<'a> Size<'a> {
    fn of(signal: &Signal, history: &'a History) -> Option<Self> {
        let metric = &signal.monitor.metric;
        let prospect = history.prospect(metric)?;
        let (per, headroom) = match &signal.response {
            Response::Goal(goal) => (history.capacity(metric, goal)?, headroom(prospect)),
            Response::Target(target) => (target.threshold, 1.0),
            Response::Steps(_) | Response::Formula(_) => return None,
        };
        let loads: BTreeMap<i64, f64> = prospect
            .series()
            .loads()
            .filter_map(|(at, load)| Some((at, load?)))
            .collect();
        let size = Self {
            prospect,
            loads,
            per,
            headroom,
        };
        (size.days() > 0).then_some(size)
    }

    /// For how many whole days loads are known.
    fn days(&self) -> i64 {
        let first = self.loads.first_key_value().map_or(0, |(at, _)| *at);
        let last = self.loads.last_key_value().map_or(0, |(at, _)| *at);
        (last - first + self.bin()) / DAY
    }

    fn bin(&self) -> i64 {
        self.prospect.series().bin().as_secs().max(1)
    }

    fn at(&self, second: i64) -> Option<u32> {
        let load = self.load(second)?;
        let load = Amount::measured(load * self.headroom)?;
        load.divided_up(self.per)
    }

    /// What was there at this time of the week, on average over the weeks; else at this time of the day, on the last day on which
    /// it is known.
    fn load(&self, second: i64) -> Option<f64> {
        let last = *self.loads.last_key_value()?.0;
        let back = |step: i64, times: i64| {
            let nearest = ((second - last).div_euclid(step) + 1).max(1);
            (nearest..nearest + times).filter_map(move |times| self.around(second - times * step))
        };
        let weeks: Vec<f64> = back(WEEK, WEEKS).collect();
        if weeks.is_empty() {
            return back(DAY, WEEK / DAY).next();
        }
        #[expect(clippy::cast_precision_loss, reason = "four weeks")]
        let count = weeks.len() as f64;
        Some(weeks.iter().sum::<f64>() / count)
    }

    /// The mean over some minutes around a moment of the past.
    fn around(&self, second: i64) -> Option<f64> {
        let reach = (AROUND * MINUTE).max(self.bin());
        let (sum, count) = self
            .loads
            .range(second - reach..second + reach)
            .fold((0.0, 0.0), |(sum, count), (_, load)| {
                (sum + load, count + 1.0)
            });
        (count > 0.0).then_some(sum / count)
    }
}

/// How much more than expected a goal keeps now.
fn headroom(prospect: &Prospect) -> f64 {
    prospect
        .acting()
        .filter(|outlook| outlook.expected > 0.0)
        .map_or(1.0, |outlook| {
            (outlook.upper / outlook.expected).clamp(1.0, MOST_HEADROOM)
        })
}

#[cfg(test)]
mod tests;
