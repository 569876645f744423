//! A change by how high a value is (S4-24, S4-25), and a number from a formula (S2-13).

use super::advice::Advice;
use super::measured::{doubt, measured, silence};
use super::{Question, short};
use crate::decision::Guard;
use crate::policy::{Adjustment, Change, Formula, Monitor, Rounding};

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
    let value = measured.value;
    let wanted = adjustments
        .iter()
        .find(|adjustment| adjustment.holds(value))
        .map_or(before, |adjustment| adjustment.change.of(before));
    let note = format!(
        "{} {value} over {}: {before} to {wanted}",
        monitor.metric,
        short(monitor.window),
    );
    let mut advice = Advice::of(wanted).because(Guard::Steps, note);
    advice.doubt = doubt(&measured.reading, &monitor.metric);
    advice
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
    let value = measured.value;
    let wanted = formula.of(value);
    let note = format!(
        "{} {value} over {} {} {} + {} = {wanted}",
        monitor.metric,
        short(monitor.window),
        match formula.rounding {
            Rounding::Down => "//",
            Rounding::Up => "/",
        },
        formula.per,
        formula.plus,
    );
    let mut advice = Advice::of(wanted).because(Guard::Steps, note);
    advice.doubt = doubt(&measured.reading, &monitor.metric);
    advice
}

impl Change {
    /// The number after the change.
    pub fn of(self, number: u32) -> u32 {
        match self {
            Self::By(by) => number.saturating_add_signed(by),
            Self::Percent { percent, at_least } => {
                let part = u64::from(number) * u64::from(percent.unsigned_abs()) / 100;
                let part = u32::try_from(part).unwrap_or(u32::MAX).max(at_least);
                if percent < 0 {
                    number.saturating_sub(part)
                } else {
                    number.saturating_add(part)
                }
            }
            Self::To(to) => to,
        }
    }
}

impl Formula {
    /// The number for a value.
    pub fn of(&self, value: crate::amount::Amount) -> u32 {
        let parts = match self.rounding {
            Rounding::Up => value.divided_up(self.per),
            Rounding::Down => value.divided_down(self.per),
        };
        parts.unwrap_or(u32::MAX).saturating_add(self.plus)
    }
}
