//! As many as keep a metric at its threshold (S4-76 to S4-79).

use super::advice::Advice;
use super::measured::{Measured, measured, silence};
use super::trend::{Trend, is_sum, trend};
use super::{Question, percent, response_time, short};
use crate::amount::Amount;
use crate::decision::{Forecasted, Guard};
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
    let trend = target
        .proactive
        .forecasts()
        .then(|| trend(question, monitor, target))
        .flatten();
    let mut load = Load::of(target, &measured);
    let (wanted, note) = if target.reactive || target.proactive == Proactive::On {
        let wanted = load.wanted(target, before);
        (wanted, load.note(&measured, monitor, target, wanted))
    } else {
        let note = format!("neither reactive nor proactive: {before} stays");
        (before, note)
    };
    let mut advice = Advice::of(wanted).because(Guard::Target, note);
    if let Some(trend) = trend {
        anticipate(&mut advice, &mut load, monitor, target, trend, before);
    }
    remember_season(question, &mut advice, &mut load, monitor, target, before);
    if advice.wanted != before && load.is_near(advice.wanted > before, before, target) {
        let note = format!(
            "within {}% of the threshold: {before} stays",
            percent(target.tolerance)
        );
        advice.set(Guard::Tolerance, before, note);
    }
    // What stays must carry the load with the tolerance to spare, or the next tick would grow again.
    let room = target.threshold.share(Amount::ONE - target.tolerance);
    let fits = load.most.max(load.coming);
    advice.enough = fits.divided_up(room).unwrap_or(u32::MAX);
    advice.doubt = measured.doubt;
    advice
}

/// Goes by the trend, or only says what it would lead to.
fn anticipate(
    advice: &mut Advice,
    load: &mut Load,
    monitor: &Monitor,
    target: &Target,
    trend: Trend,
    before: u32,
) {
    let expected = load.with(trend);
    let wanted = expected.wanted(target, before);
    let line = trend.line(&monitor.metric);
    let note = format!("{line}: ÷ {} = {wanted}", target.threshold);
    if target.proactive == Proactive::ForecastOnly {
        let unmoved = advice.wanted;
        advice.set(Guard::Trend, unmoved, format!("forecast only: {note}"));
        return;
    }
    *load = expected;
    if wanted != advice.wanted {
        advice.set(Guard::Trend, wanted, note);
    }
}

/// Goes by what is usual at the time when an instance that is launched now would serve: it raises ahead of a rise, and keeps
/// what will be needed again.
fn remember_season(
    question: &Question<'_>,
    advice: &mut Advice,
    load: &mut Load,
    monitor: &Monitor,
    target: &Target,
    before: u32,
) {
    if !target.proactive.forecasts() || !is_sum(monitor) {
        return;
    }
    let horizon = question.history.time_to_service();
    let prospect = question.history.prospect(&monitor.metric);
    let Some(seen) = prospect.and_then(|prospect| prospect.foreseen(horizon)) else {
        return;
    };
    let Some(expected) = Amount::measured(seen.load) else {
        return;
    };
    advice.forecast = Some(Forecasted {
        metric: monitor.metric.clone(),
        horizon,
        expected,
        upper: expected,
        capacity: target.threshold,
        need: None,
        keep: None,
        spent: Amount::ZERO,
        expert: seen.expert.name().to_owned(),
    });
    let mut with = *load;
    with.coming = with.coming.max(expected);
    let wanted = with.wanted(target, before);
    let note = format!(
        "{} {expected} in {}, as at {}: {wanted}",
        monitor.metric,
        short(horizon),
        seen.expert.name(),
    );
    if target.proactive == Proactive::ForecastOnly {
        let unmoved = advice.wanted;
        advice.set(Guard::Forecast, unmoved, format!("forecast only: {note}"));
        return;
    }
    *load = with;
    if wanted > advice.wanted {
        advice.set(Guard::Forecast, wanted, note);
    }
}

/// The load, over all instances.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// Over the window, with missing instances as idle: what growing goes by.
    least: Amount,
    /// With missing instances as loaded to the threshold: what shrinking goes by.
    most: Amount,
    /// Where a rise leads; zero without one.
    coming: Amount,
    /// The reading of this tick, with missing instances as loaded to the threshold.
    latest: Amount,
    missing: Amount,
}

impl Load {
    fn of(target: &Target, measured: &Measured) -> Self {
        // Without `reactive` only what is coming counts: growing waits for the trend, shrinking for the load to be low too.
        let least = if target.reactive {
            measured.total
        } else {
            Amount::ZERO
        };
        let missing = target.threshold.times(measured.reading.missing());
        Self {
            least,
            most: measured.most(target.threshold),
            coming: Amount::ZERO,
            latest: measured.reading.sum + missing,
            missing,
        }
    }

    /// As a trend has it: what is coming on the way up; what it is now on the way down, where the mean of the window lags behind.
    fn with(mut self, trend: Trend) -> Self {
        if trend.rises {
            self.coming = trend.ahead;
        } else {
            let now = self.latest.max(trend.now + self.missing);
            self.most = self.most.min(now);
        }
        self
    }

    fn wanted(&self, target: &Target, before: u32) -> u32 {
        let needed = |total: Amount| total.divided_up(target.threshold).unwrap_or(u32::MAX);
        let up = needed(self.least.max(self.coming));
        if up > before {
            up
        } else {
            needed(self.most.max(self.coming)).min(before)
        }
    }

    /// Whether the load is so near the threshold of `before` instances that nothing should be done.
    fn is_near(&self, is_out: bool, before: u32, target: &Target) -> bool {
        let held = target.threshold.times(before);
        if is_out {
            self.least.max(self.coming) <= held.share(Amount::ONE + target.tolerance)
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
