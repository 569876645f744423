//! How often a tenant is looked at, and how old a reading may be.

use jiff::SignedDuration;

/// How often a tenant is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From one tick to the next, while nothing happens.
    pub tick: SignedDuration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            tick: SignedDuration::from_secs(10),
        }
    }
}

/// While something is on its way, a tick comes at least this often …
const BUSY_LONGEST: SignedDuration = SignedDuration::from_secs(1);
/// … and a drain is watched so closely, since it is the kernel that is asked and no cloud.
const BUSY_SHORTEST: SignedDuration = SignedDuration::from_millis(100);
/// After so many ticks without one, a reading is stale.
const STALE_TICKS: i32 = 3;
impl Pace {
    /// A reading older than this is stale.
    pub(crate) fn stale(self) -> SignedDuration {
        self.tick
            .saturating_mul(STALE_TICKS)
            .max(SignedDuration::from_secs(5))
    }

    pub(crate) fn busy(self) -> SignedDuration {
        (self.tick / 10).clamp(BUSY_SHORTEST, BUSY_LONGEST)
    }

    /// How long until the next tick, if nothing wakes it.
    pub(crate) fn until_next(self, is_at_rest: bool) -> SignedDuration {
        if is_at_rest { self.tick } else { self.busy() }
    }
}
