//! `asaas explain`: one decision, with what led to it and what came of it.

use std::fmt::Write;

use controller::decision::{Decision, Forecasted, Guard};
use controller::journal::{Entry, Event, Move};
use controller::load::Sample;
use controller::policy::Signal;
use controller::replay::Account;
use jiff::SignedDuration;

use super::{instances, length, lines, moment, reading, table};
use crate::api::Explanation;

/// Everything about the decision, in the order in which it happened.
pub fn explanation(explanation: &Explanation) -> String {
    let Explanation {
        tenant,
        spec,
        entries,
    } = explanation;
    let decided = entries.iter().find_map(|entry| match &entry.event {
        Event::Decided(decision) => Some((entry, decision)),
        Event::Moved(_)
        | Event::Refused { .. }
        | Event::Measured { .. }
        | Event::Load(_)
        | Event::Ordered { .. }
        | Event::Alarm { .. } => None,
    });
    let Some((entry, decision)) = decided else {
        return format!("{tenant}: nothing was decided\n");
    };
    let mut text = format!("{tenant} at {}: {}\n", moment(entry.at), verdict(decision));
    let _ = writeln!(text, "  why: {}", decision.reason());

    let signals = spec.as_ref().map_or(&[][..], |spec| &spec.policy.signals);
    for signal in signals {
        text.push_str(&measured(signal, entry, decision, entries));
        if signals.len() > 1 {
            text.push_str(&asked(signal, decision));
        }
    }

    if let Some(forecast) = &decision.forecast {
        text.push_str(&forecasted(forecast));
    }
    text.push_str("\nguards, in their order:\n");
    text.push_str(&guards(decision));
    let consequences: Vec<String> = entries.iter().filter_map(consequence).collect();
    if !consequences.is_empty() {
        text.push_str("\nwhat came of it, and beside it:\n");
        for line in consequences {
            let _ = writeln!(text, "  {line}");
        }
    }
    text
}

/// What the policy's metric was at that tick, in all and of each instance.
fn measured(signal: &Signal, entry: &Entry, decision: &Decision, entries: &[Entry]) -> String {
    let mut text = String::new();
    let metric = &signal.monitor.metric;
    let threshold = signal.threshold().map_or(String::new(), |threshold| {
        format!(", threshold {}", reading(metric, threshold))
    });
    let _ = writeln!(text, "\nmeasured: {metric}{threshold}");
    if let Some(seen) = decision.readings.get(metric) {
        let average = match seen.fresh {
            0 => "no average".to_owned(),
            fresh => format!("average {}", reading(metric, seen.sum.over(fresh as usize))),
        };
        let _ = writeln!(
            text,
            "  {} of {} instances, {average}, {} warming up",
            seen.fresh, seen.expected, seen.warming
        );
    }
    let samples: Vec<&Sample> = entries
        .iter()
        .filter(|other| other.at == entry.at)
        .filter_map(|other| match &other.event {
            Event::Measured { samples } => Some(samples),
            _ => None,
        })
        .flatten()
        .filter(|sample| sample.metric == *metric)
        .collect();
    for sample in samples {
        let _ = writeln!(
            text,
            "  {}  {}",
            sample
                .instance
                .map_or("all".to_owned(), |instance| instance.to_string()),
            reading(metric, sample.value)
        );
    }
    text
}

/// What one of several signals asks for: any may raise the number, all must agree to lower it.
fn asked(signal: &Signal, decision: &Decision) -> String {
    let name = signal.monitor.metric.name();
    let mut own = decision.steps.iter().filter(|step| {
        let is_of_signal = matches!(
            step.guard,
            Guard::Target | Guard::Trend | Guard::Forecast | Guard::Steps | Guard::Freshness
        );
        is_of_signal && step.note.starts_with(name)
    });
    match own.next_back() {
        Some(step) => format!("  it asks for {}: {}\n", step.number, step.note),
        None => "  it had nothing to ask for\n".to_owned(),
    }
}

/// What is forecast, and who says so.
fn forecasted(forecast: &Forecasted) -> String {
    let Forecasted {
        metric,
        horizon,
        expected,
        upper,
        keep,
        capacity,
        need,
        spent,
        expert,
    } = forecast;
    let mut text = format!(
        "\nforecast: {metric} in {}, the time from launch to service\n",
        length(*horizon)
    );
    let _ = writeln!(
        text,
        "  {expected} in all expected, {upper} at most with its usual errors"
    );
    let until = keep.map_or(String::new(), |keep| format!(", {keep} until then"));
    let _ = match need {
        Some(need) => writeln!(
            text,
            "  ÷ {capacity} for each instance = {need} needed{until}"
        ),
        None => writeln!(
            text,
            "  ÷ {capacity} for each instance; it is only shown, nothing follows from it"
        ),
    };
    let _ = writeln!(
        text,
        "  {:.1} % of the budget of missed load is spent",
        spent.as_f64() * 100.0
    );
    if !expert.is_empty() {
        let _ = writeln!(text, "  which expert spoke: {expert}");
    }
    text
}

/// Whether today's code decides the same. `None` where that takes long to find out.
pub fn again(explanation: &Explanation, account: Option<&Account>) -> String {
    let Explanation {
        tenant, entries, ..
    } = explanation;
    let decided = entries
        .iter()
        .find(|entry| matches!(entry.event, Event::Decided(_)));
    let Some(decided) = decided else {
        return String::new();
    };
    let at = decided.at;
    let said = match account {
        Some(Account { differences, .. }) if !differences.is_empty() => {
            let numbers: Vec<String> = differences
                .iter()
                .map(|one| format!("{} then, {} now", one.recorded.desired, one.again.desired))
                .collect();
            format!(
                "different ({}); see `asaas replay {tenant} --from {at} --until {}`",
                numbers.join("; "),
                controller::time::later(at, SignedDuration::from_secs(1))
            )
        }
        Some(Account { untold, .. }) if !untold.is_empty() => {
            let why: Vec<&str> = untold.keys().map(|why| why.why()).collect();
            format!("not told: {}", why.join("; "))
        }
        Some(Account { same, .. }) if *same > 0 => "the same".to_owned(),
        Some(_) => "not told: it is no longer in the journal".to_owned(),
        None => format!("not told here, it takes a while: `asaas replay {tenant} --from {at}`"),
    };
    format!("\ndecided again with today's code: {said}\n")
}

fn verdict(decision: &Decision) -> String {
    let Decision {
        current,
        before,
        desired,
        ..
    } = decision;
    match desired.cmp(before) {
        std::cmp::Ordering::Greater => {
            format!("{before} → {} (more), {current} there", instances(*desired))
        }
        std::cmp::Ordering::Less => format!(
            "{before} → {} (fewer), {current} there",
            instances(*desired)
        ),
        std::cmp::Ordering::Equal => format!("{} as before, {current} there", instances(*desired)),
    }
}

fn guards(decision: &Decision) -> String {
    if decision.steps.is_empty() {
        return "  none had anything to say\n".to_owned();
    }
    let mut table = table(&["GUARD", "NUMBER", "WHY"]);
    for step in &decision.steps {
        table.add_row([
            step.guard.name().to_owned(),
            step.number.to_string(),
            step.note.clone(),
        ]);
    }
    lines(&table, "  ")
}

fn consequence(entry: &Entry) -> Option<String> {
    let at = moment(entry.at);
    match &entry.event {
        Event::Decided(_) | Event::Measured { .. } | Event::Load(_) => None,
        Event::Moved(step) => Some(format!("{at}  {}", moved(step))),
        Event::Refused { cloud, why } => Some(format!("{at}  {cloud} refused: {why}")),
        Event::Ordered {
            order,
            generation,
            detail,
        } => Some(format!("{at}  {order}: {detail} (generation {generation})")),
        Event::Alarm { what } => Some(format!("{at}  alarm: {what}")),
    }
}

fn moved(step: &Move) -> String {
    let Move {
        instance,
        cloud,
        from,
        to,
        why,
        ..
    } = step;
    match from {
        Some(from) => format!("{instance} in {cloud}: {from} → {to}: {why}"),
        None => format!("{instance} in {cloud}: {to}: {why}"),
    }
}
