//! From the lines of a log to requests per second and response time.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use controller::amount::Amount;
use controller::id::InstanceId;
use controller::instance::Instance;
use controller::load::{Metric, Sample};
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};

use super::AccessLog;
use super::follow::{Follow, Step};
use super::format::Request;

/// Over a shorter time than this, requests come in lumps.
const SPAN_MIN: Duration = Duration::from_secs(1);
/// A mean over a longer time than this says nothing about now: the next reading begins anew.
pub(super) const SPAN_MAX: Duration = Duration::from_mins(5);
/// Of a line that nobody understands so much is shown.
const SHOWN: usize = 60;

/// What one log has told since it was last told on.
#[derive(Debug)]
pub(super) struct Tally {
    follow: Follow,
    /// Since when there are counts, by a real clock.
    since: Option<Instant>,
    counts: Counts,
    last: Vec<Sample>,
}

#[derive(Debug, Default)]
struct Counts {
    of: BTreeMap<Option<InstanceId>, Requests>,
    /// How many lines made no sense, and the first of them.
    strange: (u64, String),
    /// How many requests somebody else answered, and the first of those.
    foreign: (u64, String),
}

#[derive(Debug, Default, Clone, Copy)]
struct Requests {
    number: u64,
    micros: u64,
}

impl Tally {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            follow: Follow::new(path),
            since: None,
            counts: Counts::default(),
            last: Vec::new(),
        }
    }

    /// What the log says of the time since the last reading, or that reading again where that is a moment ago. The error says
    /// why it says nothing.
    pub(super) fn read(
        &mut self,
        log: &AccessLog,
        instances: &[Instance],
        now: Now,
        read: Instant,
    ) -> Result<Vec<Sample>, String> {
        let counts = &mut self.counts;
        let step = self.follow.read(|line| counts.take(line, log, instances));
        let begin = match &step {
            Ok((Step::Begun, _)) | Err(_) => true,
            Ok((Step::Read, modified)) => is_stale(*modified, now, log.stale_after),
        };
        let since = self.since.filter(|_| !begin);
        let span = since.map(|since| read.saturating_duration_since(since));
        if span.is_some_and(|span| span < SPAN_MIN) {
            return Ok(self.last.clone());
        }
        let counts = std::mem::take(&mut self.counts);
        self.since = step.is_ok().then_some(read);
        self.last = Vec::new();
        let (_, modified) = step.map_err(|unread| unread.to_string())?;
        if is_stale(modified, now, log.stale_after) {
            return Err(format!(
                "nothing was written to it for more than {:#}, so it says nothing; hint: see whether its writer is well, \
                 or raise `stale_after`",
                log.stale_after
            ));
        }
        let Some(span) = span.filter(|span| *span < SPAN_MAX) else {
            return Ok(Vec::new());
        };
        counts.doubt(log)?;
        self.last = counts.samples(log, instances, span, now.steady);
        Ok(self.last.clone())
    }
}

fn is_stale(modified: SystemTime, now: Now, stale_after: SignedDuration) -> bool {
    let modified = Timestamp::try_from(modified).unwrap_or(Timestamp::MIN);
    now.wall.duration_since(modified) > stale_after
}

impl Counts {
    fn take(&mut self, line: &[u8], log: &AccessLog, instances: &[Instance]) {
        let line = String::from_utf8_lossy(line);
        let line = line.trim_end_matches('\r');
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        let Some(Request { worker, micros }) = log.format.read(line) else {
            note(&mut self.strange, line);
            return;
        };
        let whose = worker.map(|worker| (worker, instance(worker, instances)));
        if let Some((worker, None)) = whose {
            note(&mut self.foreign, worker);
            return;
        }
        let whose = whose.and_then(|(_, instance)| instance);
        let requests = self.of.entry(whose).or_default();
        requests.number += 1;
        requests.micros = requests.micros.saturating_add(micros);
    }

    /// Where lines were written and none of them is a request of ours, that is no sign of rest.
    fn doubt(&self, log: &AccessLog) -> Result<(), String> {
        if !self.of.is_empty() {
            return Ok(());
        }
        let ((strange, line), (foreign, worker)) = (&self.strange, &self.foreign);
        if *foreign > 0 {
            return Err(format!(
                "none of {foreign} requests was answered by an instance in service, but by `{worker}`; hint: workers are \
                 instances by address or id"
            ));
        }
        if *strange > 0 {
            return Err(format!(
                "none of {strange} lines is as `{}` says, such as `{line}`; hint: correct `format`",
                log.format
            ));
        }
        Ok(())
    }

    fn samples(
        &self,
        log: &AccessLog,
        instances: &[Instance],
        span: Duration,
        at: Timestamp,
    ) -> Vec<Sample> {
        let everybody: Vec<Option<InstanceId>> = if log.format.has_worker() {
            instances.iter().map(|instance| Some(instance.id)).collect()
        } else {
            vec![None]
        };
        let mut samples = Vec::new();
        for instance in everybody {
            let requests = self.of.get(&instance).copied().unwrap_or_default();
            let mut add = |metric, value: Option<u128>| {
                if let Some(value) = value.and_then(|value| u64::try_from(value).ok()) {
                    samples.push(Sample {
                        instance,
                        metric,
                        value: Amount::from_millionths(value),
                        at,
                    });
                }
            };
            let number = u128::from(requests.number) * 1_000_000_000_000_000;
            add(
                Metric::RequestsPerSecond,
                number.checked_div(span.as_nanos()),
            );
            // Microseconds are millionths of a second.
            let micros = u128::from(requests.micros);
            add(
                Metric::ResponseTime,
                micros.checked_div(requests.number.into()),
            );
        }
        samples
    }
}

fn note(what: &mut (u64, String), example: &str) {
    what.0 += 1;
    if what.0 == 1 {
        what.1 = example
            .chars()
            .filter(|c| !c.is_control())
            .take(SHOWN)
            .collect();
    }
}

/// The instance that a worker is: by its id, its address, or the two with a scheme before and a port behind.
fn instance(worker: &str, instances: &[Instance]) -> Option<InstanceId> {
    let name = worker.split_once("://").map_or(worker, |(_, name)| name);
    let name = name.split([':', '/']).next()?;
    let id: Option<InstanceId> = name.parse().ok();
    let address: Option<Ipv4Addr> = name.parse().ok();
    let is_it = |known: &&Instance| id == Some(known.id) || address == Some(known.address);
    instances.iter().find(is_it).map(|instance| instance.id)
}

/// What these lines, written within `span`, tell.
#[cfg(fuzzing)]
pub(crate) fn told(
    lines: &[Vec<u8>],
    log: &AccessLog,
    instances: &[Instance],
    span: Duration,
    at: Timestamp,
) -> Result<Vec<Sample>, String> {
    let mut counts = Counts::default();
    for line in lines {
        counts.take(line, log, instances);
    }
    counts.doubt(log)?;
    Ok(counts.samples(log, instances, span, at))
}

#[cfg(test)]
mod tests;
