//! A target for the response time, in a closed loop with a group of instances that share their time among requests.

use super::*;
use crate::policy::Proactive;

/// So long a request takes alone, and so long it may take.
const ALONE: f64 = 0.1;
const LIMIT: f64 = 0.25;

/// A group of instances with queues: requests that do not fit wait.
struct Group {
    cores: i32,
    waiting: f64,
    /// In service from these ticks on.
    ready: Vec<u32>,
    is_counted: bool,
}

impl Group {
    fn new(running: u32, cores: i32) -> Self {
        Self {
            cores,
            waiting: 0.0,
            ready: vec![0; running as usize],
            is_counted: true,
        }
    }

    fn follow(&mut self, number: u32, ready: u32) {
        self.ready.resize(number as usize, ready);
    }

    fn serving(&self, tick: u32) -> usize {
        self.ready.iter().filter(|since| **since <= tick).count()
    }

    /// How long an answer takes on so many instances, with nothing left over from before.
    fn settled(&self, rate: f64, instances: f64) -> f64 {
        let busy = rate * ALONE / (instances * f64::from(self.cores));
        if busy < 1.0 {
            ALONE / (1.0 - busy.powi(self.cores))
        } else {
            f64::INFINITY
        }
    }

    /// Ten seconds of requests.
    fn serve(&mut self, rate: f64, tick: u32, for_seconds: f64) -> Readings {
        let count = self.serving(tick).max(1);
        #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
        let instances = count as f64;
        let cores = instances * f64::from(self.cores);
        let arrived = rate * for_seconds + self.waiting;
        let answered = arrived.min(cores / ALONE * for_seconds);
        self.waiting = arrived - answered;
        // What has just become too much has not settled yet.
        let settled = if self.waiting > 0.0 { 0.8 } else { 0.97 };
        let busy = (answered / for_seconds * ALONE / cores).min(settled);
        let took = ALONE / (1.0 - busy.powi(self.cores)) + self.waiting * ALONE / cores;
        let mut readings = Readings::new();
        if answered > 0.0 {
            let took = vec![took; count];
            readings.insert(Metric::ResponseTime, reading(&took));
        } else {
            readings.insert(Metric::ResponseTime, Reading::default());
        }
        if self.is_counted {
            let each = vec![answered / for_seconds / instances; count];
            readings.insert(Metric::RequestsPerSecond, reading(&each));
        }
        readings
    }
}

fn scene(running: u32) -> Scene {
    let mut scene = Scene::new(running);
    let (monitor, target) = example::target(&mut scene.spec);
    monitor.metric = Metric::ResponseTime;
    monitor.window = seconds(60);
    target.threshold = Amount::measured(LIMIT).unwrap();
    scene.spec.policy.stabilization.scale_in = seconds(120);
    scene
}

/// Half an hour at each of these rates; the number at each tick.
fn play(scene: &mut Scene, group: &mut Group, rates: &[f64]) -> Vec<Vec<u32>> {
    let mut tick = 0;
    let mut plateaus = Vec::new();
    for rate in rates {
        let mut numbers = Vec::new();
        for _ in 0..180 {
            let readings = group.serve(*rate, tick, 10.0);
            let decision = scene.tick(10, readings);
            // Six ticks to boot.
            group.follow(decision.desired, tick + 6);
            numbers.push(decision.desired);
            tick += 1;
        }
        plateaus.push(numbers);
    }
    plateaus
}

fn turns(numbers: &[u32]) -> usize {
    let moves: Vec<_> = numbers
        .windows(2)
        .filter(|pair| pair[0] != pair[1])
        .map(|pair| pair[0] < pair[1])
        .collect();
    moves.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

const RATES: [f64; 9] = [20.0, 31.0, 64.0, 47.0, 300.0, 110.0, 52.0, 7.0, 90.0];

// S1-06, S1-08: at each settled step one fewer would breach the target and this number does not.
#[test]
fn the_fewest_instances_that_meet_the_target_are_kept() {
    for is_braked in [false, true] {
        let mut scene = scene(2);
        if is_braked {
            scene.spec.policy.max_step = PerDirection::both(None);
            scene.spec.policy.buffer = PerDirection::both(seconds(120));
        }
        let mut group = Group::new(2, 1);
        for (rate, numbers) in RATES.iter().zip(play(&mut scene, &mut group, &RATES)) {
            let number = *numbers.last().unwrap();
            let took = |number| group.settled(*rate, f64::from(number));
            assert!(took(number) <= LIMIT * 1.001, "{rate} on {number}");
            assert!(
                number == 1 || took(number - 1) > LIMIT,
                "{rate} on {number}: one fewer would do"
            );
            assert!(
                numbers[120..].iter().all(|one| *one == number),
                "{rate}: {numbers:?}"
            );
            assert!(turns(&numbers) <= 1, "{rate}: {numbers:?}");
        }
    }
}

// S1-08: an instance with several cores is never slower than the model has it, so no step down breaches the target.
#[test]
fn instances_with_several_cores_keep_the_target_too() {
    for cores in [2, 4] {
        let mut scene = scene(2);
        let mut group = Group::new(2, cores);
        let rates = RATES.map(|rate| rate * f64::from(cores));
        for (rate, numbers) in rates.iter().zip(play(&mut scene, &mut group, &rates)) {
            let number = *numbers.last().unwrap();
            assert!(group.settled(*rate, f64::from(number)) <= LIMIT);
            assert!(turns(&numbers) <= 1, "{rate}: {numbers:?}");
            let fewest = (1..=number)
                .find(|fewer| group.settled(*rate, f64::from(*fewer)) <= LIMIT)
                .unwrap();
            assert!(
                number <= fewest + 1 + fewest / 5,
                "{number} where {fewest} would do at {rate}: {numbers:?}"
            );
        }
    }
}

// S1-09
#[test]
fn a_spike_of_four_seconds_causes_nothing() {
    let mut scene = scene(5);
    let mut group = Group::new(5, 1);
    for second in 0..300 {
        let rate = if (100..104).contains(&second) {
            56.0
        } else {
            28.0
        };
        let readings = group.serve(rate, second, 1.0);
        assert_eq!(scene.tick(1, readings).desired, 5, "second {second}");
    }
}

#[test]
fn the_figures_and_the_formula_are_shown() {
    let mut scene = scene(4);
    let mut group = Group::new(4, 1);
    let mut decision = Decision::default();
    for _ in 0..6 {
        scene.history.in_force = Some(4);
        let readings = group.serve(32.0, 0, 10.0);
        decision = scene.tick(10, readings);
    }
    assert_eq!(
        decision.reason(),
        "response_time 0.5 over 1m at 32 requests a second on 4: alone a request takes 0.1; \
         32 × 0.1 × 0.25 ÷ (0.25 − 0.1) = 6"
    );
}

// S4-75: 20 requests a second, two more every ten seconds, and a minute to boot.
#[test]
fn a_rise_is_foreseen() {
    let last = |proactive| {
        let mut scene = scene(6);
        example::target(&mut scene.spec).1.proactive = proactive;
        let mut group = Group::new(6, 1);
        let mut decision = Decision::default();
        for tick in 0..7 {
            scene.history.in_force = Some(6);
            let readings = group.serve(20.0 + 2.0 * f64::from(tick), 0, 10.0);
            decision = scene.tick(10, readings);
        }
        decision
    };
    assert_eq!(last(Proactive::Off).desired, 5, "27 on average");
    let decision = last(Proactive::On);
    assert_eq!(decision.desired, 8, "44 a second: 44 × 0.1 × 0.25 ÷ 0.15");
    assert_eq!(
        decision.reason(),
        "requests_per_second rises from 32 to 44 in all within 1m, the time to boot: 8 for these"
    );
    let only = last(Proactive::ForecastOnly);
    assert_eq!(only.desired, 5);
    assert_eq!(guards(&only), [Guard::Target, Guard::Trend]);
}

#[test]
fn where_a_request_takes_too_long_alone_more_instances_are_no_help() {
    let mut scene = scene(4);
    let (_, target) = example::target(&mut scene.spec);
    target.threshold = Amount::measured(0.08).unwrap();
    let mut group = Group::new(4, 1);
    for rate in [35.0, 5.0] {
        let readings = group.serve(rate, 0, 10.0);
        let decision = scene.tick(10, readings);
        assert_eq!(decision.desired, 4);
        assert!(
            decision.reason().contains("more instances would not help"),
            "{}",
            decision.reason()
        );
    }
}

#[test]
fn without_a_request_rate_it_grows_and_never_shrinks() {
    let mut scene = scene(4);
    let mut group = Group::new(4, 1);
    group.is_counted = false;
    let mut at = |rate| {
        scene.history.in_force = Some(4);
        scene.history.readings.clear();
        let readings = group.serve(rate, 0, 10.0);
        scene.tick(10, readings).desired
    };
    assert_eq!(at(32.0), 8, "0.5 s is twice the target");
    assert_eq!(at(1.0), 4);
}

// I3: no request is a fact where the requests are counted, and silence where they are not.
#[test]
fn without_requests_the_fewest_are_kept_if_it_is_known_that_there_are_none() {
    let none = |requests: Option<Reading>| {
        let mut scene = scene(4);
        let mut readings: Readings = [(Metric::ResponseTime, Reading::default())].into();
        readings.extend(requests.map(|reading| (Metric::RequestsPerSecond, reading)));
        scene.tick(10, readings).desired
    };
    assert_eq!(none(Some(reading(&[0.0; 4]))), 1);
    let mut few = reading(&[0.0; 2]);
    few.expected = 4;
    assert_eq!(none(Some(few)), 4);
    let mut suspect = reading(&[0.0; 4]);
    suspect.is_suspect = true;
    assert_eq!(none(Some(suspect)), 4);
    assert_eq!(none(Some(silent(4))), 4);
    assert_eq!(none(None), 4);
}

#[test]
fn requests_are_weighed_not_instances() {
    // The meter's reading is a mean over requests already: 0.14 on both together, though one gave 0.1 and one 0.3.
    let mut scene = scene(2);
    let mut took = reading(&[0.1, 0.3]);
    took.sum = Amount::measured(0.28).unwrap();
    let readings = [
        (Metric::ResponseTime, took),
        (Metric::RequestsPerSecond, reading(&[4.0, 1.0])),
    ];
    let decision = scene.tick(10, readings.into());
    // 0.14 ÷ (1 + 5 × 0.14 ÷ 2) = 0.104; 5 × 0.104 × 0.25 ÷ 0.146 = 0.9.
    assert_eq!(decision.desired, 1, "{}", decision.reason());
}
