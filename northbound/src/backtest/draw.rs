//! Demand and supply over time, in characters that any terminal and any person tells apart.

use std::fmt::Write as _;

use jiff::SignedDuration;

use crate::show;

/// Columns of the drawing, and of its axis: eighty in all.
const WIDTH: usize = 72;
const AXIS: usize = 6;
/// Rows of the drawing.
const HEIGHT: u32 = 14;

/// What happens in one column.
#[derive(Debug, Clone, Copy)]
struct Column {
    /// The most that were needed.
    needed: u32,
    /// The fewest and the most that were in service.
    low: u32,
    high: u32,
    /// Whether at some time there were too few.
    is_short: bool,
}

/// Draws them. Both have a value for each tick.
pub(super) fn drawing(demand: &[u32], supply: &[u32], tick: SignedDuration) -> String {
    let columns = columns(demand, supply);
    let most = columns.iter().map(|column| column.needed.max(column.high));
    let most = most.max().unwrap_or(1).max(1);
    let step = most.div_ceil(HEIGHT).max(1);
    let mut text = "instances:  = in service   # needed   ! too few at some time\n".to_owned();
    for row in (0..most.div_ceil(step)).rev() {
        let (from, to) = (row * step + 1, (row + 1) * step);
        let line: String = columns.iter().map(|column| column.mark(from, to)).collect();
        let _ = writeln!(text, "{:>AXIS$}|{}", to, line.trim_end());
    }
    let short: String = columns
        .iter()
        .map(|column| if column.is_short { '!' } else { '-' })
        .collect();
    let _ = writeln!(text, "{:>AXIS$}+{short}", 0);
    let long = tick.saturating_mul(i32::try_from(demand.len()).unwrap_or(i32::MAX));
    let ends = [long / 2, long].map(show::length);
    let (half, rest) = (columns.len() / 2, columns.len() - columns.len() / 2);
    let _ = writeln!(
        text,
        "{:>AXIS$} 0{:>half$}{:>rest$}",
        "",
        ends[0],
        ends[1],
        half = half.saturating_sub(1)
    );
    text
}

fn columns(demand: &[u32], supply: &[u32]) -> Vec<Column> {
    let ticks = demand.len().min(supply.len());
    let width = WIDTH.min(ticks);
    (0..width)
        .map(|index| {
            let span =
                index * ticks / width..((index + 1) * ticks / width).max(index * ticks / width + 1);
            let (demand, supply) = (&demand[span.clone()], &supply[span]);
            Column {
                needed: demand.iter().copied().max().unwrap_or(0),
                low: supply.iter().copied().min().unwrap_or(0),
                high: supply.iter().copied().max().unwrap_or(0),
                is_short: demand
                    .iter()
                    .zip(supply)
                    .any(|(needed, there)| there < needed),
            }
        })
        .collect()
}

impl Column {
    /// What it shows from so many instances to so many.
    fn mark(&self, from: u32, to: u32) -> char {
        if from <= self.high && to >= self.low {
            '='
        } else if from <= self.needed {
            '#'
        } else {
            ' '
        }
    }
}
