//! As many as carry the goal's share of the load: what the forecast, with its own errors, says that there must be capacity for.

use super::advice::Advice;
use super::measured::{doubt, silence};
use super::{Question, percent, short};
use crate::amount::Amount;
use crate::decision::{Forecasted, Guard};
use crate::forecast::Outlook;
use crate::load::Metric;
use crate::policy::{Goal, Monitor};
use crate::series::total;

/// What a goal asks for, within the bounds in force.
pub(super) fn advise(
    question: &Question<'_>,
    monitor: &Monitor,
    goal: &Goal,
    before: u32,
    (min, max): (u32, u32),
) -> Advice {
    let metric = &monitor.metric;
    let reading = question
        .readings
        .get(metric)
        .filter(|reading| reading.fresh > 0);
    let Some(reading) = reading else {
        return Advice::silent(silence(question, metric), before);
    };
    let Some(capacity) = question.history.capacity(metric, goal) else {
        let why = format!(
            "what one instance carries of {metric} is not learned yet, for want of load: the number stays"
        );
        return Advice::silent(why, before);
    };
    let Some(load) = total(reading) else {
        let why = doubt(reading, metric).unwrap_or_else(|| silence(question, metric));
        return Advice::silent(why, before);
    };
    let prospect = question.history.prospect(metric);
    let outlook = prospect.and_then(|prospect| prospect.acting());
    let (Some(prospect), Some(outlook)) = (prospect, outlook) else {
        // Nothing is forecast before the first minute is over: what is there now has to be carried.
        let need = needed(load, capacity).max(before);
        let note = format!("{metric} {load} in all ÷ {capacity} = {need}; no minute is over yet");
        return Advice::of(need).because(Guard::Forecast, note);
    };
    let so_far = prospect.series().so_far().unwrap_or_default();
    let upper = Amount::measured(outlook.upper).unwrap_or(load).max(so_far);
    let need = needed(upper, capacity).clamp(min, max);
    let forecast = Forecasted {
        need: Some(need),
        ..forecasted(question, metric, &outlook, upper, capacity)
    };
    let total = prospect.total(question.now.steady, before, need);
    let mut advice = Advice::of(need).because(Guard::Forecast, note(&forecast, load));
    if total != need {
        let note = format!("{need} would do, but a turn inwards is not worth its price yet");
        advice.set(Guard::Projected, total, note);
    }
    advice.doubt = doubt(reading, metric);
    advice.forecast = prospect
        .shown()
        .and_then(|outlook| shown(question, metric, &outlook, capacity))
        .or(Some(forecast));
    advice
}

/// What is shown of a forecast that nothing follows from.
pub(super) fn shown(
    question: &Question<'_>,
    metric: &Metric,
    outlook: &Outlook,
    capacity: Amount,
) -> Option<Forecasted> {
    let upper = Amount::measured(outlook.upper)?;
    Some(forecasted(question, metric, outlook, upper, capacity))
}

fn forecasted(
    question: &Question<'_>,
    metric: &Metric,
    outlook: &Outlook,
    upper: Amount,
    capacity: Amount,
) -> Forecasted {
    Forecasted {
        metric: metric.clone(),
        horizon: question.history.time_to_service(),
        expected: Amount::measured(outlook.expected).unwrap_or_default(),
        upper,
        capacity,
        need: None,
        spent: Amount::measured(outlook.spent).unwrap_or_default(),
        expert: String::new(),
    }
}

fn note(forecast: &Forecasted, load: Amount) -> String {
    let Forecasted {
        metric,
        horizon,
        expected,
        upper,
        capacity,
        need,
        spent,
        ..
    } = forecast;
    format!(
        "{metric} {load} in all, {expected} expected in {}, {upper} with its usual errors ÷ {capacity} = {}; {}% of the budget of missed load is spent",
        short(*horizon),
        need.unwrap_or_default(),
        percent(*spent),
    )
}

/// How many instances carry `load`.
fn needed(load: Amount, capacity: Amount) -> u32 {
    load.divided_up(capacity).unwrap_or(u32::MAX)
}
