//! How many instances there should be, and why.
//!
//! Each signal of the policy gives [`Advice`]; then the guards speak in a fixed order, and each that has something to say
//! leaves a [`Step`]: orders → freshness → bounds → target, forecast or steps → trend → tolerance → mode → stabilization →
//! projected → rate → buffer → bounds again.
//!
//! The number in force (`before`) is what was decided last, not what happens to run: an instance that dies leaves it as it
//! is, so that its replacement is no new decision and waits for no buffer.

use jiff::{SignedDuration, Timestamp};

use crate::amount::Amount;
use crate::decision::{Decision, Guard, Readings, Step};
use crate::history::History;
use crate::id::Generation;
use crate::policy::{Response, Signal};
use crate::ports::Orders;
use crate::schedule;
use crate::spec::TenantSpec;
use crate::time::Now;

mod advice;
mod brake;
mod measured;
mod response_time;
mod steps;
mod target;
mod trend;

use advice::Advice;

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
    /// What was measured at this tick; the history has heard it.
    pub readings: Readings,
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
        if spec.policy.signals.is_empty() {
            course.number = min;
            course.say(Guard::Bounds, format!("a static policy: {min} now"));
            min
        } else if floor_is_short {
            course.say(Guard::Bounds, format!("raised to the minimum of {min}"));
            course.number
        } else {
            follow(question, min, max, &mut course)
        }
    };

    Decision {
        current: *current,
        before,
        wanted,
        desired: course.number,
        readings: question.readings.clone(),
        generation: Generation::default(),
        orders: question.orders.clone(),
        hold: question.hold.clone(),
        forecast: None,
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

/// The number that the signals lead to. Returns what they ask for, before anything holds it back.
fn follow(question: &Question<'_>, min: u32, max: u32, course: &mut Course) -> u32 {
    let before = course.number;
    let advice: Vec<Advice> = question
        .spec
        .policy
        .signals
        .iter()
        .map(|signal| advise(question, signal, before).within(min, max))
        .collect();
    let wanted = combine(&advice, before, course);
    if wanted == before {
        course.number = before;
        return before;
    }
    course.number = wanted;

    let policy = &question.spec.policy;
    brake::mode(policy, before, course);
    if course.number < before {
        hold_back_scale_in(question, &advice, before, course);
    } else {
        brake::settle_out(policy, question.history, question.now, before, course);
    }
    brake::limit_step(policy, before, course);
    brake::limit_rate(policy, question.history, question.now, before, course);
    brake::wait(policy, question.history, question.now, before, course);
    wanted
}

/// What one signal asks for.
fn advise(question: &Question<'_>, signal: &Signal, before: u32) -> Advice {
    match &signal.response {
        Response::Target(target) => target::advise(question, &signal.monitor, target, before),
        Response::Goal(_) => Advice::silent("a goal is not followed yet".to_owned(), before),
        Response::Steps(adjustments) => {
            steps::advise(question, &signal.monitor, adjustments, before)
        }
        Response::Formula(formula) => {
            steps::advise_formula(question, &signal.monitor, formula, before)
        }
    }
}

/// Any signal may raise the number; all must agree to lower it, so the highest counts. One that is silent has it stay.
fn combine(advice: &[Advice], before: u32, course: &mut Course) -> u32 {
    for one in advice {
        course.steps.extend(one.steps.iter().cloned());
    }
    let wanted = advice.iter().map(|one| one.wanted).max().unwrap_or(before);
    let disagree = advice.iter().any(|one| one.wanted != wanted);
    if disagree {
        let all: Vec<String> = advice.iter().map(|one| one.wanted.to_string()).collect();
        course.set(
            Guard::Target,
            wanted,
            format!("of {} the highest counts", all.join(", ")),
        );
    }
    wanted
}

fn hold_back_scale_in(
    question: &Question<'_>,
    advice: &[Advice],
    before: u32,
    course: &mut Course,
) {
    let doubt = advice.iter().find_map(|one| one.doubt.clone());
    if let Some(note) = question.hold.clone().or(doubt) {
        course.set(Guard::Freshness, before, format!("{note}: no scale-in"));
        return;
    }
    brake::settle_in(
        &question.spec.policy,
        question.history,
        question.now,
        before,
        course,
    );
    // The load must fit what stays with something to spare, or the next tick would grow again.
    let enough = advice.iter().map(|one| one.enough).max().unwrap_or(before);
    let enough = enough.min(before);
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

#[cfg(test)]
mod tests;
