//! A policy as the section `policy`. What no operator may set is left out where it has its default.

use std::fmt::{self, Write};

use controller::load::{Metric, Unit};
use controller::policy::{
    Adjustment, Aggregation, Change, Formula, Goal, Mode, Monitor, PerDirection, Policy, Proactive,
    Rate, Response, Rounding, Signal, Target,
};
use controller::schedule::{Closes, Opens, Window};
use jiff::SignedDuration;
use jiff::civil::DateTime;

use crate::shape::{duration_text, percent_text, quantity_text};

use super::super::signal::{COUNTED, VALUE, unit_of};
use super::super::window::DAYS;
use super::{quoted, word, write_duration};

pub(super) fn write_policy(out: &mut String, policy: &Policy) -> fmt::Result {
    let Policy {
        mode,
        signals,
        windows,
        buffer,
        stabilization,
        max_step,
        max_rate,
        warm_up,
        min_lifetime,
        warm_pool,
        drain,
    } = policy;
    writeln!(out, "\n# When the number changes.")?;
    writeln!(out, "policy:")?;
    match mode {
        Mode::Auto => {}
        Mode::OnlyScaleOut => writeln!(out, "  mode: only_scale_out")?,
        Mode::Off => writeln!(out, "  mode: off")?,
    }
    write_signals(out, signals)?;
    write_windows(out, windows)?;
    let is_same = buffer.scale_out == buffer.scale_in;
    write_directions(out, "buffer", *buffer, is_same)?;
    write_duration(out, "  drain", *drain)?;
    let is_usual = stabilization.scale_out.is_zero();
    write_directions(out, "stabilization", *stabilization, is_usual)?;
    write_duration(out, "  warm_up", *warm_up)?;
    if !min_lifetime.is_zero() {
        write_duration(out, "  min_lifetime", *min_lifetime)?;
    }
    if *warm_pool > 0 {
        writeln!(out, "  warm_pool: {warm_pool}")?;
    }
    write_step(out, "max_step_out", max_step.scale_out)?;
    write_step(out, "max_step_in", max_step.scale_in)?;
    write_rate(out, "max_rate_out", max_rate.scale_out)?;
    write_rate(out, "max_rate_in", max_rate.scale_in)
}

/// One that stands alone needs no list.
fn write_signals(out: &mut String, signals: &[Signal]) -> fmt::Result {
    if signals.is_empty() {
        return Ok(());
    }
    writeln!(out, "  dynamic:")?;
    for signal in signals {
        let mut lines = String::new();
        write_signal(&mut lines, signal)?;
        let is_alone = signals.len() == 1;
        for (line, number) in lines.lines().zip(0..) {
            let lead = match (is_alone, number) {
                (true, _) => "    ",
                (false, 0) => "    - ",
                (false, _) => "      ",
            };
            writeln!(out, "{lead}{line}")?;
        }
    }
    Ok(())
}

fn write_signal(out: &mut String, signal: &Signal) -> fmt::Result {
    let Signal { monitor, response } = signal;
    let Monitor {
        metric,
        aggregation,
        window,
    } = monitor;
    match metric {
        Metric::Pushed(name) => writeln!(out, "metric: {{ pushed: {} }}", word(name.as_str()))?,
        Metric::Prometheus(query) => writeln!(out, "metric: {{ prometheus: {} }}", quoted(query))?,
        named => writeln!(out, "metric: {named}")?,
    }
    let is_default = match response {
        Response::Formula(_) => counted(monitor).is_some(),
        _ => *aggregation == Aggregation::Average,
    };
    if !is_default {
        writeln!(out, "aggregation: {}", aggregation_text(*aggregation))?;
    }
    write_duration(out, "window", *window)?;
    let unit = unit_of(metric, *aggregation);
    match response {
        Response::Target(target) => write_target(out, target, metric.unit()),
        Response::Goal(goal) => write_goal(out, goal, metric.unit()),
        Response::Steps(steps) => {
            writeln!(out, "steps:")?;
            steps
                .iter()
                .try_for_each(|step| write_adjustment(out, step, unit))
        }
        Response::Formula(formula) => write_formula(out, formula, monitor, unit),
    }
}

fn aggregation_text(aggregation: Aggregation) -> &'static str {
    match aggregation {
        Aggregation::Average => "average",
        Aggregation::Minimum => "minimum",
        Aggregation::Maximum => "maximum",
        Aggregation::Total => "total",
        Aggregation::Last => "last",
        Aggregation::Count => "count",
    }
}

fn write_target(out: &mut String, target: &Target, unit: Unit) -> fmt::Result {
    let Target {
        threshold,
        tolerance,
        reactive,
        proactive,
    } = target;
    writeln!(out, "threshold: {}", quantity_text(*threshold, unit))?;
    write_pace(out, *reactive, *proactive)?;
    writeln!(out, "tolerance: {}", percent_text(*tolerance))
}

fn write_goal(out: &mut String, goal: &Goal, unit: Unit) -> fmt::Result {
    let Goal {
        goal,
        capacity,
        reactive,
        proactive,
    } = goal;
    writeln!(out, "goal: {}", percent_text(*goal))?;
    if let Some(capacity) = capacity {
        writeln!(out, "capacity: {}", quantity_text(*capacity, unit))?;
    }
    write_pace(out, *reactive, *proactive)
}

fn write_pace(out: &mut String, reactive: bool, proactive: Proactive) -> fmt::Result {
    let proactive = match proactive {
        Proactive::On => "true",
        Proactive::Off => "false",
        Proactive::ForecastOnly => "forecast_only",
    };
    writeln!(out, "reactive: {reactive}")?;
    writeln!(out, "proactive: {proactive}")
}

fn write_adjustment(out: &mut String, step: &Adjustment, unit: Unit) -> fmt::Result {
    let Adjustment { from, to, change } = step;
    write!(out, "  - {{ ")?;
    if let Some(from) = from {
        write!(out, "from: {}, ", quantity_text(*from, unit))?;
    }
    if let Some(to) = to {
        write!(out, "to: {}, ", quantity_text(*to, unit))?;
    }
    match change {
        Change::By(by) => write!(out, "change: {by:+}")?,
        Change::To(to) => write!(out, "change: ={to}")?,
        Change::Percent { percent, at_least } => {
            write!(out, "change: {percent:+}%")?;
            if *at_least > 1 {
                write!(out, ", at_least: {at_least}")?;
            }
        }
    }
    writeln!(out, " }}")
}

/// The word for all in the window, where that is what a formula is of.
fn counted(monitor: &Monitor) -> Option<&'static str> {
    COUNTED
        .iter()
        .find(|(_, metric)| *metric == monitor.metric && monitor.aggregation == Aggregation::Total)
        .map(|(word, _)| *word)
}

fn write_formula(
    out: &mut String,
    formula: &Formula,
    monitor: &Monitor,
    unit: Unit,
) -> fmt::Result {
    let Formula {
        per,
        rounding,
        plus,
    } = formula;
    let subject = counted(monitor).unwrap_or(match &monitor.metric {
        Metric::Pushed(_) | Metric::Prometheus(_) => VALUE,
        named => named.name(),
    });
    let sign = match rounding {
        Rounding::Down => "//",
        Rounding::Up => "/",
    };
    write!(
        out,
        "formula: {subject} {sign} {}",
        quantity_text(*per, unit)
    )?;
    if *plus > 0 {
        write!(out, " + {plus}")?;
    }
    writeln!(out)
}

fn write_windows(out: &mut String, windows: &[Window]) -> fmt::Result {
    if windows.is_empty() {
        writeln!(
            out,
            "  # static:    # times at which a number is needed; they raise `min`"
        )?;
        return writeln!(
            out,
            "  #   - {{ at: \"08:00\", days: mon-fri, for: 10h, instances: 4, zone: Europe/Berlin }}"
        );
    }
    writeln!(out, "  static:")?;
    windows
        .iter()
        .try_for_each(|window| write_window(out, window))
}

fn write_window(out: &mut String, window: &Window) -> fmt::Result {
    let Window {
        opens,
        closes,
        instances,
        zone,
    } = window;
    let moment = |moment: &DateTime| format!("{} {}", moment.date(), moment.time());
    let opens = match opens {
        Opens::Weekly { at, days } => format!("at: \"{at}\", days: {}", days_text(*days)),
        Opens::Cron(cron) => format!("cron: {}", quoted(cron.as_str())),
        Opens::Once(on) => format!("on: \"{}\"", moment(on)),
    };
    let closes = match closes {
        Closes::After(length) => format!("for: {}", duration_text(*length)),
        Closes::At(time) => format!("until: \"{time}\""),
        Closes::On(end) => format!("until: \"{}\"", moment(end)),
    };
    writeln!(
        out,
        "    - {{ {opens}, {closes}, instances: {instances}, zone: {zone} }}"
    )
}

fn days_text(days: [bool; 7]) -> String {
    let days: Vec<&str> = DAYS
        .into_iter()
        .zip(days)
        .filter_map(|(name, is_meant)| is_meant.then_some(name))
        .collect();
    if days.len() == DAYS.len() {
        "daily".to_owned()
    } else {
        format!("[{}]", days.join(", "))
    }
}

/// As one value, where that says it all: the one for scale-in.
fn write_directions(
    out: &mut String,
    key: &str,
    of: PerDirection<SignedDuration>,
    is_one: bool,
) -> fmt::Result {
    let [scale_out, scale_in] = [of.scale_out, of.scale_in].map(duration_text);
    if is_one {
        writeln!(out, "  {key}: {scale_in}")
    } else {
        writeln!(out, "  {key}: {{ out: {scale_out}, in: {scale_in} }}")
    }
}

fn write_step(out: &mut String, key: &str, step: Option<u32>) -> fmt::Result {
    match step {
        Some(step) => writeln!(out, "  {key}: {step}"),
        None => Ok(()),
    }
}

fn write_rate(out: &mut String, key: &str, rate: Option<Rate>) -> fmt::Result {
    match rate {
        Some(Rate { instances, per }) => {
            writeln!(out, "  {key}: {instances} per {}", duration_text(per))
        }
        None => Ok(()),
    }
}
