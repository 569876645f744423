//! How fast the number may move: direction, stabilization, step, rate, buffer.
//!
//! Each direction has its own. Growing waits for growing only: a scale-in a moment ago is no reason to leave load unserved
//! (C-06).

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};

use super::{Course, Question, short};
use crate::decision::Guard;
use crate::policy::{Mode, Policy};
use crate::time::Now;

/// Turns are counted over this time.
const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// A turn inwards brings one outwards, so that there are at most six in the hour.
const MOST_TURNS: u32 = 4;

/// What holds the number back on its way from `before`.
pub(super) struct Brakes<'a> {
    question: &'a Question<'a>,
    policy: &'a Policy,
    before: u32,
}

impl<'a> Brakes<'a> {
    pub(super) fn of(question: &'a Question<'a>, before: u32) -> Self {
        Self {
            question,
            policy: &question.spec.policy,
            before,
        }
    }

    /// Not in a direction that the policy's mode excludes.
    pub(super) fn mode(&self, course: &mut Course) {
        let before = self.before;
        match self.policy.mode {
            Mode::Auto => {}
            Mode::OnlyScaleOut if course.number >= before => {}
            Mode::OnlyScaleOut => {
                let note = format!("the policy only scales out: {before} stays");
                course.set(Guard::Mode, before, note);
            }
            Mode::Off if course.number == before => {}
            Mode::Off => {
                let note = format!("the policy is off: {before} stays");
                course.set(Guard::Mode, before, note);
            }
        }
    }

    /// No fewer than were wanted at any time of the stabilization, no more than were wanted at every time of it.
    pub(super) fn stabilize(&self, course: &mut Course) {
        let before = self.before;
        let (span, held) = match course.number.cmp(&before) {
            Ordering::Equal => return,
            Ordering::Less => {
                let span = self.policy.stabilization.scale_in;
                let peak = self.wanted_within(span).max().unwrap_or(0);
                (span, peak.clamp(course.number, before))
            }
            Ordering::Greater => {
                let span = self.policy.stabilization.scale_out;
                let least = self.wanted_within(span).min().unwrap_or(u32::MAX);
                (span, least.clamp(before, course.number))
            }
        };
        if held != course.number {
            let only = if held < course.number { "only " } else { "" };
            let note = format!("{only}{held} were wanted within the last {}", short(span));
            course.set(Guard::Stabilization, held, note);
        }
    }

    fn wanted_within(&self, span: SignedDuration) -> impl Iterator<Item = u32> + use<'_> {
        since(&self.question.history.wanted, span, self.question.now)
    }

    /// Not back and forth all the time: a scale-in that follows a scale-out waits while the last hour has seen many turns. A
    /// goal weighs its turns by itself.
    pub(super) fn calm(&self, course: &mut Course) {
        if course.number >= self.before || self.policy.has_goal() {
            return;
        }
        let changes = &self.question.history.changes;
        let mut turns = 0;
        let mut was_out = None;
        for change in since(changes, HOUR, self.question.now) {
            let is_out = change > 0;
            // What came before the hour is forgotten, so that its first change may be a turn.
            turns += u32::from(was_out.is_none_or(|was| was != is_out));
            was_out = Some(is_out);
        }
        if was_out == Some(true) && turns > MOST_TURNS {
            let note = format!("it has turned {turns} times within the hour: fewer wait");
            course.set(Guard::Stabilization, self.before, note);
        }
    }

    /// Not too much at a time.
    pub(super) fn limit_step(&self, course: &mut Course) {
        let before = self.before;
        let limit = self.policy.step_limit(before);
        let least = before.saturating_sub(limit.scale_in);
        let most = before.saturating_add(limit.scale_out);
        let held = course.number.clamp(least, most);
        if held != course.number {
            let note = format!(
                "{before} to {} is too far at a time: {held} first",
                course.number
            );
            course.set(Guard::Rate, held, note);
        }
    }

    /// Not too many within a time.
    pub(super) fn limit_rate(&self, course: &mut Course) {
        let before = self.before;
        let is_out = course.number > before;
        let limit = &self.policy.max_rate;
        let limit = if is_out {
            limit.scale_out
        } else {
            limit.scale_in
        };
        let Some(rate) = limit.filter(|_| course.number != before) else {
            return;
        };
        let changed: u64 = since(&self.question.history.changes, rate.per, self.question.now)
            .filter(|change| (*change > 0) == is_out)
            .map(i64::unsigned_abs)
            .sum();
        let left = u64::from(rate.instances).saturating_sub(changed);
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        let held = course
            .number
            .clamp(before.saturating_sub(left), before.saturating_add(left));
        if held != course.number {
            let note = format!(
                "{} would be right, but at most {} may be {} within {}, and {changed} were: {held} for now",
                course.number,
                rate.instances,
                if is_out { "added" } else { "removed" },
                short(rate.per),
            );
            course.set(Guard::Rate, held, note);
        }
    }

    /// Not too soon.
    pub(super) fn wait(&self, course: &mut Course) {
        let history = self.question.history;
        let (last, buffer) = match course.number.cmp(&self.before) {
            Ordering::Equal => return,
            Ordering::Greater => (history.last_out, self.policy.buffer.scale_out),
            Ordering::Less => (
                history.last_out.max(history.last_in),
                self.policy.buffer.scale_in,
            ),
        };
        if let Some(left) = time_left(last, buffer, self.question.now) {
            let note = format!(
                "{} would be right, but the last action was less than {} ago: {} to wait",
                course.number,
                short(buffer),
                short(SignedDuration::from_secs(left.as_secs().max(1))),
            );
            course.set(Guard::Buffer, self.before, note);
        }
    }
}

/// What was remembered within the last `span`.
fn since<T: Copy>(
    memory: &std::collections::VecDeque<(Timestamp, T)>,
    span: SignedDuration,
    now: Now,
) -> impl Iterator<Item = T> + use<'_, T> {
    let from = now.steady.saturating_sub(span).unwrap_or(Timestamp::MIN);
    let first = memory.partition_point(|(at, _)| *at <= from);
    memory.range(first..).map(|(_, item)| *item)
}

fn time_left(last: Option<Timestamp>, buffer: SignedDuration, now: Now) -> Option<SignedDuration> {
    let left = buffer - now.since(last?);
    left.is_positive().then_some(left)
}
