//! When the clocks of a zone show a certain time. In most zones this has no single answer twice a year; here it is settled
//! once, for starts and ends alike, so that a window that ends when another begins touches it on every day of the year.

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Changes that are no jump, such as a new name for the same offset, may come between a time and the jump over it, but not
/// more of them.
const CHANGES: usize = 4;

/// The clocks of a zone, and what they show at one moment.
#[derive(Debug)]
pub(super) struct Clocks {
    zone: TimeZone,
    /// The moment.
    pub(super) wall: Timestamp,
    /// What they show then.
    pub(super) shown: DateTime,
    /// The latest that they have shown so far: later than `shown` while they show an hour for the second time.
    pub(super) reached: DateTime,
}

impl Clocks {
    /// The clocks of this IANA zone at `wall`; `None` where there is no such zone.
    pub(super) fn at(zone: &str, wall: Timestamp) -> Option<Self> {
        let zone = TimeZone::get(zone).ok()?;
        let shown = zone.to_datetime(wall);
        let reached = match zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Fold { before, after }
                if after.to_timestamp(shown).is_ok_and(|again| again == wall) =>
            {
                let set_back = jump(&zone, before.to_timestamp(shown).ok()?, after)?;
                let last = set_back.checked_sub(SignedDuration::from_nanos(1)).ok()?;
                before.to_datetime(last)
            }
            _ => shown,
        };
        Some(Self {
            zone,
            wall,
            shown,
            reached,
        })
    }

    /// When they first show `civil`; where they skip it, when they jump over it.
    pub(super) fn first(&self, civil: DateTime) -> Option<Timestamp> {
        match self.zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset }
            | AmbiguousOffset::Fold { before: offset, .. } => offset.to_timestamp(civil).ok(),
            AmbiguousOffset::Gap { after, .. } => {
                jump(&self.zone, after.to_timestamp(civil).ok()?, after)
            }
        }
    }

    /// When they show `civil` for the second time, if they do.
    pub(super) fn again(&self, civil: DateTime) -> Option<Timestamp> {
        match self.zone.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Fold { after, .. } => after.to_timestamp(civil).ok(),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Gap { .. } => None,
        }
    }
}

/// The next moment after `from` at which the clocks change to `offset`.
fn jump(zone: &TimeZone, from: Timestamp, offset: Offset) -> Option<Timestamp> {
    zone.following(from)
        .take(CHANGES)
        .find(|change| change.offset() == offset)
        .map(|change| change.timestamp())
}
