//! Times at which a certain number of instances is needed (S4-71).
//!
//! A window begins and ends by the clocks of its zone, and the clocks jump. One rule holds for starts and ends: a time that the
//! clocks skip is the moment at which they jump over it; a time that they show twice is its first, or for an end the first that
//! lies after the start. So a window that ends when another begins touches it on every day. Only a length is real time: a window
//! from 20:00 for 12 h ends at 07:00 on the morning after the clocks were set back, one from 20:00 until 08:00 does not.
//!
//! A cron expression that goes by the hour or the minute (`*/15 * * * *`) has its starts twice in an hour that comes twice:
//! a quarter of an hour stays one.

use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

mod clocks;
mod cron;
mod starts;
mod timeline;
mod words;

use clocks::Clocks;
pub use cron::{Cron, CronError};
pub use timeline::{Bounds, LONGEST_TIMELINE, timeline};

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
    /// Whenever this expression says.
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
    /// When the clocks show this time of day, on the day of the start if it is later than that, else on the next.
    At(Time),
    /// At this moment; only of a window that opens once.
    On(DateTime),
}

/// A window lasts no longer than this, so that looking back so far finds every one that may be open.
pub const LONGEST_WINDOW: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Window {
    /// Whether the window is open at `wall`. An unknown zone never opens: the tenant file's check refuses it.
    pub fn is_open(&self, wall: Timestamp) -> bool {
        Clocks::at(&self.zone, wall).is_some_and(|clocks| self.is_open_by(&clocks))
    }
}

/// The number that open windows ask for: the highest of them; `None` where none is open.
pub fn floor(windows: &[Window], wall: Timestamp) -> Option<u32> {
    let mut floor = None;
    let mut read: Option<(&str, Option<Clocks>)> = None;
    for window in windows {
        if floor >= Some(window.instances) {
            continue;
        }
        // Most windows of a tenant go by the same clocks.
        let (_, clocks) = match read {
            Some(read) if read.0 == window.zone => read,
            _ => (&*window.zone, Clocks::at(&window.zone, wall)),
        };
        if clocks
            .as_ref()
            .is_some_and(|clocks| window.is_open_by(clocks))
        {
            floor = Some(window.instances);
        }
        read = Some((&window.zone, clocks));
    }
    floor
}

#[cfg(test)]
mod tests;
