//! From what the kernel has counted at two moments to what happened between them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use controller::amount::Amount;
use controller::load::Metric;
use jiff::Timestamp;

use super::network::Carried;
use crate::local::cgroup::{Moved, Usage};

/// Two readings closer than this say more about the scheduler's periods than about the load.
const SPAN_MIN: Duration = Duration::from_millis(400);
/// A mean over a longer time than this says nothing about now: the next reading begins anew.
pub(super) const SPAN_MAX: Duration = Duration::from_mins(5);

/// What was counted since the instance was made, in nanoseconds and bytes. What the kernel does not count is not in it.
pub(super) type Counters = BTreeMap<Metric, u64>;

/// What the next reading is compared with.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    counters: Counters,
    /// By a real clock, when it was really read: a tick's `now` is the moment at which the tick began.
    pub(super) read: Instant,
    /// What happened until then, and of when that is.
    pub(super) last: BTreeMap<Metric, (Amount, Timestamp)>,
}

/// The counters that there are.
pub(super) fn counters(usage: Option<&Usage>, moved: Moved, carried: Option<Carried>) -> Counters {
    let counters = [
        (Metric::Cpu, usage.map(|usage| usage.cpu_ns)),
        (Metric::DiskRead, moved.read),
        (Metric::DiskWrite, moved.written),
        (Metric::NetworkIn, carried.map(|carried| carried.received)),
        (Metric::NetworkOut, carried.map(|carried| carried.sent)),
    ];
    let known = counters
        .into_iter()
        .filter_map(|(metric, count)| Some((metric, count?)));
    known.collect()
}

/// The reading after `before`, or `before` itself where it is too soon for another.
pub(super) fn next(
    before: Option<&Reading>,
    counters: Counters,
    usage: Option<&Usage>,
    read: Instant,
    at: Timestamp,
) -> Reading {
    let mut last = BTreeMap::new();
    if let Some(before) = before {
        let span = read.saturating_duration_since(before.read);
        if span < SPAN_MIN {
            return before.clone();
        }
        for (metric, count) in &counters {
            // A counter that went back is another container's, or a process's that has ended.
            let added = before.counters.get(metric);
            let added = added.and_then(|before| count.checked_sub(*before));
            let value = added.and_then(|added| match metric {
                Metric::Cpu => share_of_time(added, span, usage?),
                _ => per_second(added, span),
            });
            if let Some(value) = value {
                last.insert(metric.clone(), (value, at));
            }
        }
    }
    Reading {
        counters,
        read,
        last,
    }
}

/// Of the processor time that the limit allows.
fn share_of_time(used_ns: u64, span: Duration, usage: &Usage) -> Option<Amount> {
    let allowed_ns =
        span.as_nanos() * u128::from(usage.quota_us) / u128::from(usage.period_us.max(1));
    ratio(used_ns.into(), allowed_ns)
}

/// Megabytes per second: a byte per second is just a millionth.
fn per_second(bytes: u64, span: Duration) -> Option<Amount> {
    let rate = (u128::from(bytes) * 1_000_000_000).checked_div(span.as_nanos())?;
    u64::try_from(rate).ok().map(Amount::from_millionths)
}

/// `part` of `whole`, one at most; a whole of nothing has no parts.
pub(super) fn ratio(part: u128, whole: u128) -> Option<Amount> {
    let one = u128::from(Amount::ONE.millionths());
    let millionths = part.saturating_mul(one).checked_div(whole)?.min(one);
    u64::try_from(millionths).ok().map(Amount::from_millionths)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF_A_CORE: Usage = Usage {
        cpu_ns: 0,
        quota_us: 10_000,
        period_us: 20_000,
        memory: 0,
        memory_limit: 1,
    };
    const AT: Timestamp = Timestamp::UNIX_EPOCH;

    fn after(
        before: Option<&Reading>,
        start: Instant,
        ms: u64,
        counters: &[(Metric, u64)],
    ) -> Reading {
        let at = AT + Duration::from_millis(ms);
        let read = start + Duration::from_millis(ms);
        next(
            before,
            counters.iter().cloned().collect(),
            Some(&HALF_A_CORE),
            read,
            at,
        )
    }

    fn cpu(ms: u64) -> [(Metric, u64); 1] {
        [(Metric::Cpu, ms * 1_000_000)]
    }

    #[test]
    fn cpu_is_the_share_of_what_the_template_allows_between_two_readings() {
        let start = Instant::now();

        let first = after(None, start, 0, &cpu(1_000));
        let second = after(Some(&first), start, 1_000, &cpu(1_250));

        assert_eq!(first.last, BTreeMap::new());
        assert_eq!(
            second.last[&Metric::Cpu].0,
            Amount::from_millionths(500_000)
        );
    }

    #[test]
    fn bytes_are_megabytes_per_second() {
        let start = Instant::now();
        let first = after(None, start, 0, &[(Metric::DiskWrite, 7)]);

        let second = after(
            Some(&first),
            start,
            2_000,
            &[(Metric::DiskWrite, 5_000_007)],
        );

        let value = second.last[&Metric::DiskWrite].0;
        assert_eq!(value, Amount::from_millionths(2_500_000));
    }

    #[test]
    fn a_reading_too_soon_repeats_the_last_one_with_its_own_time() {
        let start = Instant::now();
        let first = after(None, start, 0, &cpu(0));
        let second = after(Some(&first), start, 1_000, &cpu(500));

        let soon = after(Some(&second), start, 1_200, &cpu(700));

        assert_eq!(soon.last, second.last);
        assert_eq!(soon.counters, second.counters);
    }

    #[test]
    fn a_counter_that_went_back_or_was_not_there_gives_no_value_and_spoils_no_other() {
        let start = Instant::now();
        let before = [(Metric::DiskRead, 9), (Metric::NetworkIn, 9)];
        let now = [
            (Metric::DiskRead, 8),
            (Metric::NetworkIn, 9),
            (Metric::NetworkOut, 5),
        ];
        let first = after(None, start, 0, &before);

        let second = after(Some(&first), start, 1_000, &now);

        let measured: Vec<_> = second.last.keys().collect();
        assert_eq!(measured, [&Metric::NetworkIn]);
        assert_eq!(second.last[&Metric::NetworkIn].0, Amount::ZERO);
    }

    #[test]
    fn what_the_kernel_does_not_count_is_no_counter() {
        let moved = Moved {
            read: Some(0),
            written: None,
        };

        let known = counters(None, moved, None);

        assert_eq!(
            known.into_iter().collect::<Vec<_>>(),
            [(Metric::DiskRead, 0)]
        );
    }

    #[test]
    fn a_share_is_never_more_than_one_and_never_of_nothing() {
        assert_eq!(ratio(3, 2), Some(Amount::ONE));
        assert_eq!(ratio(3, 0), None);
    }
}
