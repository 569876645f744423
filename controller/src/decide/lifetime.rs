//! Nobody goes by choice before it has been in service for the policy's minimum lifetime (C-22).

use super::{Course, Question, short};
use crate::decision::Guard;

/// No fewer than are too young to go, of the `before` within the bounds. A person's order is not held up by this.
pub(super) fn keep_young(question: &Question<'_>, before: u32, course: &mut Course) {
    let held = question.young.min(before);
    if held > course.number {
        let note = format!(
            "{} would be right, but {held} have been in service for less than {}",
            course.number,
            short(question.spec.policy.min_lifetime)
        );
        course.set(Guard::Lifetime, held, note);
    }
}
