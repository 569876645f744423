//! `asaas chart`: one picture of what happened to a tenant and why, from its CSV files alone (S1-28 to S1-32).
//!
//! ```text
//! actions, metrics, decisions.csv ┐
//!                                 ├─ rows ─► scene (pure: numbers over seconds) ─► paint (plotters) ─► SVG
//! the load generator's load.csv   ┘                      └─► verdict: statements that can be false
//! ```

mod actions;
mod args;
mod instances;
mod paint;
mod panel;
mod period;
mod rows;
mod scale;
mod scene;
mod supply;
mod verdict;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::{SignedDuration, Timestamp};

pub use args::ChartArgs;
pub(crate) use supply::{Supply, supply};
pub use verdict::Statement;

use crate::cli::{BackwardsError, Moment};
use crate::exit::{CommandError, Exit};
use crate::logs::{self, LogError, Span};
use rows::{DecisionRow, LoadRow};
use scene::Rows;

/// A statement about the response time does not hold.
const BROKEN: u8 = 1;
/// What is drawn where nobody says how much.
const USUAL: SignedDuration = SignedDuration::from_hours(1);
/// Before the first and after the last second of a load: what led to it and what came of it.
const AROUND: SignedDuration = SignedDuration::from_secs(5);
/// More rows than this are not drawn: nobody would see them, and they are held in memory.
const MAX_ROWS: usize = 2_000_000;

/// No chart could be made.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// A log file cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The load generator's file cannot be read.
    #[error("`{path}` cannot be read as what `asaas load --csv` writes")]
    Load {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: csv::Error,
    },
    /// The time ends before it begins.
    #[error("{0}\nhint: {hint}", hint = BackwardsError::HINT)]
    Backwards(BackwardsError),
    /// There never was such a tenant here.
    #[error(
        "there is no tenant {tenant} in {logs}\nhint: `asaas tenants` lists them; say with `--logs` where the files are"
    )]
    Unknown {
        /// The folder.
        logs: PathBuf,
        /// Whose.
        tenant: String,
    },
    /// The tenant has only just begun.
    #[error(
        "it is too early for a chart of tenant {tenant}\nhint: its first decisions are written within a tick: try again in a few seconds"
    )]
    TooEarly {
        /// Whose.
        tenant: String,
    },
    /// There is nothing to draw.
    #[error("{logs} has no decisions of tenant {tenant} in that time\nhint: {hint}")]
    Nothing {
        /// The folder.
        logs: PathBuf,
        /// Whose.
        tenant: String,
        /// What to do.
        hint: &'static str,
    },
    /// There is too much to draw.
    #[error(
        "there are more than {MAX_ROWS} rows in that time\nhint: draw less with `--last` or `--since` and `--until`"
    )]
    TooMuch,
    /// The picture cannot be made.
    #[error("the chart could not be drawn: {0}")]
    Draw(String),
    /// The picture cannot be written.
    #[error("`{path}` cannot be written")]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// What a chart has shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// The picture.
    pub svg: String,
    /// What was checked, where a target was given.
    pub statements: Vec<Statement>,
}

impl ChartError {
    /// The code that it ends with, where that is not the one of things that did not work.
    fn exit(&self) -> Option<Exit> {
        match self {
            Self::Unknown { .. } => Some(Exit::Refused),
            Self::Backwards(_) => Some(Exit::BadInput),
            Self::Log(_)
            | Self::Load { .. }
            | Self::TooEarly { .. }
            | Self::Nothing { .. }
            | Self::TooMuch
            | Self::Draw(_)
            | Self::Write { .. } => None,
        }
    }
}

/// Runs `asaas chart`: writes the picture, and says on standard output where it is. The code is 1 where a statement does not hold.
/// `configured` is where the log files are unless the arguments say otherwise.
pub fn command(args: &ChartArgs, configured: &Path) -> Result<ExitCode, ChartError> {
    let logs = args.logs.as_deref().unwrap_or(configured);
    match write(args, logs, Timestamp::now()) {
        Err(error) => match error.exit() {
            Some(exit) => {
                let error = CommandError::new(exit, error);
                // Where nobody reads it, the exit code still tells.
                drop(writeln!(io::stderr(), "{error}"));
                Ok(exit.into())
            }
            None => Err(error),
        },
        done => done,
    }
}

fn write(args: &ChartArgs, logs: &Path, now: Timestamp) -> Result<ExitCode, ChartError> {
    let chart = draw(args, logs, now)?;
    let is_proved = args.response_target.is_none()
        || (!chart.statements.is_empty() && chart.statements.iter().all(|s| s.holds));
    let code = if is_proved {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(BROKEN)
    };
    let statements: Vec<String> = chart.statements.iter().map(Statement::to_string).collect();
    if args.out.as_deref() == Some(Path::new("-")) {
        // The picture is the data; the statements are talk. Where nobody reads them, the exit code still tells.
        drop(writeln!(io::stdout(), "{}", chart.svg.trim_end()));
        for line in statements {
            drop(writeln!(io::stderr(), "{line}"));
        }
        return Ok(code);
    }
    let path = args
        .out
        .clone()
        .unwrap_or_else(|| logs.join(args.tenant.as_str()).join("chart.svg"));
    std::fs::write(&path, &chart.svg).map_err(|cause| ChartError::Write {
        path: path.clone(),
        cause,
    })?;
    let mut lines = vec![path.display().to_string()];
    lines.extend(statements);
    // Where nobody reads it, the file and the exit code still tell.
    drop(writeln!(io::stdout(), "{}", lines.join("\n")));
    Ok(code)
}

/// Reads the files below `logs` and draws them, seen from `now`.
pub fn draw(args: &ChartArgs, logs: &Path, now: Timestamp) -> Result<Chart, ChartError> {
    let (since, until) =
        Moment::bounds(args.since, args.until, now).map_err(ChartError::Backwards)?;
    if !logs.join(args.tenant.as_str()).is_dir() {
        return Err(ChartError::Unknown {
            logs: logs.to_owned(),
            tenant: args.tenant.to_string(),
        });
    }
    let load = args.load.as_deref().map(read_load).transpose()?;
    let asked = Span { since, until };
    let (begins, ends) = span(args, asked, logs, load.as_deref())?;
    let inside = Span {
        since: Some(begins),
        until: Some(ends),
    };
    let rows = Rows {
        actions: read(
            args,
            logs,
            Span {
                since: None,
                ..inside
            },
        )?,
        metrics: read(args, logs, inside)?,
        decisions: read(args, logs, inside)?,
        load,
    };
    let scene = scene::scene(args.tenant.as_str(), &rows, begins, ends);
    let statements = match (args.response_target, &scene.response) {
        (Some(target), Some(response)) => {
            let target = target.as_secs_f64() * 1000.0;
            verdict::statements(&response.mean, &scene.periods, target)
        }
        _ => Vec::new(),
    };
    let svg = paint::svg(&scene).map_err(|error| ChartError::Draw(error.to_string()))?;
    Ok(Chart { svg, statements })
}

/// From when to when: what was asked for, else what the load took, else the last hour of the log.
fn span(
    args: &ChartArgs,
    asked: Span,
    logs: &Path,
    load: Option<&[LoadRow]>,
) -> Result<(Timestamp, Timestamp), ChartError> {
    let earlier = |moment: Timestamp, by| moment.saturating_sub(by).unwrap_or(moment);
    let later = |moment: Timestamp, by| moment.saturating_add(by).unwrap_or(moment);
    let nothing = |hint| ChartError::Nothing {
        logs: logs.to_owned(),
        tenant: args.tenant.to_string(),
        hint,
    };
    let loaded = load.and_then(|rows| rows.first().zip(rows.last()));
    if let (None, None, None, Some((first, last))) = (asked.since, asked.until, args.last, loaded) {
        return Ok((earlier(first.time, AROUND), later(last.time, AROUND * 2)));
    }
    let mut ends = asked.until;
    let mut first = None;
    for row in logs::rows::<DecisionRow>(logs, &args.tenant, asked)? {
        let time = row?.time;
        first = first.or(Some(time));
        if asked.until.is_none() {
            ends = ends.max(Some(time));
        }
    }
    let is_all = (asked, args.last) == (Span::default(), None);
    let too_early = || ChartError::TooEarly {
        tenant: args.tenant.to_string(),
    };
    let (Some(first), Some(ends)) = (first, ends) else {
        if is_all {
            return Err(too_early());
        }
        return Err(nothing(
            "look for another time with `--since` and `--until`, or for the files with `--logs`",
        ));
    };
    let begins = match (asked.since, args.last) {
        (Some(since), _) => since,
        (None, Some(last)) => earlier(ends, last),
        (None, None) => earlier(ends, USUAL).max(first),
    };
    if begins >= ends {
        if is_all {
            return Err(too_early());
        }
        return Err(nothing(
            "its last decision was at the time's beginning: give `--since` an earlier one",
        ));
    }
    Ok((begins, ends))
}

fn read<R: logs::Row>(args: &ChartArgs, logs: &Path, span: Span) -> Result<Vec<R>, ChartError> {
    let mut rows = Vec::new();
    for row in logs::rows(logs, &args.tenant, span)? {
        rows.push(row?);
        if rows.len() > MAX_ROWS {
            return Err(ChartError::TooMuch);
        }
    }
    Ok(rows)
}

fn read_load(path: &Path) -> Result<Vec<LoadRow>, ChartError> {
    rows::load(path).map_err(|cause| ChartError::Load {
        path: path.to_owned(),
        cause,
    })
}

#[cfg(test)]
mod tests;
