//! Several signals: any may grow, all must agree to shrink.

use super::*;

/// Ten instances that follow CPU at 60 % and connections at 100 each.
fn two() -> Scene {
    let mut scene = Scene::new(10);
    let mut connections = scene.spec.policy.signals[0].clone();
    connections.monitor.metric = Metric::Connections;
    if let Response::Target(target) = &mut connections.response {
        target.threshold = Amount::whole(100);
    }
    scene.spec.policy.signals.push(connections);
    scene
}

fn decided(cpu: Reading, connections: Reading) -> Decision {
    let readings = [(Metric::Cpu, cpu), (Metric::Connections, connections)];
    two().tick(10, readings.into())
}

fn of(value: f64) -> Reading {
    reading(&[value; 10])
}

// S2-17
#[test]
fn any_signal_may_grow_and_all_must_agree_to_shrink() {
    let cases = [
        (0.9, 100.0, 15),
        (0.6, 150.0, 15),
        (0.9, 20.0, 15),
        (0.2, 150.0, 15),
        (0.3, 100.0, 10),
        (0.6, 20.0, 10),
        (0.3, 70.0, 8),
        (0.3, 20.0, 6),
    ];
    for (cpu, connections, number) in cases {
        let decision = decided(of(cpu), of(connections));
        assert_eq!(decision.desired, number, "{cpu}, {connections}");
    }
}

#[test]
fn which_of_the_signals_counted_is_said() {
    let decision = decided(of(0.3), of(150.0));
    assert_eq!(
        guards(&decision),
        [Guard::Target, Guard::Target, Guard::Target]
    );
    assert_eq!(
        decision.steps[2].note,
        "of 5 for cpu, 15 for connections the highest counts"
    );
}

#[test]
fn a_silent_signal_blocks_shrinking_and_never_growing() {
    assert_eq!(decided(of(0.2), silent(10)).desired, 10);
    assert_eq!(decided(of(0.9), silent(10)).desired, 15);
    let none = two().tick(10, example::readings(Metric::Cpu, percent_of(20), 10));
    assert_eq!(none.desired, 10);
    assert_eq!(two().tick(10, Readings::new()).desired, 10);
}

#[test]
fn a_silent_value_of_the_group_is_told_as_one() {
    let queue = Metric::Pushed("queue_length".to_owned().try_into().unwrap());
    let signal = Signal {
        monitor: monitor(queue.clone(), Aggregation::Average, 30),
        ..example::spec().policy.signals.remove(0)
    };
    let mut group = silent(1);
    group.is_of_group = true;

    let decision = Scene::with(4, signal).tick(10, [(queue, group)].into());

    assert_eq!(decision.desired, 4);
    assert_eq!(
        decision.reason(),
        "no fresh value of queue_length: the number stays"
    );
}

#[test]
fn a_doubtful_signal_blocks_shrinking_and_never_growing() {
    let mut suspect = of(0.0);
    suspect.is_suspect = true;
    assert_eq!(decided(of(0.2), suspect).desired, 10);
    assert_eq!(decided(of(0.9), suspect).desired, 15);
    let mut few = reading(&[20.0; 6]);
    few.expected = 10;
    let decision = decided(of(0.2), few);
    assert_eq!(decision.desired, 10);
    assert_eq!(
        decision.reason(),
        "only 6 of 10 instances gave a fresh reading, 70% are needed: no scale-in"
    );
}

// S4-63
#[test]
fn while_something_is_unwell_it_grows_and_does_not_shrink() {
    let held = |cpu| {
        let mut scene = two();
        scene.hold = Some("2 instances do not answer their health check".to_owned());
        scene.tick(
            10,
            [(Metric::Cpu, of(cpu)), (Metric::Connections, of(20.0))].into(),
        )
    };
    assert_eq!(held(0.2).desired, 10);
    assert_eq!(held(0.9).desired, 15);
}

// S2-16: a rule with one trigger says nothing while it is not pulled.
#[test]
fn a_rule_that_is_not_triggered_does_not_stand_in_the_way() {
    let rule = |from: Option<u64>, to: Option<u64>, by| {
        let mut rule = Scene::new(10).spec.policy.signals.remove(0);
        let amount = |percent: u64| Amount::from_millionths(percent * 10_000);
        rule.response = Response::Steps(vec![Adjustment {
            from: from.map(amount),
            to: to.map(amount),
            change: Change::By(by),
        }]);
        rule
    };
    for (cpu, number) in [(0.2, 9), (0.5, 10), (0.9, 12)] {
        let readings = [(Metric::Cpu, of(cpu))].into();
        let mut scene = Scene::new(10);
        scene.spec.policy.signals = vec![rule(None, Some(30), -1), rule(Some(80), None, 2)];
        assert_eq!(scene.tick(10, readings).desired, number, "{cpu}");
    }
}
