//! The number follows the load, and nothing else.

use std::collections::BTreeSet;

use controller::amount::Amount;
use controller::example;
use controller::instance::{Cause, Phase};
use controller::journal::{Event, Move};
use controller::policy::{Goal, Mode, PerDirection, Proactive, Response};
use controller::schedule::{Closes, Opens, Window};
use controller::spec::TenantSpec;
use controller::tick::Controller;
use jiff::civil::time;

use super::world::{MeterMood, World, demo, seconds, tell};

// S4-76, S4-84, S4-85, S4-111
#[test]
fn load_takes_two_instances_to_five_over_both_clouds_and_its_end_takes_them_back() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;

        world.run(&mut controller, seconds(60)).await;
        assert_eq!(world.running(), (2, 0));
        world.truth().load = 2.9;
        world.run(&mut controller, seconds(300)).await;
        assert_eq!(world.running(), (3, 2), "the preferred cloud first");
        world.truth().load = 0.2;
        world.run(&mut controller, seconds(900)).await;

        assert_eq!(world.running(), (2, 0), "the preferred cloud last");
        assert_eq!(world.truth().peak, 5);
        let mut left = world
            .truth()
            .moves()
            .filter(|step| step.to == Phase::Draining)
            .cloned()
            .collect::<Vec<_>>();
        left.sort_by_key(|step| step.instance);
        assert_eq!(left.len(), 3);
    });
}

// S1-09
#[test]
fn a_spike_of_four_seconds_changes_nothing() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;

        world.truth().load = 2.0;
        world.run(&mut controller, seconds(4)).await;
        world.truth().load = 0.2;
        world.run(&mut controller, seconds(120)).await;

        assert_eq!(world.truth().moves_to(Phase::Intent), 2);
        assert_eq!(world.truth().all(), 2);
    });
}

// S4-86
#[test]
fn two_minutes_pass_between_one_scale_out_and_the_next() {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        spec.policy.max_step.scale_out = Some(1);
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;

        world.truth().load = 2.9;
        world.run(&mut controller, seconds(400)).await;

        let raised: Vec<_> = world
            .truth()
            .journal
            .iter()
            .filter(|entry| matches!(&entry.event, Event::Decided(d) if d.before >= 2 && d.desired > d.before))
            .map(|entry| entry.steady)
            .collect();
        assert_eq!(raised.len(), 3);
        for pair in raised.windows(2) {
            let apart = pair[1].duration_since(pair[0]);
            assert!(apart >= seconds(120) && apart <= seconds(123), "{apart:#}");
        }
    });
}

// I3, C-20
#[test]
fn a_meter_that_is_silent_broken_or_stuck_at_zero_removes_nobody() {
    for mood in [MeterMood::Silent, MeterMood::Broken] {
        let (before, after) = grown_then(mood, 900);
        assert_eq!((before, after), (5, 5));
    }
}

// I3: from well above to exactly zero is what a broken meter shows too; after one stale time it is believed.
#[test]
fn a_fall_to_exactly_zero_is_not_believed_at_once() {
    let (_, after) = grown_then(MeterMood::ReadsZero, 4);
    assert_eq!(after, 5);
    let (_, later) = grown_then(MeterMood::ReadsZero, 900);
    assert_eq!(later, 2);
}

fn grown_then(mood: MeterMood, after: i64) -> (usize, usize) {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        spec.policy.stabilization.scale_in = seconds(0);
        spec.policy.buffer = PerDirection::both(seconds(1));
        example::target(&mut spec).0.window = seconds(2);
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.truth().load = 2.9;
        world.run(&mut controller, seconds(400)).await;
        let before = world.truth().all();
        world.truth().meter = mood;
        world.run(&mut controller, seconds(after)).await;
        let after = world.truth().all();
        (before, after)
    })
}

// S4-75
#[test]
fn proactive_acts_before_the_breach_and_reactive_after_it() {
    let reactive = first_growth(true, false);
    let proactive = first_growth(false, true);
    let both = first_growth(true, true);

    let breach = 60 + 100;
    assert!(proactive < breach, "{proactive}");
    assert!(reactive > breach, "{reactive}");
    assert_eq!(both, proactive);
    assert_eq!(first_growth(false, false), i64::MAX);
}

/// After how many seconds a load that rises from 0.2 and reaches the threshold of two instances (1.2) 100 s after its begin at
/// second 60 brings the third instance.
fn first_growth(reactive: bool, proactive: bool) -> i64 {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        let (_, target) = example::target(&mut spec);
        target.reactive = reactive;
        target.proactive = if proactive {
            Proactive::On
        } else {
            Proactive::Off
        };
        world.apply(spec);
        world.truth().boot = seconds(20);
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;
        for second in 1..300_i32 {
            world.truth().load = 0.2 + f64::from(second) * 0.01;
            world.run(&mut controller, seconds(1)).await;
            if world.truth().moves_to(Phase::Intent) > 2 {
                return i64::from(second) + 60;
            }
        }
        i64::MAX
    })
}

// S4-60
#[test]
fn a_scale_in_follows_the_peak_of_the_stabilization_time() {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        spec.policy.buffer = PerDirection::both(seconds(1));
        spec.policy.stabilization.scale_in = seconds(300);
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.truth().load = 2.9;
        world.run(&mut controller, seconds(200)).await;
        assert_eq!(world.truth().all(), 5);

        world.truth().load = 0.2;
        world.run(&mut controller, seconds(290)).await;
        assert_eq!(world.truth().all(), 5);
        world.run(&mut controller, seconds(120)).await;
        assert_eq!(world.truth().all(), 2);
    });
}

fn scheduled(dynamic: bool) -> TenantSpec {
    let mut spec = demo();
    if !dynamic {
        spec.policy.signals.clear();
    }
    spec.policy.windows = vec![Window {
        opens: Opens::Weekly {
            at: time(12, 10, 0, 0),
            days: [true; 7],
        },
        closes: Closes::After(seconds(600)),
        instances: 4,
        zone: "UTC".to_owned(),
    }];
    spec
}

// S4-71, S4-82
#[test]
fn an_open_window_raises_the_minimum_and_gives_it_back() {
    for dynamic in [false, true] {
        tell(async {
            let world = World::new();
            world.apply(scheduled(dynamic));
            let mut controller = world.controller(1).await;
            world.run(&mut controller, seconds(590)).await;
            assert_eq!(world.truth().all(), 2);

            world.run(&mut controller, seconds(60)).await;
            assert_eq!(world.truth().all(), 4, "dynamic: {dynamic}");
            world.truth().load = 2.9;
            world.run(&mut controller, seconds(300)).await;
            assert_eq!(
                world.truth().all(),
                if dynamic { 5 } else { 4 },
                "a dynamic policy may exceed it"
            );
            world.truth().load = 0.2;
            world.run(&mut controller, seconds(900)).await;
            assert_eq!(world.truth().all(), 2);
        });
    }
}

// S4-63
#[test]
fn instances_that_look_idle_because_they_are_unwell_are_no_reason_to_shrink() {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        spec.policy.stabilization.scale_in = seconds(0);
        spec.policy.buffer = PerDirection::both(seconds(1));
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.truth().load = 2.9;
        world.run(&mut controller, seconds(300)).await;

        let removed_by_choice = || {
            let is_choice = |step: &&Move| {
                step.drain
                    .as_ref()
                    .is_some_and(|d| d.cause == Cause::ScaleIn)
            };
            world.truth().moves().filter(is_choice).count()
        };
        let before = removed_by_choice();
        let sick: BTreeSet<_> = world.truth().serving().into_iter().skip(1).collect();
        world.truth().unwell.extend(sick.iter().copied());
        world.truth().load = 0.0;
        let some_left = || world.truth().records.keys().any(|id| sick.contains(id));
        while some_left() {
            world.run(&mut controller, seconds(1)).await;
            assert!(!some_left() || removed_by_choice() == before);
        }
    });
}

#[test]
fn the_metric_is_what_the_window_holds_on_average() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;

        world.truth().load = 1.0;
        world.run(&mut controller, seconds(15)).await;

        // Half of the window at 0.1 each, half at 0.5: 0.3 on average (S4-73).
        let average = controller
            .status()
            .unwrap()
            .metric
            .as_ref()
            .unwrap()
            .average
            .unwrap();
        assert!(average > Amount::from_millionths(260_000), "{average}");
        assert!(average < Amount::from_millionths(340_000), "{average}");
    });
}

// S4-22
#[test]
fn a_goal_follows_the_load_over_a_restart_and_back() {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        spec.policy.signals[0].response = Response::Goal(Goal {
            goal: Amount::from_millionths(990_000),
            capacity: None,
            reactive: true,
            proactive: Proactive::On,
        });
        spec.policy.buffer = PerDirection::both(seconds(0));
        spec.policy.stabilization = PerDirection::both(seconds(0));
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.truth().load = 0.2;
        world.run(&mut controller, seconds(300)).await;
        assert_eq!(world.truth().all(), 2);

        world.truth().load = 2.5;
        world.run(&mut controller, seconds(300)).await;
        let grown = world.truth().all();
        assert!(
            (4..=5).contains(&grown),
            "2.5 busy at 80 % are 3.1: {grown}"
        );

        drop(controller);
        let mut controller = world.controller(2).await;
        world.run(&mut controller, seconds(300)).await;
        let again = world.truth().all();
        assert!((4..=5).contains(&again), "{again} after a restart");

        world.truth().meter = MeterMood::Silent;
        world.truth().load = 0.2;
        world.run(&mut controller, seconds(900)).await;
        assert_eq!(world.truth().all(), again, "silence is no low load");

        world.truth().meter = MeterMood::Works;
        world.run(&mut controller, seconds(1_800)).await;
        assert_eq!(world.truth().all(), 2);
    });
}

#[test]
fn a_policy_that_looks_further_back_than_the_last_one_knows_what_was_measured() {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        spec.policy.mode = Mode::Off;
        example::target(&mut spec).0.window = seconds(10);
        world.apply(spec.clone());
        let mut controller = world.controller(1).await;
        world.truth().load = 0.8;
        world.run(&mut controller, seconds(300)).await;
        world.truth().load = 0.2;
        world.run(&mut controller, seconds(100)).await;
        let average = |controller: &Controller| {
            let status = controller.status().unwrap();
            status.metric.as_ref().unwrap().average.unwrap()
        };
        assert_eq!(average(&controller), Amount::from_millionths(100_000));

        example::target(&mut spec).0.window = seconds(200);
        world.apply(spec);
        world.run(&mut controller, seconds(1)).await;

        let known = average(&controller);
        assert!(known > Amount::from_millionths(200_000), "{known}");
    });
}
