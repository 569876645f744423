use proptest::prelude::*;

use super::*;
use crate::example;
use crate::load::Metric;
use crate::policy::{
    Aggregation, Formula, Goal, Monitor, PerDirection, Proactive, Response, Rounding, Signal,
    Target,
};

fn options(boot_s: i64) -> Options {
    let seconds = SignedDuration::from_secs;
    let start = "2026-01-05T00:00:00Z".parse().unwrap();
    Options::new(1.0, seconds(boot_s), seconds(60), start).unwrap()
}

/// One instance for each whole unit of the last load, without any brake.
fn as_the_last_load() -> TenantSpec {
    let mut spec = example::spec();
    (spec.instances.min, spec.instances.max) = (1, 100);
    spec.policy.signals = vec![Signal {
        monitor: Monitor {
            metric: Metric::Pushed("load".parse().unwrap()),
            aggregation: Aggregation::Last,
            window: SignedDuration::from_secs(60),
        },
        response: Response::Formula(Formula {
            per: Amount::ONE,
            rounding: Rounding::Up,
            plus: 0,
        }),
    }];
    spec.policy.buffer = PerDirection::both(SignedDuration::ZERO);
    spec.policy.stabilization = PerDirection::both(SignedDuration::ZERO);
    spec.policy.max_step = PerDirection::both(Some(100));
    spec
}

/// 60 % of CPU, with the brakes of the example.
fn target() -> TenantSpec {
    let mut spec = example::spec();
    (spec.instances.min, spec.instances.max) = (1, 30);
    let (monitor, target) = example::target(&mut spec);
    monitor.window = SignedDuration::from_secs(300);
    *target = Target {
        proactive: Proactive::On,
        ..target.clone()
    };
    spec
}

/// A goal of 99 %, which is forecast for.
fn goal() -> TenantSpec {
    let mut spec = as_the_last_load();
    spec.policy.signals[0].monitor.metric = Metric::Cpu;
    spec.policy.signals[0].response = Response::Goal(Goal {
        goal: Amount::from_millionths(990_000),
        capacity: None,
        reactive: true,
        proactive: Proactive::On,
    });
    spec
}

fn near(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-9, "{left} is not {right}");
}

#[test]
fn a_curve_that_was_worked_out_by_hand_scores_as_it_should() {
    // Demand 1, 2, 2, 4 against supply 2, 2, 1, 4.
    let load = [0.5, 2.0, 1.5, 3.2];

    let score = score(&load, &[2, 2, 1, 4], &options(120));

    assert_eq!(demand(&load, 1.0), [1, 2, 2, 4]);
    near(score.theta_u, 100.0 * (1.0 / 2.0) / 4.0);
    near(score.theta_o, 100.0 * (1.0 / 1.0) / 4.0);
    near(score.tau_u, 25.0);
    near(score.tau_o, 25.0);
    near(score.upsilon, 100.0 * 2.0 / 3.0);
    near(score.vm_h, 9.0 / 60.0);
    near(score.billed_h, (9.0 + 2.0 * 3.0) / 60.0);
    // 1.5 arrives at a capacity of 1: of a backlog of 0.5 a sixth waits, and a third gives up.
    near(score.slo, 100.0 * 1.5 / 7.2);
    near(score.lost, 100.0 * (0.5 - 1.0 / 6.0) / 7.2);
    near(score.adapt_h, 2.0 / (4.0 / 60.0));
    assert_eq!(score.turns, 1);
}

#[test]
fn the_oracle_keeps_an_instance_over_a_gap_that_is_as_dear_as_a_boot() {
    let load = [3.0, 1.0, 1.0, 3.0, 1.0, 1.0, 1.0, 3.0];
    let oracle = [3, 3, 3, 3, 1, 1, 1, 3_u32];

    let score = score(&load, &oracle, &options(120));

    near(score.over, 1.0);
    near(score.oracle_h, (20.0 - 2.0 + 2.0 * 2.0) / 60.0);
}

#[test]
fn a_step_is_seen_a_tick_later_and_served_a_boot_after_that() {
    let mut load = vec![5.0; 10];
    load.extend([9.0; 10]);

    let curve = simulate(&as_the_last_load(), &load, &options(120));

    let mut supply = vec![5; 13];
    supply.extend([9; 7]);
    assert_eq!(curve.supply, supply);
    near(score(&load, &curve.supply, &options(120)).tau_u, 15.0);
}

#[test]
fn a_boot_that_ends_within_a_tick_serves_from_the_next_one() {
    let load = [1.0, 2.0, 2.0, 2.0, 2.0, 2.0];
    let supply = |boot| simulate(&as_the_last_load(), &load, &options(boot)).supply;

    assert_eq!(supply(0), [1, 1, 2, 2, 2, 2]);
    assert_eq!(supply(1), [1, 1, 1, 2, 2, 2]);
    assert_eq!(supply(60), [1, 1, 1, 2, 2, 2]);
    assert_eq!(supply(61), [1, 1, 1, 1, 2, 2]);
}

#[test]
fn what_boots_goes_first_and_what_serves_goes_at_once() {
    // Five are asked for at tick 2, to serve at tick 7; at tick 3 they are not needed any more, at tick 5 even fewer.
    let load = [4.0, 9.0, 4.0, 4.0, 2.0, 2.0, 2.0, 2.0, 2.0];

    let curve = simulate(&as_the_last_load(), &load, &options(300));

    assert_eq!(curve.decided, [4, 4, 9, 4, 4, 2, 2, 2, 2]);
    assert_eq!(curve.supply, [4, 4, 4, 4, 4, 2, 2, 2, 2]);
}

#[test]
fn an_instance_is_not_removed_before_its_least_lifetime() {
    // Of three, the one that is old goes at once; of the two others, one has to stay anyway.
    let load = [1.0, 3.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
    let mut spec = as_the_last_load();
    spec.policy.min_lifetime = SignedDuration::from_secs(180);

    let curve = simulate(&spec, &load, &options(0));

    assert_eq!(curve.supply, [1, 1, 3, 2, 2, 1, 1, 1]);
}

// I3
#[test]
fn what_was_not_measured_lowers_nothing() {
    let mut load = vec![6.0; 5];
    load.extend([f64::NAN; 30]);

    for spec in [as_the_last_load(), target(), goal()] {
        let curve = simulate(&spec, &load, &options(120));

        let least = curve.supply[5..].iter().min();
        assert_eq!(least, Some(&curve.supply[5]));
        assert_eq!(curve.summary.silent, 29);
    }
}

// I3
#[test]
fn a_fall_to_exactly_zero_is_not_believed_at_once() {
    let mut load = vec![6.0; 5];
    load.extend([0.0; 5]);

    let curve = simulate(&as_the_last_load(), &load, &options(120));

    assert_eq!(curve.supply[6], 6, "told at tick 6, and doubted");
    assert_eq!(curve.supply[9], 1);
}

// S4-82
#[test]
fn the_clock_that_windows_open_by_begins_at_the_start() {
    use crate::schedule::{Closes, Opens, Window};
    let mut spec = as_the_last_load();
    spec.policy.windows = vec![Window {
        opens: Opens::Weekly {
            at: "01:00".parse().unwrap(),
            days: [true; 7],
        },
        closes: Closes::After(SignedDuration::from_mins(30)),
        instances: 7,
        zone: "UTC".to_owned(),
    }];

    let curve = simulate(&spec, &[2.0; 100], &options(0));

    let open: Vec<usize> = (0..100).filter(|tick| curve.supply[*tick] == 7).collect();
    assert_eq!((open.first(), open.last()), (Some(&60), Some(&89)));
}

#[test]
fn a_goal_follows_the_load_that_is_offered_whatever_its_metric() {
    let load: Vec<f64> = (0..300).map(|tick| 10.0 + f64::from(tick % 60)).collect();
    let mut requests = goal();
    requests.policy.signals[0].monitor.metric = Metric::RequestsPerSecond;
    let mut given = goal();
    if let Response::Goal(goal) = &mut given.policy.signals[0].response {
        goal.capacity = Some(Amount::from_millionths(400_000));
    }

    let supply = |spec: &TenantSpec| simulate(spec, &load, &options(120)).supply;
    let half = Options::new(
        0.5,
        SignedDuration::from_secs(120),
        options(0).tick,
        options(0).start,
    );

    assert_eq!(supply(&goal()), supply(&requests));
    // Half of the share at which an instance carries its capacity is half of its capacity; it begins with other numbers.
    let halved = simulate(&goal(), &load, &half.unwrap()).supply;
    assert_eq!(supply(&given)[30..], halved[30..]);
}

#[test]
fn a_share_saturates_and_a_response_time_grows_with_the_load_of_an_instance() {
    let now = options(0).at(1);
    let read = |metric: Metric, load: f64| {
        let meter = meter::of(1.0, metric.clone());
        let mut history = History::new(SignedDuration::from_secs(60));
        let readings = meter.read(Amount::measured(load), 2, 0, &mut history, now);
        readings[&metric].sum.over(2).as_f64()
    };

    near(read(Metric::Cpu, 2.0), 0.8);
    near(read(Metric::Cpu, 9.0), 1.0);
    near(read(Metric::DiskFree, 1.0), 0.6);
    near(read(Metric::Connections, 9.0), 4.5);
    near(read(Metric::ResponseTime, 0.0), 0.8);
    near(read(Metric::ResponseTime, 2.0), 4.0);
    near(read(Metric::ResponseTime, 9.0), 10.0);
}

#[test]
fn a_world_that_cannot_be_is_refused() {
    let seconds = SignedDuration::from_secs;
    let start = Timestamp::UNIX_EPOCH;
    let refused = |capacity, boot, tick| {
        Options::new(capacity, seconds(boot), seconds(tick), start).unwrap_err()
    };

    for capacity in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9, 1e10] {
        assert_eq!(refused(capacity, 0, 60), OptionsError::Capacity);
    }
    assert_eq!(refused(1.0, -1, 60), OptionsError::Boot);
    assert_eq!(refused(1.0, 90_000, 60), OptionsError::Boot);
    assert_eq!(refused(1.0, 0, 0), OptionsError::Tick);
    assert_eq!(refused(1.0, 0, 90_000), OptionsError::Tick);
}

#[test]
fn nothing_comes_of_nothing() {
    let curve = simulate(&target(), &[], &options(120));

    assert_eq!(curve, Curve::default());
    assert_eq!(score(&[], &curve.supply, &options(120)), Score::default());
    assert_eq!(score(&[0.0], &[1], &options(120)).slo.to_bits(), 0);
}

#[test]
fn turns_are_counted_in_the_worst_hour() {
    let tick = SignedDuration::from_secs(60);
    let mut numbers = vec![1; 300];
    assert_eq!(score::most_turns(&numbers, tick), 0);
    // Up and down again every 50 minutes: within an hour down, up, down, or up, down, up, down.
    for at in [50, 100, 150] {
        numbers[at] = 2;
    }
    assert_eq!(score::most_turns(&numbers, tick), 4);
    numbers[100] = 1;
    assert_eq!(score::most_turns(&numbers, tick), 2);
}

/// The oracle level by level, as it is told.
fn oracle_by_levels(demand: &[u32], boot: usize) -> Vec<u32> {
    let mut supply = vec![0; demand.len()];
    for level in 1..=demand.iter().copied().max().unwrap_or(0) {
        let mut last = None;
        for at in (0..demand.len()).filter(|at| demand[*at] >= level) {
            let from = match last {
                Some(last) if at - last - 1 <= boot => last + 1,
                _ => at,
            };
            for there in &mut supply[from..=at] {
                *there += 1;
            }
            last = Some(at);
        }
    }
    supply
}

fn loads() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(
        prop_oneof![8 => 0.0..40.0, 1 => Just(0.0), 1 => Just(f64::NAN), 1 => Just(f64::INFINITY)],
        2..120,
    )
}

proptest! {
    #[test]
    fn the_oracle_is_the_same_level_by_level(
        demand in prop::collection::vec(1_u32..9, 1..80),
        boot in 0_usize..6,
    ) {
        prop_assert_eq!(score::oracle(&demand, boot), oracle_by_levels(&demand, boot));
    }

    #[test]
    fn the_bounds_hold_in_every_tick(load in loads(), boot in 0_i64..400) {
        for spec in [as_the_last_load(), target(), goal()] {
            let curve = simulate(&spec, &load, &options(boot));

            let (min, max) = (spec.instances.min, spec.instances.max);
            prop_assert_eq!(curve.supply.len(), load.len());
            prop_assert!(curve.supply.iter().all(|there| (min..=max).contains(there)));
            prop_assert!(curve.decided.iter().all(|total| (min..=max).contains(total)));
        }
    }

    /// What happens from tick t on is known to the decision of tick t + 1, and shows in the supply of that tick where fewer
    /// are wanted, and a boot later where more are.
    #[test]
    fn nothing_reads_ahead(load in loads(), other in loads(), boot in 0_i64..400, part in 0.0..1.0) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
        #[expect(clippy::cast_precision_loss, reason = "a hundred is exact")]
        let t = (part * load.len() as f64) as usize;
        let mut changed = load.clone();
        for (at, value) in other.iter().enumerate().filter(|(at, _)| t.max(1) + at < load.len()) {
            changed[t.max(1) + at] = *value;
        }
        for spec in [as_the_last_load(), target(), goal()] {
            let options = options(boot);
            let (one, two) = (simulate(&spec, &load, &options), simulate(&spec, &changed, &options));

            let known = t.max(1);
            prop_assert_eq!(&one.supply[..=known.min(load.len() - 1)], &two.supply[..=known.min(load.len() - 1)]);
            prop_assert_eq!(&one.decided[..=known.min(load.len() - 1)], &two.decided[..=known.min(load.len() - 1)]);
            let end = (known + options.ticks(options.boot)).min(load.len() - 1);
            for at in known..=end {
                prop_assert!(two.supply[at] <= one.decided[known], "more than were asked for by then");
            }
        }
    }

    #[test]
    fn equal_inputs_give_equal_bytes(load in loads()) {
        for spec in [target(), goal()] {
            let run = || {
                let curve = simulate(&spec, &load, &options(120));
                let score = score(&load, &curve.supply, &options(120));
                format!("{curve:?} {}", serde_json::to_string(&(&curve.summary, &score)).unwrap())
            };
            prop_assert_eq!(run(), run());
        }
    }
}
