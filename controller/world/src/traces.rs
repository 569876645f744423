//! Recorded loads, as CSV files of seconds and values: what drives some tenants instead of a drawn curve.

use std::fs;
use std::path::Path;

/// The minutes of every trace in a folder, as shares of its peak. What cannot be read is left out.
pub fn traces(folder: &Path) -> Vec<Vec<f64>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "csv"));
    files.sort();
    let texts = files
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    texts.filter_map(|text| shares(&text)).collect()
}

/// The values of a trace by minute, as shares of the highest; `None` where there is none.
fn shares(text: &str) -> Option<Vec<f64>> {
    let row = |line: &str| {
        let (at, value) = line.split_once(',')?;
        Some((
            at.trim().parse::<f64>().ok()?,
            value.trim().parse::<f64>().ok()?,
        ))
    };
    let rows: Vec<(f64, f64)> = text.lines().filter_map(row).collect();
    let (first, second) = (rows.first()?, rows.get(1)?);
    let minutes = ((second.0 - first.0) / 60.0).clamp(1.0, 60.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and 60"
    )]
    let repeated = minutes as usize;
    let peak = rows.iter().map(|(_, value)| *value).fold(0.0, f64::max);
    if peak <= 0.0 {
        return None;
    }
    let of_minute = |(_, value): &(f64, f64)| std::iter::repeat_n(value / peak, repeated);
    Some(rows.iter().flat_map(of_minute).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_of_five_minutes_holds_each_value_for_five() {
        let text = "# source: a test\nseconds,value\n0,5\n300,10\n";
        assert_eq!(shares(text).unwrap(), [[0.5; 5], [1.0; 5]].concat());
        assert_eq!(shares("# nothing\n"), None);
    }
}
