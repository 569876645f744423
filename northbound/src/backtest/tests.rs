use jiff::SignedDuration;

use super::samples::SamplesError;
use super::trace::{Trace, read};

const MINUTE: SignedDuration = SignedDuration::from_secs(60);

fn trace(text: &str) -> Result<Trace, SamplesError> {
    read(text.as_bytes(), "load.csv", Some("cpu"), MINUTE)
}

/// What a person is told of a trace that cannot be used.
#[track_caller]
fn told(text: &str) -> String {
    let error = trace(text).unwrap_err();
    format!("{error}\nhint: {}", error.hint().unwrap())
}

#[test]
fn a_trace_is_read_at_each_tick_with_a_straight_line_between_samples() {
    let trace = trace(
        "# start: 2014-04-10 00:05:00\n# vm_capacity: 8.45\n\u{feff}t_seconds,load\r\n0,1\r\n120,5\r\n240,5\n300,0\n",
    )
    .unwrap();

    assert_eq!(trace.load, [1.0, 3.0, 5.0, 5.0, 5.0, 0.0]);
    assert_eq!(trace.measured, trace.load);
    assert_eq!(trace.start.unwrap().to_string(), "2014-04-10T00:05:00Z");
    assert_eq!(trace.capacity_told(), Some("8.45"));
    assert!(trace.notes.is_empty());
}

// I3
#[test]
fn a_gap_is_silence_and_is_told() {
    let trace = trace("t_seconds,load\n0,6\n60,6\n120,6\n360,2\n420,2\n").unwrap();

    assert_eq!(trace.load[3..6], [5.0, 4.0, 3.0]);
    let is_silent: Vec<bool> = trace.measured.iter().map(|load| load.is_nan()).collect();
    assert_eq!(
        is_silent,
        [false, false, false, true, true, true, false, false]
    );
    assert_eq!(trace.notes.len(), 1);
    assert!(
        trace.notes[0].contains("from second 120 to 360"),
        "{}",
        trace.notes[0]
    );
}

#[test]
fn what_is_wrong_with_a_line_is_shown_with_its_place_and_a_hint() {
    insta::assert_snapshot!(told("t_seconds,load\n0,1\n60,many\n"), @r"
    load.csv:3:4: `many` is no load
      |
    3 | 60,many
      |    ^^^^
    hint: write a number such as `12.5`; leave the line out where nothing was measured: a gap is not zero
    ");
    insta::assert_snapshot!(told("t_seconds,load\n0,1\n60,2\n60,3\n"), @r"
    load.csv:4:1: time does not go on: 60 s after 60 s
      |
    4 | 60,3
      | ^^
    hint: sort the samples by time, and keep one of those with the same time
    ");
}

#[test]
fn a_header_must_be_of_a_load() {
    insta::assert_snapshot!(told("t_seconds,vms\n0,1\n60,2\n"), @r"
    load.csv:1:11: the second column is `vms`, and should be `load`
      |
    1 | t_seconds,vms
      |           ^^^
    hint: this is a supply curve, as `--supply` writes it: give the load that it met
    ");
    for header in [
        "t_seconds,supply",
        "t_seconds",
        "t_seconds,",
        "t_seconds;load",
    ] {
        let told = told(&format!("{header}\n0,1\n60,2\n"));
        assert!(told.contains("and should be `load`"), "{told}");
    }
    assert_eq!(trace("0,1\n60,2\n").unwrap().load, [1.0, 2.0]);
    assert_eq!(
        trace("t_seconds, load\n0,1\n60,2\n").unwrap().load,
        [1.0, 2.0]
    );
}

#[test]
fn no_value_that_is_none_is_taken_for_a_load() {
    for (line, told_of) in [
        ("60,nan", "is no load"),
        ("60,inf", "is no load"),
        ("60,-1", "less than nothing"),
        ("60,", "is no load"),
        ("60,2e9", "more than a billion"),
        ("60,1,2", "more than two columns"),
        ("60;1", "with a comma between them"),
        ("nan,1", "is no time"),
        ("later,1", "is no time"),
    ] {
        let told = told(&format!("t_seconds,load\n0,1\n{line}\n"));
        assert!(told.starts_with("load.csv:3:"), "{told}");
        assert!(told.contains(told_of), "{told}");
    }
}

#[test]
fn a_trace_that_is_none_as_a_whole_is_refused() {
    assert!(told("").contains("there is no sample in it"));
    assert!(told("# a: b\nt_seconds,load\n").contains("there is no sample in it"));
    assert!(told("t_seconds,load\n0,1\n").contains("nothing is to be decided"));
    assert!(told("t_seconds,load\n1700000000,1\n").contains("should be at 0"));
    assert!(told("t_seconds,load\n0,1\n1e12,1\n").contains("more than 10000000 ticks"));
    let binary = read(&[0xff, 0xfe, 0x00][..], "load.csv", None, MINUTE).unwrap_err();
    assert!(binary.to_string().contains("not UTF-8"), "{binary}");
}

const DECISIONS: &str = "seq,time,tenant,current,before,desired,verdict,metric,average,threshold,fresh,expected,guard,reason,steps,min,max\n";

#[test]
fn a_tenants_own_decisions_are_a_trace() {
    let row = |seq: u32, time: &str, average: &str, fresh: u32, expected: u32| {
        format!(
            "{seq},2026-01-15T{time}.000Z,demo,2,2,2,hold,cpu,{average},0.6,{fresh},{expected},target,\"cpu, all\",\"a, b\",1,5\n"
        )
    };
    let log = [
        DECISIONS.to_owned(),
        row(1, "08:00:00", "0.5", 2, 2),
        row(2, "08:00:30", "", 0, 2),
        row(3, "08:01:00", "0.8", 1, 2),
        row(4, "08:02:00", "0.8", 3, 4),
    ];

    let trace = trace(&log.concat()).unwrap();

    // One of two is too few to tell what both carry; three of four are enough.
    assert_eq!(trace.load.len(), 3);
    assert!((trace.load[0] - 1.0).abs() < 1e-9);
    assert!((trace.load[2] - 3.2).abs() < 1e-9);
    assert_eq!(trace.start.unwrap().to_string(), "2026-01-15T08:00:00Z");
    assert!(trace.notes[0].contains("`cpu`"), "{:?}", trace.notes);
}

#[test]
fn a_tenants_own_metrics_are_added_up_over_its_instances() {
    let log = "seq,time,tenant,instance,cloud,metric,value\n\
        1,2026-01-15T08:00:00.000Z,demo,i-1,a,cpu,0.5\n\
        1,2026-01-15T08:00:00.000Z,demo,i-2,a,cpu,0.25\n\
        1,2026-01-15T08:00:00.000Z,demo,i-2,a,memory,0.9\n\
        2,2026-01-15T08:00:00.000Z,demo,,a,in_service,2\n\
        3,2026-01-15T08:01:00.000Z,demo,i-1,a,cpu,1\n";

    assert_eq!(trace(log).unwrap().load, [0.75, 1.0]);
    let other = read(log.as_bytes(), "metrics.csv", Some("connections"), MINUTE).unwrap_err();
    assert_eq!(other.hint(), Some("it has readings of `cpu`, `memory`"));
}

#[test]
fn the_log_of_actions_is_no_trace() {
    let told =
        told("seq,time,tenant,action,instance\n1,2026-01-15T08:00:00.000Z,demo,launch,i-1\n");

    assert!(told.contains("--kind decisions"), "{told}");
}
