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
mod tests {
    use super::*;
    use crate::load::{Counts, Generator};

    fn moment(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn id(number: u32) -> InstanceId {
        InstanceId::new(1, number)
    }

    fn row(at: i64, number: u32, cloud: &str, to: Phase, cause: Option<Cause>) -> ActionRow {
        ActionRow {
            seq: 1,
            time: moment(at),
            tenant: "demo".parse().unwrap(),
            action: match to {
                Phase::Intent => Action::Launch,
                Phase::Draining | Phase::Terminating | Phase::Gone => Action::Remove,
                _ => Action::Advance,
            },
            instance: Some(id(number)),
            cloud: Some(cloud.parse().unwrap()),
            address: None,
            from: None,
            to: Some(to),
            why: String::new(),
            cause,
            flows_at_start: None,
            flows_at_end: Some(0),
            waited_s: None,
            forced: (to == Phase::Gone).then_some(false),
            generation: None,
        }
    }

    /// A run in which all went well: two in `a`, a third there, one in `b`, and back; instance 1 was killed.
    fn good() -> Vec<ActionRow> {
        use Phase::{Draining, Gone, InService, Intent};
        let scale_in = Some(Cause::ScaleIn);
        vec![
            row(0, 1, "a", Intent, None),
            row(0, 2, "a", Intent, None),
            row(1, 1, "a", InService, None),
            row(1, 2, "a", InService, None),
            row(10, 1, "a", Gone, Some(Cause::Died)),
            row(10, 3, "a", Intent, None),
            row(11, 3, "a", InService, None),
            row(22, 4, "a", Intent, None),
            row(22, 5, "b", Intent, None),
            row(23, 4, "a", InService, None),
            row(23, 5, "b", InService, None),
            row(40, 5, "b", Draining, scale_in),
            row(40, 4, "a", Draining, scale_in),
            row(41, 5, "b", Gone, scale_in),
            row(41, 4, "a", Gone, scale_in),
        ]
    }

    fn report(failed: u64) -> Report {
        let counts = Counts {
            requests: 100,
            sent: 100,
            answered: 100 - failed,
            failed,
            ..Counts::default()
        };
        let first = moment(24);
        Report {
            target: String::new(),
            started: moment(0),
            ended: moment(50),
            is_interrupted: true,
            total: counts,
            segments: Vec::new(),
            failures: [("reset".to_owned(), failed)].into(),
            statuses: BTreeMap::new(),
            instances: [(
                id(4).to_string(),
                crate::load::InstanceAnswers { answers: 9, first },
            )]
            .into(),
            generator: Generator {
                cpu_cores: 0.0,
                threads: 1,
                late: 0,
                latest_ms: 0.0,
                waited: 0,
                in_flight_max: 1,
                clients: 1,
            },
        }
    }

    fn second(at: i64, retried: u64) -> Second {
        Second {
            time: moment(at),
            segment: "low".to_owned(),
            sent: 10,
            ok: 10,
            failed: 0,
            retried,
            p99_ms: 1.0,
        }
    }

    /// What is broken, given what is different from a run in which all went well.
    fn broken(
        actions: &[ActionRow],
        seconds: &[Second],
        failed: u64,
        remains: &[&str],
    ) -> Vec<&'static str> {
        let story = Story {
            killed: Some((id(1), moment(9))),
            replaced: Some(moment(11)),
            rose: Some(moment(20)),
            reached_max: Some(moment(23)),
            most: 4,
            back_at_min: Some(moment(41)),
        };
        let remains: Vec<String> = remains.iter().map(|&text| text.to_owned()).collect();
        let facts = Facts {
            report: &report(failed),
            seconds,
            story: &story,
            cast: &Cast {
                public: String::new(),
                min: 2,
                max: 4,
                first_cloud: "a".parse().unwrap(),
            },
            actions,
            decisions: &[],
            remains: &remains,
            clouds: &[("a".parse().unwrap(), 3), ("b".parse().unwrap(), 9)],
        };
        promises(&facts)
            .into_iter()
            .filter(|promise| !promise.is_kept)
            .map(|promise| promise.what)
            .collect()
    }

    #[test]
    fn a_run_in_which_all_went_well_breaks_no_promise() {
        assert_eq!(
            broken(&good(), &[second(9, 3), second(30, 0)], 0, &[]),
            [""; 0]
        );
    }

    #[test]
    fn an_empty_log_proves_nothing() {
        assert_eq!(
            broken(&[], &[], 0, &[]),
            [
                "clouds are used in order of preference",
                "what is removed is drained first"
            ]
        );
    }

    #[test]
    fn a_failed_request_and_a_remain_break_a_promise_each() {
        assert_eq!(
            broken(&good(), &[], 1, &["process 7 still runs"]),
            ["every request is answered", "nothing is left behind"]
        );
    }

    #[test]
    fn an_attempt_that_breaks_while_nothing_was_killed_is_the_fault_of_scaling() {
        assert_eq!(
            broken(&good(), &[second(40, 1)], 0, &[]),
            ["no request is lost to scaling"]
        );
    }

    // S4-84
    #[test]
    fn a_later_cloud_that_is_used_while_there_is_room_before_it_breaks_the_order() {
        let mut rows = good();
        rows.retain(|row| row.instance != Some(id(4)));

        assert_eq!(
            broken(&rows, &[], 0, &[]),
            ["clouds are used in order of preference"]
        );
    }

    // S4-85
    #[test]
    fn an_earlier_cloud_that_is_emptied_first_breaks_the_order() {
        let mut rows = good();
        rows.swap(11, 12);

        assert_eq!(
            broken(&rows, &[], 0, &[]),
            ["clouds are used in order of preference"]
        );
    }

    #[test]
    fn a_removal_that_cuts_connections_breaks_a_promise() {
        let mut rows = good();
        rows[13].forced = Some(true);

        assert_eq!(
            broken(&rows, &[], 0, &[]),
            ["what is removed is drained first"]
        );
    }
}
