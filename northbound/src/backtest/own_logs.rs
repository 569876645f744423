//! The load in a tenant's own logs: `decisions.csv`, or `metrics.csv`.

use std::collections::BTreeSet;
use std::io::Read;

use csv::{ReaderBuilder, StringRecord};
use jiff::Timestamp;

use super::samples::{Samples, SamplesError, push};
use crate::logs::IN_SERVICE;
use crate::problem::quoted;

/// With fewer than this share of the instances measured, what all of them carried is not known.
const QUORUM_PERCENT: f64 = 70.0;

/// Whether a line is the header of one of our logs.
pub(super) fn is_header(line: &str) -> bool {
    line.starts_with("seq,time,tenant,")
}

/// A log, being read.
struct Log<'a> {
    file: &'a str,
    columns: Vec<&'a str>,
    /// The line of the header, from 1.
    line: u64,
    samples: Samples,
    /// The number of the row, or of the rows of one tick, that was read last.
    seq: String,
    /// The metric that is taken; once that is known, nothing else.
    metric: Option<String>,
    /// Metrics that are not taken.
    others: BTreeSet<String>,
}

/// Reads what comes after the header. Of `metrics.csv` it takes `metric`; of `decisions.csv` what was followed.
pub(super) fn read(
    input: impl Read,
    header: &str,
    line: usize,
    file: &str,
    metric: Option<&str>,
) -> Result<Samples, SamplesError> {
    let mut log = Log {
        file,
        columns: header.split(',').collect(),
        line: line as u64,
        samples: Samples::default(),
        seq: String::new(),
        metric: None,
        others: BTreeSet::new(),
    };
    let is_of_decisions = log.has("average");
    if !is_of_decisions {
        if !log.has("value") {
            return Err(SamplesError::whole(
                file,
                "this log does not say what the load was",
                "take the decisions: `asaas logs NAME --kind decisions`",
            ));
        }
        log.metric = metric.map(str::to_owned);
    }
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(input);
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) if is_of_decisions => log.take_decision(&record)?,
            Ok(true) => log.take_metric(&record)?,
            Ok(false) => return log.finish(),
            Err(error) => {
                let what = error.to_string();
                return Err(SamplesError::whole(
                    file,
                    what,
                    "export it anew with `asaas logs`",
                ));
            }
        }
    }
}

impl Log<'_> {
    fn has(&self, column: &str) -> bool {
        self.columns.contains(&column)
    }

    fn cell<'r>(&self, record: &'r StringRecord, column: &str) -> &'r str {
        let at = self.columns.iter().position(|name| *name == column);
        at.and_then(|at| record.get(at)).unwrap_or_default()
    }

    /// A number of a row; `None` where the cell is empty.
    fn number(&self, record: &StringRecord, column: &str) -> Result<Option<f64>, SamplesError> {
        let cell = self.cell(record, column);
        if cell.is_empty() {
            return Ok(None);
        }
        match cell.parse::<f64>() {
            Ok(number) if number.is_finite() && number >= 0.0 => Ok(Some(number)),
            _ => Err(self.wrong(record, &format!("{} is no {column}", quoted(cell)))),
        }
    }

    fn wrong(&self, record: &StringRecord, what: &str) -> SamplesError {
        let line = self.line + record.position().map_or(1, csv::Position::line);
        SamplesError::whole(
            self.file,
            format!("line {line}: {what}"),
            "export it anew with `asaas logs`",
        )
    }

    /// The average over those that were measured, times all that should have been.
    fn take_decision(&mut self, record: &StringRecord) -> Result<(), SamplesError> {
        let metric = self.cell(record, "metric");
        let average = self.number(record, "average")?;
        let fresh = self.number(record, "fresh")?.unwrap_or(0.0);
        let expected = self.number(record, "expected")?.unwrap_or(fresh);
        let Some(average) = average.filter(|_| fresh * 100.0 >= expected * QUORUM_PERCENT) else {
            return Ok(());
        };
        if self.metric.as_deref().is_some_and(|taken| taken != metric) {
            // Another policy was in force from here on: two metrics are no one load.
            let what = format!(
                "the metric changes from {} to {}",
                quoted(self.metric.as_deref().unwrap_or_default()),
                quoted(metric)
            );
            return Err(self.wrong(record, &what));
        }
        self.metric.get_or_insert_with(|| metric.to_owned());
        self.add(record, average * expected.max(fresh))
    }

    /// The readings of all instances at one tick, added up.
    fn take_metric(&mut self, record: &StringRecord) -> Result<(), SamplesError> {
        let metric = self.cell(record, "metric");
        if metric == IN_SERVICE {
            return Ok(());
        }
        if self.metric.as_deref() != Some(metric) {
            if !self.others.contains(metric) {
                self.others.insert(metric.to_owned());
            }
            return Ok(());
        }
        match self.number(record, "value")? {
            Some(value) => self.add(record, value),
            None => Ok(()),
        }
    }

    fn add(&mut self, record: &StringRecord, load: f64) -> Result<(), SamplesError> {
        let seq = self.cell(record, "seq");
        if seq == self.seq
            && let Some((_, sum)) = self.samples.points.last_mut()
        {
            *sum += load;
            return Ok(());
        }
        let time = self.cell(record, "time");
        let Ok(time) = time.parse::<Timestamp>() else {
            return Err(self.wrong(record, &format!("{} is no time", quoted(time))));
        };
        let start = *self.samples.start.get_or_insert(time);
        let t = time.duration_since(start).as_secs_f64();
        // A clock that was put back: what is over is over.
        if self
            .samples
            .points
            .last()
            .is_some_and(|(last, _)| t <= *last)
        {
            return Ok(());
        }
        self.seq = seq.to_owned();
        push(&mut self.samples, self.file, (t, load))
    }

    fn finish(mut self) -> Result<Samples, SamplesError> {
        if self.samples.points.is_empty() {
            let others: Vec<String> = self.others.iter().map(|name| quoted(name)).collect();
            let (what, hint) = match (&self.metric, others.is_empty()) {
                (Some(metric), false) => (
                    format!(
                        "it has no reading of {}, which the policy follows",
                        quoted(metric)
                    ),
                    format!("it has readings of {}", others.join(", ")),
                ),
                _ => (
                    "nothing was measured in it".to_owned(),
                    "export more of it with `--since`".to_owned(),
                ),
            };
            return Err(SamplesError::whole(self.file, what, hint));
        }
        if let Some(metric) = self.metric.take() {
            self.samples.facts.push(("metric".to_owned(), metric));
        }
        Ok(self.samples)
    }
}
