//! What holds a number back that the load asks for.

use super::*;
use crate::policy::{Mode, Rate};
use crate::schedule::{Closes, Opens, Window};

const EVERY: i64 = 10;

impl Scene {
    /// The number asked for at each of these ticks, by a formula on the last value; what is decided.
    fn asked(running: u32) -> Self {
        let signal = Signal {
            monitor: monitor(Metric::Connections, Aggregation::Last, 30),
            response: Response::Formula(Formula {
                per: Amount::ONE,
                rounding: Rounding::Up,
                plus: 0,
            }),
        };
        Self::with(running, signal)
    }

    fn ask(&mut self, numbers: &[u32]) -> Vec<u32> {
        numbers
            .iter()
            .map(|number| self.ask_for(*number).desired)
            .collect()
    }

    fn ask_for(&mut self, number: u32) -> Decision {
        let mut one = Reading {
            expected: 1,
            ..Reading::default()
        };
        one.add(Amount::whole(number));
        self.tick(EVERY, [(Metric::Connections, one)].into())
    }
}

// S4-86, C-06: each direction has its own; a scale-in holds no scale-out, but a scale-out holds a scale-in.
#[test]
fn growing_waits_for_growing_only_and_shrinking_for_both() {
    let mut scene = Scene::asked(4);
    scene.spec.policy.buffer = PerDirection {
        scale_out: seconds(30),
        scale_in: seconds(60),
    };
    assert_eq!(scene.ask(&[3, 5, 6, 6, 6]), [3, 5, 5, 5, 6]);
    assert_eq!(scene.ask(&[5, 5, 5, 5, 5, 5]), [6, 6, 6, 6, 6, 5]);
    assert_eq!(scene.ask(&[4, 4, 4, 4, 4, 4]), [5, 5, 5, 5, 5, 4]);
}

// C-06
#[test]
fn evaluation_goes_on_during_a_buffer_and_says_what_would_be_right() {
    let mut scene = Scene::asked(2);
    scene.spec.policy.buffer = PerDirection::both(seconds(60));
    scene.ask(&[3]);
    let decision = scene.ask_for(7);
    assert_eq!((decision.wanted, decision.desired), (7, 3));
    assert_eq!(
        decision.reason(),
        "7 would be right, but the last action was less than 1m ago: 50s to wait"
    );
}

// S4-60: settable for each direction, and zero is allowed.
#[test]
fn shrinking_follows_the_peak_and_growing_the_low_of_the_stabilization() {
    let mut scene = Scene::asked(5);
    scene.spec.policy.stabilization = PerDirection {
        scale_out: seconds(20),
        scale_in: seconds(30),
    };
    assert_eq!(scene.ask(&[5, 3, 2, 4, 2]), [5, 5, 5, 4, 4]);
    assert_eq!(scene.ask(&[9, 7, 8, 8]), [4, 7, 7, 8]);
    scene.spec.policy.stabilization = PerDirection::both(SignedDuration::ZERO);
    assert_eq!(scene.ask(&[1, 9, 1]), [1, 9, 1]);
}

#[test]
fn a_rate_holds_within_any_of_its_times() {
    let mut scene = Scene::asked(2);
    scene.spec.policy.max_rate = PerDirection {
        scale_out: Some(Rate {
            instances: 3,
            per: seconds(30),
        }),
        scale_in: Some(Rate {
            instances: 1,
            per: seconds(20),
        }),
    };
    assert_eq!(scene.ask(&[4, 9, 9, 9, 9, 9]), [4, 5, 5, 7, 8, 8]);
    assert_eq!(scene.ask(&[2, 2, 2, 2]), [7, 7, 6, 6]);
    let decision = scene.ask_for(20);
    assert_eq!(decision.desired, 9, "what was removed does not count");
    assert_eq!(
        decision.reason(),
        "20 would be right, but at most 3 may be added within 30s, and 0 were: 9 for now"
    );
}

// S4-64
#[test]
fn a_mode_excludes_directions() {
    let numbers = |mode| {
        let mut scene = Scene::asked(4);
        scene.spec.policy.mode = mode;
        scene.ask(&[6, 2, 5])
    };
    assert_eq!(numbers(Mode::Auto), [6, 2, 5]);
    assert_eq!(numbers(Mode::OnlyScaleOut), [6, 6, 6]);
    assert_eq!(numbers(Mode::Off), [4, 4, 4]);
    let mut scene = Scene::asked(4);
    scene.spec.policy.mode = Mode::Off;
    assert_eq!(guards(&scene.ask_for(9)), [Guard::Steps, Guard::Mode]);
    assert_eq!(guards(&scene.ask_for(4)), [Guard::Steps]);
}

#[test]
fn every_guard_speaks_in_its_order() {
    let mut scene = Scene::asked(20);
    scene.ask(&[12]);
    scene.history.in_force = Some(20);
    let policy = &mut scene.spec.policy;
    policy.stabilization.scale_in = seconds(60);
    policy.max_step.scale_in = Some(6);
    policy.max_rate.scale_in = Some(Rate {
        instances: 12,
        per: seconds(60),
    });
    policy.buffer.scale_in = seconds(60);
    let decision = scene.ask_for(9);
    assert_eq!(
        guards(&decision),
        [
            Guard::Steps,
            Guard::Stabilization,
            Guard::Rate,
            Guard::Rate,
            Guard::Buffer
        ]
    );
    let numbers: Vec<u32> = decision.steps.iter().map(|step| step.number).collect();
    assert_eq!(numbers, [9, 12, 14, 16, 20]);
}

/// A minimum of so many from 12:01 to 12:03.
fn window(instances: u32) -> Window {
    Window {
        opens: Opens::Weekly {
            at: jiff::civil::time(12, 1, 0, 0),
            days: [true; 7],
        },
        closes: Closes::After(seconds(120)),
        instances,
        zone: "UTC".to_owned(),
    }
}

// S4-81, S4-82, C-21: the minimum is there in the very tick, begins no buffer, and leaves nothing behind.
#[test]
fn a_window_opens_and_closes_at_its_minute_whatever_the_brakes() {
    let mut scene = Scene::asked(2);
    scene.spec.policy.windows = vec![window(6)];
    let policy = &mut scene.spec.policy;
    policy.buffer = PerDirection::both(seconds(600));
    policy.stabilization.scale_in = seconds(600);
    policy.max_rate = PerDirection::both(Some(Rate {
        instances: 4,
        per: seconds(600),
    }));
    assert_eq!(scene.ask(&[2; 5]), [2; 5]);
    assert_eq!(scene.ask(&[2; 12]), [6; 12]);
    assert_eq!(scene.ask(&[2]), [2]);
}

#[test]
fn a_load_over_a_windows_minimum_is_followed_in_the_same_tick() {
    let mut scene = Scene::asked(2);
    scene.spec.policy.windows = vec![window(6)];
    scene.spec.policy.buffer = PerDirection::both(seconds(600));
    scene.ask(&[2; 5]);
    let decision = scene.ask_for(9);
    assert_eq!(decision.desired, 9);
    assert_eq!(decision.by_choice(), 3);
    assert_eq!(
        guards(&decision),
        [Guard::Bounds, Guard::Bounds, Guard::Steps]
    );
}

// S4-70, S4-71
#[test]
fn a_static_policy_follows_its_windows_within_its_mode() {
    let numbers = |mode| {
        let mut scene = Scene::new(2);
        scene.spec.policy.signals.clear();
        scene.spec.policy.windows = vec![window(6)];
        scene.spec.policy.mode = mode;
        let mut numbers: Vec<u32> = (0..20)
            .map(|_| scene.tick(EVERY, Readings::new()).desired)
            .collect();
        numbers.dedup();
        numbers
    };
    assert_eq!(numbers(Mode::Auto), [1, 6, 1]);
    assert_eq!(numbers(Mode::OnlyScaleOut), [2, 6]);
    assert_eq!(numbers(Mode::Off), [2, 6], "bounds hold in every mode");
}

#[test]
fn bounds_that_were_moved_hold_at_once() {
    let mut scene = Scene::asked(9);
    scene.spec.policy.buffer = PerDirection::both(seconds(600));
    scene.ask(&[8]);
    scene.spec.instances.max = 4;
    assert_eq!(scene.ask(&[8]), [4]);
    (scene.spec.instances.min, scene.spec.instances.max) = (6, 10);
    assert_eq!(scene.ask(&[1]), [6]);
}

#[test]
fn what_lies_outside_the_bounds_is_said() {
    let mut scene = Scene::asked(3);
    (scene.spec.instances.min, scene.spec.instances.max) = (2, 5);
    let decision = scene.ask_for(9);
    assert_eq!(decision.desired, 5);
    assert_eq!(decision.reason(), "9 asked for, at most 5 allowed");
    assert_eq!(decision.wanted, 5);
}

#[test]
fn a_number_that_goes_back_and_forth_turns_six_times_an_hour_at_most() {
    let mut scene = Scene::asked(4);
    let mut numbers = vec![4];
    for tick in 0..720_u32 {
        numbers.extend(scene.ask(&[4 + (tick / 6) % 2]));
    }
    let ways: Vec<(usize, bool)> = (1..numbers.len())
        .filter(|i| numbers[*i] != numbers[i - 1])
        .map(|i| (i, numbers[i] > numbers[i - 1]))
        .collect();
    let turns: Vec<usize> = ways
        .windows(2)
        .filter(|pair| pair[0].1 != pair[1].1)
        .map(|pair| pair[1].0)
        .collect();
    let hour = 360;
    let most = turns
        .iter()
        .map(|from| {
            turns
                .iter()
                .filter(|at| (*from..from + hour).contains(at))
                .count()
        })
        .max()
        .unwrap();

    assert!((4..=6).contains(&most), "{most} turns in an hour");
    assert!(numbers.iter().all(|number| (4..=5).contains(number)));
}
