//! Time is an argument: what a tick is told when it begins. Nothing in this crate asks a clock.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The moment at which a tick works, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// Advances evenly and never goes back, whatever is done to the wall clock; only differences of it mean anything.
    /// Every waiting time, age and deadline is measured with it. It starts at the wall time of the service's start, but
    /// never before what the store last saw.
    pub steady: Timestamp,
    /// What a person's watch shows (UTC): for schedules and logs.
    pub wall: Timestamp,
}

impl Now {
    /// Both clocks at the same moment: the start of a test or a backtest.
    pub fn at(moment: Timestamp) -> Self {
        Self {
            steady: moment,
            wall: moment,
        }
    }

    /// The same, later by `by` on both clocks.
    #[must_use]
    pub fn after(self, by: SignedDuration) -> Self {
        Self {
            steady: later(self.steady, by),
            wall: later(self.wall, by),
        }
    }

    /// How long ago `earlier` was, by the steady clock; zero where it lies in the future.
    pub fn since(self, earlier: Timestamp) -> SignedDuration {
        let now = if seeded!(F27) { self.wall } else { self.steady };
        now.duration_since(earlier).max(SignedDuration::ZERO)
    }
}

/// `moment` plus `by`, held at the end of representable time.
pub fn later(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.saturating_add(by).unwrap_or(if by.is_negative() {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}
