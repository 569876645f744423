//! The CSV files that a tenant's administrator downloads: `logs/<tenant>/<date>-{actions,metrics,decisions}.csv`.
//!
//! They are views of the journal. A follower writes them behind the ticks, and the files themselves say how far it has come,
//! so that neither `kill -9` nor a full disk loses a row, doubles one, or leaves half of one (I22).
//!
//! ```text
//! store's journal ─► row (pure) ─► append (one day, one file) ─► logs/demo/2026-01-15-actions.csv ─► read ─► chart, `logs`
//!                        follow: when, and what to do when the disk is full
//! ```
//!
//! RFC 4180 with one row per line; times in UTC; a text that a spreadsheet would take for a formula begins with `'`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use controller::id::TenantName;
use jiff::civil::Date;
use serde::Serialize;
use serde::de::DeserializeOwned;

mod append;
mod cell;
mod columns;
mod follow;
mod read;
mod row;

pub use columns::{Action, ActionRow, DecisionRow, IN_SERVICE, MetricRow, Verdict};
pub use follow::{Follower, LogSettings};
pub use read::{LogError, Span, read, rows};

/// What a file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
pub enum Kind {
    /// What was done to instances, what people ordered, what clouds refused, what went wrong.
    Actions,
    /// What was measured.
    Metrics,
    /// Which numbers were decided, and why.
    Decisions,
}

impl Kind {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Actions, Self::Metrics, Self::Decisions];

    /// The word in the file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Actions => "actions",
            Self::Metrics => "metrics",
            Self::Decisions => "decisions",
        }
    }

    /// The header of its files.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Actions => ActionRow::COLUMNS,
            Self::Metrics => MetricRow::COLUMNS,
            Self::Decisions => DecisionRow::COLUMNS,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Kind {
    type Err = UnknownKind;
    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| UnknownKind {
                kind: text.to_owned(),
            })
    }
}

/// A word that names no kind of log.
#[derive(Debug, thiserror::Error)]
#[error("`{kind}` is no kind of log: it is `actions`, `metrics` or `decisions`")]
pub struct UnknownKind {
    /// The word.
    pub kind: String,
}

/// A row of one of the files.
pub trait Row: Serialize + DeserializeOwned {
    /// In which files it is.
    const KIND: Kind;
    /// Their header. Columns are only ever added at the end.
    const COLUMNS: &'static [&'static str];

    /// The journal's number of what it tells of.
    fn seq(&self) -> u64;

    /// When that was.
    fn time(&self) -> jiff::Timestamp;
}

/// Appends a row to `lines`, as it is in a file.
pub(crate) fn write_row<R: Row>(lines: &mut Vec<u8>, row: &R) -> std::io::Result<()> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .terminator(csv::Terminator::CRLF)
        .from_writer(lines);
    writer.serialize(row).map_err(std::io::Error::other)?;
    writer.flush()
}

/// Doors for the fuzz targets.
#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    use std::io;
    use std::path::Path;

    use controller::id::TenantName;
    use controller::journal::Entry;
    use controller::spec::TenantSpec;
    use jiff::civil::Date;

    use super::append::Appender;
    use super::row::InService;
    use super::{ActionRow, DecisionRow, MetricRow, Row, row, write_row};

    /// Opens the files as at a start, and appends the groups that are not in them. Returns the number of the last row that
    /// was found.
    pub(crate) fn go_on<R: Row>(
        root: &Path,
        tenant: &TenantName,
        oldest: u64,
        groups: &[(Date, Vec<R>)],
    ) -> io::Result<u64> {
        let mut appender = Appender::open(root, tenant, R::KIND, oldest)?;
        let found = appender.last();
        for (date, rows) in groups {
            let Some(seq) = rows.first().map(Row::seq).filter(|seq| *seq > found) else {
                continue;
            };
            let mut lines = Vec::new();
            for row in rows {
                write_row(&mut lines, row)?;
            }
            appender.append(*date, &lines, seq)?;
        }
        Ok(found)
    }

    /// The rows of one entry, by file.
    pub(crate) fn rows(
        tenant: &TenantName,
        spec: Option<&TenantSpec>,
        entry: &Entry,
    ) -> (Vec<ActionRow>, Vec<MetricRow>, Vec<DecisionRow>) {
        let rows = row::rows(tenant, spec, &mut InService::default(), entry);
        (rows.actions, rows.metrics, rows.decisions)
    }
}

/// The file of one day.
fn path(root: &Path, tenant: &TenantName, date: Date, kind: Kind) -> PathBuf {
    root.join(tenant.as_str())
        .join(format!("{date}-{kind}.csv"))
}

/// The files of one kind, oldest first. None where nothing was ever written.
fn files(root: &Path, tenant: &TenantName, kind: Kind) -> std::io::Result<Vec<(Date, PathBuf)>> {
    let directory = root.join(tenant.as_str());
    let listing = match std::fs::read_dir(&directory) {
        Ok(listing) => listing,
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let suffix = format!("-{kind}.csv");
    let mut files = Vec::new();
    for file in listing {
        let file = file?;
        let name = file.file_name();
        let date = name
            .to_str()
            .and_then(|name| name.strip_suffix(&suffix))
            .and_then(|date| date.parse::<Date>().ok());
        if let Some(date) = date {
            files.push((date, file.path()));
        }
    }
    files.sort();
    Ok(files)
}
