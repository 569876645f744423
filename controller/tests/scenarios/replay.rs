//! Whatever happened, deciding the journal again with the same code tells the same, byte for byte (C-18).

use std::collections::BTreeMap;
use std::sync::OnceLock;

use controller::amount::Amount;
use controller::example;
use controller::id::Generation;
use controller::journal::{Entry, Event};
use controller::policy::{Goal, PerDirection, Policy, Proactive, Response};
use controller::replay::{Account, Part, Untold, replay};
use controller::spec::TenantSpec;
use fastrand::Rng;

use super::world::{World, demo, seconds, tell};
use super::worlds::{disturb, heal};

type Told = (Vec<Entry>, BTreeMap<Generation, TenantSpec>);

const LIVES: usize = 2;

/// What a life wrote; each is lived once.
fn told(seed: u64) -> Told {
    static TOLD: [OnceLock<Told>; LIVES] = [const { OnceLock::new() }; LIVES];
    TOLD[usize::try_from(seed).unwrap()]
        .get_or_init(|| live(seed))
        .clone()
}

/// More than an hour of faults, orders and restarts under specs that change.
fn live(seed: u64) -> Told {
    tell(async {
        let mut chance = Rng::with_seed(seed);
        let world = World::new();
        let mut specs = BTreeMap::new();
        let apply = |world: &World, spec: TenantSpec, specs: &mut BTreeMap<_, _>| {
            world.apply(spec.clone());
            let generation = world.truth().wish.as_ref().unwrap().generation;
            specs.insert(generation, spec);
        };
        apply(&world, demo(), &mut specs);
        let mut controller = world.controller(seed).await;
        for round in 0..280 {
            disturb(&world, &mut chance);
            match chance.u8(..40) {
                0 => controller = world.controller(chance.u64(..)).await,
                1 => world.order(|orders| orders.is_paused = !orders.is_paused),
                2 => {
                    let desired = chance.bool().then(|| chance.u32(1..7));
                    world.order(|orders| orders.desired = desired);
                }
                3 => apply(&world, changed(&mut chance), &mut specs),
                _ => {}
            }
            if round == 240 {
                heal(&world);
            }
            world.run(&mut controller, seconds(15)).await;
        }
        (world.truth().journal.clone(), specs)
    })
}

fn changed(chance: &mut Rng) -> TenantSpec {
    let mut spec = demo();
    spec.instances.min = chance.u32(1..4);
    spec.policy.buffer = PerDirection::both(seconds(chance.i64(0..120)));
    spec.policy.stabilization.scale_in = seconds(chance.i64(0..600));
    let (monitor, target) = example::target(&mut spec);
    monitor.window = seconds(chance.i64(1..600));
    let proactive = [Proactive::Off, Proactive::ForecastOnly, Proactive::On];
    target.proactive = proactive[chance.usize(..3)];
    if chance.bool() {
        spec.policy.signals[0].response = Response::Goal(Goal {
            goal: Amount::from_millionths(990_000),
            capacity: None,
            reactive: true,
            proactive: proactive[chance.usize(..3)],
        });
    }
    spec
}

fn again(journal: &[Entry], specs: &BTreeMap<Generation, TenantSpec>) -> Account {
    replay(journal, seconds(1), &|_, generation| specs.get(&generation))
}

fn decisions(journal: &[Entry]) -> u64 {
    let decided = journal
        .iter()
        .filter(|entry| matches!(entry.event, Event::Decided(_)));
    decided.count() as u64
}

#[test]
fn deciding_again_with_the_same_code_tells_the_same_whatever_happened() {
    for seed in 0..LIVES as u64 {
        let (journal, specs) = told(seed);

        let account = again(&journal, &specs);

        let first = account.differences.first();
        assert_eq!(account.different, 0, "seed {seed}: {first:#?}");
        assert_eq!(account.untold, BTreeMap::new(), "seed {seed}");
        assert_eq!(account.same, decisions(&journal), "seed {seed}");
    }
}

#[test]
fn a_journal_survives_being_written_down_and_read_without_a_difference() {
    let (journal, specs) = told(1);
    let text = serde_json::to_string(&journal).unwrap();
    let read: Vec<Entry> = serde_json::from_str(&text).unwrap();

    assert_eq!(again(&read, &specs).different, 0);
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
}

#[test]
fn another_policy_than_the_one_that_decided_shows_in_the_number() {
    let journal = tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.truth().load = 0.9;
        world.run(&mut controller, seconds(120)).await;
        world.truth().journal.clone()
    });
    let mut lower = demo();
    example::target(&mut lower).1.threshold = Amount::from_millionths(200_000);

    let account = replay(&journal, seconds(1), &|_, _| Some(&lower));

    let first = account.differences.first().unwrap();
    assert_eq!(first.parts()[..2], [Part::Desired, Part::Wanted]);
    assert!(first.again.desired > first.recorded.desired);
}

#[test]
fn where_the_journal_s_beginning_was_dropped_its_first_hour_is_only_listened_to() {
    let (journal, specs) = told(0);
    let rest = &journal[journal.len() / 20..];

    let account = again(rest, &specs);

    assert_eq!(account.different, 0, "{:#?}", account.differences.first());
    assert!(account.untold[&Untold::Memory] > 0);
    assert!(account.same > 0);
    let judged = account.same + account.untold[&Untold::Memory];
    assert_eq!(judged, decisions(rest));
}

#[test]
fn what_is_forgotten_is_said_and_not_guessed() {
    let (mut journal, mut specs) = told(1);
    let all = decisions(&journal);
    let nothing = again(&journal, &BTreeMap::new());
    assert_eq!(nothing.untold[&Untold::Spec], all);
    assert_eq!((nothing.same, nothing.different), (0, 0));

    // As an older version wrote it: neither the generation nor the orders.
    let spec = specs.remove(&Generation(1)).unwrap();
    for entry in &mut journal {
        if let Event::Decided(decision) = &mut entry.event {
            decision.generation = Generation(0);
            decision.orders = controller::ports::Orders::default();
        }
    }
    let old = replay(&journal, seconds(1), &|_, _| Some(&spec));
    assert!(old.untold[&Untold::Orders] > 0);
}

#[test]
fn a_policy_without_signals_is_decided_again_too() {
    let only_bounds = |policy: &mut Policy| policy.signals.clear();
    let journal = tell(async {
        let world = World::new();
        let mut spec = demo();
        only_bounds(&mut spec.policy);
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;
        world.truth().journal.clone()
    });
    let mut spec = demo();
    only_bounds(&mut spec.policy);
    assert!(matches!(
        demo().policy.signals[0].response,
        Response::Target(_)
    ));

    let account = replay(&journal, seconds(1), &|_, _| Some(&spec));

    assert_eq!(account.different, 0);
    assert!(account.same > 10);
}
