//! Each promise, kept and broken.

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
