//! What is not known for certain: whether the rules still lead to an instance, whether one that is
//! not listed is gone. Each was found by the seeded world.

use controller::instance::Phase;
use controller::ports::CloudErrorKind;

use super::world::{World, demo, seconds, tell};

// I10: seed 6 of the world.
#[test]
fn the_time_to_drain_counts_from_when_the_rules_lead_elsewhere() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.order(|orders| orders.desired = Some(3));
        world.run(&mut controller, seconds(60)).await;
        let all: Vec<_> = world.truth().serving().into_iter().collect();
        world
            .truth()
            .stuck_flows
            .extend(all.iter().map(|id| (*id, 1)));

        world.truth().dataplane_fails = true;
        world.order(|orders| orders.desired = Some(2));
        world.run(&mut controller, seconds(60)).await;
        world.truth().dataplane_fails = false;
        world.run(&mut controller, seconds(20)).await;
        assert_eq!(
            world.truth().all(),
            3,
            "the limit is 30 s, and 20 s have passed"
        );
        world.run(&mut controller, seconds(20)).await;

        assert_eq!(world.truth().all(), 2);
    });
}

// I11: seed 19 of the world.
#[test]
fn the_last_that_could_serve_stays_until_another_does() {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        spec.instances.min = 1;
        spec.instances.boot_timeout = seconds(300);
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(100)).await;
        world.truth().boot = seconds(90);
        let last = *world.truth().serving().iter().next().unwrap();
        world.truth().stuck_flows.insert(last, 1);

        world.truth().unwell.insert(last);
        world.run(&mut controller, seconds(2)).await;
        assert_eq!(world.truth().records[&last].phase, Phase::Draining);
        world.truth().unwell.clear();
        world.run(&mut controller, seconds(70)).await;
        assert!(
            world.truth().serving().contains(&last),
            "the limit of 30 s has passed"
        );
        world.run(&mut controller, seconds(120)).await;

        let truth = world.truth();
        assert!(!truth.serving().contains(&last));
        assert_eq!(truth.serving().len(), 1);
    });
}

// I2: seed 271 of the world.
#[test]
fn one_that_goes_by_choice_serves_on_while_fewer_than_the_minimum_do() {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        spec.instances.max = 4;
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.order(|orders| orders.desired = Some(3));
        world.run(&mut controller, seconds(60)).await;
        let mut others = world.truth().serving();
        let stuck: Vec<_> = others.iter().map(|id| (*id, 1)).collect();
        world.truth().stuck_flows.extend(stuck);
        world.order(|orders| orders.desired = Some(2));
        world.run(&mut controller, seconds(5)).await;
        let chosen = *others.difference(&world.truth().serving()).next().unwrap();
        others.remove(&chosen);

        world.truth().unwell.extend(others);
        for _ in 0..120 {
            world.run(&mut controller, seconds(1)).await;
            let serving = world.truth().serving();
            assert!(serving.contains(&chosen) || serving.len() == 2);
        }

        let truth = world.truth();
        assert!(!truth.records.contains_key(&chosen));
        assert_eq!(truth.serving().len(), 2);
    });
}

// I2: seed 406 of the world.
#[test]
fn where_there_is_no_room_the_broken_go_before_one_that_could_serve() {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        (spec.instances.min, spec.instances.max) = (1, 2);
        world.apply(spec);
        world.truth().cloud("a").capacity = 0;
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(600)).await;
        let older = *world.truth().serving().iter().next().unwrap();
        world.truth().cloud("a").capacity = 3;
        world.order(|orders| orders.desired = Some(2));
        world.run(&mut controller, seconds(600)).await;
        let mut both = world.truth().serving();
        let stuck: Vec<_> = both.iter().map(|id| (*id, 1)).collect();
        world.truth().stuck_flows.extend(stuck);
        world.order(|orders| orders.desired = Some(1));
        world.run(&mut controller, seconds(2)).await;
        assert_eq!(world.truth().records[&older].phase, Phase::Draining);
        assert!(both.remove(&older) && both.len() == 1);

        world.truth().unwell.extend(both);
        for _ in 0..120 {
            world.run(&mut controller, seconds(1)).await;
            assert_eq!(world.truth().serving().len(), 1);
        }

        assert!(!world.truth().serving().contains(&older));
        assert_eq!(world.truth().all(), 1);
    });
}

// I11: seed 8433 of the world.
#[test]
fn the_last_that_could_serve_waits_for_room_that_is_being_made() {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        (spec.instances.min, spec.instances.max) = (1, 2);
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(400)).await;
        let last = *world.truth().serving().iter().next().unwrap();
        world.truth().stuck_flows.insert(last, 1);
        world.truth().boot = seconds(300);
        world.truth().unwell.insert(last);
        world.run(&mut controller, seconds(10)).await;
        world.truth().unwell.clear();

        let refuse = |kind| {
            for cloud in world.truth().clouds.values_mut() {
                cloud.refuses = kind;
            }
        };
        refuse(Some(CloudErrorKind::Unreachable));
        world.run(&mut controller, seconds(120)).await;
        assert_eq!(world.truth().moves_to(Phase::Terminating), 1);
        assert!(world.truth().serving().contains(&last));
        refuse(None);
        world.truth().boot = seconds(5);
        world.run(&mut controller, seconds(120)).await;

        let truth = world.truth();
        assert!(!truth.serving().contains(&last));
        assert_eq!((truth.serving().len(), truth.all()), (1, 1));
    });
}

// I6, I10: seed 1 of the world.
#[test]
fn one_that_was_never_listed_is_not_gone_as_soon_as_its_removal_is_accepted() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.truth().never_healthy = true;
        world.truth().cloud("a").hides = true;
        while world.truth().moves_to(Phase::Terminating) == 0 {
            world.run(&mut controller, seconds(1)).await;
        }

        world.run(&mut controller, seconds(50)).await;
        assert_eq!(world.truth().moves_to(Phase::Gone), 0);
        world.run(&mut controller, seconds(20)).await;

        assert!(world.truth().moves_to(Phase::Gone) > 0);
    });
}

// I1, I6: seeds 371 and 115 of the world.
#[test]
fn one_that_no_listing_has_shown_yet_is_not_gone_because_the_next_one_does_not_either() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.truth().cloud("a").hides = true;
        world.run(&mut controller, seconds(2)).await;
        assert!(world.truth().moves_to(Phase::Booting) > 0);
        world.order(|orders| orders.is_destroyed = true);

        world.run(&mut controller, seconds(110)).await;
        assert!(world.truth().moves_to(Phase::Terminating) > 0);
        assert_eq!(world.truth().moves_to(Phase::Gone), 0);
        world.run(&mut controller, seconds(30)).await;

        assert!(world.truth().moves_to(Phase::Gone) > 0);
    });
}
