//! What is counted while a run goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::sender::Outcome;

/// Three digits of every latency are kept, up to an hour, in microseconds.
const DIGITS: u8 = 3;
const LONGEST_US: u64 = 3_600_000_000;
/// A start this late is the generator's fault or that of too few clients, and is told.
pub(super) const LATE: Duration = Duration::from_millis(10);
/// More names than this are a mistake of the other side, and are counted together.
const MAX_INSTANCES: usize = 1000;
const OTHER_INSTANCES: &str = "(others)";

/// Latencies of answered requests, from their scheduled start, in milliseconds. All zero where there was none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The average.
    pub mean_ms: f64,
    /// Half of the requests took no longer.
    pub p50_ms: f64,
    /// Nine of ten.
    pub p90_ms: f64,
    /// 99 of 100.
    pub p99_ms: f64,
    /// 999 of 1000.
    pub p999_ms: f64,
    /// All.
    pub max_ms: f64,
}

/// Counts of some requests: of a run, of a segment, of a second.
#[derive(Debug)]
pub(super) struct Tally {
    /// Were due.
    pub(super) requests: u64,
    /// Were started.
    pub(super) sent: u64,
    pub(super) answered: u64,
    pub(super) failures: BTreeMap<Failure, u64>,
    /// Further attempts, whatever became of them.
    pub(super) retried: u64,
    latencies: Histogram<u64>,
}

/// Everything that is counted while a run goes on.
#[derive(Debug)]
pub(super) struct Stats {
    pub(super) total: Tally,
    pub(super) stretches: Vec<Tally>,
    /// Since the last [`Stats::end_window`].
    window: Tally,
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Answers by instance, and when its first one came, counted from the start of the run.
    pub(super) instances: BTreeMap<String, (u64, Duration)>,
    pub(super) in_flight: u64,
    pub(super) in_flight_max: u64,
    /// Starts that were late, and the latest.
    pub(super) late: u64,
    pub(super) latest: Duration,
    /// Requests that found no free client at first.
    pub(super) waited: u64,
}

impl Tally {
    fn new() -> Self {
        Self {
            requests: 0,
            sent: 0,
            answered: 0,
            failures: BTreeMap::new(),
            retried: 0,
            latencies: Histogram::new_with_bounds(1, LONGEST_US, DIGITS)
                .expect("the bounds of the histogram are constants that it accepts"),
        }
    }

    pub(super) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    pub(super) fn latency(&self) -> Latency {
        if self.latencies.is_empty() {
            return Latency::default();
        }
        let at = |share| ms(self.latencies.value_at_quantile(share));
        Latency {
            mean_ms: (self.latencies.mean() / 10.0).round() / 100.0,
            p50_ms: at(0.5),
            p90_ms: at(0.9),
            p99_ms: at(0.99),
            p999_ms: at(0.999),
            max_ms: ms(self.latencies.max()),
        }
    }

    fn finish(&mut self, outcome: &Outcome, latency: Duration) {
        self.retried += u64::from(outcome.retried);
        match outcome.failure() {
            None => {
                self.answered += 1;
                let micros = u64::try_from(latency.as_micros()).unwrap_or(LONGEST_US);
                self.latencies.saturating_record(micros);
            }
            Some(failure) => *self.failures.entry(failure).or_default() += 1,
        }
    }
}

impl Outcome {
    /// Why the request counts as failed; `None` where it does not.
    fn failure(&self) -> Option<Failure> {
        match &self.result {
            Ok(answer) if answer.is_expected => None,
            Ok(_) => Some(Failure::BadStatus),
            Err(failure) => Some(*failure),
        }
    }
}

impl Stats {
    pub(super) fn new(stretches: usize) -> Self {
        Self {
            total: Tally::new(),
            stretches: (0..stretches).map(|_| Tally::new()).collect(),
            window: Tally::new(),
            statuses: BTreeMap::new(),
            instances: BTreeMap::new(),
            in_flight: 0,
            in_flight_max: 0,
            late: 0,
            latest: Duration::ZERO,
            waited: 0,
        }
    }

    /// A request is due.
    pub(super) fn due(&mut self, stretch: usize) {
        self.each(stretch, |tally| tally.requests += 1);
    }

    /// It starts, so much after it was due.
    pub(super) fn start(&mut self, stretch: usize, late: Duration) {
        self.each(stretch, |tally| tally.sent += 1);
        self.in_flight += 1;
        self.in_flight_max = self.in_flight_max.max(self.in_flight);
        self.late += u64::from(late > LATE);
        self.latest = self.latest.max(late);
    }

    /// It never starts, as no client was free in time.
    pub(super) fn never_start(&mut self, stretch: usize) {
        self.each(stretch, |tally| {
            *tally.failures.entry(Failure::NotStarted).or_default() += 1;
        });
    }

    /// It is over at `now`, so much after it was due.
    pub(super) fn finish(
        &mut self,
        stretch: usize,
        outcome: &Outcome,
        latency: Duration,
        now: Duration,
    ) {
        self.each(stretch, |tally| tally.finish(outcome, latency));
        self.in_flight -= 1;
        let Ok(answer) = &outcome.result else {
            return;
        };
        if let Some(status) = answer.status {
            *self.statuses.entry(status).or_default() += 1;
        }
        if let Some(instance) = &answer.instance {
            let is_new = !self.instances.contains_key(instance);
            let name = if is_new && self.instances.len() >= MAX_INSTANCES {
                OTHER_INSTANCES
            } else {
                instance
            };
            let (answers, _) = self.instances.entry(name.to_owned()).or_insert((0, now));
            *answers += 1;
        }
    }

    /// What was counted since the last call.
    pub(super) fn end_window(&mut self) -> Tally {
        std::mem::replace(&mut self.window, Tally::new())
    }

    /// Whether nothing was counted since the last [`Stats::end_window`].
    pub(super) fn is_window_empty(&self) -> bool {
        self.window.sent == 0 && self.window.answered == 0 && self.window.failed() == 0
    }

    fn each(&mut self, stretch: usize, mut count: impl FnMut(&mut Tally)) {
        count(&mut self.total);
        count(&mut self.stretches[stretch]);
        count(&mut self.window);
    }
}

/// Microseconds in milliseconds, to the microsecond.
#[expect(
    clippy::cast_precision_loss,
    reason = "the histogram holds an hour at most"
)]
fn ms(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::super::sender::Answer;
    use super::*;

    fn answer(instance: &str) -> Outcome {
        Outcome {
            result: Ok(Answer {
                instance: Some(instance.to_owned()),
                status: Some(200),
                is_expected: true,
            }),
            retried: 0,
        }
    }

    #[test]
    fn percentiles_are_those_of_what_was_recorded() {
        let mut stats = Stats::new(1);
        for ms in 1..=1000 {
            stats.start(0, Duration::ZERO);
            stats.finish(0, &answer("a"), Duration::from_millis(ms), Duration::ZERO);
        }

        let latency = stats.total.latency();

        for (got, expected) in [
            (latency.mean_ms, 500.5),
            (latency.p50_ms, 500.0),
            (latency.p90_ms, 900.0),
            (latency.p99_ms, 990.0),
            (latency.p999_ms, 999.0),
            (latency.max_ms, 1000.0),
        ] {
            assert!((got / expected - 1.0).abs() < 0.002, "{got} for {expected}");
        }
    }

    #[test]
    fn failed_requests_are_counted_by_kind_and_not_in_the_latencies() {
        let mut stats = Stats::new(1);
        for failure in [Failure::Refused, Failure::Refused, Failure::Timeout] {
            stats.start(0, Duration::ZERO);
            let outcome = Outcome {
                result: Err(failure),
                retried: 2,
            };
            stats.finish(0, &outcome, Duration::from_secs(9), Duration::ZERO);
        }

        assert_eq!(stats.total.failures[&Failure::Refused], 2);
        assert_eq!(stats.total.failed(), 3);
        assert_eq!(stats.total.retried, 6);
        assert_eq!(stats.total.latency(), Latency::default());
    }

    #[test]
    fn a_window_begins_empty() {
        let mut stats = Stats::new(2);
        stats.due(1);
        stats.start(1, Duration::ZERO);

        assert_eq!(stats.end_window().sent, 1);
        assert_eq!(stats.end_window().sent, 0);
        assert_eq!((stats.stretches[0].sent, stats.stretches[1].sent), (0, 1));
    }

    #[test]
    fn endless_names_of_instances_do_not_fill_the_memory() {
        let mut stats = Stats::new(1);
        for name in 0..2000 {
            stats.start(0, Duration::ZERO);
            stats.finish(
                0,
                &answer(&name.to_string()),
                Duration::ZERO,
                Duration::ZERO,
            );
        }

        assert_eq!(stats.instances.len(), MAX_INSTANCES + 1);
        assert_eq!(stats.instances[OTHER_INSTANCES].0, 1000);
    }
}
