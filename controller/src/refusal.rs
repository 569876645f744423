//! A cloud, or one of its offerings, that did not do as asked is left alone for a while, and then asked again: each time for longer, up to half an hour.

use jiff::{SignedDuration, Timestamp};

use crate::ports::CloudErrorKind;
use crate::time::later;

/// A cloud that gave no answer is asked again after this long, then twice as long …
const FIRST_RETRY: SignedDuration = SignedDuration::from_secs(5);
/// … and one that has no room or does not want us after this long.
const FIRST_REPROBE: SignedDuration = SignedDuration::from_secs(60);
/// Instances that never become healthy cost money: after the third in a row the cloud is left alone this long (I20).
const FIRST_REST: SignedDuration = SignedDuration::from_mins(5);
const NEVER_HEALTHY_LIMIT: u32 = 3;
/// The longest wait, after which everything is tried again.
const LONGEST: SignedDuration = SignedDuration::from_mins(30);

/// What is remembered of the refusals of one cloud, or of one offering.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusals {
    in_a_row: u32,
    never_healthy: u32,
    until: Option<(Timestamp, String)>,
}

impl Refusals {
    /// Why the cloud is left alone now.
    pub fn now(&self, now: Timestamp) -> Option<&str> {
        self.until
            .as_ref()
            .filter(|(until, _)| *until > now)
            .map(|(_, why)| why.as_str())
    }

    /// Whether instances there have so often never become healthy that it is left alone now (I20).
    pub fn is_broken(&self, now: Timestamp) -> bool {
        self.never_healthy >= NEVER_HEALTHY_LIMIT && self.now(now).is_some()
    }

    /// The cloud did not do as asked.
    pub fn refused(&mut self, kind: CloudErrorKind, why: &str, now: Timestamp) {
        let first = match kind {
            CloudErrorKind::Throttled | CloudErrorKind::Unreachable => FIRST_RETRY,
            CloudErrorKind::NotFound
            | CloudErrorKind::NoCapacity
            | CloudErrorKind::Denied
            | CloudErrorKind::Rejected => FIRST_REPROBE,
        };
        self.rest(first, self.in_a_row, why, now);
        self.in_a_row = self.in_a_row.saturating_add(1);
    }

    /// The cloud did as asked.
    pub fn accepted(&mut self) {
        self.in_a_row = 0;
        if self.never_healthy < NEVER_HEALTHY_LIMIT {
            self.until = None;
        }
    }

    /// An instance there became healthy.
    pub fn healthy(&mut self) {
        self.never_healthy = 0;
        self.until = None;
    }

    /// An instance there was given up before it was ever healthy.
    pub fn never_healthy(&mut self, now: Timestamp) {
        seeded!(F13 => return);
        self.never_healthy = self.never_healthy.saturating_add(1);
        if self.never_healthy >= NEVER_HEALTHY_LIMIT {
            let why = format!(
                "{} instances in a row never became healthy; look at their output and at the health check",
                self.never_healthy,
            );
            self.rest(
                FIRST_REST,
                self.never_healthy - NEVER_HEALTHY_LIMIT,
                &why,
                now,
            );
        }
    }

    /// Takes over what the journal tells: who never became healthy. The rest it does not know of.
    pub(crate) fn learn(&mut self, told: &Self) {
        self.never_healthy = told.never_healthy;
        let is_later = |(until, _): &&(Timestamp, String)| {
            self.until.as_ref().is_none_or(|(mine, _)| mine < until)
        };
        if let Some(later) = told.until.as_ref().filter(is_later) {
            self.until = Some(later.clone());
        }
    }

    fn rest(&mut self, first: SignedDuration, doublings: u32, why: &str, now: Timestamp) {
        let factor = 1_i32.checked_shl(doublings.min(16)).unwrap_or(i32::MAX);
        let wait = first.saturating_mul(factor).min(LONGEST);
        let until = later(now, wait);
        if self.until.as_ref().is_none_or(|(old, _)| *old < until) {
            self.until = Some((until, why.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_cloud_without_room_is_asked_again_after_a_minute_and_then_later() {
        let mut cloud = Refusals::default();

        cloud.refused(CloudErrorKind::NoCapacity, "full", after(0));
        assert_eq!(cloud.now(after(59)), Some("full"));
        assert_eq!(cloud.now(after(60)), None);
        cloud.refused(CloudErrorKind::NoCapacity, "full", after(60));
        assert_eq!(cloud.now(after(60 + 119)), Some("full"));
        for _ in 0..40 {
            cloud.refused(CloudErrorKind::NoCapacity, "full", after(200));
        }
        assert_eq!(
            cloud.now(after(200 + 30 * 60)),
            None,
            "never longer than half an hour"
        );
    }

    // I20
    #[test]
    fn the_third_instance_in_a_row_that_is_never_healthy_opens_the_breaker() {
        let mut cloud = Refusals::default();

        cloud.never_healthy(after(0));
        cloud.never_healthy(after(1));
        assert_eq!(cloud.now(after(1)), None);
        cloud.never_healthy(after(2));
        cloud.accepted();
        assert!(cloud.now(after(2 + 299)).is_some());
        assert_eq!(cloud.now(after(2 + 300)), None);
        cloud.healthy();
        cloud.never_healthy(after(400));
        assert_eq!(cloud.now(after(400)), None);
    }
}
