//! Where the lines of a grid lie. Pure.

use jiff::Timestamp;

/// Steps between moments that people like, in seconds.
const STEPS: [u32; 18] = [
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
];

/// Moments at which a line is drawn, in seconds since `begins`, at most `most` of them, at round times of the day.
pub(super) fn moments(begins: Timestamp, length: f64, most: u32) -> Vec<f64> {
    let step = STEPS
        .into_iter()
        .map(f64::from)
        .find(|step| length / step <= f64::from(most))
        .unwrap_or_else(|| (length / f64::from(most) / 86_400.0).ceil() * 86_400.0);
    let begins = begins.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
    let first = (begins / step).ceil() * step - begins;
    (0..=most)
        .map(|index| first + f64::from(index) * step)
        .filter(|moment| *moment <= length)
        .collect()
}

/// Values at which a line is drawn, from zero up to the first at or above `highest`: the last is the top of the axis.
pub(super) fn values(highest: f64, most: u32) -> Vec<f64> {
    if !highest.is_finite() || highest <= 0.0 {
        return vec![0.0, 1.0];
    }
    let rough = highest / f64::from(most);
    let size = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * size)
        .find(|step| highest / step <= f64::from(most) + 1e-9)
        .unwrap_or(10.0 * size);
    let mut values = vec![0.0];
    let mut index = 1.0;
    // At most `most` steps reach the highest, by the choice of the step; one more covers rounding.
    for _ in 0..=most {
        values.push(index * step);
        if index * step >= highest - step * 1e-9 {
            break;
        }
        index += 1.0;
    }
    values
}

/// The same on a logarithmic axis: 1, 2 and 5 of each power of ten from at or below `lowest` to at or above `highest`.
pub(super) fn powers(lowest: f64, highest: f64) -> Vec<f64> {
    let steps: Vec<f64> = (-3..=7)
        .flat_map(|power| [1.0, 2.0, 5.0].map(|factor| factor * 10_f64.powi(power)))
        .collect();
    let first = steps.iter().rposition(|step| *step <= lowest).unwrap_or(0);
    let last = steps
        .iter()
        .position(|step| *step >= highest)
        .unwrap_or(steps.len() - 1)
        .max(first + 1)
        .min(steps.len() - 1);
    let chosen = &steps[first..=last];
    if chosen.len() <= 7 {
        return chosen.to_vec();
    }
    // Whole powers are enough where there are many, with both ends.
    let is_whole = |value: &f64| (value.log10() - value.log10().round()).abs() < 1e-9;
    chosen
        .iter()
        .enumerate()
        .filter(|(index, value)| *index == 0 || *index + 1 == chosen.len() || is_whole(value))
        .map(|(_, value)| *value)
        .collect()
}

/// Lets the axis end a little above its last line, so that what lies on this line is seen whole. Returns the end.
pub(super) fn headroom(ticks: &mut Vec<f64>, most: f64) -> f64 {
    let last = ticks.last().copied().unwrap_or(1.0);
    let top = last + most.max(last * 0.5) * 0.08;
    ticks.push(top);
    top
}

/// A number with no more digits than it needs.
pub(super) fn shown(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_round_times_of_the_day() {
        let begins: Timestamp = "2026-01-15T08:00:07Z".parse().unwrap();

        assert_eq!(
            moments(begins, 60.0, 6),
            [3.0, 13.0, 23.0, 33.0, 43.0, 53.0]
        );
        assert_eq!(moments(begins, 7200.0, 6), [1793.0, 3593.0, 5393.0, 7193.0]);
        assert!((2..=10).contains(&moments(begins, 1e6, 10).len()));
    }

    #[test]
    fn values_end_at_or_above_the_highest() {
        assert_eq!(values(5.0, 5), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(values(0.93, 4), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(values(47.0, 4), [0.0, 20.0, 40.0, 60.0]);
        assert_eq!(values(0.0, 4), [0.0, 1.0]);
        assert_eq!(values(f64::NAN, 4), [0.0, 1.0]);
    }

    #[test]
    fn powers_hold_both_ends() {
        assert_eq!(powers(1.2, 8.0), [1.0, 2.0, 5.0, 10.0]);
        assert_eq!(powers(3.0, 3.0), [2.0, 5.0]);
        assert_eq!(powers(0.4, 700.0), [0.2, 1.0, 10.0, 100.0, 1000.0]);
    }
}
