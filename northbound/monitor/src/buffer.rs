//! Readings that have not arrived yet: bounded, the oldest go first, and how many went is told.

use std::collections::VecDeque;
use std::time::Instant;

use crate::reading::{Taken, milliseconds};
use crate::report::{READINGS_LIMIT, Reading};

/// An hour of them at the default pace, some 50 KiB.
const LIMIT: usize = 360;

#[derive(Debug, Default)]
pub(crate) struct Buffer {
    waiting: VecDeque<Taken>,
    dropped: u64,
}

impl Buffer {
    /// Keeps a reading, if need be in place of the oldest.
    pub(crate) fn keep(&mut self, taken: Taken) {
        if self.waiting.len() >= LIMIT {
            self.waiting.pop_front();
            self.dropped = self.dropped.saturating_add(1);
        }
        self.waiting.push_back(taken);
    }

    /// What goes with the next report, oldest first, with its age.
    pub(crate) fn next(&self, now: Instant) -> Vec<Reading> {
        let next = self.waiting.iter().take(READINGS_LIMIT);
        let aged = next.map(|taken| Reading {
            age_ms: milliseconds(now.saturating_duration_since(taken.at)),
            ..taken.reading.clone()
        });
        aged.collect()
    }

    /// These have arrived.
    pub(crate) fn arrived(&mut self, count: usize) {
        self.waiting.drain(..count.min(self.waiting.len()));
    }

    /// The service does not want these: they are not sent again.
    pub(crate) fn refused(&mut self, count: usize) {
        self.arrived(count);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        self.dropped = self.dropped.saturating_add(count);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many never arrived.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reading::{Counters, reading};

    fn filled(count: u64, start: Instant) -> Buffer {
        let mut buffer = Buffer::default();
        for number in 0..count {
            let at = start + Duration::from_secs(number);
            let reading = reading(number, None, &Counters::default());
            buffer.keep(Taken { at, reading });
        }
        buffer
    }

    #[test]
    fn the_oldest_go_first_and_are_counted() {
        let start = Instant::now();
        let limit = u64::try_from(LIMIT).unwrap();

        let buffer = filled(limit + 7, start);

        assert_eq!(buffer.dropped(), 7);
        assert_eq!(buffer.waiting.len(), LIMIT);
        assert_eq!(buffer.next(start)[0].number, 7);
    }

    #[test]
    fn a_reading_is_sent_until_it_has_arrived_and_its_age_grows() {
        let start = Instant::now();
        let mut buffer = filled(3, start);

        let ages = |buffer: &Buffer, now| -> Vec<_> {
            let next = buffer.next(now);
            next.iter().map(|r| (r.number, r.age_ms)).collect()
        };
        let now = start + Duration::from_secs(5);
        assert_eq!(ages(&buffer, now), [(0, 5_000), (1, 4_000), (2, 3_000)]);
        buffer.arrived(2);
        let now = start + Duration::from_secs(6);
        assert_eq!(ages(&buffer, now), [(2, 4_000)]);
        assert_eq!(buffer.dropped(), 0);
        buffer.refused(1);
        assert!(buffer.is_empty());
        assert_eq!(buffer.dropped(), 1);
    }
}
