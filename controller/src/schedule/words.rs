//! A window in words: `4 from 08:00 mon-fri for 10h, Europe/Berlin`.

use std::fmt::{self, Display, Formatter};

use jiff::civil::{DateTime, Time};

use super::{Closes, Opens, Window};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Display for Window {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            opens,
            closes,
            instances,
            zone,
        } = self;
        write!(f, "{instances} {opens} {closes}, {zone}")
    }
}

impl Display for Opens {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weekly { at, days } => write!(f, "from {} {}", clock(*at), week(*days)),
            Self::Cron(cron) => write!(f, "by cron \"{cron}\""),
            Self::Once(moment) => write!(f, "from {}", day_and_time(*moment)),
        }
    }
}

impl Display for Closes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(length) => write!(f, "for {length:#}"),
            Self::At(time) => write!(f, "until {}", clock(*time)),
            Self::On(moment) => write!(f, "until {}", day_and_time(*moment)),
        }
    }
}

/// `08:00`, with seconds where there are any.
fn clock(time: Time) -> String {
    let text = time.to_string();
    text.strip_suffix(":00").unwrap_or(&text).to_owned()
}

fn day_and_time(moment: DateTime) -> String {
    format!("{} {}", moment.date(), clock(moment.time()))
}

/// `daily`, `mon-fri`, `sat-mon`, `mon, wed`.
fn week(days: [bool; 7]) -> String {
    let first =
        (0..DAYS.len()).find(|day| days[*day] && !days[(day + DAYS.len() - 1) % DAYS.len()]);
    let Some(first) = first else {
        return if days[0] { "daily" } else { "never" }.to_owned();
    };
    let count = days.iter().filter(|is_meant| **is_meant).count();
    let is_run = (first..first + count).all(|day| days[day % DAYS.len()]);
    if is_run && count > 1 {
        return format!("{}-{}", DAYS[first], DAYS[(first + count - 1) % DAYS.len()]);
    }
    let meant: Vec<&str> = DAYS
        .into_iter()
        .zip(days)
        .filter_map(|(name, is_meant)| is_meant.then_some(name))
        .collect();
    meant.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_reads_as_a_person_would_say_it() {
        let window = |opens, closes| {
            let window = Window {
                opens,
                closes,
                instances: 4,
                zone: "Europe/Berlin".to_owned(),
            };
            window.to_string()
        };
        let weekly = |at: &str, days: &str| Opens::Weekly {
            at: at.parse().unwrap(),
            days: days
                .bytes()
                .map(|day| day == b'x')
                .collect::<Vec<_>>()
                .try_into()
                .unwrap(),
        };
        let hours = |hours| Closes::After(jiff::SignedDuration::from_hours(hours));

        let cases = [
            (
                window(weekly("08:00", "xxxxx.."), hours(10)),
                "4 from 08:00 mon-fri for 10h, Europe/Berlin",
            ),
            (
                window(
                    weekly("22:30", "xxxxxxx"),
                    Closes::At("06:00".parse().unwrap()),
                ),
                "4 from 22:30 daily until 06:00, Europe/Berlin",
            ),
            (
                window(weekly("00:00:30", "x....xx"), hours(1)),
                "4 from 00:00:30 sat-mon for 1h, Europe/Berlin",
            ),
            (
                window(weekly("08:00", "x.x...."), hours(1)),
                "4 from 08:00 mon, wed for 1h, Europe/Berlin",
            ),
            (
                window(weekly("08:00", "......x"), hours(168)),
                "4 from 08:00 sun for 168h, Europe/Berlin",
            ),
            (
                window(
                    Opens::Cron("0 8 * * mon-fri".parse().unwrap()),
                    Closes::After(jiff::SignedDuration::from_mins(90)),
                ),
                "4 by cron \"0 8 * * mon-fri\" for 1h 30m, Europe/Berlin",
            ),
            (
                window(
                    Opens::Once("2026-12-24T08:00".parse().unwrap()),
                    Closes::On("2026-12-26T20:00".parse().unwrap()),
                ),
                "4 from 2026-12-24 08:00 until 2026-12-26 20:00, Europe/Berlin",
            ),
        ];
        for (words, expected) in cases {
            assert_eq!(words, expected);
        }
    }
}
