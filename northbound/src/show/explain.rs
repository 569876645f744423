//! `asaas explain`: one decision, with what led to it and what came of it.

use std::fmt::Write;

use controller::decision::Decision;
use controller::journal::{Entry, Event, Move};
use controller::load::Sample;
use controller::policy::Signal;

use super::{instances, lines, moment, reading, table};
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

    for signal in spec.iter().flat_map(|spec| &spec.policy.signals) {
        text.push_str(&measured(signal, entry, decision, entries));
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
