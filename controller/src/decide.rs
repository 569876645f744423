//! How many instances there should be, and why.
//!
//! The guards speak in a fixed order, and each that has something to say leaves a [`Step`]:
//! orders → freshness → bounds → target → trend → tolerance → stabilization → projected → rate → buffer → bounds again.
//!
//! The number in force (`before`) is what was decided last, not what happens to run: an instance that dies leaves it as it
//! is, so that its replacement is no new decision and waits for no buffer.

use jiff::{SignedDuration, Timestamp};

use crate::amount::Amount;
use crate::decision::{Decision, Guard, Reading, Step};
use crate::history::History;
use crate::ports::Orders;
use crate::schedule;
use crate::spec::{Dynamic, TenantSpec};
use crate::time::Now;

mod brake;
mod estimate;

/// All that a decision looks at.
#[derive(Debug)]
pub struct Question<'a> {
    /// What the tenant asked for.
    pub spec: &'a TenantSpec,
    /// What people have ordered.
    pub orders: &'a Orders,
    /// How many run or are on their way in.
    pub current: u32,
    /// Why fewer must not be wanted now, whatever the metric says: an instance is unwell, the network was not seen.
    pub hold: Option<String>,
    /// What was measured at this tick; it is in the history too.
    pub reading: Option<Reading>,
    /// What is remembered.
    pub history: &'a History,
    /// When.
    pub now: Now,
}

/// Decides. Pure: equal questions get equal answers, byte for byte.
pub fn decide(question: &Question<'_>) -> Decision {
    let Question {
        spec,
        orders,
        current,
        history,
        now,
        ..
    } = question;
    let (min, max) = bounds(spec, now.wall);
    let before = history.in_force.unwrap_or((*current).max(min));
    let mut course = Course {
        number: before,
        steps: Vec::new(),
    };

    if history.in_force.is_none() {
        course.say(
            Guard::Bounds,
            format!("it begins with {before}, at least {min} and at most {max}"),
        );
    }

    let wanted = if let Some(note) = ordered(orders, min, max, &mut course) {
        course.say(Guard::Orders, note);
        course.number
    } else {
        course.say_bounds(min, max, spec);
        let floor_is_short = course.number < min;
        course.number = course.number.clamp(min, max);
        match &spec.policy.dynamic {
            None => {
                course.number = min;
                course.say(Guard::Bounds, format!("a static policy: {min} now"));
                min
            }
            Some(_) if floor_is_short => {
                course.say(Guard::Bounds, format!("raised to the minimum of {min}"));
                course.number
            }
            Some(dynamic) => follow(question, dynamic, min, max, &mut course),
        }
    };

    Decision {
        current: *current,
        before,
        wanted,
        desired: course.number,
        reading: question.reading,
        steps: course.steps,
    }
}

/// The bounds in force: open windows raise the minimum (S4-82), up to the maximum.
pub fn bounds(spec: &TenantSpec, wall: Timestamp) -> (u32, u32) {
    let max = spec.instances.max;
    let floor = schedule::floor(&spec.policy.windows, wall).unwrap_or(0);
    (spec.instances.min.max(floor).min(max), max)
}

/// The number on its way through the guards.
struct Course {
    number: u32,
    steps: Vec<Step>,
}

impl Course {
    fn say(&mut self, guard: Guard, note: String) {
        self.steps.push(Step {
            guard,
            number: self.number,
            note,
        });
    }

    fn set(&mut self, guard: Guard, number: u32, note: String) {
        self.number = number;
        self.say(guard, note);
    }

    fn say_bounds(&mut self, min: u32, max: u32, spec: &TenantSpec) {
        if min > spec.instances.min {
            self.say(
                Guard::Bounds,
                format!("an open window raises the minimum to {min}, at most {max}"),
            );
        }
    }
}

/// A person's order, where there is one: sets the number and returns the note.
fn ordered(orders: &Orders, min: u32, max: u32, course: &mut Course) -> Option<String> {
    if orders.is_destroyed {
        course.number = 0;
        return Some("the tenant is being removed".to_owned());
    }
    if let Some(desired) = orders.desired {
        course.number = desired.clamp(min, max);
    }
    if orders.is_paused {
        return Some("paused: nothing is launched or removed until `resume`".to_owned());
    }
    let desired = orders.desired?;
    Some(format!(
        "{desired} ordered by hand, within {min} to {max}, until `scale auto`"
    ))
}

/// The number that a dynamic policy leads to. Returns what the load asks for, before anything holds it back.
fn follow(
    question: &Question<'_>,
    dynamic: &Dynamic,
    min: u32,
    max: u32,
    course: &mut Course,
) -> u32 {
    let before = course.number;
    let Some(load) = estimate::load(question, dynamic) else {
        course.say(Guard::Freshness, estimate::silence(question));
        return before;
    };
    let policy = &question.spec.policy;

    let up = estimate::needed(load.least, dynamic).clamp(min, max);
    let down = estimate::needed(load.most, dynamic).clamp(min, max);
    let mut wanted = if up > before { up } else { down.min(before) };
    course.set(Guard::Target, wanted, load.note(question, dynamic, wanted));
    if load.coming.is_some_and(|coming| coming > load.least) {
        let ahead = estimate::needed(load.coming.unwrap_or_default(), dynamic).clamp(min, max);
        if ahead > wanted {
            wanted = ahead;
            course.set(Guard::Trend, ahead, load.trend_note(dynamic, ahead));
        }
    }
    if wanted != before && load.is_near(wanted > before, before, dynamic) {
        course.set(
            Guard::Tolerance,
            before,
            format!(
                "within {}% of the threshold: {before} stays",
                percent(dynamic.tolerance)
            ),
        );
        return before;
    }

    if course.number < before {
        hold_back_scale_in(question, dynamic, &load, before, course);
    }
    brake::limit_rate(policy, before, course);
    brake::wait(policy, question.history, question.now, before, course);
    wanted
}

fn hold_back_scale_in(
    question: &Question<'_>,
    dynamic: &Dynamic,
    load: &estimate::Load,
    before: u32,
    course: &mut Course,
) {
    if let Some(note) = question
        .hold
        .clone()
        .or_else(|| estimate::doubt(question, dynamic))
    {
        course.set(Guard::Freshness, before, format!("{note}: no scale-in"));
        return;
    }
    let policy = &question.spec.policy;
    if let Some(peak) = brake::peak(policy, question.history, question.now)
        && peak > course.number
    {
        course.set(
            Guard::Stabilization,
            peak.min(before),
            format!(
                "{peak} were wanted within the last {}",
                short(policy.stabilization)
            ),
        );
    }
    // The load must fit what stays with the tolerance to spare, or the next tick would grow again.
    let room = Amount::ONE - dynamic.tolerance;
    let fits = load.most.max(load.coming.unwrap_or_default());
    let enough = fits
        .divided_up(dynamic.threshold.share(room))
        .unwrap_or(u32::MAX)
        .min(before);
    if enough > course.number {
        course.set(
            Guard::Projected,
            enough,
            format!("with fewer than {enough} the load would be back at the threshold"),
        );
    }
}

fn percent(share: Amount) -> Amount {
    share.times(100)
}

/// A duration as people write it: `90s`, `5m`.
pub(crate) fn short(duration: SignedDuration) -> String {
    let millis = duration.as_millis();
    match (millis % 60_000, millis % 1_000) {
        (0, _) if millis > 0 => format!("{}m", millis / 60_000),
        (_, 0) => format!("{}s", millis / 1_000),
        _ => format!("{millis}ms"),
    }
}

/// The most that may be added or removed at once, where the policy does not say.
fn default_step(policy_step: Option<u32>, running: u32, at_least: u32) -> u32 {
    policy_step
        .unwrap_or_else(|| (running / 2).max(at_least))
        .max(1)
}

#[cfg(test)]
mod tests;
