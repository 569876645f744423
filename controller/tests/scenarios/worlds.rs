//! Worlds drawn by chance: whatever happens, the invariants hold, and equal seeds give equal journals.

use std::fmt::Write as _;

use controller::instance::Phase;
use controller::ports::CloudErrorKind;
use fastrand::Rng;

use super::world::{MeterMood, World, cloud, demo, seconds, tell};

/// An hour of faults, then ten minutes of peace. Returns the journal as text.
fn live(seed: u64) -> String {
    tell(async {
        let mut chance = Rng::with_seed(seed);
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(seed).await;
        for _ in 0..240 {
            disturb(&world, &mut chance);
            if chance.u8(..) < 8 {
                controller = world.controller(chance.u64(..)).await;
            }
            world.run(&mut controller, seconds(15)).await;
            let truth = world.truth();
            assert!(truth.peak <= 5, "seed {seed}: {} at once (I1)", truth.peak);
            assert!(
                truth.made.values().all(|made| *made == 1),
                "seed {seed}: an intent made two (I8)"
            );
        }
        heal(&world);
        world.run(&mut controller, seconds(2_400)).await;

        let truth = world.truth();
        assert_eq!(truth.serving().len(), 2, "seed {seed}: it settles (L1)");
        assert_eq!(truth.all(), 2, "seed {seed}: nothing leaks (I7)");
        for (index, entry) in (1..).zip(&truth.journal) {
            assert_eq!(
                entry.seq, index,
                "seed {seed}: the journal has no gap (I22)"
            );
        }
        let addresses: std::collections::BTreeSet<_> =
            truth.records.values().map(|i| i.address).collect();
        assert_eq!(addresses.len(), truth.records.len(), "seed {seed}");
        assert!(
            truth
                .records
                .values()
                .all(|instance| instance.phase == Phase::InService),
            "seed {seed}"
        );
        truth.journal.iter().fold(String::new(), |mut text, entry| {
            writeln!(text, "{}", serde_json::to_string(entry).unwrap()).unwrap();
            text
        })
    })
}

fn disturb(world: &World, chance: &mut Rng) {
    let serving: Vec<_> = world.truth().serving().into_iter().collect();
    let mut truth = world.truth();
    match chance.u8(..12) {
        0 => truth.load = chance.f64() * 4.0,
        1 => {
            if let Some(victim) = chance.choice(serving) {
                truth.kill(victim);
            }
        }
        2 => {
            if let Some(victim) = chance.choice(serving) {
                truth.unwell.insert(victim);
            }
        }
        3 => {
            let kinds = [
                None,
                None,
                Some(CloudErrorKind::Unreachable),
                Some(CloudErrorKind::NoCapacity),
                Some(CloudErrorKind::Throttled),
                Some(CloudErrorKind::Denied),
            ];
            let name = cloud(if chance.bool() { "a" } else { "b" });
            truth.clouds.get_mut(&name).unwrap().refuses = kinds[chance.usize(..kinds.len())];
        }
        4 => {
            let name = cloud(if chance.bool() { "a" } else { "b" });
            let loses = chance.bool();
            truth.clouds.get_mut(&name).unwrap().loses_answers = loses;
        }
        5 => {
            let moods = [
                MeterMood::Works,
                MeterMood::Silent,
                MeterMood::ReadsZero,
                MeterMood::Broken,
            ];
            truth.meter = moods[chance.usize(..moods.len())];
        }
        6 => truth.dataplane_fails = chance.bool(),
        7 => truth.disk_full = chance.u8(..4) == 0,
        8 => {
            if let Some(victim) = chance.choice(serving) {
                truth.stuck_flows.insert(victim, 1);
            }
        }
        9 => truth.never_healthy = chance.u8(..4) == 0,
        _ => {}
    }
}

fn heal(world: &World) {
    let mut truth = world.truth();
    for cloud in truth.clouds.values_mut() {
        cloud.refuses = None;
        cloud.loses_answers = false;
    }
    truth.load = 0.2;
    truth.meter = MeterMood::Works;
    truth.unwell.clear();
    truth.stuck_flows.clear();
    truth.never_healthy = false;
    truth.dataplane_fails = false;
    truth.disk_full = false;
}

#[test]
fn an_hour_of_faults_breaks_no_invariant_and_the_world_settles_afterwards() {
    for seed in 0..8 {
        live(seed);
    }
}

#[test]
fn equal_seeds_give_equal_journals_byte_for_byte() {
    assert!(live(7) == live(7), "the journals of seed 7 differ");
}
