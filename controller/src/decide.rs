//! How many instances there should be, and why.
//!
//! A person's orders go first, then the bounds. Within them each signal of the policy gives [`Advice`]: freshness → target,
//! forecast or steps → trend → tolerance. The highest counts, and the guards speak in a fixed order: bounds → freshness →
//! mode → stabilization → projected → rate → buffer → budget → lifetime. Each that has something to say leaves a [`Step`].
//!
//! The number in force (`before`) is what was decided last, not what happens to run: an instance that dies leaves it as it
//! is, so that its replacement is no new decision and waits for no buffer.

use jiff::{SignedDuration, Timestamp};

use crate::amount::Amount;
use crate::decision::{Decision, Forecasted, Guard, Readings, Step};
use crate::history::History;
use crate::id::Generation;
use crate::policy::{Mode, Response, Signal};
use crate::ports::Orders;
use crate::schedule;
use crate::spec::TenantSpec;
use crate::time::Now;

mod advice;
mod brake;
mod goal;
mod lifetime;
mod measured;
mod response_time;
mod steps;
mod target;
mod trend;
mod window;

use advice::Advice;
use brake::Brakes;

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
    /// How many of them are well, and in service for less than the policy's minimum lifetime.
    pub young: u32,
    /// How many there may be at most for the sake of the tenant's budget; `None` where it does not stand in the way.
    pub affordable: Option<u32>,
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
        forecast: None,
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
        course.enter(min, max, spec);
        let within = course.number;
        let wanted = if spec.policy.signals.is_empty() {
            keep_to_schedule(spec.policy.mode, min, &mut course);
            min
        } else {
            follow(question, min, max, &mut course)
        };
        lifetime::keep_young(question, within, &mut course);
        wanted
    };

    Decision {
        current: *current,
        before,
        wanted,
        desired: course.number,
        readings: question.readings.clone(),
        generation: Generation::default(),
        orders: *question.orders,
        is_first: false,
        hold: question.hold.clone(),
        young: question.young,
        affordable: question.affordable,
        forecast: course.forecast,
        steps: course.steps,
    }
}

/// The bounds in force: open windows raise the minimum (S4-82), up to the maximum.
pub fn bounds(spec: &TenantSpec, wall: Timestamp) -> (u32, u32) {
    let max = spec.instances.max;
    seeded!(F16b => return (0, max));
    let floor = schedule::floor(&spec.policy.windows, wall).unwrap_or(0);
    (spec.instances.min.max(floor).min(max), max)
}

/// The number on its way through the guards.
struct Course {
    number: u32,
    steps: Vec<Step>,
    forecast: Option<Forecasted>,
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

    /// Moves into the bounds, which hold at once and whatever is measured.
    fn enter(&mut self, min: u32, max: u32, spec: &TenantSpec) {
        if min > spec.instances.min {
            let note = format!("an open window raises the minimum to {min}, at most {max}");
            self.say(Guard::Bounds, note);
        }
        if self.number < min {
            self.set(
                Guard::Bounds,
                min,
                format!("raised to the minimum of {min}"),
            );
        }
        if self.number > max {
            self.set(
                Guard::Bounds,
                max,
                format!("lowered to the maximum of {max}"),
            );
        }
    }

    /// Stays within the bounds.
    fn stay_within(&mut self, min: u32, max: u32) {
        let asked = self.number;
        if asked > max {
            self.set(
                Guard::Bounds,
                max,
                format!("{asked} asked for, at most {max} allowed"),
            );
        } else if asked < min {
            self.set(
                Guard::Bounds,
                min,
                format!("{asked} would do, at least {min} are kept"),
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

/// A policy without signals: as many as its windows say, at once.
fn keep_to_schedule(mode: Mode, min: u32, course: &mut Course) {
    let note = format!("a static policy: {min} now");
    match mode {
        Mode::Auto => course.set(Guard::Bounds, min, note),
        Mode::OnlyScaleOut => course.say(Guard::Mode, format!("{note}, but it only scales out")),
        Mode::Off => course.say(Guard::Mode, format!("{note}, but it is off")),
    }
}

/// The number that the signals lead to. Returns what they ask for, before anything but the tenant's own bounds holds it back: a
/// window that has closed leaves no trace in the stabilization (C-21).
fn follow(question: &Question<'_>, min: u32, max: u32, course: &mut Course) -> u32 {
    let before = course.number;
    let signals = &question.spec.policy.signals;
    let advice: Vec<Advice> = signals
        .iter()
        .map(|signal| advise(question, signal, before, (min, max)))
        .collect();
    course.forecast = advice.iter().find_map(|one| one.forecast.clone());
    combine(signals, &advice, before, course);
    let wanted = course
        .number
        .clamp(question.spec.instances.min.min(max), max);
    course.stay_within(min, max);

    let brakes = Brakes::of(question, before);
    if course.number < before {
        believe(question, &advice, before, course);
    }
    brakes.mode(course);
    brakes.stabilize(course);
    brakes.calm(course);
    if course.number < before {
        leave_enough(&advice, before, course);
    }
    seeded!(F6 if course.number < before => return wanted);
    seeded!(F20 if course.number > before => return wanted);
    brakes.limit_step(course);
    brakes.limit_rate(course);
    brakes.wait(course);
    afford(question, before, course);
    wanted
}

/// What one signal asks for.
fn advise(question: &Question<'_>, signal: &Signal, before: u32, bounds: (u32, u32)) -> Advice {
    match &signal.response {
        Response::Target(target) => target::advise(question, &signal.monitor, target, before),
        Response::Goal(goal) => goal::advise(question, &signal.monitor, goal, before, bounds),
        Response::Steps(adjustments) => {
            steps::advise(question, &signal.monitor, adjustments, before)
        }
        Response::Formula(formula) => {
            steps::advise_formula(question, &signal.monitor, formula, before)
        }
    }
}

/// Any signal may raise the number; all that have an opinion must agree to lower it, so the highest counts. One that is silent
/// has it stay.
fn combine(signals: &[Signal], advice: &[Advice], before: u32, course: &mut Course) {
    for one in advice {
        course.steps.extend(one.steps.iter().cloned());
    }
    let opinions = || advice.iter().filter(|one| !one.abstains);
    let highest = opinions().map(|one| one.wanted).max().unwrap_or(before);
    if opinions().any(|one| one.wanted != highest) {
        let all: Vec<String> = signals
            .iter()
            .zip(advice)
            .filter(|(_, one)| !one.abstains)
            .map(|(signal, one)| format!("{} for {}", one.wanted, signal.monitor.metric))
            .collect();
        let note = format!("of {} the highest counts", all.join(", "));
        course.set(Guard::Target, highest, note);
    }
    course.number = highest;
}

/// No more than the budget pays for (S4-34). What runs already stays, and the minimum is had whatever it costs.
fn afford(question: &Question<'_>, before: u32, course: &mut Course) {
    let (Some(budget), Some(affordable)) = (question.spec.budget, question.affordable) else {
        return;
    };
    let held = affordable.max(before);
    if held < course.number {
        let note = format!(
            "{} would be right, but the budget of {} an hour pays for {affordable}",
            course.number, budget.per_hour
        );
        course.set(Guard::Budget, held, note);
    }
}

/// No fewer on readings that are missing or hard to believe, or while something is unwell.
fn believe(question: &Question<'_>, advice: &[Advice], before: u32, course: &mut Course) {
    let doubt = advice.iter().find_map(|one| one.doubt.as_ref());
    if let Some(note) = question.hold.as_ref().or(doubt) {
        course.set(Guard::Freshness, before, format!("{note}: no scale-in"));
    }
}

/// The load must fit what stays with something to spare, or the next tick would grow again.
fn leave_enough(advice: &[Advice], before: u32, course: &mut Course) {
    let enough = advice.iter().map(|one| one.enough).max().unwrap_or(before);
    let enough = enough.min(before);
    if enough > course.number {
        let note = format!("with fewer than {enough} the load would be back at the threshold");
        course.set(Guard::Projected, enough, note);
    }
}

fn percent(share: Amount) -> Amount {
    share.times(100)
}

/// A duration as people write it: `90s`, `5m`, `2h`.
pub(crate) fn short(duration: SignedDuration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0s".to_owned(),
        _ if millis % 3_600_000 == 0 => format!("{}h", millis / 3_600_000),
        _ if millis % 60_000 == 0 => format!("{}m", millis / 60_000),
        _ if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
        _ => format!("{millis}ms"),
    }
}

#[cfg(test)]
mod tests;
