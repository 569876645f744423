//! `policy` of the long spelling: what is followed, when the clock says so, and how fast the number may change.

use controller::amount::Amount;
use controller::load::Metric;
use controller::policy::{
    Aggregation, Mode, Monitor, PerDirection, Policy, Proactive, Rate, Response, Signal, Target,
};
use jiff::SignedDuration;

use crate::reader::Section;

use super::placement::Bounds;
use super::{Defaults, Known, signal, window};

pub(super) fn read(
    section: &Section<'_>,
    bounds: Option<&Bounds>,
    known: &Known,
) -> Option<Policy> {
    let signals = signal::read_all(section, known);
    let windows = window::read_all(section, bounds);
    let has_goal = signals.iter().flatten().any(is_goal);
    let base = if has_goal {
        unbraked(&known.defaults)
    } else {
        static_policy(&known.defaults)
    };
    let duration = |name, default| section.duration(name).map_or(default, |given| given.value);
    let step = |name, default| section.whole(name).map(|given| given.value).or(default);
    let mut policy = Policy {
        mode: read_mode(section),
        buffer: read_buffer(section, base.buffer),
        stabilization: read_stabilization(section, base.stabilization),
        max_step: PerDirection {
            scale_out: step("max_step_out", base.max_step.scale_out),
            scale_in: step("max_step_in", base.max_step.scale_in),
        },
        max_rate: PerDirection {
            scale_out: read_rate(section, "max_rate_out"),
            scale_in: read_rate(section, "max_rate_in"),
        },
        warm_up: duration("warm_up", base.warm_up),
        min_lifetime: duration("min_lifetime", base.min_lifetime),
        warm_pool: read_warm_pool(section, bounds),
        drain: duration("drain", base.drain),
        signals: Vec::new(),
        windows: Vec::new(),
    };
    policy.signals = signals?;
    policy.windows = windows?;
    Some(policy)
}

fn is_goal(signal: &Signal) -> bool {
    matches!(signal.response, Response::Goal(_))
}

/// A policy with every default that follows nothing.
pub(super) fn static_policy(defaults: &Defaults) -> Policy {
    Policy {
        mode: Mode::Auto,
        signals: Vec::new(),
        windows: Vec::new(),
        buffer: PerDirection::both(defaults.buffer),
        stabilization: PerDirection {
            scale_out: SignedDuration::ZERO,
            scale_in: defaults.stabilization,
        },
        max_step: PerDirection {
            scale_out: defaults.max_step_out,
            scale_in: defaults.max_step_in,
        },
        max_rate: PerDirection::both(None),
        warm_up: defaults.warm_up,
        min_lifetime: SignedDuration::ZERO,
        warm_pool: 0,
        drain: defaults.drain,
    }
}

/// The same for a goal, which knows its own errors and brakes by itself.
fn unbraked(defaults: &Defaults) -> Policy {
    Policy {
        buffer: PerDirection::both(SignedDuration::ZERO),
        stabilization: PerDirection::both(SignedDuration::ZERO),
        ..static_policy(defaults)
    }
}

/// Following the processor load with every default, as the short spelling means it.
pub(super) fn default_dynamic(threshold: Option<Amount>, known: &Known) -> Signal {
    Signal {
        monitor: Monitor {
            metric: Metric::Cpu,
            aggregation: Aggregation::Average,
            window: known.defaults.window,
        },
        response: Response::Target(Target {
            threshold: threshold.unwrap_or(known.defaults.threshold),
            tolerance: known.defaults.tolerance,
            reactive: true,
            proactive: Proactive::On,
        }),
    }
}

fn read_mode(section: &Section<'_>) -> Mode {
    match section.word("mode").map(|word| word.value) {
        Some("only_scale_out") => Mode::OnlyScaleOut,
        Some("off") => Mode::Off,
        _ => Mode::Auto,
    }
}

/// One value holds for both directions.
fn read_buffer(
    section: &Section<'_>,
    default: PerDirection<SignedDuration>,
) -> PerDirection<SignedDuration> {
    if section.holds_keys("buffer") {
        return read_directions(&section.section("buffer"), default);
    }
    let given = section.duration("buffer");
    given.map_or(default, |given| PerDirection::both(given.value))
}

/// One value holds for shrinking, which is what people mean by the word.
fn read_stabilization(
    section: &Section<'_>,
    default: PerDirection<SignedDuration>,
) -> PerDirection<SignedDuration> {
    if section.holds_keys("stabilization") {
        return read_directions(&section.section("stabilization"), default);
    }
    let given = section.duration("stabilization");
    PerDirection {
        scale_in: given.map_or(default.scale_in, |given| given.value),
        ..default
    }
}

fn read_directions(
    section: &Section<'_>,
    default: PerDirection<SignedDuration>,
) -> PerDirection<SignedDuration> {
    let side = |name, default| section.duration(name).map_or(default, |given| given.value);
    PerDirection {
        scale_out: side("out", default.scale_out),
        scale_in: side("in", default.scale_in),
    }
}

fn read_rate(section: &Section<'_>, name: &str) -> Option<Rate> {
    let (instances, per) = section.rate(name)?.value;
    Some(Rate { instances, per })
}

fn read_warm_pool(section: &Section<'_>, bounds: Option<&Bounds>) -> u32 {
    let Some(pool) = section.whole("warm_pool") else {
        return 0;
    };
    if let Some(Bounds { min, max }) = bounds
        && pool.value > max.value.saturating_sub(min.value)
    {
        section.notes().warning(
            pool.place,
            format!(
                "a warm pool of {} is never full: with `instances.min` {} in service, `instances.max` {} (line {}) leaves room for {}",
                pool.value,
                min.value,
                max.value,
                max.place.line,
                max.value.saturating_sub(min.value)
            ),
            "raise `max`, or keep fewer",
        );
    }
    pool.value
}
