//! The fewest instances that answer within a time (S1-08).

use super::advice::Advice;
use super::measured::{doubt, measured, silence};
use super::{Question, short};
use crate::decision::Guard;
use crate::policy::{Monitor, Target};

/// What a target for the response time asks for.
pub(super) fn advise(
    question: &Question<'_>,
    monitor: &Monitor,
    target: &Target,
    before: u32,
) -> Advice {
    let Some(measured) = measured(question, monitor) else {
        return Advice::silent(silence(question, &monitor.metric), before);
    };
    let value = measured.value;
    let wanted = value
        .times(before)
        .divided_up(target.threshold)
        .unwrap_or(u32::MAX)
        .max(before);
    let note = format!(
        "{} {value} over {} ÷ {} × {before} = {wanted}",
        monitor.metric,
        short(monitor.window),
        target.threshold,
    );
    let mut advice = Advice::of(wanted).because(Guard::Target, note);
    advice.doubt = doubt(&measured.reading, &monitor.metric);
    advice
}
