//! `policy` and `logs` of the long spelling.

use controller::amount::Amount;
use controller::load::Metric;
use controller::policy::{
    Aggregation, Goal, Mode, Monitor, PerDirection, Policy, Proactive, Response, Signal, Target,
};
use controller::schedule::{Closes, Opens, Window};
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use crate::reader::scalar::{Misfit, Scalar};
use crate::reader::{Section, did_you_mean};

use super::placement::Bounds;
use super::{Defaults, Known};

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// Zones that people mean most often, for the hint: the database has six hundred.
const LONGEST_ZONE: usize = 64;

pub(super) fn read(
    section: &Section<'_>,
    bounds: Option<&Bounds>,
    known: &Known,
) -> Option<Policy> {
    let defaults = &known.defaults;
    let dynamic = section.section("dynamic");
    let windows = if section.has("static") {
        section.sections("static").and_then(|items| {
            let windows: Vec<Window> = items
                .iter()
                .filter_map(|item| read_window(item, bounds))
                .collect();
            (windows.len() == items.len()).then_some(windows)
        })
    } else {
        Some(Vec::new())
    };
    let duration = |name, default| section.duration(name).map_or(default, |given| given.value);
    let step = |name, default| section.whole(name).map(|given| given.value).or(default);
    let is_dynamic = dynamic.is_given();
    let dynamic = is_dynamic.then(|| read_dynamic(&dynamic, known)).flatten();
    let mut base = static_policy(defaults);
    if dynamic.as_ref().is_some_and(is_goal) {
        // A goal brakes by itself.
        base.buffer = PerDirection::both(SignedDuration::ZERO);
        base.stabilization = base.buffer;
    }
    let policy = Policy {
        signals: dynamic.into_iter().collect(),
        windows: windows.clone().unwrap_or_default(),
        buffer: PerDirection::both(duration("buffer", base.buffer.scale_out)),
        stabilization: PerDirection {
            scale_in: duration("stabilization", base.stabilization.scale_in),
            ..base.stabilization
        },
        max_step: PerDirection {
            scale_out: step("max_step_out", base.max_step.scale_out),
            scale_in: step("max_step_in", base.max_step.scale_in),
        },
        warm_up: duration("warm_up", base.warm_up),
        drain: duration("drain", base.drain),
        ..base
    };
    let is_whole = windows.is_some() && is_dynamic != policy.signals.is_empty();
    is_whole.then_some(policy)
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

fn read_goal(
    section: &Section<'_>,
    metric: Metric,
    window: SignedDuration,
    (reactive, proactive): (bool, Proactive),
) -> Option<Signal> {
    let goal = section.share("goal")?.value;
    let capacity = section.threshold("capacity", metric.is_share());
    if section.has("capacity") && capacity.is_none() {
        return None;
    }
    Some(Signal {
        monitor: Monitor {
            metric,
            aggregation: Aggregation::Average,
            window,
        },
        response: Response::Goal(Goal {
            goal,
            capacity: capacity.map(|given| given.value),
            reactive,
            proactive,
        }),
    })
}

fn is_goal(signal: &Signal) -> bool {
    matches!(signal.response, Response::Goal(_))
}

fn read_dynamic(section: &Section<'_>, known: &Known) -> Option<Signal> {
    let defaults = &known.defaults;
    let word = section.word("metric").map(|word| word.value);
    let is_broken = section.has("metric") && word.is_none();
    let metric = Metric::NAMED
        .into_iter()
        .find(|metric| Some(metric.name()) == word)
        .unwrap_or(Metric::Cpu);
    let window = section.duration("window");
    let tolerance = section.share("tolerance");
    let reactive = section.switch("reactive").is_none_or(|given| given.value);
    let proactive = section.switch("proactive").is_none_or(|given| given.value);
    if !reactive && !proactive {
        section.notes().warning(
            section.place_of("reactive"),
            "neither `reactive` nor `proactive`: the metric is measured and nothing follows from it",
            "set one of them to true, or take `dynamic` away",
        );
    }
    if is_broken {
        return None;
    }
    let proactive_mode = if proactive {
        Proactive::On
    } else {
        Proactive::Off
    };
    if section.has("goal") {
        let window = window.map_or(defaults.window, |given| given.value);
        return read_goal(section, metric, window, (reactive, proactive_mode));
    }
    if !metric.is_share() && !section.has("threshold") {
        section.notes().error(
            section.place_of("metric"),
            format!("`{}` is missing", section.path_of("threshold")),
            format!(
                "say how much `{}` one instance should have, as in `threshold: 50`",
                metric.name()
            ),
        );
    }
    let threshold = section.threshold("threshold", metric.is_share());
    if section.has("threshold") && threshold.is_none() {
        return None;
    }
    Some(Signal {
        monitor: Monitor {
            metric,
            aggregation: Aggregation::Average,
            window: window.map_or(defaults.window, |given| given.value),
        },
        response: Response::Target(Target {
            threshold: threshold.map_or(defaults.threshold, |given| given.value),
            tolerance: tolerance.map_or(defaults.tolerance, |given| given.value),
            reactive,
            proactive: proactive_mode,
        }),
    })
}

fn read_window(section: &Section<'_>, bounds: Option<&Bounds>) -> Option<Window> {
    let at = section.read("at", Scalar::time);
    let days = if section.has("days") {
        section.read_each("days", DAYS.len(), days).map(|all| {
            let mut union = [false; 7];
            for given in all {
                for (day, is_meant) in union.iter_mut().zip(given.value) {
                    *day |= is_meant;
                }
            }
            union
        })
    } else {
        Some([true; 7])
    };
    let length = section.duration("for");
    let instances = section.whole("instances");
    let zone = section.read("zone", zone);
    let zone = match zone {
        Some(zone) => Some(zone.value),
        None if section.has("zone") => None,
        None => Some("UTC".to_owned()),
    };
    if let (Some(instances), Some(bounds)) = (instances, bounds) {
        check_number(section, instances.value, bounds);
    }
    Some(Window {
        opens: Opens::Weekly {
            at: at?.value,
            days: days?,
        },
        closes: Closes::After(length?.value),
        instances: instances?.value,
        zone: zone?,
    })
}

fn check_number(section: &Section<'_>, instances: u32, bounds: &Bounds) {
    let (min, max) = (bounds.min, bounds.max);
    if instances > max.value {
        section.refuse(
            "instances",
            format!(
                "a window asks for {instances} instances, `instances.max` is {} (line {})",
                max.value, max.place.line
            ),
            "raise `max`, or ask for fewer",
        );
    } else if instances <= min.value {
        section.notes().warning(
            section.place_of("instances"),
            format!(
                "a window asks for {instances} instances, and `instances.min` is {} at all times (line {})",
                min.value, min.place.line
            ),
            "lower `min`, ask for more, or take the window away",
        );
    }
}

/// `mon`, `mon-fri`, `sat-mon`, `daily`.
fn days(scalar: &Scalar<'_>) -> Result<[bool; 7], Misfit> {
    let refused = || {
        Misfit::new(
            "days of the week",
            "write `mon-fri`, `[mon, wed]` or `daily`, with mon tue wed thu fri sat sun",
        )
    };
    if scalar.text == "daily" {
        return Ok([true; 7]);
    }
    let number = |name: &str| DAYS.iter().position(|day| *day == name).ok_or_else(refused);
    let (first, last) = scalar
        .text
        .split_once('-')
        .unwrap_or((scalar.text, scalar.text));
    let (first, last) = (number(first)?, number(last)?);
    let mut meant = [false; 7];
    let mut day = first;
    while day != last {
        meant[day] = true;
        day = (day + 1) % DAYS.len();
    }
    meant[last] = true;
    Ok(meant)
}

/// The name of a time zone, spelt as its database spells it.
fn zone(scalar: &Scalar<'_>) -> Result<String, Misfit> {
    let text = scalar.text;
    let is_name = text.len() <= LONGEST_ZONE
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-' | b'+'));
    let found = is_name.then(|| TimeZone::get(text).ok()).flatten();
    match found.as_ref().and_then(TimeZone::iana_name) {
        Some(name) => Ok(name.to_owned()),
        None => Err(Misfit::new("an IANA time zone", nearest_zone(text))),
    }
}

fn nearest_zone(text: &str) -> String {
    let names: Vec<String> = jiff::tz::db()
        .available()
        .map(|name| name.to_string())
        .filter(|name| name.len().abs_diff(text.len()) <= 3)
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let hint = did_you_mean(text, &names);
    if hint.starts_with("did") {
        hint
    } else {
        "write a name like Europe/Berlin, America/New_York or UTC".to_owned()
    }
}
