//! Windows of all kinds, around moments of two years at which clocks jump, or do not.

use controller::schedule::{Closes, Opens, Window};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

/// By an hour, by half an hour, by two, at midnight, the other way round, and not at all.
pub(crate) const ZONES: [&str; 9] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "America/Havana",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "UTC",
];

/// Midnight of the first of January 2025.
pub(crate) const FIRST: Timestamp = Timestamp::constant(1_735_689_600, 0);
const MINUTES: i64 = 2 * 365 * 24 * 60;

/// A window as it was asked for, in the parts that the oracle looks at. Of whole minutes.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) opens: Begins,
    pub(crate) closes: Closes,
    pub(crate) zone: &'static str,
}

#[derive(Debug, Clone)]
pub(crate) enum Begins {
    Weekly { minute: i16, days: [bool; 7] },
    Cron([Part; 5]),
    Once(DateTime),
}

impl Begins {
    /// Daily, at this minute of the day.
    pub(crate) fn weekly(minute: i16) -> Self {
        Self::Weekly {
            minute,
            days: [true; 7],
        }
    }

    /// Daily, at these minutes and hours: `*`, `*/15` or `1,2`.
    pub(crate) fn cron(minute: &str, hour: &str) -> Self {
        let part = |text: &str| match text.strip_prefix("*/") {
            Some(step) => Part::Step(step.parse().unwrap()),
            None if text == "*" => Part::Every,
            None => Part::List(
                text.split(',')
                    .map(|value| value.parse().unwrap())
                    .collect(),
            ),
        };
        let every = Part::Every;
        Self::Cron([
            part(minute),
            part(hour),
            every.clone(),
            every.clone(),
            every,
        ])
    }
}

/// A field of a cron expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    Every,
    Step(u32),
    Range(u32, u32),
    List(Vec<u32>),
}

impl Part {
    pub(crate) fn has(&self, value: u32, least: u32) -> bool {
        match self {
            Self::Every => true,
            Self::Step(step) => (value - least).is_multiple_of(*step),
            Self::Range(low, high) => (*low..=*high).contains(&value),
            Self::List(values) => values.contains(&value),
        }
    }

    fn text(&self) -> String {
        match self {
            Self::Every => "*".to_owned(),
            Self::Step(step) => format!("*/{step}"),
            Self::Range(first, last) => format!("{first}-{last}"),
            Self::List(values) => values
                .iter()
                .map(u32::to_string)
                .collect::<Vec<_>>()
                .join(","),
        }
    }

    pub(crate) fn begins_with_a_star(&self) -> bool {
        matches!(self, Self::Every | Self::Step(_))
    }
}

impl Asked {
    pub(crate) fn window(&self) -> Window {
        let opens = match &self.opens {
            Begins::Weekly { minute, days } => Opens::Weekly {
                at: time_of_day(*minute, 0),
                days: *days,
            },
            Begins::Cron(parts) => Opens::Cron(cron_text(parts).parse().unwrap()),
            Begins::Once(moment) => Opens::Once(*moment),
        };
        Window {
            opens,
            closes: self.closes.clone(),
            instances: 3,
            zone: self.zone.to_owned(),
        }
    }
}

pub(crate) fn time_of_day(minute: i16, second: i8) -> Time {
    let part = |number: i16| i8::try_from(number).unwrap();
    Time::constant(part(minute / 60), part(minute % 60), second, 0)
}

fn cron_text(parts: &[Part; 5]) -> String {
    parts.iter().map(Part::text).collect::<Vec<_>>().join(" ")
}

/// When the clocks of a zone jump within the two years.
pub(crate) fn jumps(zone: &str) -> Vec<Timestamp> {
    let last = FIRST + SignedDuration::from_mins(MINUTES);
    TimeZone::get(zone)
        .unwrap()
        .following(FIRST)
        .map(|change| change.timestamp())
        .take_while(|jump| *jump < last)
        .collect()
}

/// A moment that matters to the clocks of a zone, on a whole minute.
fn moment(zone: &'static str) -> impl Strategy<Value = Timestamp> {
    let any_time = (0..MINUTES).prop_map(|minute| FIRST + SignedDuration::from_mins(minute));
    let around = prop_oneof![-6_i64 * 60..6 * 60, -36_i64 * 60..36 * 60];
    let near = (any::<Index>(), around).prop_map(move |(index, minutes)| {
        let jumps = jumps(zone);
        let jump = if jumps.is_empty() {
            FIRST
        } else {
            *index.get(&jumps)
        };
        jump + SignedDuration::from_mins(minutes)
    });
    prop_oneof![1 => any_time, 5 => near]
}

/// Early in the day, when clocks jump, or at any time of it.
fn minute_of_day() -> impl Strategy<Value = i16> + Clone {
    prop_oneof![0_i16..270, 0_i16..1440]
}

fn part(least: u32, most: u32) -> impl Strategy<Value = Part> {
    prop_oneof![
        Just(Part::Every),
        (1..=most).prop_map(Part::Step),
        (least..=most, least..=most).prop_map(|(a, b)| Part::Range(a.min(b), a.max(b))),
        subsequence((least..=most).collect::<Vec<_>>(), 1..4).prop_map(Part::List),
    ]
}

fn cron() -> impl Strategy<Value = [Part; 5]> {
    // The hours at which clocks jump, most often.
    let early = subsequence(vec![0, 1, 2, 3], 1..3).prop_map(Part::List);
    let hour = prop_oneof![2 => part(0, 23), 1 => Just(Part::Every), 3 => early];
    let day = prop_oneof![6 => Just(Part::Every), 1 => part(1, 31)];
    let month = prop_oneof![6 => Just(Part::Every), 1 => part(1, 12)];
    let weekday = prop_oneof![6 => Just(Part::Every), 1 => part(0, 6)];
    (part(0, 59), hour, day, month, weekday)
        .prop_map(|(minute, hour, day, month, weekday)| [minute, hour, day, month, weekday])
        .prop_filter("one that comes", |parts| {
            cron_text(parts)
                .parse::<controller::schedule::Cron>()
                .is_ok()
        })
}

/// A moment of a zone, and the times of day around it.
fn asked(zone: &'static str, moment: Timestamp) -> impl Strategy<Value = Asked> {
    let near = move |from: i64, to: i64| {
        (from..to).prop_map(move |minutes| {
            let shown = TimeZone::get(zone).unwrap().to_datetime(moment);
            shown + SignedDuration::from_mins(minutes)
        })
    };
    let days = prop_oneof![Just([true; 7]), any::<[bool; 7]>()];
    let weekly = (minute_of_day(), days).prop_map(|(minute, days)| Begins::Weekly { minute, days });
    let length = prop_oneof![3 => 1_i64..60, 1 => 1_i64..3_000, 1 => 1_i64..11_000];
    let after = length.prop_map(|minutes| Closes::After(SignedDuration::from_mins(minutes)));
    let until = minute_of_day().prop_map(|minute| Closes::At(time_of_day(minute, 0)));
    let on = near(-3 * 1440, 8 * 1440).prop_map(Closes::On);
    let closes = prop_oneof![after.clone(), until.clone()];
    let once = (near(-9 * 1440, 1440), prop_oneof![after, until, on])
        .prop_map(|(start, closes)| (Begins::Once(start), closes));
    prop_oneof![
        2 => (weekly, closes.clone()),
        3 => (cron().prop_map(Begins::Cron), closes),
        1 => once,
    ]
    .prop_map(move |(opens, closes)| Asked {
        opens,
        closes,
        zone,
    })
}

pub(crate) fn with_a_moment() -> impl Strategy<Value = (Timestamp, Asked)> {
    select(ZONES.to_vec())
        .prop_flat_map(|zone| moment(zone).prop_map(move |moment| (zone, moment)))
        .prop_flat_map(|(zone, moment)| (Just(moment), asked(zone, moment)))
}

/// Some windows of several zones around a moment, with their seconds and numbers.
pub(crate) fn several() -> impl Strategy<Value = (Timestamp, Vec<Window>)> {
    let zone = || select(ZONES.to_vec());
    zone()
        .prop_flat_map(|zone| moment(zone).prop_map(move |moment| (zone, moment)))
        .prop_flat_map(move |(first, moment)| {
            let zone = prop_oneof![Just(first), zone()];
            let window =
                (zone, 0_i8..60, 1_u32..12).prop_flat_map(move |(zone, second, number)| {
                    asked(zone, moment).prop_map(move |asked| {
                        let mut window = asked.window();
                        window.instances = number;
                        if let Opens::Weekly { at, .. } = &mut window.opens {
                            *at = Time::constant(at.hour(), at.minute(), second, 0);
                        }
                        window
                    })
                });
            (Just(moment), prop::collection::vec(window, 1..6))
        })
}
