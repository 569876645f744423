//! How fast the number may move: peak of the recent past, step, buffer.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use super::{Course, default_step, short};
use crate::decision::Guard;
use crate::history::History;
use crate::spec::Policy;
use crate::time::Now;

/// Half of what runs may be added at a time, and at least so many.
const LEAST_STEP_OUT: u32 = 4;
/// Half of what runs may be removed at a time, and at least so many.
const LEAST_STEP_IN: u32 = 1;

/// The most that was wanted during the stabilization time.
pub(super) fn peak(policy: &Policy, history: &History, now: Now) -> Option<u32> {
    let from = now.steady.saturating_sub(policy.stabilization).ok()?;
    history
        .wanted
        .iter()
        .filter(|(at, _)| *at > from)
        .map(|(_, wanted)| *wanted)
        .max()
}

/// Not too much at a time.
pub(super) fn limit_rate(policy: &Policy, before: u32, course: &mut Course) {
    let most = before.saturating_add(default_step(policy.max_step_out, before, LEAST_STEP_OUT));
    let least = before.saturating_sub(default_step(policy.max_step_in, before, LEAST_STEP_IN));
    let held = course.number.clamp(least, most);
    if held != course.number {
        let note = format!(
            "{before} to {} is too far at a time: {held} first",
            course.number
        );
        course.set(Guard::Rate, held, note);
    }
}

/// Not too soon. Growing waits for growing only: a scale-in a moment ago is no reason to leave load unserved.
pub(super) fn wait(policy: &Policy, history: &History, now: Now, before: u32, course: &mut Course) {
    let last = match course.number.cmp(&before) {
        Ordering::Greater => history.last_out,
        Ordering::Less => history.last_out.max(history.last_in),
        Ordering::Equal => return,
    };
    if let Some(left) = time_left(last, policy.buffer, now) {
        let note = format!(
            "{} would be right, but the last action was less than {} ago: {} to wait",
            course.number,
            short(policy.buffer),
            short(SignedDuration::from_secs(left.as_secs().max(1))),
        );
        course.set(Guard::Buffer, before, note);
    }
}

fn time_left(last: Option<Timestamp>, buffer: SignedDuration, now: Now) -> Option<SignedDuration> {
    let left = buffer - now.since(last?);
    left.is_positive().then_some(left)
}
