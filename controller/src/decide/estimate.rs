//! From readings to the load: how much there is at least, at most, and soon.
//!
//! Loads are totals over all instances, so that the formula of S4-77 and S4-78 is one division: n instances at an average
//! of m need `ceil(n × m ÷ threshold)`, and n × m is the total. A total stays right while n changes within the window.

use jiff::SignedDuration;

use super::{Question, percent, short};
use crate::amount::Amount;
use crate::decision::Reading;
use crate::spec::Dynamic;

/// With fewer than this share of instances measured, fewer are never wanted (I3).
const QUORUM_PERCENT: u32 = 70;
/// A trend needs so many readings, or it is only noise.
const TREND_READINGS: usize = 5;
/// A trend is looked at from this share of the threshold on: "near the threshold" (S4-75).
const NEAR_PERCENT: u32 = 70;
/// How well a straight line must explain the readings (R²) to be believed.
const TREND_FIT: f64 = 0.6;

/// The load over the policy's window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// With missing instances as idle: what growing goes by.
    pub(super) least: Amount,
    /// With missing instances as loaded to the threshold: what shrinking goes by.
    pub(super) most: Amount,
    /// Where the trend leads within the horizon, if it rises, is clear, and nears the threshold.
    pub(super) coming: Option<Amount>,
    horizon: SignedDuration,
}

impl Load {
    /// Whether the load is so near the threshold of `before` instances that nothing should be done.
    pub(super) fn is_near(&self, is_out: bool, before: u32, dynamic: &Dynamic) -> bool {
        let held = dynamic.threshold.times(before);
        if is_out {
            let load = self.least.max(self.coming.unwrap_or_default());
            load <= held.share(Amount::ONE + dynamic.tolerance)
        } else {
            self.most >= held.share(Amount::ONE - dynamic.tolerance)
        }
    }

    pub(super) fn note(&self, question: &Question<'_>, dynamic: &Dynamic, wanted: u32) -> String {
        let reading = question.reading.unwrap_or_default();
        let span = if self.least == self.most {
            format!("{}", self.least)
        } else {
            format!("{} to {}", self.least, self.most)
        };
        format!(
            "{} {span} in all over {} ÷ {} = {wanted} ({} of {} measured)",
            dynamic.metric.name(),
            short(dynamic.window),
            dynamic.threshold,
            reading.fresh,
            reading.expected + reading.warming,
        )
    }

    pub(super) fn trend_note(&self, dynamic: &Dynamic, ahead: u32) -> String {
        format!(
            "{} rises to {} within {}, the time to boot: {ahead}",
            dynamic.metric.name(),
            self.coming.unwrap_or_default(),
            short(self.horizon),
        )
    }
}

/// How many instances hold `total` at the threshold.
pub(super) fn needed(total: Amount, dynamic: &Dynamic) -> u32 {
    total.divided_up(dynamic.threshold).unwrap_or(u32::MAX)
}

/// The load, where at least one instance was measured at this tick.
pub(super) fn load(question: &Question<'_>, dynamic: &Dynamic) -> Option<Load> {
    question.reading.filter(|reading| reading.fresh > 0)?;
    let from = question.now.steady.saturating_sub(dynamic.window).ok()?;
    let readings = || {
        question
            .history
            .readings
            .iter()
            .filter(move |(at, _)| *at > from)
    };
    let count = readings().count();
    let least: Amount = readings().map(|(_, reading)| reading.sum).sum();
    let most: Amount = readings()
        .map(|(_, reading)| {
            let missing = reading.expected + reading.warming - reading.fresh;
            reading.sum + dynamic.threshold.times(missing)
        })
        .sum();

    let horizon = question.history.time_to_service();
    let coming = if dynamic.proactive {
        trend(question, dynamic, horizon)
    } else {
        None
    };
    let (least, most) = if dynamic.reactive {
        (least.over(count), most.over(count))
    } else {
        // Only what is coming counts: growing waits for the trend, shrinking for the load to be low as well.
        (Amount::ZERO, most.over(count))
    };
    Some(Load {
        least,
        most,
        coming,
        horizon,
    })
}

/// Where a straight line through the window's readings leads within `horizon`.
#[expect(
    clippy::cast_precision_loss,
    reason = "an estimate; the readings are far below 2^52"
)]
fn trend(question: &Question<'_>, dynamic: &Dynamic, horizon: SignedDuration) -> Option<Amount> {
    let now = question.now.steady;
    let from = now.saturating_sub(dynamic.window).ok()?;
    let points: Vec<(f64, f64)> = question
        .history
        .readings
        .iter()
        .filter(|(at, reading)| *at > from && reading.fresh == reading.expected)
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
    let held = dynamic.threshold.times(question.current.max(1));
    let is_near = level * 100.0 >= held.as_f64() * f64::from(NEAR_PERCENT);
    if is_near {
        Amount::measured(level + slope * horizon.as_secs_f64())
    } else {
        None
    }
}

/// Why fewer must not be wanted: too few readings, or ones that are hard to believe.
pub(super) fn doubt(question: &Question<'_>, dynamic: &Dynamic) -> Option<String> {
    let reading = question.reading?;
    if reading.fresh * 100 < reading.expected * QUORUM_PERCENT {
        return Some(format!(
            "only {} of {} instances gave a fresh reading, {QUORUM_PERCENT}% are needed",
            reading.fresh, reading.expected,
        ));
    }
    reading.is_suspect.then(|| {
        format!(
            "{} fell to exactly zero from more than {}% of the threshold, which a broken meter would show too",
            dynamic.metric.name(),
            percent(crate::history::SUSPECT_SHARE),
        )
    })
}

/// Why there is no load to go by.
pub(super) fn silence(question: &Question<'_>) -> String {
    match question.reading {
        Some(Reading {
            expected: 0,
            warming: 0,
            ..
        })
        | None => {
            "no instance is in service yet, so nothing is measured: the number stays".to_owned()
        }
        Some(Reading {
            expected: 0,
            warming,
            ..
        }) => {
            format!("all {warming} instances are still warming up: the number stays")
        }
        Some(Reading { expected, .. }) => {
            format!("none of {expected} instances gave a fresh reading: the number stays")
        }
    }
}
