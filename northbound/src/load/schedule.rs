//! When each request starts: a profile laid out over time. It knows no clock; it is told how far the run is.

use std::time::Duration;

use super::profile::{Profile, Segment};

/// How the starts are spread within a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Arrivals {
    /// At even distances.
    Even,
    /// At random, as many independent people would (a Poisson process).
    Poisson,
}

/// Gives out the starts of all requests, in order.
#[derive(Debug)]
pub(super) struct Schedule {
    stretches: Vec<Stretch>,
    arrivals: Arrivals,
    chance: fastrand::Rng,
    /// The stretch that the next request is looked for in.
    current: usize,
    /// How many requests of the current stretch must have been asked for when the next one starts.
    count: f64,
}

/// A segment and when it is, counted from the start of the run.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    pub(super) begins: Duration,
    pub(super) ends: Duration,
    pub(super) segment: Segment,
}

/// One request's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Slot {
    /// Counted from the start of the run.
    pub(super) at: Duration,
    /// Which stretch it belongs to.
    pub(super) stretch: usize,
}

impl Schedule {
    pub(super) fn new(profile: &Profile, arrivals: Arrivals, seed: u64) -> Self {
        let mut begins = Duration::ZERO;
        let stretches = profile
            .segments()
            .iter()
            .map(|segment| {
                let ends = begins + segment.lasts;
                let stretch = Stretch {
                    begins,
                    ends,
                    segment: segment.clone(),
                };
                begins = ends;
                stretch
            })
            .collect();
        let mut schedule = Self {
            stretches,
            arrivals,
            chance: fastrand::Rng::with_seed(seed),
            current: 0,
            count: 0.0,
        };
        schedule.count = schedule.first_count();
        schedule
    }

    /// The next start; `None` after the last.
    pub(super) fn next(&mut self) -> Option<Slot> {
        while let Some(stretch) = self.stretches.get(self.current) {
            let at = stretch
                .segment
                .moment_of(self.count)
                .map(|moment| stretch.begins + moment)
                .filter(|at| *at < stretch.ends);
            if let Some(at) = at {
                let stretch = self.current;
                self.count += self.distance();
                return Some(Slot { at, stretch });
            }
            self.current += 1;
            self.count = self.first_count();
        }
        None
    }

    /// Ends the stretch that is on at `elapsed`; the next one begins at once. Starts that were given out and are not over by
    /// then are void, and given out again.
    pub(super) fn skip(&mut self, elapsed: Duration) {
        let Some(now) = self.at(elapsed) else {
            return;
        };
        let saved = self.stretches[now].ends.saturating_sub(elapsed);
        self.stretches[now].ends = elapsed;
        for stretch in &mut self.stretches[now + 1..] {
            stretch.begins -= saved;
            stretch.ends -= saved;
        }
        self.current = now + 1;
        self.count = self.first_count();
    }

    /// Which stretch is on at `elapsed`; `None` after the last.
    pub(super) fn at(&self, elapsed: Duration) -> Option<usize> {
        self.stretches
            .iter()
            .position(|stretch| elapsed < stretch.ends)
    }

    pub(super) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// When the last stretch ends.
    pub(super) fn ends(&self) -> Duration {
        self.stretches
            .last()
            .map_or(Duration::ZERO, |stretch| stretch.ends)
    }

    fn first_count(&mut self) -> f64 {
        match self.arrivals {
            Arrivals::Even => 0.0,
            Arrivals::Poisson => self.distance(),
        }
    }

    /// From one request to the next, in requests that the rate asks for: one, or one on average.
    fn distance(&mut self) -> f64 {
        match self.arrivals {
            Arrivals::Even => 1.0,
            // `f64()` is below one, so that the logarithm is finite.
            Arrivals::Poisson => -(1.0 - self.chance.f64()).ln(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(profile: &str, arrivals: Arrivals) -> Schedule {
        Schedule::new(&profile.parse().unwrap(), arrivals, 7)
    }

    fn drain(schedule: &mut Schedule) -> Vec<(usize, u128)> {
        std::iter::from_fn(|| schedule.next())
            .map(|slot| (slot.stretch, slot.at.as_millis()))
            .collect()
    }

    #[test]
    fn segments_follow_each_other_without_a_gap() {
        let mut schedule = schedule("2/s:1s,0/s:1s,4/s:500ms", Arrivals::Even);

        let starts = drain(&mut schedule);

        assert_eq!(starts, [(0, 0), (0, 500), (2, 2000), (2, 2250)]);
    }

    // S3-09
    #[test]
    fn a_skip_begins_the_next_segment_at_once_and_shortens_the_run() {
        let mut schedule = schedule("1/s:10s,2/s:1s", Arrivals::Even);
        assert_eq!(schedule.next().unwrap().at, Duration::ZERO);
        assert_eq!(schedule.next().unwrap().at, Duration::from_secs(1));

        schedule.skip(Duration::from_millis(300));

        assert_eq!(drain(&mut schedule), [(1, 300), (1, 800)]);
        assert_eq!(schedule.ends(), Duration::from_millis(1300));
        assert_eq!(schedule.at(Duration::from_millis(299)), Some(0));
        assert_eq!(schedule.at(Duration::from_millis(300)), Some(1));
    }

    #[test]
    fn a_skip_after_the_end_changes_nothing() {
        let mut schedule = schedule("1/s:1s", Arrivals::Even);

        schedule.skip(Duration::from_secs(2));

        assert_eq!(drain(&mut schedule), [(0, 0)]);
    }

    #[test]
    fn random_arrivals_keep_the_rate_and_repeat_with_their_seed() {
        let starts = drain(&mut schedule("100/s:50s", Arrivals::Poisson));
        let again = drain(&mut schedule("100/s:50s", Arrivals::Poisson));

        assert_eq!(starts, again);
        assert!((4700..5300).contains(&starts.len()), "{}", starts.len());
        let gaps: Vec<u128> = starts.windows(2).map(|w| w[1].1 - w[0].1).collect();
        assert!(gaps.iter().any(|gap| *gap > 30) && gaps.contains(&0));
    }
}
