//! The clock that leases are held by.

use std::ops::{Add, Sub};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

/// A moment since this machine was started. Nobody sets this clock, and it goes on while the machine sleeps, as the store's
/// does: `Instant` would not, and whoever wakes up would take a lease that is long over for a fresh one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uptime(Duration);

impl Uptime {
    /// Now.
    pub fn now() -> Self {
        let now =
            clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has had this clock since 2.6.39");
        Self(now.into())
    }

    /// How long ago `earlier` was; zero where it is still to come.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Uptime {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl Sub<Duration> for Uptime {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_on() {
        let first = Uptime::now();
        std::thread::sleep(Duration::from_millis(2));

        assert!(Uptime::now().since(first) >= Duration::from_millis(2));
        assert_eq!(first.since(Uptime::now()), Duration::ZERO);
    }
}
