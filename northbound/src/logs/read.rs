//! Reads the log files back: for `asaas logs` and for the chart.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufReader, Read, Seek, Take};
use std::path::{Path, PathBuf};

use controller::id::TenantName;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::append::whole_lines;
use super::{Row, files};

/// From when to when; open ends are open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// Nothing before this.
    pub since: Option<Timestamp>,
    /// Nothing at or after this.
    pub until: Option<Timestamp>,
}

impl Span {
    /// Whether a moment lies in it.
    pub fn holds(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
    }

    /// Whether a day's file may have rows of it. Rows after a wall clock was set back are in a later day's file, so that an
    /// end never leaves a file out.
    fn may_touch(&self, date: Date) -> bool {
        self.since
            .is_none_or(|since| date >= TimeZone::UTC.to_datetime(since).date())
    }
}

/// A log file could not be read.
#[derive(Debug, thiserror::Error)]
#[error("could not read {}", path.display())]
pub struct LogError {
    /// Which file.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub cause: csv::Error,
}

/// All rows of a span, oldest first; none where nothing was ever written. See [`rows`] for spans that are too long to hold.
pub fn read<R: Row>(root: &Path, tenant: &TenantName, span: Span) -> Result<Vec<R>, LogError> {
    rows(root, tenant, span)?.collect()
}

/// The rows of a span, oldest first, one after the other. Ends at the first that cannot be read, with an error; a line that
/// is just being written is not one yet.
pub fn rows<R: Row>(root: &Path, tenant: &TenantName, span: Span) -> Result<Rows<R>, LogError> {
    let files = files(root, tenant, R::KIND).map_err(|error| LogError {
        path: root.join(tenant.as_str()),
        cause: error.into(),
    })?;
    Ok(Rows {
        files: files
            .into_iter()
            .filter(|(date, _)| span.may_touch(*date))
            .map(|(_, path)| path)
            .collect(),
        open: None,
        span,
    })
}

type Records<R> = csv::DeserializeRecordsIntoIter<BufReader<Take<File>>, R>;

/// What is being written behind the last line break is no row yet.
fn open<R: Row>(path: &Path) -> std::io::Result<Records<R>> {
    let mut file = File::open(path)?;
    let length = whole_lines(&mut file)?;
    file.rewind()?;
    Ok(csv::Reader::from_reader(BufReader::new(file.take(length))).into_deserialize())
}

/// An iterator over rows; see [`rows`].
pub struct Rows<R> {
    files: VecDeque<PathBuf>,
    open: Option<(PathBuf, Records<R>)>,
    span: Span,
}

impl<R> std::fmt::Debug for Rows<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows")
            .field("files", &self.files)
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}

impl<R: Row> Iterator for Rows<R> {
    type Item = Result<R, LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if self.open.is_none() {
                let path = self.files.pop_front()?;
                match open(&path) {
                    Ok(records) => self.open = Some((path, records)),
                    // Dropped for its age since it was listed.
                    Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(error) => {
                        return Some(Err(LogError {
                            path,
                            cause: error.into(),
                        }));
                    }
                }
            }
            let (path, records) = self.open.as_mut()?;
            match records.next() {
                None => self.open = None,
                Some(Ok(row)) => {
                    let row: R = row;
                    if self.span.holds(row.time()) {
                        return Some(Ok(row));
                    }
                }
                Some(Err(cause)) => {
                    let path = path.clone();
                    self.files.clear();
                    self.open = None;
                    return Some(Err(LogError { path, cause }));
                }
            }
        }
    }
}
