//! Times at which a certain number of instances is needed (S4-71).

use jiff::civil::{DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

mod cron;

pub use cron::{Cron, CronError};

/// A time at which a number is needed, once or again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// When it begins, by the clocks of `zone`.
    pub opens: Opens,
    /// When it ends.
    pub closes: Closes,
    /// How many instances are needed.
    pub instances: u32,
    /// An IANA name: `Europe/Berlin`.
    pub zone: String,
}

/// When a window begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opens {
    /// At a time of day on some days of the week.
    Weekly {
        /// The time of day.
        at: Time,
        /// On which days it begins, Monday first.
        days: [bool; 7],
    },
    /// Whenever this cron expression of five fields says.
    Cron(Cron),
    /// Once.
    Once(DateTime),
}

/// When a window ends; at most [`LONGEST_WINDOW`] after its start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closes {
    /// After so long. Real time: an hour is 60 minutes also on the night when clocks change.
    After(SignedDuration),
    /// When the clocks next show this time of day.
    At(Time),
    /// At this moment; only of a window that opens once.
    On(DateTime),
}

/// A window lasts no longer than this, so that looking back so far finds every one that may be open.
pub const LONGEST_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Window {
    /// Whether the window is open at `wall`. A time that the clocks skip counts as the moment after the gap; one that
    /// they show twice as its first. An unknown zone never opens: the tenant file's check refuses it.
    pub fn is_open(&self, wall: Timestamp) -> bool {
        let Ok(zone) = TimeZone::get(&self.zone) else {
            return false;
        };
        let (Opens::Weekly { at, days }, Closes::After(length)) = (&self.opens, &self.closes)
        else {
            return false;
        };
        let today = zone.to_datetime(wall).date();
        let mut day = Some(today);
        for _ in 0..=8 {
            let Some(date) = day else { return false };
            if days[usize::from(weekday_index(date.weekday()))]
                && let Ok(start) = date.to_datetime(*at).to_zoned(zone.clone())
            {
                let open_for = wall.duration_since(start.timestamp());
                if !open_for.is_negative() && open_for < *length {
                    return true;
                }
            }
            day = date.yesterday().ok();
        }
        false
    }
}

/// The number that open windows ask for: the highest of them; `None` where none is open.
pub fn floor(windows: &[Window], wall: Timestamp) -> Option<u32> {
    windows
        .iter()
        .filter(|window| window.is_open(wall))
        .map(|window| window.instances)
        .max()
}

fn weekday_index(day: Weekday) -> u8 {
    day.to_monday_zero_offset().unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn berlin(start: &str, hours: i64) -> Window {
        Window {
            opens: Opens::Weekly {
                at: start.parse().unwrap(),
                days: [true; 7],
            },
            closes: Closes::After(SignedDuration::from_hours(hours)),
            instances: 4,
            zone: "Europe/Berlin".to_owned(),
        }
    }

    // S4-71
    #[test]
    fn a_window_is_open_from_its_start_until_its_length_has_passed() {
        let window = berlin("08:00", 10);

        assert!(!window.is_open(at("2026-01-15T06:59:59Z")));
        assert!(window.is_open(at("2026-01-15T07:00:00Z")));
        assert!(window.is_open(at("2026-01-15T16:59:59Z")));
        assert!(!window.is_open(at("2026-01-15T17:00:00Z")));
    }

    #[test]
    fn a_window_goes_on_past_midnight_of_a_day_on_which_it_does_not_begin() {
        let mut window = berlin("22:00", 10);
        window.opens = Opens::Weekly {
            at: "22:00".parse().unwrap(),
            days: [true, false, false, false, false, false, false],
        };

        assert!(
            window.is_open(at("2026-01-13T03:00:00Z")),
            "Tuesday 04:00, begun on Monday"
        );
        assert!(!window.is_open(at("2026-01-14T03:00:00Z")));
    }

    #[test]
    fn a_start_that_the_clocks_skip_opens_when_they_have_jumped() {
        let window = berlin("02:30", 1);

        assert!(!window.is_open(at("2026-03-29T00:59:59Z")));
        assert!(window.is_open(at("2026-03-29T01:30:00Z")));
    }

    #[test]
    fn overlapping_windows_ask_for_the_highest() {
        let mut more = berlin("09:00", 1);
        more.instances = 7;

        assert_eq!(
            floor(&[berlin("08:00", 10), more], at("2026-01-15T08:30:00Z")),
            Some(7)
        );
        assert_eq!(floor(&[], at("2026-01-15T08:30:00Z")), None);
    }
}
