//! How long to wait after a report that did not arrive: twice as long each time, up to a minute, and never two instances in step.

use std::time::Duration;

/// A service that restarts is back within a second or two.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It has arrived.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// It has not; `chance` is any number. Between a half and the whole of the time that it has doubled to.
    pub(crate) fn after_failure(&mut self, chance: u64) -> Duration {
        let whole = FIRST
            .saturating_mul(1_u32.checked_shl(self.failures.min(16)).unwrap_or(u32::MAX))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let half = whole / 2;
        let part = u32::try_from(chance % 1_000).unwrap_or(0);
        half + half * part / 999
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_keep_a_half_to_chance() {
        let waits = |chance| {
            let mut backoff = Backoff::default();
            (0..10)
                .map(|_| backoff.after_failure(chance))
                .collect::<Vec<_>>()
        };

        let (shortest, longest) = (waits(0), waits(999));

        assert_eq!(longest[..3], [1, 2, 4].map(Duration::from_secs));
        assert_eq!(longest[9], LONGEST);
        for (short, long) in shortest.iter().zip(&longest) {
            assert_eq!(*short, *long / 2);
        }
    }

    #[test]
    fn success_begins_anew() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            backoff.after_failure(7);
        }

        backoff.reset();

        assert!(backoff.after_failure(999) <= FIRST);
    }
}
