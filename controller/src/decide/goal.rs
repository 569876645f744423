//! As many as carry the goal's share of the load: what the forecast, with its own errors, says that there must be capacity for.

use super::advice::Advice;
use super::measured::{doubt, silence};
use super::{Question, percent, short};
use crate::amount::Amount;
use crate::decision::{Forecasted, Guard, Reading};
use crate::forecast::turns::Need;
use crate::forecast::{Expert, Outlook};
use crate::load::Metric;
use crate::policy::{Goal, Monitor, Proactive};
use crate::prospect::Prospect;
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
    if !goal.reactive && goal.proactive != Proactive::On {
        let note = format!("neither reactive nor proactive: {before} stays");
        return Advice::of(before).because(Guard::Forecast, note);
    }
    let prospect = question.history.prospect(metric);
    let outlook = prospect.and_then(Prospect::acting);
    let asked = outlook.and_then(|outlook| {
        let (upper, keep) = (
            Amount::worked_out(outlook.upper)?,
            Amount::worked_out(outlook.keep)?,
        );
        Some((outlook, upper, keep))
    });
    let (Some(prospect), Some((outlook, upper, keep))) = (prospect, asked) else {
        // Nothing is forecast before the first minute is over: what is there now has to be carried.
        let need = needed(load, capacity).max(before);
        let note = format!("{metric} {load} in all ÷ {capacity} = {need}; no minute is over yet");
        return Advice::of(need).because(Guard::Forecast, note);
    };
    let count = Counted::of(reading, prospect, load, capacity, before);
    let need = Need {
        need: count.instances(upper).clamp(min, max),
        keep: count.instances(keep).clamp(min, max),
    };
    let forecast = forecasted(question, metric, &outlook, capacity, Some(need));
    let total = prospect.total(question.now.steady, before, need);
    let mut advice =
        Advice::of(need.need).because(Guard::Forecast, note(&forecast, load, need.need));
    if total != need.need {
        let note = format!(
            "{} would do, but fewer are not worth a turn yet, or are needed until then",
            need.need
        );
        advice.set(Guard::Projected, total, note);
    }
    if let Some(shown) = prospect.shown() {
        let need = Amount::worked_out(shown.upper).map_or(before, |upper| count.instances(upper));
        let shown = forecasted(question, metric, &shown, capacity, None);
        let note = note(&shown, load, need);
        advice.set(Guard::Forecast, total, format!("forecast only: {note}"));
    }
    advice.doubt = doubt(reading, metric);
    advice.forecast = Some(forecast);
    advice
}

/// How many instances a load makes.
struct Counted {
    /// What the minute that is not over has brought so far.
    so_far: Amount,
    /// What those that gave no reading may carry more than the others: they count like the others on the way up, and as full
    /// on the way down.
    unseen: Amount,
    capacity: Amount,
    before: u32,
}

impl Counted {
    fn of(
        reading: &Reading,
        prospect: &Prospect,
        load: Amount,
        capacity: Amount,
        before: u32,
    ) -> Self {
        let silent = reading.missing();
        let each = load.over(reading.served().max(1) as usize);
        Self {
            so_far: prospect.series().so_far().unwrap_or_default(),
            unseen: capacity.times(silent) - each.times(silent),
            capacity,
            before,
        }
    }

    fn instances(&self, load: Amount) -> u32 {
        let load = load.max(self.so_far);
        let need = needed(load, self.capacity);
        if need < self.before {
            needed(load + self.unseen, self.capacity).min(self.before)
        } else {
            need
        }
    }
}

fn forecasted(
    question: &Question<'_>,
    metric: &Metric,
    outlook: &Outlook,
    capacity: Amount,
    need: Option<Need>,
) -> Forecasted {
    let amount = |load| Amount::worked_out(load).unwrap_or_default();
    Forecasted {
        metric: metric.clone(),
        horizon: question.history.time_to_service(),
        expected: amount(outlook.expected),
        upper: amount(outlook.upper),
        capacity,
        need: need.map(|need| need.need),
        keep: need.map(|need| need.keep),
        spent: amount(outlook.spent),
        expert: spoken(outlook.expert).to_owned(),
    }
}

/// Who spoke, in words.
fn spoken(expert: Expert) -> &'static str {
    match expert {
        Expert::Start => "the present load, since little else is known yet",
        Expert::Lately => "the load and the errors of lately",
        Expert::Trend => "the trend",
        Expert::Season(period) if period <= 3_600 => "the errors at this minute of the hour",
        Expert::Season(_) => "the errors at this time of the day",
    }
}

fn note(forecast: &Forecasted, load: Amount, need: u32) -> String {
    let Forecasted {
        metric,
        horizon,
        expected,
        upper,
        capacity,
        spent,
        expert,
        ..
    } = forecast;
    format!(
        "{metric} {load} in all, {expected} expected in {}, {upper} with its errors (by {expert}) ÷ {capacity} = {need}; {}% of the budget of missed load is spent",
        short(*horizon),
        percent(*spent),
    )
}

/// How many instances carry `load`.
fn needed(load: Amount, capacity: Amount) -> u32 {
    load.divided_up(capacity).unwrap_or(u32::MAX)
}
