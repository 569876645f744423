//! Watches a run: lets clients in, ends its seconds and segments, passes on what people want, and sums it up.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit};
use nix::sys::time::TimeValLike;

use super::engine::Engine;
use super::report::{Counts, Generator, InstanceAnswers, Report, SegmentReport};
use super::series::Series;
use super::signals::Control;
use super::stats::Tally;
use super::talk::Talk;
use super::{LoadArgs, LoadError};

/// How often clients are let in, and the end of the run is looked for.
const STEP: Duration = Duration::from_millis(50);
const SECOND: Duration = Duration::from_secs(1);

/// The watch over a run.
#[derive(Debug)]
pub(super) struct Watch<'a> {
    args: &'a LoadArgs,
    engine: Arc<Engine>,
    series: Option<Series>,
    talk: Talk,
    began: Timestamp,
    /// Clients that were let in.
    clients: u32,
    /// The segment that was last announced, and when those that have begun did.
    begins: Vec<Duration>,
    is_over: bool,
    is_interrupted: bool,
    /// Where the current second began.
    second: Duration,
}

impl<'a> Watch<'a> {
    pub(super) fn new(args: &'a LoadArgs, engine: Arc<Engine>, series: Option<Series>) -> Self {
        let elapsed = engine.elapsed();
        let began = before(Timestamp::now(), elapsed);
        let length = engine.schedule(super::schedule::Schedule::ends);
        Self {
            args,
            engine,
            series,
            talk: Talk::new(args.quiet, length),
            began,
            clients: 0,
            begins: Vec::new(),
            is_over: false,
            is_interrupted: false,
            second: Duration::ZERO,
        }
    }

    /// Starts the threads, and returns when they have ended. All waits in it are bounded by the profile and the timeouts.
    pub(super) fn run(mut self, controls: &mpsc::Receiver<Control>) -> Result<Report, LoadError> {
        let cpu = cpu_time();
        let problem = Arc::new(Mutex::new(None));
        self.let_clients_in();
        let handles = {
            let problem = Arc::clone(&problem);
            let engine = Arc::clone(&self.engine);
            self.engine.spawn(self.args.threads, move |result| {
                if let Err(error) = result {
                    *problem.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                    engine.stop();
                }
            })
        }
        .map_err(LoadError::Generator)?;
        let mut watched = Ok(());
        while !handles.iter().all(std::thread::JoinHandle::is_finished) {
            if watched.is_ok() {
                watched = self.step();
            } else {
                // What cannot be written down is not sent either.
                self.engine.stop();
            }
            self.listen(controls);
        }
        watched?;
        for handle in handles {
            if handle.join().is_err() {
                return Err(LoadError::Generator(io::Error::other("a thread panicked")));
            }
        }
        self.step()?;
        self.end_last_second()?;
        self.talk.finish();
        let problem = problem
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match problem {
            Some(error) => Err(LoadError::Generator(error)),
            None => Ok(self.report(cpu_time().saturating_sub(cpu))),
        }
    }

    /// Waits for a wish, and for the next step at most.
    fn listen(&mut self, controls: &mpsc::Receiver<Control>) {
        let next_second = (self.second + SECOND).saturating_sub(self.engine.elapsed());
        match controls.recv_timeout(STEP.min(next_second)) {
            Ok(Control::Skip) => self.engine.skip(),
            Ok(Control::Stop) => {
                self.is_interrupted = true;
                self.engine.stop();
            }
            Err(RecvTimeoutError::Timeout) => {}
            // Nobody will want anything any more.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(STEP),
        }
    }

    fn step(&mut self) -> Result<(), LoadError> {
        self.let_clients_in();
        self.announce();
        let elapsed = self.engine.elapsed();
        if elapsed >= self.second + SECOND {
            // A step that came late ends one second only, so that the rows stay a second apart; what is counted is not lost.
            self.end_second(self.second + SECOND)?;
        }
        Ok(())
    }

    /// S0-38: so many clients more per second, up to the most.
    fn let_clients_in(&mut self) {
        let most = self.args.clients;
        let due = match self.args.spawn_rate {
            None => most,
            Some(rate) => {
                let millis = self.engine.elapsed().as_millis() * u128::from(rate);
                u32::try_from(1 + millis / 1000).map_or(most, |due| due.min(most))
            }
        };
        let more = due.saturating_sub(self.clients);
        self.engine.clients.add_permits(more as usize);
        self.clients = due;
    }

    /// Says which segments have begun since the last step, and whether the last one is over.
    fn announce(&mut self) {
        let elapsed = self.engine.elapsed();
        let stretches = self
            .engine
            .schedule(|schedule| schedule.stretches().to_vec());
        while !self.is_interrupted
            && let Some(stretch) = stretches.get(self.begins.len())
            && stretch.begins <= elapsed
        {
            self.begins.push(stretch.begins);
            self.talk.begins(self.wall(stretch.begins), stretch);
        }
        let end = self.engine.schedule(super::schedule::Schedule::ends);
        if !self.is_over && (self.is_interrupted || elapsed >= end) {
            self.is_over = true;
            self.talk.ends(self.wall(elapsed.min(end)));
        }
    }

    /// What the run's last, broken second holds, if anything.
    fn end_last_second(&mut self) -> Result<(), LoadError> {
        if self.engine.stats().is_window_empty() {
            return Ok(());
        }
        self.end_second(self.engine.elapsed())
    }

    fn end_second(&mut self, end: Duration) -> Result<(), LoadError> {
        let (tally, failed, in_flight) = {
            let mut stats = self.engine.stats();
            let tally = stats.end_window();
            (tally, stats.total.failed(), stats.in_flight)
        };
        let begin = self.second;
        let now = self.engine.schedule(|schedule| {
            let stretch = schedule.at(begin)?;
            Some(schedule.stretches()[stretch].segment.name.clone())
        });
        let time = self.wall(begin);
        if let Some(series) = &mut self.series {
            let segment = now.as_deref().unwrap_or_default();
            series
                .write(time, begin.as_secs_f64(), segment, &tally, in_flight)
                .map_err(|cause| LoadError::File {
                    path: self.args.csv.clone().unwrap_or_default(),
                    operation: "written",
                    cause,
                })?;
        }
        self.talk.second(end, &tally, failed, in_flight);
        self.second = end;
        Ok(())
    }

    fn report(&self, cpu: Duration) -> Report {
        let elapsed = self.engine.elapsed();
        let stretches = self
            .engine
            .schedule(|schedule| schedule.stretches().to_vec());
        let stats = self.engine.stats();
        let segments = stretches
            .iter()
            .zip(&stats.stretches)
            .zip(&self.begins)
            .map(|((stretch, tally), begins)| SegmentReport {
                name: stretch.segment.name.clone(),
                begins: self.wall(*begins),
                ends: self.wall(stretch.ends.min(elapsed)),
                counts: counts(tally),
            })
            .collect();
        Report {
            target: self.args.target.to_string(),
            started: self.began,
            ended: self.wall(elapsed),
            is_interrupted: self.is_interrupted,
            total: counts(&stats.total),
            segments,
            failures: stats
                .total
                .failures
                .iter()
                .map(|(failure, count)| (failure.name().to_owned(), *count))
                .collect(),
            statuses: stats.statuses.clone(),
            instances: stats
                .instances
                .iter()
                .map(|(name, (answers, first))| {
                    let answers = InstanceAnswers {
                        answers: *answers,
                        first: self.wall(*first),
                    };
                    (name.clone(), answers)
                })
                .collect(),
            generator: Generator {
                cpu_cores: cpu.as_secs_f64() / elapsed.as_secs_f64(),
                threads: self.args.threads,
                late: stats.late,
                latest_ms: stats.latest.as_secs_f64() * 1000.0,
                waited: stats.waited,
                in_flight_max: stats.in_flight_max,
                clients: self.args.clients,
            },
        }
    }

    /// What the watch on the wall showed so long after the start, had it not been set since.
    fn wall(&self, since_start: Duration) -> Timestamp {
        self.began.saturating_add(since_start).unwrap_or(self.began)
    }
}

fn counts(tally: &Tally) -> Counts {
    let failed = tally.failed();
    Counts {
        requests: tally.requests,
        sent: tally.sent,
        answered: tally.answered,
        failed,
        unfinished: tally.requests - tally.answered - failed,
        retried: tally.retried,
        latency: tally.latency(),
    }
}

fn before(moment: Timestamp, by: Duration) -> Timestamp {
    moment.saturating_sub(by).unwrap_or(moment)
}

/// The processor time that this process has taken. S3-07
fn cpu_time() -> Duration {
    getrusage(UsageWho::RUSAGE_SELF).map_or(Duration::ZERO, |usage| {
        let micros = (usage.user_time() + usage.system_time()).num_microseconds();
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    })
}

/// Takes as many file descriptors as the machine gives. Where it gives too few, requests fail with the reason `generator`.
pub(super) fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
