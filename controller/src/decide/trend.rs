//! Where the readings of a window lead: a straight line through them (S4-75).

use jiff::SignedDuration;

use super::measured::readings;
use super::{Question, short};
use crate::amount::Amount;
use crate::load::Metric;
use crate::policy::{Monitor, Target};

/// A trend needs so many readings, or it is only noise.
const TREND_READINGS: usize = 5;
/// A trend is looked at from this share of the threshold on: "near the threshold" (S4-75).
const NEAR_PERCENT: u32 = 70;
/// How well a straight line must explain the readings (R²) to be believed.
const TREND_FIT: f64 = 0.6;

/// Where a clear trend leads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trend {
    /// The load at the horizon.
    pub(super) load: Amount,
    /// The learned time from launch to service.
    horizon: SignedDuration,
}

impl Trend {
    pub(super) fn note(&self, metric: &Metric, ahead: u32) -> String {
        format!(
            "{metric} rises to {} within {}, the time to boot: {ahead}",
            self.load,
            short(self.horizon),
        )
    }
}

/// Where the readings lead, if they rise, clearly, and the load nears the threshold.
#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate; the readings are far below 2^52"
)]
pub(super) fn trend(question: &Question<'_>, monitor: &Monitor, target: &Target) -> Option<Trend> {
    let horizon = question.history.time_to_service();
    let now = question.now.steady;
    let points: Vec<(f64, f64)> = readings(question, monitor)
        .filter(|(_, reading)| reading.fresh == reading.expected)
        .map(|(at, reading)| (at.duration_since(now).as_secs_f64(), reading.sum.as_f64()))
        .collect();
    if points.len() < TREND_READINGS {
        return None;
    }
    let count = points.len() as f64;
    let mean_t = points.iter().map(|(t, _)| t).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let spread =
        |f: fn(f64, f64) -> f64| points.iter().map(|(t, y)| f(t - mean_t, y - mean_y)).sum();
    let (tt, ty, yy): (f64, f64, f64) = (
        spread(|t, _| t * t),
        spread(|t, y| t * y),
        spread(|_, y| y * y),
    );
    let slope = ty / tt;
    let fit = ty * ty / (tt * yy);
    if !slope.is_finite() || slope <= 0.0 || !fit.is_finite() || fit < TREND_FIT {
        return None;
    }
    let level = mean_y - slope * mean_t;
    let held = target.threshold.times(question.current.max(1));
    let is_near = level * 100.0 >= held.as_f64() * f64::from(NEAR_PERCENT);
    let load = Amount::measured(level + slope * horizon.as_secs_f64())?;
    is_near.then_some(Trend { load, horizon })
}
