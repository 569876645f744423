//! What holds for any policy, any past and any readings.

use proptest::prelude::*;

use super::*;
use crate::policy::{Goal, Mode, Policy, Proactive, Rate, Target};

fn metrics() -> impl Strategy<Value = Metric> {
    prop_oneof![
        Just(Metric::Cpu),
        Just(Metric::RequestsPerSecond),
        Just(Metric::ResponseTime),
        Just(Metric::Connections),
        Just(Metric::DiskFree),
    ]
}

fn amounts() -> impl Strategy<Value = Amount> {
    prop_oneof![
        Just(Amount::ZERO),
        (0_u64..3_000_000).prop_map(Amount::from_millionths),
        (0_u64..500_000_000).prop_map(Amount::from_millionths),
        Just(Amount::measured(1e9).unwrap()),
    ]
}

fn monitors() -> impl Strategy<Value = Monitor> {
    let aggregations = prop_oneof![
        Just(Aggregation::Average),
        Just(Aggregation::Minimum),
        Just(Aggregation::Maximum),
        Just(Aggregation::Total),
        Just(Aggregation::Last),
        Just(Aggregation::Count),
    ];
    (metrics(), aggregations, 1_i64..120)
        .prop_map(|(metric, aggregation, window)| monitor(metric, aggregation, window))
}

fn proactives() -> impl Strategy<Value = Proactive> {
    prop_oneof![
        Just(Proactive::Off),
        Just(Proactive::ForecastOnly),
        Just(Proactive::On)
    ]
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        (-5_i32..6).prop_map(Change::By),
        (-100_i32..200, 1_u32..4)
            .prop_map(|(percent, at_least)| Change::Percent { percent, at_least }),
        (0_u32..30).prop_map(Change::To),
    ]
}

fn responses() -> impl Strategy<Value = Response> {
    let threshold = (1_u64..2_000_000).prop_map(Amount::from_millionths);
    let target = (threshold, 0_u64..50, any::<bool>(), proactives()).prop_map(
        |(threshold, tolerance, reactive, proactive)| {
            Response::Target(Target {
                threshold,
                tolerance: percent_of(tolerance),
                reactive,
                proactive,
            })
        },
    );
    let goal =
        (proptest::option::of(1_u32..100), proactives()).prop_map(|(capacity, proactive)| {
            Response::Goal(Goal {
                goal: percent_of(99),
                capacity: capacity.map(Amount::whole),
                reactive: true,
                proactive,
            })
        });
    let steps = (changes(), changes(), 1_u64..2_000_000).prop_map(|(low, high, at)| {
        let at = Some(Amount::from_millionths(at));
        let step = |from, to, change| Adjustment { from, to, change };
        Response::Steps(vec![step(None, at, low), step(at, None, high)])
    });
    let formula = (1_u64..50_000_000, any::<bool>(), 0_u32..3).prop_map(|(per, up, plus)| {
        Response::Formula(Formula {
            per: Amount::from_millionths(per),
            rounding: if up { Rounding::Up } else { Rounding::Down },
            plus,
        })
    });
    prop_oneof![3 => target, 1 => goal, 2 => steps, 2 => formula]
}

fn spans() -> impl Strategy<Value = PerDirection<SignedDuration>> {
    (0_i64..100, 0_i64..100).prop_map(|(scale_out, scale_in)| PerDirection {
        scale_out: seconds(scale_out),
        scale_in: seconds(scale_in),
    })
}

fn rates() -> impl Strategy<Value = Option<Rate>> {
    proptest::option::of((1_u32..5, 10_i64..200)).prop_map(|rate| {
        rate.map(|(instances, per)| Rate {
            instances,
            per: seconds(per),
        })
    })
}

/// A policy with one to three signals.
fn policies() -> impl Strategy<Value = Policy> {
    let signals = proptest::collection::vec(
        (monitors(), responses()).prop_map(|(monitor, response)| Signal { monitor, response }),
        1..4,
    );
    let modes = prop_oneof![
        4 => Just(Mode::Auto),
        1 => Just(Mode::OnlyScaleOut),
        1 => Just(Mode::Off)
    ];
    let steps = proptest::option::of(1_u32..6);
    (
        signals,
        modes,
        (spans(), spans()),
        (rates(), rates()),
        (steps.clone(), steps),
    )
        .prop_map(
            |(signals, mode, (buffer, stabilization), rates, steps)| Policy {
                mode,
                signals,
                buffer,
                stabilization,
                max_rate: PerDirection {
                    scale_out: rates.0,
                    scale_in: rates.1,
                },
                max_step: PerDirection {
                    scale_out: steps.0,
                    scale_in: steps.1,
                },
                ..example::spec().policy
            },
        )
}

fn any_reading() -> impl Strategy<Value = Reading> {
    let values = proptest::collection::vec(amounts(), 0..12);
    (values, 0_u32..4, 0_u32..3, proptest::bool::weighted(0.1)).prop_map(
        |(values, missing, warming, is_suspect)| {
            let mut reading = Reading {
                expected: missing + u32::try_from(values.len()).unwrap(),
                warming,
                is_suspect,
                ..Reading::default()
            };
            for value in values {
                reading.add(value);
            }
            reading
        },
    )
}

fn any_readings() -> impl Strategy<Value = Readings> {
    proptest::collection::btree_map(metrics(), any_reading(), 0..6)
}

/// What was measured at each tick, and how long after the one before.
fn pasts() -> impl Strategy<Value = Vec<(i64, Readings)>> {
    proptest::collection::vec((1_i64..40, any_readings()), 1..25)
}

/// A tenant of so many that has lived through this, and what it decided when, before each with what was in force.
fn live(
    policy: &Policy,
    (min, max): (u32, u32),
    running: u32,
    past: &[(i64, Readings)],
) -> (Scene, Vec<(Now, Decision)>) {
    let mut scene = Scene::new(running);
    scene.spec.policy = policy.clone();
    (scene.spec.instances.min, scene.spec.instances.max) = (min, max);
    let mut decisions = Vec::new();
    for (after, readings) in past {
        let decision = scene.tick(*after, readings.clone());
        decisions.push((scene.now, decision));
    }
    (scene, decisions)
}

/// Whether a reading is no ground for fewer: none, too few, or hard to believe.
fn is_doubtful(reading: Option<&Reading>) -> bool {
    reading.is_none_or(|reading| {
        reading.fresh == 0
            || u64::from(reading.fresh) * 100 < u64::from(reading.expected) * 70
            || reading.is_suspect
    })
}

/// Changes by choice in one direction, each with its moment.
fn moves(decisions: &[(Now, Decision)], is_out: bool) -> Vec<(Now, u64)> {
    let chosen = decisions.iter().map(|(now, one)| (*now, one.by_choice()));
    chosen
        .filter(|(_, change)| *change != 0 && (*change > 0) == is_out)
        .map(|(now, change)| (now, change.unsigned_abs()))
        .collect()
}

fn held_rate(moves: &[(Now, u64)], rate: Option<Rate>) -> bool {
    rate.is_none_or(|rate| {
        moves.iter().all(|(end, _)| {
            let within = moves
                .iter()
                .filter(|(at, _)| at.steady <= end.steady && end.since(at.steady) < rate.per);
            within.map(|(_, change)| change).sum::<u64>() <= u64::from(rate.instances)
        })
    })
}

fn held_buffer(moves: &[(Now, u64)], buffer: SignedDuration) -> bool {
    moves
        .windows(2)
        .all(|pair| pair[1].0.since(pair[0].0.steady) >= buffer)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    // S4-110
    #[test]
    fn the_number_is_within_the_bounds(
        policy in policies(), past in pasts(), running in 0_u32..40, min in 0_u32..10, more in 0_u32..20,
    ) {
        let (_, decisions) = live(&policy, (min, min + more), running, &past);
        for (_, decision) in decisions {
            prop_assert!((min..=min + more).contains(&decision.desired), "{decision:#?}");
        }
    }

    // I3, C-20
    #[test]
    fn without_readings_there_are_never_fewer(
        policy in policies(), past in pasts(), running in 0_u32..40, last in any_readings(),
    ) {
        let (mut scene, _) = live(&policy, (1, 30), running, &past);
        let before = scene.history.in_force.unwrap();
        let followed = |metric: &Metric| last.get(metric).copied();
        let doubtful = policy.signals.iter().any(|signal| {
            // Where no request was made nobody owes a response time; then the requests must be sure.
            let metric = match &signal.response {
                Response::Target(_) if signal.monitor.metric == Metric::ResponseTime => {
                    let requests = followed(&Metric::RequestsPerSecond);
                    let idle = requests.is_some_and(|reading| reading.sum == Amount::ZERO);
                    if idle { Metric::RequestsPerSecond } else { Metric::ResponseTime }
                }
                _ => signal.monitor.metric.clone(),
            };
            is_doubtful(followed(&metric).as_ref())
        });
        let none = scene.history.clone();
        let decision = scene.tick(10, last.clone());
        if doubtful {
            prop_assert!(decision.desired >= before, "{decision:#?}");
        }
        scene.history = none;
        let decision = scene.tick(10, Readings::new());
        prop_assert!(decision.desired >= before, "{decision:#?}");
    }

    #[test]
    fn while_it_is_held_there_are_never_fewer(
        policy in policies(), past in pasts(), running in 0_u32..40, last in any_readings(),
    ) {
        let (mut scene, _) = live(&policy, (1, 30), running, &past);
        let before = scene.history.in_force.unwrap();
        scene.hold = Some("the network was not seen".to_owned());
        prop_assert!(scene.tick(10, last).desired >= before);
    }

    #[test]
    fn equal_questions_give_equal_bytes(
        policy in policies(), past in pasts(), running in 0_u32..40,
    ) {
        let told = |()| {
            let (_, decisions) = live(&policy, (1, 30), running, &past);
            let decisions: Vec<Decision> = decisions.into_iter().map(|(_, one)| one).collect();
            serde_json::to_string(&decisions).unwrap()
        };
        prop_assert_eq!(told(()), told(()));
    }

    // S4-86, C-06
    #[test]
    fn steps_rates_and_buffers_hold_over_any_sequence(
        policy in policies(), past in pasts(), running in 1_u32..30,
    ) {
        let (_, decisions) = live(&policy, (1, 30), running, &past);
        for (_, decision) in &decisions {
            let limit = policy.step_limit(decision.before);
            prop_assert!(decision.desired <= decision.before.saturating_add(limit.scale_out));
            prop_assert!(decision.desired >= decision.before.saturating_sub(limit.scale_in));
        }
        let (out, back) = (moves(&decisions, true), moves(&decisions, false));
        prop_assert!(held_rate(&out, policy.max_rate.scale_out));
        prop_assert!(held_rate(&back, policy.max_rate.scale_in));
        prop_assert!(held_buffer(&out, policy.buffer.scale_out));
        prop_assert!(held_buffer(&back, policy.buffer.scale_in));
        let any_way: BTreeMap<_, _> = out.iter().chain(&back).map(|(now, _)| (now.steady, now)).collect();
        for (at, _) in &back {
            let before = any_way.range(..at.steady).next_back();
            prop_assert!(before.is_none_or(|(last, _)| at.since(*last) >= policy.buffer.scale_in));
        }
        for (_, decision) in &decisions {
            let allowed = match policy.mode {
                Mode::Auto => true,
                Mode::OnlyScaleOut => decision.by_choice() >= 0,
                Mode::Off => decision.by_choice() == 0,
            };
            prop_assert!(allowed, "{decision:#?}");
        }
    }

    #[test]
    fn more_load_never_means_fewer_instances(
        running in 1_u32..100, threshold in 1_u64..100, load in 0_u64..99,
    ) {
        prop_assert!(desired(running, threshold, load) <= desired(running, threshold, load + 1));
    }
}
