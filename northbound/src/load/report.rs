//! The summary of a run, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::stats::Latency;

/// Above this share of late starts, the figures may say more of the generator than of the target,
const LATE: f64 = 0.01;
/// and they do where one of them was so late, in milliseconds: less is what any machine does now and then.
const LATE_MS: f64 = 50.0;
/// A sending thread that takes this part of a core has no time left.
const BUSY: f64 = 0.8;

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Where the requests went.
    pub target: String,
    /// When the run began.
    pub started: Timestamp,
    /// When its last request was over.
    pub ended: Timestamp,
    /// Whether it was ended before its profile was.
    pub is_interrupted: bool,
    /// The requests of the whole run.
    pub total: Counts,
    /// The same for each segment of the profile that has begun.
    pub segments: Vec<SegmentReport>,
    /// Why requests failed, and how many.
    pub failures: BTreeMap<String, u64>,
    /// HTTP statuses, and how many answers had each.
    pub statuses: BTreeMap<u16, u64>,
    /// Instances that said who they are.
    pub instances: BTreeMap<String, InstanceAnswers>,
    /// How the generator itself fared.
    pub generator: Generator,
}

/// Requests, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Were due.
    pub requests: u64,
    /// Were started; the others found no client in time.
    pub sent: u64,
    /// Have their whole answer, with the expected status.
    pub answered: u64,
    /// Have failed.
    pub failed: u64,
    /// Were given up when the run was ended early.
    pub unfinished: u64,
    /// Further attempts after a failed connection; what became of them is counted above.
    pub retried: u64,
    /// Of those that were answered.
    pub latency: Latency,
}

/// One segment of the profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentReport {
    /// Its name.
    pub name: String,
    /// When it began.
    pub begins: Timestamp,
    /// When it ended.
    pub ends: Timestamp,
    /// The requests that were due in it.
    pub counts: Counts,
}

/// What one instance has answered.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct InstanceAnswers {
    /// How many answers it gave.
    pub answers: u64,
    /// When its first one was there.
    pub first: Timestamp,
}

impl fmt::Display for InstanceAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.answers)
    }
}

/// How the generator itself fared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Generator {
    /// The processor time that this process took, in cores.
    pub cpu_cores: f64,
    /// Threads that send.
    pub threads: u16,
    /// Requests that started more than 10 ms after they were due.
    pub late: u64,
    /// The latest start.
    pub latest_ms: f64,
    /// Requests that found no free client at first.
    pub waited: u64,
    /// Requests under way at the same time, at most.
    pub in_flight_max: u64,
    /// Clients that were allowed.
    pub clients: u32,
}

impl Report {
    /// Whether any request did not get its answer.
    pub fn has_failures(&self) -> bool {
        self.total.failed > 0 || self.total.unfinished > 0
    }

    /// What to do where the figures say more of the generator than of the target, which did not start requests in time.
    #[expect(clippy::cast_precision_loss, reason = "only a share is asked for")]
    pub fn warning(&self) -> Option<&'static str> {
        let Generator {
            cpu_cores,
            threads,
            late,
            latest_ms,
            waited,
            ..
        } = self.generator;
        let is_late = late as f64 > LATE * self.total.sent as f64 && latest_ms > LATE_MS;
        if waited > 0 {
            Some("requests waited for a free client: use more --clients, or a lower rate")
        } else if !is_late {
            None
        } else if cpu_cores > BUSY * f64::from(threads) {
            Some("its threads had no time left: use more --threads, or a lower rate")
        } else {
            Some("something else kept this machine busy: end it, or send from another machine")
        }
    }

    fn seconds(&self) -> f64 {
        self.ended.duration_since(self.started).as_secs_f64()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            requests,
            sent: _,
            answered,
            failed,
            unfinished,
            retried,
            latency,
        } = &self.total;
        let early = if self.is_interrupted {
            ", ended early"
        } else {
            ""
        };
        let seconds = self.seconds();
        writeln!(f, "{} for {seconds:.1} s{early}", self.target)?;
        write!(
            f,
            "  requests   {requests}: {answered} answered, {failed} failed"
        )?;
        if *unfinished > 0 {
            write!(f, ", {unfinished} given up")?;
        }
        if *retried > 0 {
            write!(f, "; {retried} further attempts")?;
        }
        writeln!(f)?;
        list(f, "failed     ", &self.failures)?;
        list(f, "statuses   ", &self.statuses)?;
        list(f, "instances  ", &self.instances)?;
        writeln!(f, "  latency    {}", Line(latency))?;
        if self.segments.len() > 1 {
            self.table(f)?;
        }
        self.generator.fmt(f)?;
        if let Some(warning) = self.warning() {
            write!(
                f,
                "\n  warning    the generator could not keep up, so the latencies are partly its own; {warning}"
            )?;
        }
        Ok(())
    }
}

impl Report {
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.segments.iter().map(|s| s.name.len()).max();
        let width = width.unwrap_or(0).max("segment".len());
        writeln!(
            f,
            "  {:width$}  {:>9}  {:>9}  {:>7}  {:>10}  {:>10}  {:>10}",
            "segment", "requests", "answered", "failed", "p50 ms", "p99 ms", "max ms",
        )?;
        for SegmentReport { name, counts, .. } in &self.segments {
            writeln!(
                f,
                "  {name:width$}  {:>9}  {:>9}  {:>7}  {:>10.2}  {:>10.2}  {:>10.2}",
                counts.requests,
                counts.answered,
                counts.failed,
                counts.latency.p50_ms,
                counts.latency.p99_ms,
                counts.latency.max_ms,
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cpu_cores,
            threads,
            late,
            latest_ms,
            waited,
            in_flight_max,
            clients,
        } = self;
        write!(
            f,
            "  generator  {:.0} % of a core in {threads} sending thread(s); at most {in_flight_max} of {clients} clients busy, \
             {waited} request(s) waited for one; {late} late start(s), at most {latest_ms:.1} ms",
            cpu_cores * 100.0,
        )
    }
}

/// Latencies on one line.
pub(super) struct Line<'a>(pub(super) &'a Latency);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Latency {
            mean_ms,
            p50_ms,
            p90_ms,
            p99_ms,
            p999_ms,
            max_ms,
        } = self.0;
        write!(
            f,
            "mean {mean_ms:.2} ms, p50 {p50_ms:.2}, p90 {p90_ms:.2}, p99 {p99_ms:.2}, p99.9 {p999_ms:.2}, max {max_ms:.2}"
        )
    }
}

fn list<K: fmt::Display, V: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    counts: &BTreeMap<K, V>,
) -> fmt::Result {
    if counts.is_empty() {
        return Ok(());
    }
    let mut line = String::new();
    for (index, (name, count)) in counts.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(line, "{comma}{name} {count}")?;
    }
    writeln!(f, "  {title}{line}")
}
