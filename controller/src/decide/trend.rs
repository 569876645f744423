//! Where the readings of a window lead: a straight line through them (S4-75).

use jiff::SignedDuration;

use super::window::readings;
use super::{Question, short};
use crate::amount::Amount;
use crate::decision::Reading;
use crate::load::{Metric, Unit};
use crate::policy::{Aggregation, Monitor, Target};

/// A trend needs so many readings, or it is only noise.
const TREND_READINGS: usize = 5;
/// A rise is looked at from this share of the threshold on: "near the threshold" (S4-75).
const NEAR_PERCENT: u32 = 70;
/// How well a straight line must explain the readings (R²) to be believed when it rises …
const RISE_FIT: f64 = 0.6;
/// … and when it falls, which has to be surer, since fewer instances follow.
const FALL_FIT: f64 = 0.8;

/// Where a clear trend leads: total loads, in the metric's unit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trend {
    /// The load now, as the line has it: the mean of the window lags behind it by half the window.
    pub(super) now: Amount,
    /// The load at the horizon.
    pub(super) ahead: Amount,
    /// Whether it rises; it falls otherwise.
    pub(super) rises: bool,
    /// The learned time from launch to service.
    horizon: SignedDuration,
}

impl Trend {
    /// Where it leads, in words.
    pub(super) fn line(&self, metric: &Metric) -> String {
        let horizon = short(self.horizon);
        let Self { now, ahead, .. } = self;
        if self.rises {
            format!(
                "{metric} rises from {now} to {ahead} in all within {horizon}, the time to boot"
            )
        } else {
            format!(
                "{metric} falls, to {ahead} in all within {horizon}, the time to boot; it is {now} now"
            )
        }
    }
}

/// Where the readings lead, if it is clear; a rise only where the load nears the threshold.
pub(super) fn trend(question: &Question<'_>, monitor: &Monitor, target: &Target) -> Option<Trend> {
    if !is_sum(monitor) {
        return None;
    }
    let now = question.now.steady;
    let points: Vec<(f64, f64)> = readings(question, monitor)
        .filter(|(_, reading)| is_whole(reading))
        .map(|(tick, reading)| {
            let ago = tick.at.duration_since(now);
            (ago.as_secs_f64(), reading.sum.as_f64())
        })
        .collect();
    let line = Line::through(&points)?;
    let rises = line.slope > 0.0;
    if line.fit < if rises { RISE_FIT } else { FALL_FIT } {
        return None;
    }
    let held = target.threshold.times(question.current.max(1));
    if rises && line.level * 100.0 < held.as_f64() * f64::from(NEAR_PERCENT) {
        return None;
    }
    let horizon = question.history.time_to_service();
    let ahead = line.level + line.slope * horizon.as_secs_f64();
    Some(Trend {
        now: Amount::measured(line.level.max(0.0))?,
        ahead: Amount::measured(ahead.max(0.0))?,
        rises,
        horizon,
    })
}

/// Whether the sum over the instances is what the target goes by.
pub(super) fn is_sum(monitor: &Monitor) -> bool {
    match monitor.aggregation {
        Aggregation::Average | Aggregation::Last => true,
        Aggregation::Total => monitor.metric.unit() != Unit::PerSecond,
        Aggregation::Minimum | Aggregation::Maximum | Aggregation::Count => false,
    }
}

/// Whether all gave a reading; a line through some of them would show who is missing.
fn is_whole(reading: &Reading) -> bool {
    reading.fresh > 0 && reading.fresh == reading.expected
}

/// The straight line with the least squares.
struct Line {
    /// Its value now.
    level: f64,
    /// Per second.
    slope: f64,
    /// R²: 1 where all points are on it.
    fit: f64,
}

impl Line {
    #[expect(
        clippy::cast_precision_loss,
        reason = "an estimate; the readings are far below 2^52"
    )]
    fn through(points: &[(f64, f64)]) -> Option<Self> {
        if points.len() < TREND_READINGS {
            return None;
        }
        let count = points.len() as f64;
        let mean_t = points.iter().map(|(t, _)| t).sum::<f64>() / count;
        let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
        let (mut tt, mut ty, mut yy) = (0.0, 0.0, 0.0);
        for (t, y) in points {
            let (t, y) = (t - mean_t, y - mean_y);
            tt += t * t;
            ty += t * y;
            yy += y * y;
        }
        let slope = ty / tt;
        let fit = ty * ty / (tt * yy);
        (slope.is_finite() && slope != 0.0 && fit.is_finite()).then_some(Self {
            level: mean_y - slope * mean_t,
            slope,
            fit,
        })
    }
}
