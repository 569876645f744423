//! A limit on requests a second: a bucket that fills evenly and holds one second's worth.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A bucket of permissions.
#[derive(Debug)]
pub(crate) struct RateLimit {
    per_second: f64,
    bucket: Mutex<Bucket>,
}

#[derive(Debug)]
struct Bucket {
    permissions: f64,
    filled: Instant,
}

impl RateLimit {
    /// A full bucket.
    pub(crate) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        Self {
            per_second,
            bucket: Mutex::new(Bucket {
                permissions: per_second,
                filled: now,
            }),
        }
    }

    /// Takes one permission, or says after how long there will be one.
    pub(crate) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.saturating_duration_since(bucket.filled).as_secs_f64();
        bucket.permissions = (bucket.permissions + since * self.per_second).min(self.per_second);
        bucket.filled = now;
        if bucket.permissions >= 1.0 {
            bucket.permissions -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64(
            (1.0 - bucket.permissions) / self.per_second,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holds_no_more_requests_than_the_limit() {
        let start = Instant::now();
        let limit = RateLimit::new(5, start);

        let granted = (0..20).filter(|_| limit.take(start).is_ok()).count();
        let wait = limit.take(start).unwrap_err();
        let later = start + Duration::from_millis(200);

        assert_eq!(granted, 5);
        assert_eq!(wait, Duration::from_millis(200));
        assert!(limit.take(later).is_ok());
        assert!(limit.take(later).is_err());
    }
}
