//! Times as people write them: a moment, or how long ago.

use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// No log is older: ten years.
const LONGEST_AGO: SignedDuration = SignedDuration::from_hours(10 * 366 * 24);

/// A moment, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At this time.
    At(Timestamp),
    /// Today at this time, UTC.
    Today(Time),
    /// So long before now.
    Ago(SignedDuration),
}

/// Neither a moment nor a time that has passed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// It cannot be read.
    #[error(
        "`{0}` is no time: write it as `2026-01-15T08:00:00Z`, `2026-01-15 08:00` or `08:00` (in UTC), or how long ago it was as `10m` or `1h30m`"
    )]
    Unknown(String),
    /// It has a sign.
    #[error("a time that has passed is written without a sign: `{without}` for `{given}`")]
    Signed {
        /// As given.
        given: String,
        /// What was meant.
        without: String,
    },
    /// It is too long ago.
    #[error("`{0}` is out of range: at most `3660d`, ten years, is looked back")]
    OutOfRange(String),
}

/// An end that lies before its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time ends at {until:.0}, and begins only at {since:.0}")]
pub struct BackwardsError {
    since: Timestamp,
    until: Timestamp,
}

impl BackwardsError {
    /// What a person can do.
    pub const HINT: &str = "give the earlier time to `--since`: `5m` ago is before `1m` ago, as in `--since 5m --until 1m`";
}

impl Moment {
    /// The moment, seen from `now`.
    pub fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Today(time) => {
                let today = TimeZone::UTC.to_datetime(now).date();
                in_utc(today.to_datetime(time)).unwrap_or(now)
            }
            Self::Ago(ago) => controller::time::later(now, -ago),
        }
    }

    /// Two bounds of a time, seen from `now`; refused where the second is not after the first.
    pub fn bounds(
        since: Option<Self>,
        until: Option<Self>,
        now: Timestamp,
    ) -> Result<(Option<Timestamp>, Option<Timestamp>), BackwardsError> {
        let at = |moment: Self| moment.from(now);
        let (since, until) = (since.map(at), until.map(at));
        match (since, until) {
            (Some(since), Some(until)) if until <= since => Err(BackwardsError { since, until }),
            bounds => Ok(bounds),
        }
    }
}

impl FromStr for Moment {
    type Err = MomentError;
    fn from_str(text: &str) -> Result<Self, MomentError> {
        let text = text.trim();
        if let Some(time) = timestamp(text) {
            return Ok(Self::At(time));
        }
        if let Some(time) = time_of_day(text) {
            return Ok(Self::Today(time));
        }
        let told = |problem| match problem {
            NoAgo::Unknown => MomentError::Unknown(text.to_owned()),
            NoAgo::OutOfRange => MomentError::OutOfRange(text.to_owned()),
        };
        match text.strip_prefix(['-', '+']) {
            None => ago(text).map(Self::Ago).map_err(told),
            Some(without) => Err(match ago(without) {
                Err(NoAgo::Unknown) => told(NoAgo::Unknown),
                Ok(_) | Err(NoAgo::OutOfRange) => MomentError::Signed {
                    given: text.to_owned(),
                    without: without.to_owned(),
                },
            }),
        }
    }
}

/// With a zone, or without one in UTC; with a time of the day, or at the day's beginning.
fn timestamp(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    // Seconds may be left out, and the date may be all there is.
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let moment = match text.split_once(['T', 't', ' ']) {
        Some((date, time)) => day(date)?.to_datetime(time_of_day(time)?),
        None => day(text)?.to_datetime(Time::midnight()),
    };
    in_utc(moment)
}

fn in_utc(moment: DateTime) -> Option<Timestamp> {
    TimeZone::UTC.to_timestamp(moment).ok()
}

fn day(text: &str) -> Option<Date> {
    Date::strptime("%Y-%m-%d", text).ok()
}

fn time_of_day(text: &str) -> Option<Time> {
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    ["%H:%M:%S%.f", "%H:%M"]
        .iter()
        .find_map(|format| Time::strptime(format, text).ok())
}

/// Why a text does not say how long ago something was.
enum NoAgo {
    Unknown,
    OutOfRange,
}

fn ago(text: &str) -> Result<SignedDuration, NoAgo> {
    let ago = match text.parse::<SignedDuration>() {
        Ok(ago) => ago,
        Err(_) => days_ago(text)?,
    };
    if ago.is_negative() {
        Err(NoAgo::Unknown)
    } else if ago > LONGEST_AGO {
        Err(NoAgo::OutOfRange)
    } else {
        Ok(ago)
    }
}

/// Days and weeks are units of the calendar: here each day has 24 hours.
fn days_ago(text: &str) -> Result<SignedDuration, NoAgo> {
    let Ok(span) = text.parse::<Span>() else {
        // A number and a unit: it is only the number that is too large to be read.
        let unit = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
        let is_long = unit.len() < text.len() && ["s", "m", "h", "d", "w", "y"].contains(&unit);
        return Err(if is_long {
            NoAgo::OutOfRange
        } else {
            NoAgo::Unknown
        });
    };
    span.to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| NoAgo::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-01-15T08:00:00Z".parse().unwrap()
    }

    fn read(text: &str) -> Result<String, String> {
        text.parse::<Moment>()
            .map(|moment| moment.from(now()).to_string())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_moment_is_a_time_or_how_long_ago_it_was() {
        for (text, expected) in [
            ("2026-01-15T07:00:00Z", "2026-01-15T07:00:00Z"),
            ("2026-01-15T09:00:00+02:00", "2026-01-15T07:00:00Z"),
            ("2026-01-14", "2026-01-14T00:00:00Z"),
            ("2026-01-14 05:40", "2026-01-14T05:40:00Z"),
            ("2026-01-14 05:40:30", "2026-01-14T05:40:30Z"),
            ("2026-01-14T05:40Z", "2026-01-14T05:40:00Z"),
            ("2026-01-14T05:40:30.5", "2026-01-14T05:40:30.5Z"),
            ("05:41", "2026-01-15T05:41:00Z"),
            ("05:41:07", "2026-01-15T05:41:07Z"),
            ("1h30m", "2026-01-15T06:30:00Z"),
            ("2d", "2026-01-13T08:00:00Z"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_told_why() {
        for (text, expected) in [
            ("tomorrow", "`tomorrow` is no time"),
            ("25:00", "is no time"),
            ("2026-13-01", "is no time"),
            ("", "is no time"),
            ("-5m", "without a sign: `5m`"),
            ("--json", "is no time"),
            ("9999d", "out of range"),
            ("99999999999999999999s", "out of range"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn a_time_that_ends_before_it_begins_is_refused() {
        let ago = |minutes| Some(Moment::Ago(SignedDuration::from_mins(minutes)));

        assert!(Moment::bounds(ago(5), ago(1), now()).is_ok());
        assert!(Moment::bounds(ago(5), None, now()).is_ok());
        assert!(Moment::bounds(ago(1), ago(5), now()).is_err());
        assert!(Moment::bounds(ago(1), ago(1), now()).is_err());
    }
}
