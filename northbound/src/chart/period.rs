//! Periods of low and of high load. Pure.

use super::rows::LoadRow;
use super::scene::Point;

/// Below this ratio of the highest rate to the lowest, a generator's profile has only one kind of load.
const CONTRAST: f64 = 1.5;
/// The same where no profile says that there are two kinds.
const CLEAR: f64 = 2.0;
/// Rates that differ by less than this per second are a trickle, whatever their ratio.
const TRICKLE: f64 = 5.0;
/// A period of fewer seconds is noise and joins the one before it. Not a part of the whole: a longer chart shows the same periods.
const SHORTEST: f64 = 8.0;
/// So many seconds before and after a moment tell its rate.
const AROUND: f64 = 5.0;

/// A stretch of time with one kind of load.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Period {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) name: String,
    pub(super) is_high: bool,
}

/// The segments of a generator's profile: high where their rate is nearer to the highest than to the lowest.
#[expect(
    clippy::cast_precision_loss,
    reason = "no chart shows the fifteenth digit"
)]
pub(super) fn of_segments(rows: &[(f64, &LoadRow)]) -> Vec<Period> {
    let mut periods: Vec<(Period, Vec<f64>)> = Vec::new();
    for (t, row) in rows.iter().filter(|(_, row)| !row.segment.is_empty()) {
        match periods.last_mut() {
            Some((period, rates)) if period.name == row.segment => {
                period.to = t + 1.0;
                rates.push(row.sent as f64);
            }
            _ => {
                let period = Period {
                    from: *t,
                    to: t + 1.0,
                    name: row.segment.clone(),
                    is_high: false,
                };
                periods.push((period, vec![row.sent as f64]));
            }
        }
    }
    let means: Vec<f64> = periods.iter().map(|(_, rates)| mean(rates)).collect();
    let border = border(&means, CONTRAST);
    periods
        .into_iter()
        .zip(means)
        .map(|((period, _), mean)| Period {
            is_high: border.is_some_and(|border| mean > border),
            ..period
        })
        .collect()
}

/// Where no generator tells: above and below the middle of the rates, where these are clearly of two kinds.
pub(super) fn of_rate(rate: &[Point]) -> Vec<Period> {
    let rate = smooth(rate);
    let values: Vec<f64> = rate.iter().map(|(_, value)| *value).collect();
    let Some(border) = border(&values, CLEAR) else {
        return Vec::new();
    };
    let mut periods: Vec<Period> = Vec::new();
    for (t, value) in &rate {
        let is_high = *value > border;
        match periods.last_mut() {
            Some(period) if period.is_high == is_high => period.to = *t,
            previous => {
                if let Some(previous) = previous {
                    previous.to = *t;
                }
                periods.push(Period {
                    from: *t,
                    to: *t,
                    name: if is_high { "high" } else { "low" }.to_owned(),
                    is_high,
                });
            }
        }
    }
    let periods = join(periods, SHORTEST);
    if is_clear(&rate, &periods) {
        periods
    } else {
        Vec::new()
    }
}

/// Whether what is called high is also as a whole so much more than what is called low.
fn is_clear(rate: &[Point], periods: &[Period]) -> bool {
    let of = |is_high: bool| -> Option<f64> {
        let values: Vec<f64> = rate
            .iter()
            .filter(|(t, _)| {
                periods
                    .iter()
                    .any(|period| period.is_high == is_high && (period.from..period.to).contains(t))
            })
            .map(|(_, value)| *value)
            .collect();
        (!values.is_empty()).then(|| mean(&values))
    };
    match (of(false), of(true)) {
        (Some(low), Some(high)) => high >= low * CLEAR && high - low >= TRICKLE,
        _ => false,
    }
}

/// The mean of what lies around each point: single seconds of a small load are mostly chance.
fn smooth(rate: &[Point]) -> Vec<Point> {
    let (mut from, mut to, mut sum) = (0, 0, 0.0);
    rate.iter()
        .map(|(t, _)| {
            while to < rate.len() && rate[to].0 <= t + AROUND {
                sum += rate[to].1;
                to += 1;
            }
            while rate[from].0 < t - AROUND {
                sum -= rate[from].1;
                from += 1;
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "no chart shows the fifteenth digit"
            )]
            let count = (to - from) as f64;
            (*t, sum / count)
        })
        .collect()
}

fn join(periods: Vec<Period>, shortest: f64) -> Vec<Period> {
    let mut joined: Vec<Period> = Vec::new();
    for period in periods {
        match joined.last_mut() {
            Some(last) if last.is_high == period.is_high || period.to - period.from < shortest => {
                last.to = period.to;
            }
            _ => joined.push(period),
        }
    }
    joined
}

fn border(values: &[f64], contrast: f64) -> Option<f64> {
    let least = values.iter().copied().reduce(f64::min)?;
    let most = values.iter().copied().reduce(f64::max)?;
    (most > least * contrast).then_some(f64::midpoint(least, most))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no chart shows the fifteenth digit"
)]
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_load_has_no_high_period() {
        assert_eq!(of_rate(&[(0.0, 10.0), (1.0, 11.0), (2.0, 10.0)]), []);
        assert_eq!(of_rate(&[]), []);
    }

    #[test]
    fn a_flat_trickle_has_no_periods_however_long_it_is() {
        for length in [60_u32, 600, 6000] {
            let rate: Vec<Point> = (0..length)
                .map(|t| (f64::from(t), f64::from((t * 7919 % 13) % 4)))
                .collect();

            assert_eq!(of_rate(&rate), [], "{length}");
        }
    }

    #[test]
    fn a_longer_chart_shows_the_same_high_period() {
        for length in [200_u32, 3600] {
            let rate: Vec<Point> = (0..length)
                .map(|t| {
                    let is_high = (100..130).contains(&t);
                    (f64::from(t), if is_high { 60.0 } else { 10.0 })
                })
                .collect();

            let periods = of_rate(&rate);

            let high: Vec<_> = periods.iter().filter(|p| p.is_high).collect();
            assert_eq!(high.len(), 1, "{length}");
            assert_eq!((high[0].from, high[0].to), (100.0, 130.0), "{length}");
        }
    }

    // S1-28
    #[test]
    fn low_and_high_are_told_apart_and_a_short_dip_is_not() {
        let rate: Vec<Point> = (0_u32..100)
            .map(|t| {
                let is_high = (30..60).contains(&t) && t != 45;
                (f64::from(t), if is_high { 100.0 } else { 10.0 })
            })
            .collect();

        let periods = of_rate(&rate);

        let seen: Vec<_> = periods
            .iter()
            .map(|p| (p.from, p.to, p.name.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (0.0, 30.0, "low"),
                (30.0, 60.0, "high"),
                (60.0, 99.0, "low")
            ]
        );
    }
}
