//! From what the kernel has counted to a reading: shares and rates over the time between two looks.

use std::time::{Duration, Instant};

use crate::proc::{self, Bytes, Cpu};
use crate::report::Reading;

/// What the kernel said at one moment. What it does not tell is missing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters {
    cpu: Option<Cpu>,
    memory: Option<f64>,
    disk: Option<Bytes>,
    network: Option<Bytes>,
    load: Option<f64>,
}

impl Counters {
    /// What the kernel says now.
    pub(crate) fn read() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        Self {
            cpu: proc::cpu(&text("/proc/stat")),
            memory: proc::memory(&text("/proc/meminfo")),
            disk: proc::disk(&text("/proc/diskstats")),
            network: proc::network(&text("/proc/net/dev")),
            load: proc::load(&text("/proc/loadavg")),
        }
    }
}

/// A reading that waits to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    /// Its age is counted from here.
    pub(crate) at: Instant,
    pub(crate) reading: Reading,
}

/// What happened from one look to the next. The first look has no rates: there is nothing to compare it with.
pub(crate) fn reading(
    number: u64,
    before: Option<(&Counters, Duration)>,
    now: &Counters,
) -> Reading {
    let over = before.map(|(_, over)| over);
    let rates = |of: fn(&Counters) -> Option<Bytes>| {
        let (before, over) = before?;
        let (before, now) = (of(before)?, of(now)?);
        let inwards = rate(before.inwards, now.inwards, over)?;
        Some((inwards, rate(before.outwards, now.outwards, over)?))
    };
    let (disk, network) = (rates(|c| c.disk), rates(|c| c.network));
    Reading {
        number,
        age_ms: 0,
        over_ms: over.map_or(0, milliseconds),
        cpu: before.and_then(|(before, _)| share(before.cpu?, now.cpu?)),
        memory: now.memory,
        disk_read: disk.map(|(read, _)| read),
        disk_write: disk.map(|(_, written)| written),
        network_in: network.map(|(received, _)| received),
        network_out: network.map(|(_, sent)| sent),
        load: now.load,
    }
}

/// A time as reports tell it.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Of all processors; `None` where no time has passed or a counter went back, as after a restore.
fn share(before: Cpu, now: Cpu) -> Option<f64> {
    let busy = now.busy.checked_sub(before.busy)?;
    let total = now.total.checked_sub(before.total)?;
    (total > 0).then(|| (float(busy) / float(total)).clamp(0.0, 1.0))
}

/// Bytes per second.
fn rate(before: u64, now: u64, over: Duration) -> Option<f64> {
    let seconds = over.as_secs_f64();
    let bytes = now.checked_sub(before)?;
    (seconds > 0.0).then(|| float(bytes) / seconds)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a counter's last digits are no part of a rate"
)]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(busy: u64, total: u64, received: u64) -> Counters {
        Counters {
            cpu: Some(Cpu { busy, total }),
            memory: Some(0.5),
            network: Some(Bytes {
                inwards: received,
                outwards: 0,
            }),
            ..Counters::default()
        }
    }

    #[test]
    fn shares_and_rates_are_of_the_time_between_two_looks() {
        let (before, now) = (counters(100, 1_000, 0), counters(130, 1_100, 5_000));

        let reading = reading(1, Some((&before, Duration::from_millis(2_500))), &now);

        assert_eq!(reading.cpu, Some(0.3));
        assert_eq!(reading.network_in, Some(2_000.0));
        assert_eq!(reading.disk_read, None, "the kernel did not tell");
        assert_eq!(reading.over_ms, 2_500);
    }

    #[test]
    fn a_counter_that_went_back_and_a_first_look_give_no_rate() {
        let (before, now) = (counters(100, 1_000, 50), counters(90, 900, 5));

        let back = reading(1, Some((&before, Duration::from_secs(1))), &now);
        let first = reading(0, None, &now);

        for reading in [back, first] {
            assert_eq!((reading.cpu, reading.network_in), (None, None));
            assert_eq!(reading.memory, Some(0.5));
        }
    }
}
