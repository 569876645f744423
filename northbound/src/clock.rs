//! The real clocks. Only `wire` makes one; everything else is told the time.

use std::time::Instant;

use async_trait::async_trait;
use controller::ports::Clock;
use controller::time::{Now, later};
use jiff::{SignedDuration, Timestamp};

/// The machine's clocks. The steady one begins at the wall time, but never before what the store last saw, so that a wait
/// that was written down before a restart is not waited for again because somebody has set the wall clock back.
#[derive(Debug, Clone)]
pub struct SystemClock {
    began: Instant,
    steady_began: Timestamp,
}

impl SystemClock {
    /// A clock that begins now; `last_steady` is the latest moment of the steady clock that the store knows.
    pub fn starting_after(last_steady: Timestamp) -> Self {
        Self {
            began: Instant::now(),
            steady_began: Timestamp::now().max(last_steady),
        }
    }
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Now {
        let passed = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::MAX);
        Now {
            steady: later(self.steady_began, passed),
            wall: Timestamp::now(),
        }
    }

    async fn sleep(&self, duration: SignedDuration) {
        tokio::time::sleep(duration.try_into().unwrap_or_default()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // I18
    #[test]
    fn the_steady_clock_never_starts_before_what_was_last_seen() {
        let seen = later(Timestamp::now(), SignedDuration::from_hours(24));

        let clock = SystemClock::starting_after(seen);

        let first = clock.now().steady;
        assert!(first >= seen);
        assert!(clock.now().steady >= first);
    }
}
