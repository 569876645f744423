//! The warm pool: booted, healthy, out of rotation, and in service at once when it is needed.

use std::collections::BTreeSet;

use controller::history::History;
use controller::id::InstanceId;
use controller::instance::{Cause, Phase};
use controller::ports::{CloudErrorKind, Orders};
use controller::spec::TenantSpec;
use controller::tick::Controller;
use jiff::SignedDuration;

use super::world::{World, cloud, demo, seconds, tell};

fn with_pool(size: u32) -> TenantSpec {
    let mut spec = demo();
    spec.policy.warm_pool = size;
    spec
}

/// A world in which the tenant has settled.
async fn settled(spec: TenantSpec) -> (World, Controller) {
    let world = World::new();
    world.apply(spec);
    let mut controller = world.controller(1).await;
    world.run(&mut controller, seconds(60)).await;
    (world, controller)
}

fn standing_by(world: &World) -> BTreeSet<InstanceId> {
    let truth = world.truth();
    let records = truth.records.values();
    let pooled = records.filter(|record| record.phase == Phase::Standby);
    pooled.map(|record| record.id).collect()
}

/// How many serve, and how many there are.
fn counts(world: &World) -> (usize, usize) {
    let truth = world.truth();
    (truth.serving().len(), truth.all())
}

fn ordered(world: &World, number: u32) {
    world.order(|orders: &mut Orders| orders.desired = Some(number));
}

/// How many ticks it takes until so many serve.
async fn ticks_until_serving(world: &World, controller: &mut Controller, number: usize) -> u32 {
    let mut ticks = 0;
    while world.truth().serving().len() < number {
        ticks += 1;
        assert!(ticks < 100, "{number} never served");
        world.run(controller, SignedDuration::from_millis(1)).await;
    }
    ticks
}

// S4-15, C-15
#[test]
fn the_pool_is_filled_and_healthy_and_gets_no_connection_and_is_not_measured() {
    tell(async {
        let (world, mut controller) = settled(with_pool(2)).await;

        assert_eq!(world.truth().serving().len(), 2);
        assert_eq!(world.running(), (3, 1), "in the tenant's order of clouds");
        let pool = standing_by(&world);
        assert_eq!(pool.len(), 2);
        assert!(pool.is_disjoint(&world.truth().serving()));
        let status = controller.status().unwrap().clone();
        assert!(status.is_settled, "{status:?}");
        assert_eq!(status.decision.unwrap().current, 2);
        let measured = status.metric.unwrap();
        assert_eq!((measured.fresh, measured.expected), (2, 2));

        world.run(&mut controller, seconds(3_600)).await;
        assert_eq!(standing_by(&world), pool, "it is kept");
        assert_eq!(world.truth().made.len(), 4);
    });
}

// S4-15: against a cold start in the same world.
#[test]
fn growth_is_served_from_the_pool_in_the_tick_that_decides_it() {
    tell(async {
        for (pool, expected) in [(2, 1..=1), (0, 3..=99)] {
            let (world, mut controller) = settled(with_pool(pool)).await;
            let old = standing_by(&world);
            ordered(&world, 4);
            let ticks = ticks_until_serving(&world, &mut controller, 4).await;
            assert!(expected.contains(&ticks), "{ticks} ticks with {pool}");

            world.run(&mut controller, seconds(30)).await;
            assert!(world.truth().serving().is_superset(&old));
            let left = (5 - 4).min(pool as usize);
            assert_eq!(standing_by(&world).len(), left, "filled again");
            assert!(controller.status().unwrap().is_settled);
        }
    });
}

#[test]
fn the_most_preferred_cloud_is_drawn_from_first_and_there_the_oldest() {
    tell(async {
        let mut spec = with_pool(3);
        spec.instances.min = 1;
        let (world, mut controller) = settled(spec).await;
        let pool = standing_by(&world);
        let in_a: Vec<InstanceId> = {
            let truth = world.truth();
            let records = pool.iter().map(|id| &truth.records[id]);
            let in_a = records.filter(|record| record.cloud == cloud("a"));
            in_a.map(|record| record.id).collect()
        };
        assert_eq!((pool.len(), in_a.len()), (3, 2));

        let expected = [in_a[0], in_a[1]];
        for (number, promoted) in (2..).zip(expected) {
            ordered(&world, number);
            controller.tick().await.unwrap();
            assert!(world.truth().serving().contains(&promoted), "{number}");
            assert_eq!(world.truth().serving().len(), number as usize);
        }
    });
}

// S1-12, S4-56, I1
#[test]
fn those_in_service_and_the_pool_together_never_exceed_the_maximum() {
    tell(async {
        let (world, mut controller) = settled(with_pool(4)).await;
        assert_eq!(counts(&world), (2, 5));
        for load in [2.9, 0.2, 1.7, 0.2] {
            world.truth().load = load;
            world.run(&mut controller, seconds(900)).await;
            assert_eq!(world.truth().all(), 5);
            let serving = world.truth().serving().len();
            assert_eq!(standing_by(&world).len(), 5 - serving);
        }
        assert_eq!(world.truth().serving().len(), 2);
        assert_eq!(world.truth().peak, 5);
    });
}

#[test]
fn surge_is_for_replacements_and_not_for_the_pool() {
    tell(async {
        let mut spec = with_pool(4);
        spec.instances.surge = 2;
        let (world, mut controller) = settled(spec).await;
        let victim = *world.truth().serving().first().unwrap();
        world.truth().stuck_flows.insert(victim, 1);
        world.truth().unwell.insert(victim);
        world.run(&mut controller, seconds(20)).await;
        assert_eq!(world.truth().serving().len(), 2);
        assert_eq!(world.truth().peak, 5, "the pool waits for its room");
    });
}

// S4-84
#[test]
fn a_full_cloud_passes_the_pool_to_the_next_and_what_is_lacking_is_told() {
    tell(async {
        let world = World::new();
        world.truth().cloud("a").capacity = 2;
        world.truth().cloud("b").capacity = 1;
        world.apply(with_pool(2));
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;

        assert_eq!(world.running(), (2, 1));
        assert_eq!(standing_by(&world).len(), 1);
        let status = controller.status().unwrap();
        let alarms = status.alarms.join("\n");
        assert!(alarms.contains("1 more of the warm pool"), "{alarms}");
        assert!(!status.is_settled);

        // It holds the last place of all clouds, and gives it up to the number.
        ordered(&world, 3);
        controller.tick().await.unwrap();
        assert_eq!(world.truth().serving().len(), 3);
    });
}

#[test]
fn the_number_is_served_before_the_pool_where_there_is_room_for_one_only() {
    tell(async {
        let world = World::new();
        world.truth().cloud("a").capacity = 1;
        world.truth().cloud("b").refuses = Some(CloudErrorKind::NoCapacity);
        let mut spec = with_pool(1);
        spec.instances.min = 1;
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;
        assert_eq!(counts(&world), (1, 1));
    });
}

#[test]
fn one_that_stands_by_and_dies_or_answers_no_more_is_replaced_and_nobody_else_notices() {
    tell(async {
        for dies in [true, false] {
            let (world, mut controller) = settled(with_pool(2)).await;
            let serving = world.truth().serving();
            let victim = *standing_by(&world).first().unwrap();
            if dies {
                world.truth().kill(victim);
            } else {
                world.truth().unwell.insert(victim);
            }
            controller.tick().await.unwrap();
            let decision = controller.status().unwrap().decision.clone().unwrap();
            assert_eq!((decision.desired, decision.hold), (2, None));
            assert_eq!(world.truth().records[&victim].phase, Phase::Terminating);

            world.run(&mut controller, seconds(30)).await;
            let pool = standing_by(&world);
            assert_eq!(pool.len(), 2);
            assert!(!pool.contains(&victim));
            assert_eq!(world.truth().serving(), serving);
            assert_eq!(world.truth().all(), 4);
        }
    });
}

#[test]
fn one_that_dies_in_service_is_replaced_from_the_pool_in_the_tick_that_hears_of_it() {
    tell(async {
        let (world, mut controller) = settled(with_pool(1)).await;
        let successor = *standing_by(&world).first().unwrap();
        let victim = *world.truth().serving().last().unwrap();
        let place = world.truth().records[&victim].address;
        world.truth().kill(victim);
        controller.tick().await.unwrap();
        assert_eq!(world.truth().serving().len(), 2);
        assert!(world.truth().serving().contains(&successor));

        world.run(&mut controller, seconds(30)).await;
        let pool = standing_by(&world);
        assert_eq!(pool.len(), 1);
        let new = *pool.first().unwrap();
        assert_eq!(world.truth().records[&new].address, place, "in its place");
    });
}

// I5: when nobody answers, the fault is probably elsewhere.
#[test]
fn when_all_are_unwell_the_pool_is_not_thrown_away() {
    tell(async {
        let (world, mut controller) = settled(with_pool(2)).await;
        world.truth().never_healthy = true;
        for _ in 0..20 {
            world.run(&mut controller, seconds(1)).await;
            assert!(world.truth().all() >= 3, "one at a time");
        }
        world.truth().never_healthy = false;
        world.run(&mut controller, seconds(600)).await;
        assert_eq!(world.truth().serving().len(), 2);
        assert_eq!(standing_by(&world).len(), 2);
    });
}

#[test]
fn a_smaller_pool_or_maximum_lets_those_go_who_stand_by_and_nobody_who_serves() {
    tell(async {
        let (world, mut controller) = settled(with_pool(3)).await;
        let serving = world.truth().serving();
        let in_a = |id: &InstanceId| world.truth().records[id].cloud == cloud("a");
        let preferred = standing_by(&world).into_iter().find(in_a).unwrap();

        world.apply(with_pool(1));
        world.run(&mut controller, seconds(20)).await;
        assert_eq!(standing_by(&world), [preferred].into());
        assert_eq!(world.truth().all(), 3);

        let mut spec = with_pool(1);
        spec.instances.max = 2;
        world.apply(spec);
        world.run(&mut controller, seconds(20)).await;
        assert_eq!(world.truth().all(), 2);
        assert_eq!(world.truth().serving(), serving);
        assert!(controller.status().unwrap().is_settled);
    });
}

#[test]
fn destroying_a_tenant_removes_its_pool_too() {
    tell(async {
        let (world, mut controller) = settled(with_pool(2)).await;
        world.order(|orders| orders.is_destroyed = true);
        let exists = world.run(&mut controller, seconds(30)).await;
        let truth = world.truth();
        assert!(!exists);
        assert_eq!(truth.all(), 0);
        let causes: Vec<Cause> = truth
            .moves()
            .filter(|step| step.to == Phase::Gone)
            .map(|step| step.drain.as_ref().unwrap().cause)
            .collect();
        assert_eq!(causes, [Cause::Destroyed; 4]);
    });
}

#[test]
fn a_pause_leaves_the_pool_as_it_is() {
    tell(async {
        let (world, mut controller) = settled(with_pool(2)).await;
        world.order(|orders| orders.is_paused = true);
        let victim = *standing_by(&world).first().unwrap();
        world.truth().kill(victim);
        world.truth().load = 2.9;
        world.run(&mut controller, seconds(300)).await;
        assert_eq!(world.truth().made.len(), 4);
        assert_eq!(standing_by(&world).len(), 2);
    });
}

// I7, I8: at every step between the order and the service.
#[test]
fn a_crash_while_the_pool_is_drawn_from_and_filled_doubles_and_leaks_nothing() {
    tell(async {
        for ticks_before in 0..8 {
            let (world, mut controller) = settled(with_pool(2)).await;
            ordered(&world, 4);
            if ticks_before % 2 == 1 {
                world.truth().dataplane_fails = true;
            }
            for _ in 0..ticks_before {
                controller.tick().await.unwrap();
                world.pass(SignedDuration::from_millis(300));
            }
            drop(controller);
            world.truth().dataplane_fails = false;

            let mut next = world.controller(7).await;
            world.run(&mut next, seconds(60)).await;
            let truth = world.truth();
            assert_eq!((truth.serving().len(), truth.all()), (4, 5));
            assert!(truth.made.values().all(|made| *made == 1));
            assert!(truth.peak <= 5);
        }
    });
}

#[test]
fn the_learned_boot_ends_where_an_instance_begins_to_stand_by() {
    tell(async {
        let (world, mut controller) = settled(with_pool(3)).await;
        world.run(&mut controller, seconds(1_000)).await;
        ordered(&world, 5);
        world.run(&mut controller, seconds(10)).await;
        assert_eq!(world.truth().serving().len(), 5);

        let truth = world.truth();
        let policy = &truth.wish.as_ref().unwrap().spec.policy;
        let learned = History::rebuild(&truth.journal, policy, seconds(1)).time_to_service();
        assert!(learned < seconds(10), "{learned:#}");
    });
}

// S4-99
#[test]
fn the_pool_leaves_a_cloud_that_is_no_longer_wanted_and_helps_those_in_service_to_move() {
    tell(async {
        let (world, mut controller) = settled(with_pool(2)).await;
        let mut spec = with_pool(2);
        spec.clouds.remove(0);
        world.apply(spec);
        for _ in 0..300 {
            world.run(&mut controller, seconds(1)).await;
            assert!(world.truth().serving().len() >= 2);
            assert!(world.truth().all() <= 5);
        }
        assert_eq!(world.running(), (0, 4));
        assert_eq!(standing_by(&world).len(), 2);
        assert!(controller.status().unwrap().is_settled);
    });
}
