//! Worlds drawn by chance: whatever happens, the invariants hold, and equal seeds give equal journals.

use std::fmt::Write as _;

use controller::instance::Phase;
use controller::ports::CloudErrorKind;
use fastrand::Rng;

use super::world::{Disk, MeterMood, World, cloud, demo, seconds, tell};

/// An hour of faults, then some of peace, with a warm pool of so many. Returns the journal as text.
fn live(seed: u64, pool: u32) -> String {
    tell(async {
        let mut chance = Rng::with_seed(seed);
        let world = World::new();
        let mut spec = demo();
        spec.policy.warm_pool = pool;
        world.apply(spec);
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
        let pool = pool as usize;
        assert_eq!(truth.all(), 2 + pool, "seed {seed}: nothing leaks (I7)");
        for (index, entry) in (1..).zip(&truth.journal) {
            assert_eq!(
                entry.seq, index,
                "seed {seed}: the journal has no gap (I22)"
            );
        }
        let addresses: std::collections::BTreeSet<_> =
            truth.records.values().map(|i| i.address).collect();
        assert_eq!(addresses.len(), truth.records.len(), "seed {seed}");
        let in_phase = |phase| {
            let records = truth.records.values();
            records.filter(|record| record.phase == phase).count()
        };
        assert_eq!(in_phase(Phase::InService), 2, "seed {seed}");
        assert_eq!(in_phase(Phase::Standby), pool, "seed {seed}");
        assert_eq!(truth.records.len(), 2 + pool, "seed {seed}");
        truth.journal.iter().fold(String::new(), |mut text, entry| {
            writeln!(text, "{}", serde_json::to_string(entry).unwrap()).unwrap();
            text
        })
    })
}

pub(super) fn disturb(world: &World, chance: &mut Rng) {
    let mut truth = world.truth();
    let up = truth.records.values().filter(|record| record.phase.is_up());
    let up: Vec<_> = up.map(|record| record.id).collect();
    match chance.u8(..12) {
        0 => truth.load = chance.f64() * 4.0,
        1 => {
            if let Some(victim) = chance.choice(up) {
                truth.kill(victim);
            }
        }
        2 => {
            if let Some(victim) = chance.choice(up) {
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
        7 => {
            truth.disk = match chance.u8(..4) {
                0 => Disk::Full,
                1 => Disk::Unheard,
                _ => Disk::Sound,
            }
        }
        8 => {
            if let Some(victim) = chance.choice(up) {
                truth.stuck_flows.insert(victim, 1);
            }
        }
        9 => truth.never_healthy = chance.u8(..4) == 0,
        _ => {}
    }
}

pub(super) fn heal(world: &World) {
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
    truth.disk = Disk::Sound;
}

#[test]
fn an_hour_of_faults_breaks_no_invariant_and_the_world_settles_afterwards() {
    for seed in 0..8 {
        live(seed, 0);
    }
}

// S4-15
#[test]
fn nor_does_it_with_a_warm_pool() {
    for seed in 0..4 {
        live(seed, 2);
    }
}

#[test]
fn equal_seeds_give_equal_journals_byte_for_byte() {
    assert!(live(7, 1) == live(7, 1), "the journals of seed 7 differ");
}
