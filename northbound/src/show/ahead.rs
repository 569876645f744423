//! `asaas plan --timeline`: the bounds and the size of the hours ahead, as a table and as a chart of plain characters.

use std::fmt::Write;

use controller::ahead::{Ahead, Piece};
use controller::id::CloudName;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{length, lines, moment, table};
use crate::cost::Cost;

/// The chart's columns, beside six of the scale: eighty in all.
const COLUMNS: i32 = 74;
/// The chart's lines at most.
const ROWS: u32 = 10;
/// From one time under the chart to the next, in columns.
const TICK: usize = 18;

/// The hours ahead.
pub fn ahead(ahead: &Ahead, cost: Option<&Cost>) -> String {
    let span = ahead.until.duration_since(ahead.from);
    let mut text = format!(
        "the next {}, from {} on\n",
        length(span),
        moment(ahead.from)
    );
    text.push_str(&bounds(&ahead.pieces));
    let _ = writeln!(text, "  expected: {}", ahead.expects);
    if let Some(cost) = cost {
        text.push_str(&costs(cost));
    }
    text.push('\n');
    text.push_str(&chart(ahead));
    text
}

/// A line for each time with the same bounds, with what is expected in it.
fn bounds(pieces: &[Piece]) -> String {
    let mut table = table(&["FROM", "UNTIL", "MIN", "MAX", "EXPECTED", "BECAUSE"]);
    let same = |a: &Piece, b: &Piece| (a.min, a.max, &a.because) == (b.min, b.max, &b.because);
    for run in pieces.chunk_by(same) {
        let (Some(first), Some(end)) = (run.first(), run.last()) else {
            continue;
        };
        let sizes = || run.iter().map(|piece| piece.expected);
        let least = sizes().min().flatten();
        let expected = match (least, sizes().max().flatten()) {
            (Some(least), Some(most)) if least == most => least.to_string(),
            (Some(least), Some(most)) => format!("{least} to {most}"),
            _ => "-".to_owned(),
        };
        table.add_row([
            moment(first.from),
            moment(end.until),
            first.min.to_string(),
            first.max.to_string(),
            expected,
            first.because.clone(),
        ]);
    }
    lines(&table, "  ")
}

fn costs(cost: &Cost) -> String {
    let Cost {
        least,
        expected,
        most,
        without_price,
    } = cost;
    let expected = expected.map_or(String::new(), |expected| {
        format!("{expected:.2} expected, ")
    });
    let mut text = format!(
        "  cost: {expected}{least:.2} at least, {most:.2} at most; an estimate from `clouds.price` in asaas.yml, not the bill\n"
    );
    if !without_price.is_empty() {
        let names: Vec<&str> = without_price.iter().map(CloudName::as_str).collect();
        let _ = writeln!(
            text,
            "  without a price, and not in it: {}",
            names.join(", ")
        );
    }
    text
}

/// What a column of the chart holds.
#[derive(Clone, Copy, Default)]
struct Column {
    min: u32,
    max: u32,
    expected: Option<u32>,
}

fn chart(ahead: &Ahead) -> String {
    let columns = columns(ahead);
    let top = columns
        .iter()
        .map(|column| column.max)
        .max()
        .unwrap_or(0)
        .max(1);
    let step = top.div_ceil(ROWS);
    let mut text = String::new();
    for row in (1..=top.div_ceil(step)).rev() {
        let value = (row - 1) * step + 1;
        let line: String = columns.iter().map(|column| mark(column, value)).collect();
        let _ = writeln!(text, "{:>4} |{}", (row * step).min(top), line.trim_end());
    }
    let _ = writeln!(text, "   0 +{}", "-".repeat(columns.len()));
    text.push_str(&times(ahead));
    let is_expected = columns.iter().any(|column| column.expected.is_some());
    text.push_str(if is_expected {
        "      # expected   = the minimum   . up to the maximum\n"
    } else {
        "      = the minimum   . up to the maximum\n"
    });
    text
}

fn mark(column: &Column, value: u32) -> char {
    match column {
        Column {
            expected: Some(expected),
            ..
        } if *expected >= value => '#',
        Column { min, .. } if *min >= value => '=',
        Column { max, .. } if *max >= value => '.',
        Column { .. } => ' ',
    }
}

/// The highest of each in every column, so that no seam is hidden.
fn columns(ahead: &Ahead) -> Vec<Column> {
    let at = |column: i32| {
        let span = ahead.until.duration_since(ahead.from);
        let passed = span.as_millis() * i128::from(column) / i128::from(COLUMNS);
        let passed = SignedDuration::from_millis(i64::try_from(passed).unwrap_or(i64::MAX));
        controller::time::later(ahead.from, passed)
    };
    (0..COLUMNS)
        .map(|column| {
            let (from, until) = (at(column), at(column + 1));
            let mut here = Column::default();
            for piece in ahead
                .pieces
                .iter()
                .filter(|piece| piece.from < until && piece.until > from)
            {
                here.min = here.min.max(piece.min);
                here.max = here.max.max(piece.max);
                here.expected = here.expected.max(piece.expected);
            }
            here
        })
        .collect()
}

/// Times under the chart: of the day, or where there are several days, the days too.
fn times(ahead: &Ahead) -> String {
    let span = ahead.until.duration_since(ahead.from);
    let format = if span > SignedDuration::from_hours(48) {
        "%m-%d %H:%M"
    } else {
        "%H:%M"
    };
    let mut text = "      ".to_owned();
    for column in (0..COLUMNS).step_by(TICK) {
        let passed = span.as_millis() * i128::from(column) / i128::from(COLUMNS);
        let passed = SignedDuration::from_millis(i64::try_from(passed).unwrap_or(0));
        let at: Timestamp = controller::time::later(ahead.from, passed);
        let shown = TimeZone::UTC.to_datetime(at).strftime(format).to_string();
        let _ = write!(text, "{shown:<TICK$}");
    }
    format!("{} UTC\n", text.trim_end())
}
