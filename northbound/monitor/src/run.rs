//! The loop: measures when it is time, reports when it is time, and sleeps in between.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::buffer::Buffer;
use crate::reading::{Counters, Taken, reading};
use crate::report::Report;
use crate::send::{Answer, post};
use crate::settings::Settings;

/// Measures and reports for as long as `is_wanted` says so, which is asked after every step; in an instance, for ever.
pub fn run(settings: &Settings, is_wanted: impl Fn() -> bool) {
    let mut monitor = Monitor::new(settings, Instant::now());
    while is_wanted() {
        let now = Instant::now();
        if now >= monitor.measure_at {
            monitor.measure(now, Counters::read());
        }
        if Instant::now() >= monitor.report_at {
            monitor.report();
        }
        std::thread::sleep(monitor.pause(Instant::now()));
    }
}

/// Between two looks at whether it is still wanted.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);

struct Monitor<'a> {
    settings: &'a Settings,
    run: u64,
    number: u64,
    before: Option<(Counters, Instant)>,
    buffer: Buffer,
    backoff: Backoff,
    measure_at: Instant,
    report_at: Instant,
    /// What was last told of the service, so that it is told once.
    told: Option<String>,
}

impl<'a> Monitor<'a> {
    fn new(settings: &'a Settings, now: Instant) -> Self {
        Self {
            settings,
            run: chance(),
            number: 0,
            before: None,
            buffer: Buffer::default(),
            backoff: Backoff::default(),
            measure_at: now,
            report_at: now,
            told: None,
        }
    }

    /// Until something is due.
    fn pause(&self, now: Instant) -> Duration {
        let next = self.measure_at.min(self.report_at);
        next.saturating_duration_since(now).min(LONGEST_SLEEP)
    }

    fn measure(&mut self, now: Instant, counters: Counters) {
        let before = self.before.as_ref();
        let before = before.map(|(counters, at)| (counters, now.saturating_duration_since(*at)));
        let reading = reading(self.number, before, &counters);
        self.number = self.number.saturating_add(1);
        self.buffer.keep(Taken { at: now, reading });
        self.before = Some((counters, now));
        // After a pause of the whole instance, what was missed is not made up for.
        let next = self.measure_at + self.settings.every;
        self.measure_at = if next > now {
            next
        } else {
            now + self.settings.every
        };
    }

    fn report(&mut self) {
        let now = Instant::now();
        let readings = self.buffer.next(now);
        let count = readings.len();
        let report = Report {
            instance: self.settings.instance.clone(),
            run: self.run,
            every_ms: crate::reading::milliseconds(self.settings.every),
            dropped: self.buffer.dropped(),
            readings,
        };
        let answer = serde_json::to_string(&report)
            .map_err(io::Error::other)
            .and_then(|line| post(self.settings, &line));
        self.answered(&answer, count, Instant::now());
    }

    /// What follows from an answer.
    fn answered(&mut self, answer: &io::Result<Answer>, count: usize, now: Instant) {
        let trouble = match answer {
            Ok(Answer::Taken) => {
                self.buffer.arrived(count);
                None
            }
            Ok(Answer::Refused(status)) => {
                self.buffer.refused(count);
                Some(format!("the service refuses a report: {status}"))
            }
            Ok(Answer::Later(status)) => Some(format!("the service takes no report now: {status}")),
            Err(error) => Some(format!("the service does not answer: {error}")),
        };
        self.report_at = if trouble.is_none() {
            self.backoff.reset();
            // What has waited goes at once; otherwise the next report is due with the next reading.
            if self.buffer.is_empty() {
                self.measure_at
            } else {
                now
            }
        } else {
            now + self.backoff.after_failure(chance())
        };
        if self.told != trouble {
            let (service, dropped) = (self.settings.service, self.buffer.dropped());
            let what = trouble.as_deref().unwrap_or("the service answers again");
            // Nobody may be listening, and then there is nobody to tell.
            let _ = writeln!(
                io::stderr(),
                "asaas-monitor: {service}: {what}; {dropped} readings dropped so far"
            );
            self.told = trouble;
        }
    }
}

/// Any number: the standard library seeds its hashes from the kernel.
fn chance() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(10);

    fn settings() -> Settings {
        "127.0.0.1:1,i-7,c0ffee".parse().unwrap()
    }

    #[test]
    fn a_report_is_due_with_every_reading_and_what_waited_goes_at_once() {
        let (settings, start) = (settings(), Instant::now());
        let mut monitor = Monitor::new(&settings, start);
        for _ in 0..2 {
            monitor.measure(start, Counters::default());
        }

        monitor.answered(&Ok(Answer::Taken), 1, start);
        assert_eq!(monitor.report_at, start);
        monitor.answered(&Ok(Answer::Taken), 1, start);
        assert_eq!(monitor.report_at, monitor.measure_at);
    }

    #[test]
    fn while_the_service_is_away_readings_wait_and_tries_get_rarer() {
        let (settings, start) = (settings(), Instant::now());
        let mut monitor = Monitor::new(&settings, start);
        monitor.measure(start, Counters::default());

        let away = || Err(io::ErrorKind::ConnectionRefused.into());
        for _ in 0..8 {
            monitor.answered(&away(), 1, start);
        }

        assert!(monitor.report_at >= start + Duration::from_secs(30));
        assert_eq!(monitor.buffer.next(start).len(), 1);
        monitor.answered(&Ok(Answer::Later(401)), 1, start);
        assert_eq!(monitor.buffer.next(start).len(), 1);
        monitor.answered(&Ok(Answer::Refused(400)), 1, start);
        assert!(monitor.buffer.is_empty());
    }

    #[test]
    fn what_was_missed_in_a_pause_of_the_instance_is_not_made_up_for() {
        let (settings, start) = (settings(), Instant::now());
        let mut monitor = Monitor::new(&settings, start);
        monitor.measure(start, Counters::default());
        assert_eq!(monitor.measure_at, start + EVERY);

        let later = start + Duration::from_secs(1_000);
        monitor.measure(later, Counters::default());

        assert_eq!(monitor.measure_at, later + EVERY);
    }
}
