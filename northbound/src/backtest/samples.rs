//! A load as it was written down: one sample after the other, from `t_seconds,load` or from a tenant's own logs.

use std::io::{self, BufRead};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::problem::quoted;

/// A load, as it was sampled.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Samples {
    /// Seconds since the first one, ascending, and how much there was.
    pub(super) points: Vec<(f64, f64)>,
    /// When the first one was taken, where the file says so.
    pub(super) start: Option<Timestamp>,
    /// The lines before the first sample that say something: `# key: value`.
    pub(super) facts: Vec<(String, String)>,
}

/// More samples than this are not read: nineteen years of minutes.
const SAMPLES_LIMIT: usize = 10_000_000;
/// A longer line is none of ours.
const LINE_LIMIT: u64 = 1 << 16;
/// More facts than this are not kept.
const FACTS_LIMIT: usize = 100;
/// Where a service no longer measures: a billion of anything is a broken meter.
const LOAD_LIMIT: f64 = 1e9;

/// A load that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SamplesError {
    /// The file cannot be read.
    #[error("`{file}` cannot be read")]
    Read {
        /// Which.
        file: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A line that is wrong.
    #[error("{file}:{line}:{column}: {what}\n{excerpt}")]
    Line {
        /// Which file.
        file: String,
        /// Which line, from 1.
        line: usize,
        /// Which character of it, from 1.
        column: usize,
        /// What is wrong.
        what: String,
        /// The line, with a mark below the place.
        excerpt: String,
        /// What to do about it.
        hint: String,
    },
    /// The whole file is wrong.
    #[error("{file}: {what}")]
    Whole {
        /// Which file.
        file: String,
        /// What is wrong.
        what: String,
        /// What to do about it.
        hint: String,
    },
}

impl SamplesError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Read { .. } => None,
            Self::Line { hint, .. } | Self::Whole { hint, .. } => Some(hint),
        }
    }

    pub(super) fn whole(file: &str, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Whole {
            file: file.to_owned(),
            what: what.into(),
            hint: hint.into(),
        }
    }
}

/// A line of a file, to point at.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    file: &'a str,
    number: usize,
    text: &'a str,
}

impl Line<'_> {
    /// What is wrong with `part` of it.
    fn wrong(self, part: &str, what: String, hint: impl Into<String>) -> SamplesError {
        let before = self.text.find(part).unwrap_or(0);
        let column = self.text[..before].chars().count();
        let number = self.number.to_string();
        let gutter = " ".repeat(number.len());
        let shown: String = self.text.chars().take(column + 60).collect();
        let marks = "^".repeat(part.chars().count().clamp(1, 60));
        SamplesError::Line {
            file: self.file.to_owned(),
            line: self.number,
            column: column + 1,
            what,
            excerpt: format!(
                "{gutter} |\n{number} | {shown}\n{gutter} | {}{marks}",
                " ".repeat(column)
            ),
            hint: hint.into(),
        }
    }
}

/// What a trace looks like.
const FORM: &str = "a trace is a header `t_seconds,load` and a line `60,12.5` for each sample; a tenant's own: `asaas logs NAME --kind decisions`";

/// Reads the samples of a file. `file` is its name as people know it; it is only shown. Of a tenant's own logs it takes the
/// rows of `metric`, if one is given.
pub(super) fn read(
    mut input: impl BufRead,
    file: &str,
    metric: Option<&str>,
) -> Result<Samples, SamplesError> {
    let mut samples = Samples::default();
    let mut text = String::new();
    let mut number = 0;
    loop {
        number += 1;
        if !next_line(&mut input, &mut text, file, number)? {
            break;
        }
        let shown = text.trim_start_matches('\u{feff}').trim_end();
        if super::own_logs::is_header(shown) {
            return super::own_logs::read(input, shown, number, file, metric);
        }
        let line = Line {
            file,
            number,
            text: shown,
        };
        take(line, &mut samples)?;
    }
    if samples.points.is_empty() {
        return Err(SamplesError::whole(file, "there is no sample in it", FORM));
    }
    samples.start = samples
        .facts
        .iter()
        .find_map(|(key, value)| (key == "start").then(|| moment(value)).flatten());
    Ok(samples)
}

/// The next line; `false` where there is none.
fn next_line(
    input: &mut impl BufRead,
    text: &mut String,
    file: &str,
    number: usize,
) -> Result<bool, SamplesError> {
    text.clear();
    let read = io::Read::take(&mut *input, LINE_LIMIT).read_line(text);
    let read = read.map_err(|cause| match cause.kind() {
        io::ErrorKind::InvalidData => {
            SamplesError::whole(file, format!("line {number} is not UTF-8 text"), FORM)
        }
        _ => SamplesError::Read {
            file: file.to_owned(),
            cause,
        },
    })?;
    if read as u64 >= LINE_LIMIT {
        return Err(SamplesError::whole(
            file,
            format!("line {number} has more than {LINE_LIMIT} bytes"),
            FORM,
        ));
    }
    Ok(read > 0)
}

/// Takes what a line says.
fn take(line: Line<'_>, samples: &mut Samples) -> Result<(), SamplesError> {
    let text = line.text.trim();
    if let Some(comment) = text.strip_prefix('#') {
        if let Some((key, value)) = comment.split_once(':')
            && samples.facts.len() < FACTS_LIMIT
        {
            let fact = (key.trim().to_owned(), value.trim().to_owned());
            samples.facts.push(fact);
        }
        return Ok(());
    }
    if text.is_empty() {
        return Ok(());
    }
    if text.starts_with("t_seconds") {
        return header(line, text);
    }
    let Some((t, load)) = text.split_once(',') else {
        let what = format!(
            "{} is not a time and a load with a comma between them",
            quoted(text)
        );
        return Err(line.wrong(text, what, FORM));
    };
    let t = seconds(line, t.trim(), samples)?;
    let load = amount(line, load.trim())?;
    push(samples, line.file, (t, load))
}

/// A header says of what the samples are.
fn header(line: Line<'_>, text: &str) -> Result<(), SamplesError> {
    let column = text.split(',').nth(1).unwrap_or_default().trim();
    let hint = match column {
        "load" => return Ok(()),
        "vms" => "this is a supply curve, as `--supply` writes it: give the load that it met",
        _ => FORM,
    };
    let part = if column.is_empty() { text } else { column };
    let what = format!(
        "the second column is {}, and should be `load`",
        quoted(column)
    );
    Err(line.wrong(part, what, hint))
}

/// Adds a sample.
pub(super) fn push(
    samples: &mut Samples,
    file: &str,
    point: (f64, f64),
) -> Result<(), SamplesError> {
    if samples.points.len() >= SAMPLES_LIMIT {
        return Err(SamplesError::whole(
            file,
            format!("it has more than {SAMPLES_LIMIT} samples"),
            "cut it into pieces, or keep one sample a minute",
        ));
    }
    samples.points.push(point);
    Ok(())
}

fn seconds(line: Line<'_>, text: &str, samples: &Samples) -> Result<f64, SamplesError> {
    let t = number(line, text, "time")?;
    match samples.points.last() {
        None if t.abs() > 0.0 => Err(line.wrong(
            text,
            format!("the first sample is at {text} s, and should be at 0"),
            format!("count the seconds from the first sample: take {text} from every time"),
        )),
        Some((last, _)) if t <= *last => Err(line.wrong(
            text,
            format!("time does not go on: {text} s after {last} s"),
            "sort the samples by time, and keep one of those with the same time",
        )),
        _ => Ok(t),
    }
}

fn amount(line: Line<'_>, text: &str) -> Result<f64, SamplesError> {
    if text.contains(',') {
        return Err(line.wrong(
            text,
            "there are more than two columns".to_owned(),
            "keep the columns `t_seconds,load`; a decimal point is a point",
        ));
    }
    let load = number(line, text, "load")?;
    if load < 0.0 {
        return Err(line.wrong(
            text,
            format!("a load of {text} is less than nothing"),
            "leave the line out where nothing was measured: a gap is not zero",
        ));
    }
    if load > LOAD_LIMIT {
        return Err(line.wrong(
            text,
            format!("a load of {text} is more than a billion"),
            "give load and capacity in a larger unit, such as thousands",
        ));
    }
    Ok(load)
}

fn number(line: Line<'_>, text: &str, of: &str) -> Result<f64, SamplesError> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => {
            let what = format!("{} is no {of}", quoted(text));
            let hint = match text {
                "" => "leave the line out where nothing was measured: a gap is not zero",
                _ if of == "load" => {
                    "write a number such as `12.5`; leave the line out where nothing was measured: a gap is not zero"
                }
                _ => FORM,
            };
            Err(line.wrong(if text.is_empty() { line.text } else { text }, what, hint))
        }
    }
}

/// A time in a comment, in UTC where it does not say more.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().or_else(|| {
        let local = text.parse::<DateTime>().ok()?;
        Some(local.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}
