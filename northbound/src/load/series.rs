//! One row per second in a CSV file, so that a run can be drawn and compared.

use std::fs::File;
use std::io;
use std::path::Path;

use jiff::{Timestamp, Unit};
use serde::Serialize;

use super::stats::Tally;

/// One second of a run. What starts is counted in the second of its start, what ends in that of its end.
#[derive(Debug, Clone, Serialize)]
struct Row<'a> {
    time: Timestamp,
    /// Seconds since the run began.
    t: String,
    segment: &'a str,
    sent: u64,
    ok: u64,
    failed: u64,
    retried: u64,
    mean_ms: f64,
    p50_ms: f64,
    p90_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    in_flight: u64,
}

/// The file. Every row is on disk when the next second begins, so that it can be followed.
#[derive(Debug)]
pub(super) struct Series {
    writer: csv::Writer<File>,
}

impl Series {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        File::create(path).map(|file| Self {
            writer: csv::Writer::from_writer(file),
        })
    }

    /// Writes what was counted in a second that began at `time`.
    pub(super) fn write(
        &mut self,
        time: Timestamp,
        since_start: f64,
        segment: &str,
        tally: &Tally,
        in_flight: u64,
    ) -> io::Result<()> {
        let latency = tally.latency();
        self.writer.serialize(Row {
            time: time.round(Unit::Millisecond).unwrap_or(time),
            t: format!("{since_start:.3}"),
            segment,
            sent: tally.sent,
            ok: tally.answered,
            failed: tally.failed(),
            retried: tally.retried,
            mean_ms: latency.mean_ms,
            p50_ms: latency.p50_ms,
            p90_ms: latency.p90_ms,
            p99_ms: latency.p99_ms,
            max_ms: latency.max_ms,
            in_flight,
        })?;
        self.writer.flush()
    }
}
