//! Steps, rules and formulas.

use super::*;

fn steps(monitor: Monitor, steps: &[(Option<u64>, Option<u64>, Change)]) -> Signal {
    let adjustments = steps
        .iter()
        .map(|(from, to, change)| Adjustment {
            from: from.map(percent_of),
            to: to.map(percent_of),
            change: *change,
        })
        .collect();
    Signal {
        monitor,
        response: Response::Steps(adjustments),
    }
}

fn cpu(adjustments: &[(Option<u64>, Option<u64>, Change)]) -> Signal {
    steps(monitor(Metric::Cpu, Aggregation::Average, 30), adjustments)
}

/// What it comes to from `running` instances at this CPU.
fn after(signal: &Signal, running: u32, percent: u64) -> u32 {
    let mut scene = Scene::with(running, signal.clone());
    scene.tick_at(10, &Metric::Cpu, percent_of(percent)).desired
}

// S4-24
#[test]
fn the_step_that_the_value_is_in_says_the_change() {
    let signal = cpu(&[
        (None, Some(30), Change::By(-1)),
        (Some(60), Some(80), Change::By(1)),
        (Some(80), Some(90), Change::By(2)),
        (Some(90), None, Change::By(4)),
    ]);
    let cases = [
        (29, 4),
        (30, 5),
        (59, 5),
        (60, 6),
        (79, 6),
        (80, 7),
        (89, 7),
        (90, 9),
        (100, 9),
    ];
    for (percent, number) in cases {
        assert_eq!(after(&signal, 5, percent), number, "{percent}%");
    }
}

// S4-46
#[test]
fn a_change_is_by_count_by_percent_with_a_least_step_or_to_a_number() {
    let percent = |percent, at_least| Change::Percent { percent, at_least };
    let cases = [
        (Change::By(3), 5, 8),
        (Change::By(-3), 5, 2),
        (Change::By(-9), 5, 0),
        (percent(10, 1), 25, 27),
        (percent(10, 1), 5, 6),
        (percent(10, 3), 5, 8),
        (percent(100, 1), 5, 10),
        (percent(-10, 1), 25, 23),
        (percent(-50, 1), 5, 3),
        (percent(-10, 2), 5, 3),
        (percent(-100, 1), 5, 0),
        (percent(0, 1), 5, 5),
        (Change::To(7), 5, 7),
        (Change::To(0), 5, 0),
    ];
    for (change, from, to) in cases {
        assert_eq!(change.of(from), to, "{change} of {from}");
    }
}

// S4-25
#[test]
fn simple_scaling_is_one_step_and_the_buffer() {
    let mut scene = Scene::with(2, cpu(&[(Some(70), None, Change::By(1))]));
    scene.spec.policy.buffer = PerDirection::both(seconds(120));

    let numbers: Vec<u32> = (0..25)
        .map(|_| scene.tick_at(10, &Metric::Cpu, percent_of(90)).desired)
        .collect();

    assert_eq!(numbers[0], 3);
    assert_eq!(numbers[11], 3, "110 s later");
    assert_eq!(numbers[12], 4, "120 s later");
    assert_eq!(numbers[24], 5);
}

// S2-15, S2-16: "monitor 2 minutes; trigger: above 80 %; action: twice as many".
#[test]
fn a_rule_with_a_scale_factor_doubles_at_once() {
    let rule = Signal {
        monitor: monitor(Metric::Cpu, Aggregation::Average, 120),
        ..cpu(&[(
            Some(80),
            None,
            Change::Percent {
                percent: 100,
                at_least: 1,
            },
        )])
    };
    let mut scene = Scene::with(20, rule);
    scene.spec.policy.max_step = PerDirection::both(None);
    let decision = scene.tick_at(10, &Metric::Cpu, percent_of(81));
    assert_eq!(decision.desired, 40, "a rule says itself how far it goes");
    assert_eq!(
        decision.reason(),
        "cpu 0.81 over 2m, from 0.8 on: +100%: 20 to 40"
    );
}

// S2-16: storage left.
#[test]
fn a_rule_may_add_where_a_value_is_low() {
    let rule = steps(
        monitor(Metric::DiskFree, Aggregation::Minimum, 30),
        &[(None, Some(10), Change::By(1))],
    );
    let mut scene = Scene::with(3, rule);
    let free = |values: &[f64]| [(Metric::DiskFree, reading(values))].into();
    assert_eq!(scene.tick(10, free(&[0.5, 0.1, 0.4])).desired, 3);
    assert_eq!(scene.tick(10, free(&[0.5, 0.09, 0.4])).desired, 4);
}

#[test]
fn a_step_is_not_taken_where_missing_instances_could_be_in_another() {
    let signal = cpu(&[
        (None, Some(30), Change::By(-1)),
        (Some(60), None, Change::By(2)),
    ]);
    let partly = |values: &[f64]| {
        let mut reading = reading(values);
        reading.expected = 4;
        let mut scene = Scene::with(4, signal.clone());
        scene.tick(10, [(Metric::Cpu, reading)].into())
    };
    assert_eq!(partly(&[0.1, 0.1, 0.6]).desired, 4, "0.225 to 0.35");
    assert_eq!(partly(&[0.1, 0.1, 0.1]).desired, 3);
    assert_eq!(partly(&[0.9, 0.9, 0.1]).desired, 4, "0.5 to 0.7");
    assert_eq!(
        partly(&[0.9, 0.9]).desired,
        6,
        "a doubt does not stop growing"
    );
}

#[test]
fn a_step_down_leaves_enough_not_to_step_up_at_once() {
    let signal = cpu(&[
        (None, Some(40), Change::To(2)),
        (Some(60), None, Change::By(1)),
    ]);
    // Four at 35 % are 1.4 in all: on two 70 %, on three 47 %.
    let mut scene = Scene::with(4, signal);
    let decision = scene.tick_at(10, &Metric::Cpu, percent_of(35));
    assert_eq!(decision.desired, 3);
    assert_eq!(guards(&decision), [Guard::Steps, Guard::Projected]);
}

/// S2's formula over two minutes.
fn requests() -> Signal {
    Signal {
        monitor: monitor(Metric::RequestsPerSecond, Aggregation::Total, 120),
        response: Response::Formula(Formula {
            per: Amount::whole(20),
            rounding: Rounding::Down,
            plus: 1,
        }),
    }
}

// S2-05, S2-13: so many requests in the last two minutes, however long the ticks and however they are spread.
#[test]
fn requests_by_twenty_and_one_more_is_exact() {
    for (count, number) in [(0, 1), (19, 1), (20, 2), (39, 2), (40, 3), (399, 20)] {
        for tick in [1, 7, 10, 40, 60, 120] {
            let mut scene = Scene::with(1, requests());
            let rate = f64::from(count) / 120.0 / 3.0;
            let each = || [(Metric::RequestsPerSecond, reading(&[rate; 3]))].into();
            let mut decision = scene.tick(tick, each());
            for _ in 0..240 / tick {
                decision = scene.tick(tick, each());
            }
            assert_eq!(decision.desired, number, "{count} at {tick} s");
        }
    }
}

#[test]
fn a_formula_shows_its_figures() {
    let mut scene = Scene::with(1, requests());
    for _ in 0..12 {
        scene.tick_at(10, &Metric::RequestsPerSecond, Amount::ZERO);
    }
    let decision = scene.tick_at(10, &Metric::RequestsPerSecond, Amount::whole(4));
    assert_eq!(
        decision.reason(),
        "requests_per_second total over 2m: 40 // 20 + 1 = 3"
    );
}

#[test]
fn a_formula_that_rounds_up_counts_a_part_as_a_whole() {
    let formula = |rounding| Formula {
        per: Amount::whole(20),
        rounding,
        plus: 0,
    };
    let value = Amount::from_millionths(20_000_001);
    assert_eq!(formula(Rounding::Up).of(value), 2);
    assert_eq!(formula(Rounding::Down).of(value), 1);
    assert_eq!(formula(Rounding::Up).of(Amount::ZERO), 0);
}
