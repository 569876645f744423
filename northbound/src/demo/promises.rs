//! What the demo promises, and whether it was kept: judged from the log files, the generator's summary and what was left behind. Pure.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use controller::id::{CloudName, InstanceId};
use controller::instance::{Cause, Phase};
use jiff::{SignedDuration, Timestamp};

use super::show::{Cast, Story};
use super::sight::Second;
use crate::load::Report;
use crate::logs::{Action, ActionRow, DecisionRow};

/// Connections may break on a killed instance from this long before its replacement serves to this long after: seconds are whole.
const AROUND: SignedDuration = SignedDuration::from_secs(2);

/// What is judged.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) report: &'a Report,
    pub(super) seconds: &'a [Second],
    pub(super) story: &'a Story,
    pub(super) cast: &'a Cast,
    pub(super) actions: &'a [ActionRow],
    pub(super) decisions: &'a [DecisionRow],
    /// What is still there, in words.
    pub(super) remains: &'a [String],
    /// The clouds in the tenant's order, and how many instances each has room for.
    pub(super) clouds: &'a [(CloudName, usize)],
}

/// Something that was promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Promise {
    pub(super) what: &'static str,
    pub(super) is_kept: bool,
    pub(super) figures: String,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            is_kept,
            figures,
        } = self;
        let word = if *is_kept { "kept  " } else { "BROKEN" };
        write!(f, "{word}  {what}: {figures}")
    }
}

/// Judges them all.
pub(super) fn promises(facts: &Facts<'_>) -> Vec<Promise> {
    let Story {
        reached_max,
        most,
        back_at_min,
        ..
    } = facts.story;
    let Cast { min, max, .. } = facts.cast;
    vec![
        every_request(facts),
        nothing_lost_to_scaling(facts),
        Promise {
            what: "instances follow the load up",
            is_kept: reached_max.is_some(),
            figures: format!("{min} to {most}, of {max} that are needed"),
        },
        Promise {
            what: "and down again",
            is_kept: back_at_min.is_some(),
            figures: match back_at_min {
                Some(_) => format!("back at {min}"),
                None => format!("not back at {min} in time"),
            },
        },
        replacement(facts),
        from_list(
            "clouds are used in order of preference",
            &order(facts),
            || {
                let names: Vec<&str> = facts.clouds.iter().map(|(name, _)| name.as_str()).collect();
                names.join(" first, then ")
            },
        ),
        from_list(
            "what is removed is drained first",
            &cut_short(facts.actions),
            || {
                let count = removals(facts.actions).count();
                format!("{count} removals, no connection cut")
            },
        ),
        from_list("nothing is left behind", facts.remains, || {
            "no process, container, mount, control group or namespace".to_owned()
        }),
    ]
}

fn from_list(what: &'static str, wrong: &[String], good: impl Fn() -> String) -> Promise {
    Promise {
        what,
        is_kept: wrong.is_empty(),
        figures: if wrong.is_empty() {
            good()
        } else {
            wrong.join("; ")
        },
    }
}

fn every_request(facts: &Facts<'_>) -> Promise {
    let total = &facts.report.total;
    let mut figures = format!("{} sent, {} failed", total.sent, total.failed);
    for (why, count) in &facts.report.failures {
        let _ = write!(figures, ", {why} {count}");
    }
    if total.unfinished > 0 {
        let _ = write!(figures, ", {} unfinished", total.unfinished);
    }
    Promise {
        what: "every request is answered",
        is_kept: total.sent > 0 && !facts.report.has_failures(),
        figures,
    }
}

/// A request that was under way on the killed instance is lost with it, and any client sends it again. Scaling must not cause that.
fn nothing_lost_to_scaling(facts: &Facts<'_>) -> Promise {
    let killed = facts.story.killed.map(|(_, at)| at);
    let replaced = facts.story.replaced;
    let is_by_the_kill = |second: &Second| {
        killed.is_some_and(|killed| {
            second.time >= killed - AROUND
                && replaced.is_none_or(|replaced| second.time <= replaced + AROUND)
        })
    };
    let (by_the_kill, by_scaling) = facts.seconds.iter().fold((0, 0), |(kill, other), second| {
        if is_by_the_kill(second) {
            (kill + second.retried, other)
        } else {
            (kill, other + second.retried)
        }
    });
    Promise {
        what: "no request is lost to scaling",
        is_kept: by_scaling == 0,
        figures: format!(
            "{by_scaling} attempts broken by scaling; {by_the_kill} by the killed instance, sent again and answered"
        ),
    }
}

fn replacement(facts: &Facts<'_>) -> Promise {
    let Story {
        killed, replaced, ..
    } = facts.story;
    let took = killed
        .zip(*replaced)
        .map(|((_, killed), replaced)| seconds(replaced, killed));
    Promise {
        what: "a killed instance is replaced",
        is_kept: took.is_some(),
        figures: match (killed, took) {
            (Some((id, _)), Some(took)) => format!("{id}, after {took:.1} s"),
            (Some((id, _)), None) => format!("{id} was not replaced in time"),
            (None, _) => "none could be killed".to_owned(),
        },
    }
}

/// A later cloud is used only while all before it are full, and emptied before any before it is drained.
fn order(facts: &Facts<'_>) -> Vec<String> {
    let place = |cloud: &CloudName| facts.clouds.iter().position(|(name, _)| name == cloud);
    let mut live: BTreeMap<InstanceId, (usize, Phase)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for row in facts.actions {
        let (Some(id), Some(cloud), Some(to)) = (row.instance, &row.cloud, row.to) else {
            continue;
        };
        let Some(at) = place(cloud) else {
            wrong.push(format!(
                "{id} is in {cloud}, which the tenant does not want"
            ));
            continue;
        };
        if row.action == Action::Launch {
            for (before, (name, room)) in facts.clouds[..at].iter().enumerate() {
                let there = live.values().filter(|(place, _)| *place == before).count();
                if there < *room {
                    wrong.push(format!(
                        "{id} went to {cloud} with {there} of {room} in {name}"
                    ));
                }
            }
        }
        if to == Phase::Draining && row.cause == Some(Cause::ScaleIn) {
            let is_later = |(place, phase): &&(usize, Phase)| *place > at && phase.counts();
            if live.values().any(|instance| is_later(&instance)) {
                wrong.push(format!(
                    "{id} left {cloud} before the clouds after it were empty"
                ));
            }
        }
        if to.is_over() {
            live.remove(&id);
        } else {
            live.insert(id, (at, to));
        }
    }
    if facts.actions.is_empty() {
        wrong.push("the log has no actions".to_owned());
    }
    wrong
}

fn removals(actions: &[ActionRow]) -> impl Iterator<Item = &ActionRow> {
    actions.iter().filter(|row| {
        row.to == Some(Phase::Gone) && matches!(row.cause, Some(Cause::ScaleIn | Cause::Destroyed))
    })
}

fn cut_short(actions: &[ActionRow]) -> Vec<String> {
    if removals(actions).next().is_none() {
        return vec!["the log has no removal".to_owned()];
    }
    removals(actions)
        .filter(|row| row.forced != Some(false))
        .map(|row| {
            let id = row.instance.map_or_else(String::new, |id| id.to_string());
            let flows = row
                .flows_at_end
                .map_or("unknown".to_owned(), |flows| flows.to_string());
            format!("{id} was removed with {flows} connections")
        })
        .collect()
}

/// How long it took from the first reading above the threshold to the first request that a new instance has answered, in words.
pub(super) fn reaction(facts: &Facts<'_>) -> Option<String> {
    let rose = facts.story.rose?;
    let breach = facts
        .decisions
        .iter()
        .find(|row| row.time >= rose && row.average > row.threshold)?
        .time;
    let launched = facts
        .actions
        .iter()
        .find(|row| row.time >= rose && row.action == Action::Launch)?;
    let id = launched.instance?;
    let in_service = facts
        .actions
        .iter()
        .find(|row| row.instance == Some(id) && row.to == Some(Phase::InService))?;
    let first = facts.report.instances.get(&id.to_string())?.first;
    Some(format!(
        "{:.1} s (ordered after {:.1} s, in service after {:.1} s)",
        seconds(first, breach),
        seconds(launched.time, breach),
        seconds(in_service.time, breach),
    ))
}

/// The response time before, during and after the high load, in words.
pub(super) fn latency(seconds: &[Second]) -> String {
    let of = |name: &'static str| {
        seconds
            .iter()
            .filter(move |second| second.ok > 0 && second.segment == name)
            .map(|second| second.p99_ms)
    };
    let middle = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or_default()
    };
    let worst = of("rising").chain(of("high")).fold(0.0, f64::max);
    let settled: Vec<f64> = of("high").collect();
    let settled = settled[settled.len() - settled.len() / 3..].to_vec();
    format!(
        "{:.0} ms at low load, {worst:.0} ms at worst, {:.0} ms once there were enough instances",
        middle(of("low").collect()),
        middle(settled),
    )
}

fn seconds(later: Timestamp, earlier: Timestamp) -> f64 {
    later.duration_since(earlier).as_secs_f64()
}

#[cfg(test)]
mod tests;
