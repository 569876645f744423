//! What people read on their terminal: pure functions from replies to text. Meaning is never by colour alone; there is none.

use comfy_table::{ContentArrangement, Table, presets};
use jiff::{SignedDuration, Timestamp};

pub mod ahead;
pub mod clouds;
pub mod explain;
pub mod nodes;
pub mod plan;
pub mod replay;
pub mod status;

/// A table without lines, as wide as it has to be, so that it can be searched and cut.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table
}

/// A table's lines, indented, without the blanks at their ends.
pub(crate) fn lines(table: &Table, indent: &str) -> String {
    let mut text = String::new();
    for line in table.to_string().lines() {
        text.push_str(indent);
        text.push_str(line.trim());
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// A moment to the second, in UTC.
fn moment(at: Timestamp) -> String {
    format!("{at:.0}")
}

/// A length of time in its two largest units: `1h 5m`, `12s`, `0.4s`.
pub(crate) fn length(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        ..=0 => format!("{:.1}s", duration.as_secs_f64().max(0.0)),
        1..=59 => format!("{seconds}s"),
        60..=3_599 => format!("{}m {}s", seconds / 60, seconds % 60),
        3_600..=86_399 => format!("{}h {}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// `1 instance`, `2 instances`.
fn instances(count: u32) -> String {
    match count {
        1 => "1 instance".to_owned(),
        _ => format!("{count} instances"),
    }
}

/// A reading with its unit.
fn reading(metric: &controller::load::Metric, value: controller::amount::Amount) -> String {
    if metric.is_share() {
        format!("{:.0} %", value.as_f64() * 100.0)
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_shown_in_two_units_at_most() {
        let shown = |seconds| length(SignedDuration::from_secs(seconds));

        assert_eq!(length(SignedDuration::from_millis(420)), "0.4s");
        assert_eq!(
            [shown(5), shown(65), shown(3_700), shown(90_000)],
            ["5s", "1m 5s", "1h 1m", "1d 1h"]
        );
    }
}
