//! Whether a series behaves as an autoscaler should make it: statements about a high period and the low one after it (S1-29). Pure.

use std::fmt;

use super::period::Period;
use super::scene::Point;

/// So much above the target still counts as near it.
const NEAR: f64 = 1.25;
/// The end of a period: its last part, long enough to average out a single second.
const END: f64 = 0.2;

/// A statement, whether it holds, and the figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// What should be so.
    pub what: &'static str,
    /// Whether it is.
    pub holds: bool,
    /// The figures.
    pub figures: String,
}

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            holds,
            figures,
        } = self;
        let word = if *holds { "yes" } else { "NO " };
        write!(f, "{word}  {what}: {figures}")
    }
}

/// The three statements about each high period that a low one follows; none where there is no such pair, which proves nothing.
pub(super) fn statements(series: &[Point], periods: &[Period], target: f64) -> Vec<Statement> {
    periods
        .windows(2)
        .filter(|pair| pair[0].is_high && !pair[1].is_high)
        .flat_map(|pair| {
            let (high, low) = (&pair[0], &pair[1]);
            let end_of = |period: &Period| period.to - (period.to - period.from) * END;
            let settled = average(series, end_of(high), high.to);
            let after = average(series, end_of(low), low.to);
            let middle = f64::midpoint(high.from, high.to);
            let nearest = least(series, middle, high.to);
            [
                Statement {
                    what: "the response time settles near the target before the high load ends",
                    holds: nearest.is_some_and(|nearest| nearest <= target * NEAR),
                    figures: compared("at best", nearest, target),
                },
                Statement {
                    what: "it ends below the target",
                    holds: settled.is_some_and(|settled| settled <= target),
                    figures: compared("at the end", settled, target),
                },
                Statement {
                    what: "it falls at low load",
                    holds: settled.zip(after).is_some_and(|(high, low)| low < high),
                    figures: compared("after it", after, settled.unwrap_or(f64::NAN)),
                },
            ]
        })
        .collect()
}

fn compared(when: &str, value: Option<f64>, other: f64) -> String {
    match value {
        Some(value) => format!("{value:.1} ms {when}, compared with {other:.1} ms"),
        None => format!("nothing was measured {when}"),
    }
}

fn within(series: &[Point], from: f64, to: f64) -> impl Iterator<Item = f64> {
    series
        .iter()
        .filter(move |(t, _)| (from..to).contains(t))
        .map(|(_, value)| *value)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "no chart shows the fifteenth digit"
)]
fn average(series: &[Point], from: f64, to: f64) -> Option<f64> {
    let values: Vec<f64> = within(series, from, to).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn least(series: &[Point], from: f64, to: f64) -> Option<f64> {
    within(series, from, to).reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(from: f64, to: f64, is_high: bool) -> Period {
        Period {
            from,
            to,
            name: String::new(),
            is_high,
        }
    }

    fn holds(series: impl Fn(f64) -> f64) -> Vec<bool> {
        let series: Vec<Point> = (0_u32..120)
            .map(|t| (f64::from(t), series(f64::from(t))))
            .collect();
        let periods = [
            period(0.0, 20.0, false),
            period(20.0, 80.0, true),
            period(80.0, 120.0, false),
        ];
        statements(&series, &periods, 100.0)
            .iter()
            .map(|statement| statement.holds)
            .collect()
    }

    // S1-29
    #[test]
    fn a_response_time_that_recovers_passes_and_one_that_does_not_fails() {
        let recovers = |t: f64| match t {
            t if t < 20.0 => 20.0,
            t if t < 40.0 => 900.0,
            t if t < 80.0 => 80.0,
            _ => 20.0,
        };
        let never = |t: f64| {
            if (20.0..80.0).contains(&t) {
                900.0
            } else {
                20.0
            }
        };
        let stays = |t: f64| if t < 20.0 { 20.0 } else { 90.0 };

        assert_eq!(holds(recovers), [true, true, true]);
        assert_eq!(holds(never), [false, false, true]);
        assert_eq!(holds(stays), [true, true, false]);
        assert_eq!(holds(|_| f64::NAN), [false, false, false]);
    }

    #[test]
    fn without_a_high_period_nothing_is_claimed() {
        let low = [period(0.0, 10.0, false)];

        assert_eq!(statements(&[(1.0, 1.0)], &low, 100.0), []);
    }
}
