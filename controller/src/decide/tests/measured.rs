//! Each aggregation over instances and a window, worked out by hand.

use super::super::measured::measured;
use super::*;

const ALL: [Aggregation; 6] = [
    Aggregation::Average,
    Aggregation::Minimum,
    Aggregation::Maximum,
    Aggregation::Total,
    Aggregation::Last,
    Aggregation::Count,
];

/// What each aggregation makes of these ticks, each so many seconds after the one before: from and to.
fn spans(metric: &Metric, window: i64, ticks: &[(i64, Reading)]) -> Vec<(f64, f64)> {
    let of = |aggregation| {
        let mut scene = Scene::new(2);
        let mut last = Readings::new();
        for (after, reading) in ticks {
            scene.now = scene.now.after(seconds(*after));
            last = [(metric.clone(), *reading)].into();
            scene.history.read(&scene.spec.policy, &last, scene.now);
        }
        let question = scene.question(last);
        let value = measured(&question, &monitor(metric.clone(), aggregation, window))
            .unwrap()
            .value;
        (value.least.as_f64(), value.most.as_f64())
    };
    ALL.into_iter().map(of).collect()
}

fn values(metric: &Metric, window: i64, ticks: &[(i64, Reading)]) -> Vec<f64> {
    let spans = spans(metric, window, ticks);
    for (least, most) in &spans {
        assert!((least - most).abs() < 1e-9, "{least} to {most}");
    }
    spans.into_iter().map(|(least, _)| least).collect()
}

fn even() -> [(i64, Reading); 4] {
    [
        (10, reading(&[0.9, 0.9])),
        (10, reading(&[0.2, 0.4])),
        (10, reading(&[0.6, 0.8])),
        (10, reading(&[0.1, 0.3])),
    ]
}

// S4-45, S4-73: the first tick is as old as the window, so it is out of it.
// Average (0.6 + 1.4 + 0.4) ÷ 6, total (0.6 + 1.4 + 0.4) ÷ 3, last 0.4 ÷ 2.
#[test]
fn six_aggregations_of_three_ticks_of_two_instances() {
    assert_eq!(
        values(&Metric::Cpu, 30, &even()),
        [0.4, 0.1, 0.8, 0.8, 0.2, 6.0]
    );
}

// S4-45: 10 s × (0.6 + 1.4 + 0.4) = 24 of what is not counted in whole numbers.
#[test]
fn a_rate_in_total_is_how_many_there_were() {
    assert_eq!(
        values(&Metric::DiskRead, 30, &even()),
        [0.4, 0.1, 0.8, 24.0, 0.2, 6.0]
    );
}

// S4-45: of 0.6, 1.4 and 0.4 for 5, 5 and 20 s: (3 + 7 + 8) ÷ 30 = 0.6 in all, 0.3 each, 18 in number.
#[test]
fn a_reading_stands_for_the_time_since_the_one_before_it() {
    let mut uneven = even();
    (uneven[1].0, uneven[2].0, uneven[3].0) = (5, 5, 20);
    assert_eq!(
        values(&Metric::Cpu, 30, &uneven),
        [0.3, 0.1, 0.8, 0.6, 0.2, 6.0]
    );
    assert_eq!(values(&Metric::DiskRead, 30, &uneven)[3..=3], [18.0]);
}

// The first tick began before the window did: only 5 of its 10 s are in it, (9 + 4 + 6 + 14) … 0.6 × 5 + 1.4 × 10 + 0.4 × 10 = 21.
#[test]
fn a_reading_that_reaches_back_over_the_windows_begin_is_cut() {
    assert_eq!(values(&Metric::DiskRead, 25, &even())[3..=3], [21.0]);
}

// S4-45: the mean is over what was seen; what is counted goes on at the next rate that is known: 0.6 × 10 + 0.4 × 20 = 14.
#[test]
fn a_tick_without_readings_is_not_zero() {
    let mut gap = even();
    gap[2].1 = silent(2);
    let cpu = spans(&Metric::Cpu, 30, &gap);
    assert_eq!(
        cpu[..5],
        [(0.25, 0.25), (0.1, 0.1), (0.4, 0.4), (0.5, 0.5), (0.2, 0.2)]
    );
    assert_eq!(cpu[5], (4.0, 6.0), "two readings are missing");
    assert_eq!(spans(&Metric::DiskRead, 30, &gap)[3], (14.0, 14.0));
}

// One of two is silent at the last tick, between the lowest 0.2 and the highest 0.8 of the window:
// average (0.6 + 1.4 + 0.3 + 0.2 to 0.8) ÷ 6, total the same ÷ 3.
#[test]
fn a_silent_instance_leaves_a_span() {
    let mut partly = even();
    partly[3].1 = reading(&[0.3]);
    partly[3].1.expected = 2;
    let cpu = spans(&Metric::Cpu, 30, &partly);
    let near = |(least, most): (f64, f64), (from, to): (f64, f64)| {
        assert!(
            (least - from).abs() < 1e-5 && (most - to).abs() < 1e-5,
            "{least} to {most} is not {from} to {to}"
        );
    };
    near(cpu[0], (2.5 / 6.0, 3.1 / 6.0));
    near(cpu[3], (2.5 / 3.0, 3.1 / 3.0));
    near(cpu[4], (0.3, 0.3));
    near(cpu[5], (5.0, 6.0));
}

#[test]
fn what_adds_up_over_time_is_doubted_until_the_window_has_been_watched() {
    let doubt = |aggregation, ticks: usize| {
        let mut scene = Scene::new(2);
        let monitor = monitor(Metric::RequestsPerSecond, aggregation, 120);
        scene.spec.policy.signals[0].monitor = monitor.clone();
        let mut last = Readings::new();
        for _ in 0..ticks {
            scene.now = scene.now.after(seconds(10));
            last = [(Metric::RequestsPerSecond, reading(&[1.0, 1.0]))].into();
            scene.history.read(&scene.spec.policy, &last, scene.now);
        }
        let question = scene.question(last);
        measured(&question, &monitor).unwrap().doubt
    };
    assert_eq!(
        doubt(Aggregation::Total, 3).as_deref(),
        Some("requests_per_second was watched for only 30s of its window of 2m")
    );
    assert!(doubt(Aggregation::Count, 3).is_some());
    assert_eq!(doubt(Aggregation::Total, 12), None);
    assert_eq!(doubt(Aggregation::Average, 3), None);
}

// I3: what is no number from zero to a billion is never measured at all; nowhere is it read as zero.
#[test]
fn what_is_no_amount_makes_no_sample() {
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e-9, 1e12] {
        assert_eq!(Amount::measured(value), None, "{value}");
    }
    for value in ["-1", "1e300", "null", "\"NaN\""] {
        let text = format!(
            r#"{{"instance":null,"metric":"cpu","value":{value},"at":"2026-01-15T12:00:00Z"}}"#
        );
        assert!(serde_json::from_str::<Sample>(&text).is_err(), "{text}");
    }
}
