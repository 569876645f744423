//! What a run says at its end.

use crate::load::{Counts, Generator, InstanceAnswers, Latency, Report, SegmentReport};

fn report() -> Report {
    let latency = Latency {
        mean_ms: 1.25,
        p50_ms: 1.0,
        p90_ms: 2.0,
        p99_ms: 3.0,
        p999_ms: 4.0,
        max_ms: 5.0,
    };
    let counts = Counts {
        requests: 1000,
        sent: 998,
        answered: 990,
        failed: 9,
        unfinished: 1,
        retried: 3,
        latency,
    };
    let moment = |second: i64| jiff::Timestamp::from_second(1_800_000_000 + second).unwrap();
    let segment = |name: &str, begin| SegmentReport {
        name: name.to_owned(),
        begins: moment(begin),
        ends: moment(begin + 10),
        counts,
    };
    Report {
        target: "http://45.45.45.45/".to_owned(),
        started: moment(0),
        ended: moment(20),
        is_interrupted: true,
        total: counts,
        segments: vec![segment("low", 0), segment("very high", 10)],
        failures: [("refused".to_owned(), 4), ("timeout".to_owned(), 5)].into(),
        statuses: [(200, 990)].into(),
        instances: [("i-1", 500), ("i-2", 490)]
            .map(|(name, answers)| {
                let first = moment(1);
                (name.to_owned(), InstanceAnswers { answers, first })
            })
            .into(),
        generator: Generator {
            cpu_cores: 0.123,
            threads: 1,
            late: 20,
            latest_ms: 12.34,
            waited: 2,
            in_flight_max: 7,
            clients: 10,
        },
    }
}

#[test]
fn a_summary_reads_well() {
    let report = report();

    insta::assert_snapshot!(report, @"
    http://45.45.45.45/ for 20.0 s, ended early
      requests   1000: 990 answered, 9 failed, 1 given up; 3 further attempts
      failed     refused 4, timeout 5
      statuses   200 990
      instances  i-1 500, i-2 490
      latency    mean 1.25 ms, p50 1.00, p90 2.00, p99 3.00, p99.9 4.00, max 5.00
      segment     requests   answered   failed      p50 ms      p99 ms      max ms
      low             1000        990        9        1.00        3.00        5.00
      very high       1000        990        9        1.00        3.00        5.00
      generator  12 % of a core in 1 sending thread(s); at most 7 of 10 clients busy, 2 request(s) waited for one; 20 late start(s), at most 12.3 ms
      warning    the generator could not keep up, so the latencies are partly its own; requests waited for a free client: use more --clients, or a lower rate
    ");
}

#[test]
fn the_generator_is_blamed_only_where_it_matters_and_for_what_it_was() {
    let warning = |late, latest_ms, waited, cpu_cores| {
        let mut report = report();
        report.generator = Generator {
            cpu_cores,
            late,
            latest_ms,
            waited,
            ..report.generator
        };
        report.warning()
    };

    // Of 998 that were sent.
    assert_eq!(warning(1, 60.0, 0, 0.01), None, "a single late start");
    assert_eq!(warning(20, 15.0, 0, 0.01), None, "all were late by little");
    assert!(warning(0, 0.0, 1, 0.01).unwrap().contains("--clients"));
    assert!(warning(20, 60.0, 0, 0.95).unwrap().contains("--threads"));
    assert!(warning(20, 60.0, 0, 0.01).unwrap().contains("busy"));
}
