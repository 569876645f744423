//! The real clocks. Only `wire` makes one; everything else is told the time.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use async_trait::async_trait;
use controller::ports::Clock;
use controller::time::{Now, later};
use jiff::{SignedDuration, Timestamp};

/// The machine's clocks. The steady one begins at the wall time, but never before what the store last saw, so that a wait
/// that was written down before a restart is not waited for again because somebody has set the wall clock back. Clones share
/// it.
#[derive(Debug, Clone)]
pub struct SystemClock {
    began: Instant,
    steady_began: Arc<RwLock<Timestamp>>,
}

impl SystemClock {
    /// A clock that begins now; `last_steady` is the latest moment of the steady clock that the store knows.
    pub fn starting_after(last_steady: Timestamp) -> Self {
        Self {
            began: Instant::now(),
            steady_began: Arc::new(RwLock::new(Timestamp::now().max(last_steady))),
        }
    }

    /// Sets the steady clock forward where it is behind what was seen: a tenant comes from a node whose clock has come
    /// further, and no entry may be written down as if it were before the last one.
    pub fn catch_up(&self, seen: Timestamp) {
        let behind = seen.duration_since(self.now().steady);
        if behind.is_negative() {
            return;
        }
        if behind > FAR {
            tracing::warn!(%behind, "another node's clock is far ahead; have the nodes' clocks set by NTP");
        }
        let began = self.steady_began.write();
        let mut began = began.unwrap_or_else(PoisonError::into_inner);
        *began = later(*began, behind);
    }
}

/// Clocks that are set by anybody differ by less.
const FAR: SignedDuration = SignedDuration::from_secs(10);

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Now {
        let passed = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::MAX);
        let began = self.steady_began.read();
        let began = *began.unwrap_or_else(PoisonError::into_inner);
        Now {
            steady: later(began, passed),
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

    #[test]
    fn the_steady_clock_is_set_forward_and_never_back() {
        let clock = SystemClock::starting_after(Timestamp::MIN);
        let (ahead, shared) = (
            later(clock.now().steady, SignedDuration::from_secs(5)),
            clock.clone(),
        );

        clock.catch_up(ahead);
        clock.catch_up(Timestamp::UNIX_EPOCH);

        assert!(shared.now().steady >= ahead);
    }
}
