//! How fast the number may move: direction, stabilization, step, rate, buffer.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use super::{Course, short};
use crate::decision::Guard;
use crate::history::History;
use crate::policy::{Mode, Policy};
use crate::time::Now;

/// Half of what runs may be added at a time, and at least so many.
const LEAST_STEP_OUT: u32 = 4;
/// Half of what runs may be removed at a time, and at least so many.
const LEAST_STEP_IN: u32 = 1;

/// Not in a direction that the policy's mode excludes.
pub(super) fn mode(policy: &Policy, before: u32, course: &mut Course) {
    match policy.mode {
        Mode::Auto => {}
        Mode::OnlyScaleOut if course.number >= before => {}
        Mode::OnlyScaleOut => {
            course.set(Guard::Mode, before, "the policy only scales out".to_owned());
        }
        Mode::Off => course.set(Guard::Mode, before, "the policy is off".to_owned()),
    }
}

/// No fewer than were wanted at any time of the stabilization.
pub(super) fn settle_in(
    policy: &Policy,
    history: &History,
    now: Now,
    before: u32,
    course: &mut Course,
) {
    let span = policy.stabilization.scale_in;
    if let Some(peak) = wanted_within(history, span, now).max()
        && peak > course.number
    {
        let note = format!("{peak} were wanted within the last {}", short(span));
        course.set(Guard::Stabilization, peak.min(before), note);
    }
}

/// No more than were wanted at every time of the stabilization.
pub(super) fn settle_out(
    policy: &Policy,
    history: &History,
    now: Now,
    before: u32,
    course: &mut Course,
) {
    let span = policy.stabilization.scale_out;
    if let Some(least) = wanted_within(history, span, now).min()
        && least < course.number
    {
        let note = format!("only {least} were wanted within the last {}", short(span));
        course.set(Guard::Stabilization, least.max(before), note);
    }
}

fn wanted_within(
    history: &History,
    span: SignedDuration,
    now: Now,
) -> impl Iterator<Item = u32> + use<'_> {
    let from = now.steady.saturating_sub(span).unwrap_or(Timestamp::MIN);
    let first = history.wanted.partition_point(|(at, _)| *at <= from);
    history.wanted.range(first..).map(|(_, wanted)| *wanted)
}

/// Not too much at a time.
pub(super) fn limit_step(policy: &Policy, before: u32, course: &mut Course) {
    let most = before.saturating_add(step(
        policy,
        policy.max_step.scale_out,
        before,
        LEAST_STEP_OUT,
    ));
    let least = before.saturating_sub(step(
        policy,
        policy.max_step.scale_in,
        before,
        LEAST_STEP_IN,
    ));
    let held = course.number.clamp(least, most);
    if held != course.number {
        let note = format!(
            "{before} to {} is too far at a time: {held} first",
            course.number
        );
        course.set(Guard::Rate, held, note);
    }
}

/// The most that may be added or removed at a time. A goal knows its own errors, and half of what runs is too slow for a
/// flash crowd.
fn step(policy: &Policy, given: Option<u32>, running: u32, at_least: u32) -> u32 {
    match given {
        Some(given) => given.max(1),
        None if policy.has_goal() => u32::MAX,
        None => (running / 2).max(at_least),
    }
}

/// Not too many within a time.
pub(super) fn limit_rate(
    _policy: &Policy,
    _history: &History,
    _now: Now,
    _before: u32,
    _course: &mut Course,
) {
}

/// Not too soon. Growing waits for growing only: a scale-in a moment ago is no reason to leave load unserved.
pub(super) fn wait(policy: &Policy, history: &History, now: Now, before: u32, course: &mut Course) {
    let last = match course.number.cmp(&before) {
        Ordering::Greater => history.last_out,
        Ordering::Less => history.last_out.max(history.last_in),
        Ordering::Equal => return,
    };
    let buffer = if course.number > before {
        policy.buffer.scale_out
    } else {
        policy.buffer.scale_in
    };
    if let Some(left) = time_left(last, buffer, now) {
        let note = format!(
            "{} would be right, but the last action was less than {} ago: {} to wait",
            course.number,
            short(buffer),
            short(SignedDuration::from_secs(left.as_secs().max(1))),
        );
        course.set(Guard::Buffer, before, note);
    }
}

fn time_left(last: Option<Timestamp>, buffer: SignedDuration, now: Now) -> Option<SignedDuration> {
    let left = buffer - now.since(last?);
    left.is_positive().then_some(left)
}
