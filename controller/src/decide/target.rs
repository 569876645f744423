//! As many as keep a metric at its threshold (S4-76 to S4-79).

use super::advice::Advice;
use super::measured::{Measured, doubt, measured, silence};
use super::trend::{Trend, trend};
use super::{Question, percent, response_time, short};
use crate::amount::Amount;
use crate::decision::Guard;
use crate::load::Metric;
use crate::policy::{Monitor, Proactive, Target};

/// What a target asks for.
pub(super) fn advise(
    question: &Question<'_>,
    monitor: &Monitor,
    target: &Target,
    before: u32,
) -> Advice {
    if monitor.metric == Metric::ResponseTime {
        return response_time::advise(question, monitor, target, before);
    }
    let Some(measured) = measured(question, monitor) else {
        return Advice::silent(silence(question, &monitor.metric), before);
    };
    let load = Load::of(question, monitor, target, &measured);

    let up = needed(load.least, target);
    let down = needed(load.most, target);
    let wanted = if up > before { up } else { down.min(before) };
    let mut advice =
        Advice::of(wanted).because(Guard::Target, load.note(&measured, monitor, target, wanted));
    if let Some(ahead) = load.ahead
        && ahead.load > load.least
    {
        let coming = needed(ahead.load, target);
        if coming > wanted {
            advice.set(Guard::Trend, coming, ahead.note(&monitor.metric, coming));
        }
    }
    if advice.wanted != before && load.is_near(advice.wanted > before, before, target) {
        let note = format!(
            "within {}% of the threshold: {before} stays",
            percent(target.tolerance)
        );
        advice.set(Guard::Tolerance, before, note);
    }
    advice.doubt = doubt(&measured.reading, &monitor.metric);
    // What stays must carry the load with the tolerance to spare, or the next tick would grow again.
    let room = target.threshold.share(Amount::ONE - target.tolerance);
    let fits = load.most.max(load.coming());
    advice.enough = fits.divided_up(room).unwrap_or(u32::MAX);
    advice
}

/// The load over the window.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// With missing instances as idle: what growing goes by.
    least: Amount,
    /// With missing instances as loaded to the threshold: what shrinking goes by.
    most: Amount,
    /// Where the trend leads.
    ahead: Option<Trend>,
}

impl Load {
    fn of(
        question: &Question<'_>,
        monitor: &Monitor,
        target: &Target,
        measured: &Measured,
    ) -> Self {
        let ahead = match target.proactive {
            Proactive::On => trend(question, monitor, target),
            Proactive::Off | Proactive::ForecastOnly => None,
        };
        // Without `reactive` only what is coming counts: growing waits for the trend, shrinking for the load to be low too.
        let least = if target.reactive {
            measured.total
        } else {
            Amount::ZERO
        };
        Self {
            least,
            most: measured.most(target.threshold),
            ahead,
        }
    }

    fn coming(&self) -> Amount {
        self.ahead.map_or(Amount::ZERO, |ahead| ahead.load)
    }

    /// Whether the load is so near the threshold of `before` instances that nothing should be done.
    fn is_near(&self, is_out: bool, before: u32, target: &Target) -> bool {
        let held = target.threshold.times(before);
        if is_out {
            self.least.max(self.coming()) <= held.share(Amount::ONE + target.tolerance)
        } else {
            self.most >= held.share(Amount::ONE - target.tolerance)
        }
    }

    fn note(&self, measured: &Measured, monitor: &Monitor, target: &Target, wanted: u32) -> String {
        let span = if self.least == self.most {
            format!("{}", self.least)
        } else {
            format!("{} to {}", self.least, self.most)
        };
        format!(
            "{} {span} in all over {} ÷ {} = {wanted} ({} of {} measured)",
            monitor.metric,
            short(monitor.window),
            target.threshold,
            measured.reading.fresh,
            measured.reading.expected + measured.reading.warming,
        )
    }
}

/// How many instances hold `total` at the threshold.
fn needed(total: Amount, target: &Target) -> u32 {
    total.divided_up(target.threshold).unwrap_or(u32::MAX)
}
