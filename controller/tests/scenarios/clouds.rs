//! The preferred cloud first, the next one where it is full or gone, and back again.

use controller::instance::Phase;
use controller::ports::CloudErrorKind;

use super::world::{World, demo, seconds, tell};

// S4-84
#[test]
fn a_full_cloud_passes_to_the_next_within_the_same_decision() {
    tell(async {
        let world = World::new();
        world.truth().cloud("a").capacity = 1;
        world.apply(demo());
        let mut controller = world.controller(1).await;

        let begin = world.truth().now;
        world.run(&mut controller, seconds(5)).await;

        assert_eq!(world.running(), (1, 1));
        let served = world.truth().moves_to(Phase::InService);
        assert_eq!(served, 2);
        assert!(world.truth().now.since(begin.steady) < seconds(6));
        let why = world.truth().moves().last().unwrap().clone();
        assert_eq!(why.to, Phase::InService);
    });
}

// C-10
#[test]
fn the_preferred_cloud_is_asked_again_once_it_may_have_room() {
    tell(async {
        let world = World::new();
        world.truth().cloud("a").capacity = 1;
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(100)).await;

        world.truth().cloud("a").capacity = 3;
        world.truth().load = 1.7;
        world.run(&mut controller, seconds(200)).await;

        assert_eq!(world.truth().running("a"), 2);
        assert_eq!(world.truth().running("b"), 1);
    });
}

// C-24
#[test]
fn a_cloud_that_does_not_answer_is_passed_over_and_doubles_nothing_when_it_is_back() {
    tell(async {
        let world = World::new();
        world.truth().cloud("a").loses_answers = true;
        world.apply(demo());
        let mut controller = world.controller(1).await;
        controller.tick().await.unwrap();
        controller.answered().await;
        world.truth().cloud("a").refuses = Some(CloudErrorKind::Unreachable);
        world.run(&mut controller, seconds(60)).await;
        assert_eq!(
            world.truth().running("b"),
            2,
            "the tenant has what it needs meanwhile"
        );

        world.truth().cloud("a").refuses = None;
        world.truth().cloud("a").loses_answers = false;
        world.run(&mut controller, seconds(600)).await;

        assert!(
            world.truth().made.values().all(|made| *made == 1),
            "one intent, one instance (I8)"
        );
        assert_eq!(world.truth().all(), 2);
        assert!(world.truth().peak <= 5);
    });
}

#[test]
fn a_cloud_that_denies_us_is_passed_over_with_its_reason_in_the_journal() {
    tell(async {
        let world = World::new();
        world.truth().cloud("a").refuses = Some(CloudErrorKind::Denied);
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(20)).await;

        assert_eq!(world.truth().running("b"), 2);
        let told = world
            .truth()
            .moves()
            .any(|step| step.to == Phase::Intent && step.why.contains("not a: "));
        assert!(told);
    });
}

// S4-99
#[test]
fn an_instance_in_a_cloud_that_the_tenant_no_longer_wants_moves_only_after_its_successor_serves() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(30)).await;
        assert_eq!(world.truth().running("a"), 2);

        let mut spec = demo();
        spec.clouds.remove(0);
        world.apply(spec);
        for _ in 0..200 {
            world.run(&mut controller, seconds(1)).await;
            assert!(world.truth().serving().len() >= 2);
        }

        assert_eq!(world.running(), (0, 2));
    });
}

// I7
#[test]
fn an_instance_of_ours_that_is_in_no_record_is_removed_after_a_while_and_not_at_once() {
    tell(async {
        let (world, mut controller) = World::with_a_stray().await;

        world.run(&mut controller, seconds(50)).await;
        assert_eq!(world.truth().all(), 3);
        world.run(&mut controller, seconds(20)).await;
        assert_eq!(world.truth().all(), 2);
    });
}

// I7
#[test]
fn a_tenant_is_not_gone_as_long_as_a_cloud_shows_a_stray_of_it() {
    tell(async {
        let (world, mut controller) = World::with_a_stray().await;
        world.order(|orders| orders.is_destroyed = true);

        assert!(world.run(&mut controller, seconds(50)).await);
        let is_known = world.run(&mut controller, seconds(120)).await;

        assert!(!is_known);
        assert_eq!(world.truth().all(), 0);
    });
}
