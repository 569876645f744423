//! The hours ahead: the bounds, exact to the second, and the size that is expected, minute by minute. Pure.
//!
//! What is expected is what was there at this time of day and week before, sized as the policy sizes it now. It is an
//! estimate to plan with; decisions go by forecasts of their own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::history::History;
use crate::load::Metric;
use crate::policy::{Aggregation, Response, Signal};
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
    /// How many are expected, within the bounds; `None` where nothing is known.
    pub expected: Option<u32>,
}

/// What the hours from `from` until `until` bring, at most [`schedule::LONGEST_TIMELINE`]. `history` is what is remembered of
/// the tenant; `None` of one that is new.
pub fn ahead(
    spec: &TenantSpec,
    history: Option<&History>,
    from: Timestamp,
    until: Timestamp,
) -> Ahead {
    let sizes = Sizes::of(spec, history);
    let mut pieces: Vec<Piece> = Vec::new();
    for bounds in schedule::timeline(spec, from, until) {
        let because = because(spec, &bounds);
        let mut at = bounds.from;
        while at < bounds.until {
            let end = next_minute(at).min(bounds.until);
            let expected = sizes
                .at(at.as_second())
                .map(|size| size.clamp(bounds.min, bounds.max));
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

/// How many instances are expected at a time, by each signal.
struct Sizes<'a> {
    signals: Vec<Size<'a>>,
    /// Whether the policy has nothing to follow but its windows.
    is_static: bool,
    expects: String,
}

/// How a signal makes a number of a load that was seen before.
struct Size<'a> {
    prospect: &'a Prospect,
    loads: BTreeMap<i64, f64>,
    per: Amount,
    headroom: f64,
}

impl<'a> Sizes<'a> {
    fn of(spec: &TenantSpec, history: Option<&'a History>) -> Self {
        let signals = &spec.policy.signals;
        if signals.is_empty() {
            return Self {
                is_static: true,
                ..Self::none("as many as the minimum: the policy follows nothing but its windows")
            };
        }
        let Some(history) = history else {
            return Self::none("nothing is known yet: no load of it was measured");
        };
        let sized: Vec<Size<'_>> = signals
            .iter()
            .filter_map(|signal| Size::of(signal, history))
            .collect();
        if sized.len() < signals.len() {
            return Self::none(
                "nothing is known yet: loads are learned under `goal`, or with `proactive`, and for a day at least",
            );
        }
        let days = sized.iter().map(Size::days).min().unwrap_or(0);
        Self {
            expects: format!(
                "from what was there at these times of the day and the week, over {days} days; an estimate"
            ),
            signals: sized,
            is_static: false,
        }
    }

    fn none(why: &str) -> Self {
        Self {
            signals: Vec::new(),
            is_static: false,
            expects: why.to_owned(),
        }
    }

    /// The highest number that any signal asks for.
    fn at(&self, second: i64) -> Option<u32> {
        if self.is_static {
            return Some(0);
        }
        self.signals
            .iter()
            .map(|size| size.at(second))
            .collect::<Option<Vec<u32>>>()?
            .into_iter()
            .max()
    }
}

impl<'a> Size<'a> {
    fn of(signal: &Signal, history: &'a History) -> Option<Self> {
        let metric = &signal.monitor.metric;
        let prospect = history.prospect(metric)?;
        let (per, headroom) = match &signal.response {
            Response::Goal(goal) => (history.capacity(metric, goal)?, headroom(prospect)),
            Response::Target(target)
                if *metric != Metric::ResponseTime
                    && signal.monitor.aggregation == Aggregation::Average =>
            {
                (target.threshold, 1.0)
            }
            Response::Target(_) | Response::Steps(_) | Response::Formula(_) => return None,
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
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::example;
    use crate::policy::Proactive;
    use crate::schedule::{Closes, Opens, Window};
    use crate::time::Now;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn berlin(hours: i64) -> Window {
        Window {
            opens: Opens::Weekly {
                at: "08:00".parse().unwrap(),
                days: [true; 7],
            },
            closes: Closes::After(SignedDuration::from_hours(hours)),
            instances: 4,
            zone: "Europe/Berlin".to_owned(),
        }
    }

    // C-21
    #[test]
    fn the_seams_of_a_new_tenant_are_exact_and_nothing_is_expected() {
        let mut spec = example::spec();
        spec.policy.windows = vec![berlin(10)];

        let day = ahead(
            &spec,
            None,
            at("2026-01-15T06:59:30Z"),
            at("2026-01-16T06:59:30Z"),
        );

        let rows: Vec<(String, u32, Option<u32>)> = day
            .pieces
            .iter()
            .map(|piece| (piece.until.to_string(), piece.min, piece.expected))
            .collect();
        let row = |until: &str, min| (until.to_owned(), min, None);
        assert_eq!(
            rows,
            [
                row("2026-01-15T07:00:00Z", 2),
                row("2026-01-15T17:00:00Z", 4),
                row("2026-01-16T06:59:30Z", 2),
            ]
        );
        assert!(day.pieces[1].because.contains("08:00"), "{day:?}");
        assert!(day.expects.contains("nothing is known yet"), "{day:?}");
    }

    #[test]
    fn a_static_policy_is_expected_to_have_its_minimum() {
        let mut spec = example::spec();
        spec.policy.signals.clear();
        spec.policy.windows = vec![berlin(1)];

        let day = ahead(
            &spec,
            None,
            at("2026-01-15T06:00:00Z"),
            at("2026-01-15T09:00:00Z"),
        );

        let sizes: Vec<Option<u32>> = day.pieces.iter().map(|piece| piece.expected).collect();
        assert_eq!(sizes, [Some(2), Some(4), Some(2)]);
    }

    #[test]
    fn what_was_there_yesterday_is_expected_today_within_the_bounds() {
        let mut spec = example::spec();
        example::target(&mut spec).1.proactive = Proactive::On;
        let minute = SignedDuration::from_mins(1);
        let mut history = History::new(minute);
        let mut now = Now::at(at("2026-01-15T00:00:00Z"));
        // Two days: 1.2 instances' worth of load, and 9 from noon to one.
        for tick in 0..2 * 1_440 {
            let is_noon = (tick % 1_440) / 60 == 12;
            let each = Amount::from_millionths(if is_noon { 900_000 } else { 120_000 });
            let readings = example::readings(Metric::Cpu, each, 10);
            history.read(&spec.policy, &readings, now);
            now = now.after(minute);
        }

        let day = ahead(&spec, Some(&history), now.wall, at("2026-01-18T00:00:00Z"));

        let expected = |time: &str| {
            let moment = at(time);
            let piece = day.pieces.iter().find(|piece| piece.until > moment);
            piece.and_then(|piece| piece.expected)
        };
        assert_eq!(expected("2026-01-17T03:00:00Z"), Some(2));
        assert_eq!(expected("2026-01-17T12:30:00Z"), Some(5), "the maximum");
        assert!(day.expects.contains("over 2 days"), "{}", day.expects);
        let seams = day
            .pieces
            .windows(2)
            .all(|pair| pair[0].until == pair[1].from && pair[0] != pair[1]);
        assert!(seams);
    }
}
