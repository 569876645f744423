//! A change by how high a value is (S4-24, S4-25), and a number from a formula (S2-13).

use std::cmp::Ordering;

use super::advice::Advice;
use super::measured::{measured, silence};
use super::{Question, short};
use crate::amount::Amount;
use crate::decision::Guard;
use crate::policy::{Adjustment, Aggregation, Change, Formula, Monitor, Rounding};

/// What steps ask for.
pub(super) fn advise(
    question: &Question<'_>,
    monitor: &Monitor,
    adjustments: &[Adjustment],
    before: u32,
) -> Advice {
    let Some(measured) = measured(question, monitor) else {
        return Advice::silent(silence(question, &monitor.metric), before);
    };
    let in_force = |value| adjustments.iter().find(|step| step.holds(value));
    let changed = |value| in_force(value).map_or(before, |adjustment| adjustment.change.of(before));
    let wanted = measured.value.number(before, changed);
    let why = match (
        in_force(measured.value.least),
        in_force(measured.value.most),
    ) {
        (one, other) if one != other => "it is not clear in which step".to_owned(),
        (None, _) => "in no step".to_owned(),
        (Some(step), _) => format!("{step}"),
    };
    let note = format!(
        "{} {} over {}, {why}: {before} to {wanted}",
        monitor.metric,
        measured.value,
        short(monitor.window),
    );
    let mut advice = Advice::of(wanted).because(Guard::Steps, note);
    let is_quiet =
        in_force(measured.value.least).is_none() && in_force(measured.value.most).is_none();
    advice.abstains = is_quiet && is_one_way(adjustments, before);
    if wanted < before && is_shared_out(question, monitor) {
        advice.enough = enough(adjustments, measured.value.most, before);
    }
    advice.doubt = measured.doubt;
    advice
}

/// Whether the steps lead one way only, like a rule with one trigger. Such a one has nothing to say of the other way; what has steps
/// both ways wants the number to stay between them.
fn is_one_way(adjustments: &[Adjustment], before: u32) -> bool {
    let leads = |way| {
        adjustments
            .iter()
            .any(|step| step.change.of(before).cmp(&before) == way)
    };
    !(leads(Ordering::Less) && leads(Ordering::Greater))
}

/// Whether the value is one of each instance, which grows as their number shrinks.
fn is_shared_out(question: &Question<'_>, monitor: &Monitor) -> bool {
    let is_each = match monitor.aggregation {
        Aggregation::Average | Aggregation::Minimum | Aggregation::Maximum | Aggregation::Last => {
            true
        }
        Aggregation::Total | Aggregation::Count => false,
    };
    let reading = question.readings.get(&monitor.metric);
    is_each && reading.is_some_and(|reading| !reading.is_of_group)
}

/// The fewest among which the load can be shared out without reaching a step that adds some.
fn enough(adjustments: &[Adjustment], value: Amount, before: u32) -> u32 {
    let grows = adjustments
        .iter()
        .filter(|step| step.change.of(before) > before)
        .filter_map(|step| step.from)
        .filter(|from| *from > value)
        .min();
    let fits = grows.and_then(|from| value.times(before).divided_down(from));
    fits.map_or(0, |fits| fits.saturating_add(1))
}

/// What a formula asks for.
pub(super) fn advise_formula(
    question: &Question<'_>,
    monitor: &Monitor,
    formula: &Formula,
    before: u32,
) -> Advice {
    let Some(measured) = measured(question, monitor) else {
        return Advice::silent(silence(question, &monitor.metric), before);
    };
    let wanted = measured.value.number(before, |value| formula.of(value));
    let note = format!(
        "{} {} over {}: {} {formula} = {wanted}",
        monitor.metric,
        monitor.aggregation,
        short(monitor.window),
        measured.value,
    );
    let mut advice = Advice::of(wanted).because(Guard::Steps, note);
    advice.doubt = measured.doubt;
    advice
}

impl Change {
    /// The number after the change. A percentage is rounded down to whole instances, but to at least `at_least`.
    pub fn of(self, number: u32) -> u32 {
        match self {
            Self::By(by) => number.saturating_add_signed(by),
            Self::Percent { percent, at_least } => {
                let part = u64::from(number) * u64::from(percent.unsigned_abs()) / 100;
                let part = u32::try_from(part).unwrap_or(u32::MAX).max(at_least);
                match percent {
                    ..0 => number.saturating_sub(part),
                    0 => number,
                    1.. => number.saturating_add(part),
                }
            }
            Self::To(to) => to,
        }
    }
}

impl Formula {
    /// The number for a value.
    pub fn of(&self, value: Amount) -> u32 {
        let parts = match self.rounding {
            Rounding::Up => value.divided_up(self.per),
            Rounding::Down => value.divided_down(self.per),
        };
        parts.unwrap_or(u32::MAX).saturating_add(self.plus)
    }
}
