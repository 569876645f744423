//! How much clients ask for over time, in instances' worth of processor time.

use fastrand::Rng;

use crate::moment::{At, HOUR, MINUTE, Span};

/// The load over time.
#[derive(Debug, Clone)]
pub(crate) struct Curve {
    shape: Shape,
    low: f64,
    high: f64,
    period: Span,
    shift: Span,
}

#[derive(Debug, Clone)]
enum Shape {
    Steady,
    Steps,
    Spikes,
    /// A day in a few hours, so that a world sees one.
    Daily,
    /// The minutes of a recorded load, as shares of its peak.
    Trace(Vec<f64>),
}

impl Curve {
    pub(crate) fn drawn(chance: &mut Rng, max: u32, traces: &[Vec<f64>]) -> Self {
        let shape = match chance.u32(..if traces.is_empty() { 4 } else { 8 }) {
            0 => Shape::Steady,
            1 => Shape::Steps,
            2 => Shape::Spikes,
            3 => Shape::Daily,
            _ => Shape::Trace(traces[chance.usize(..traces.len())].clone()),
        };
        let low = 0.1 + 0.8 * chance.f64();
        Self {
            shape,
            low,
            high: low + f64::from(max) * 0.8 * chance.f64(),
            period: chance.u64(20..=180) * MINUTE,
            shift: chance.u64(..24) * HOUR,
        }
    }

    pub(crate) fn steady(load: f64) -> Self {
        Self {
            shape: Shape::Steady,
            low: load,
            high: load,
            period: HOUR,
            shift: 0,
        }
    }

    /// The load at a moment.
    #[expect(clippy::cast_precision_loss, reason = "a share of a period")]
    pub(crate) fn at(&self, at: At) -> f64 {
        let passed = at + self.shift;
        let share = (passed % self.period) as f64 / self.period as f64;
        let height = match &self.shape {
            Shape::Steady => 0.5,
            Shape::Steps => f64::from(u8::from(share > 0.5)),
            Shape::Spikes => f64::from(u8::from(share > 0.9)),
            Shape::Daily => 0.5 - 0.5 * (share * std::f64::consts::TAU).cos(),
            Shape::Trace(minutes) => {
                let minute = usize::try_from(passed / MINUTE).unwrap_or(0);
                minutes
                    .get(minute % minutes.len().max(1))
                    .copied()
                    .unwrap_or(0.0)
            }
        };
        self.low + (self.high - self.low) * height
    }
}
