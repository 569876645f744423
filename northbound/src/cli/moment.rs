//! Times as people write them: a moment, or how long ago.

use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

/// A moment, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// At this time.
    At(Timestamp),
    /// So long before now.
    Ago(SignedDuration),
}

/// Neither a moment nor a time that has passed.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no time: write it as `2026-01-15T08:00:00Z`, or how long ago it was as `10m` or `1h30m`"
)]
pub struct MomentError(String);

impl Moment {
    /// The moment, seen from `now`.
    pub fn from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => controller::time::later(now, -ago),
        }
    }
}

impl FromStr for Moment {
    type Err = MomentError;
    fn from_str(text: &str) -> Result<Self, MomentError> {
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        match text.parse::<SignedDuration>() {
            Ok(ago) if !ago.is_negative() => Ok(Self::Ago(ago)),
            _ => Err(MomentError(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_how_long_ago_it_was() {
        let now: Timestamp = "2026-01-15T08:00:00Z".parse().unwrap();
        let read = |text: &str| {
            text.parse::<Moment>()
                .map(|moment| moment.from(now).to_string())
        };

        assert_eq!(
            read("2026-01-15T07:00:00Z").unwrap(),
            "2026-01-15T07:00:00Z"
        );
        assert_eq!(
            read("2026-01-15T09:00:00+02:00").unwrap(),
            "2026-01-15T07:00:00Z"
        );
        assert_eq!(read("1h30m").unwrap(), "2026-01-15T06:30:00Z");
        assert!(read("yesterday").is_err());
        assert!(read("-5m").is_err());
    }
}
