//! A crash at any instant neither doubles nor leaks an instance, and a store that fails lets nothing happen.

use controller::instance::Phase;
use controller::ports::CloudState;

use super::world::{Disk, World, demo, seconds, tell};

// I8: after the intent is durable and the instance made, before the answer was written down.
#[test]
fn an_instance_whose_launch_was_not_written_down_is_adopted() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        controller.tick().await.unwrap();
        controller.answered().await;
        assert!(world.truth().all() > 0);
        drop(controller);

        let mut restarted = world.controller(2).await;
        world.run(&mut restarted, seconds(60)).await;

        assert_eq!(world.truth().all(), 2);
        assert!(world.truth().made.values().all(|made| *made == 1));
        assert_eq!(world.truth().serving().len(), 2);
    });
}

// I8: after the intent is durable, before the cloud was asked.
#[test]
fn an_intent_that_no_cloud_has_heard_of_is_asked_for_again_under_its_own_id() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        controller.tick().await.unwrap();
        drop(controller);
        assert_eq!(world.truth().all(), 0);
        let wished: Vec<_> = world.truth().records.keys().copied().collect();

        let mut restarted = world.controller(2).await;
        world.run(&mut restarted, seconds(60)).await;

        let made: Vec<_> = world.truth().made.keys().copied().collect();
        assert_eq!(made, wished);
    });
}

// I20: a crash in mid-launch is no reason to leave a cloud alone.
#[test]
fn an_instance_that_was_half_made_in_a_crash_does_not_count_as_never_healthy() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        controller.tick().await.unwrap();
        drop(controller);
        let half_made: Vec<_> = world.truth().records.keys().copied().collect();
        for id in &half_made {
            world.truth().put("a", *id, CloudState::Stopped);
        }

        let mut restarted = world.controller(2).await;
        world.run(&mut restarted, seconds(60)).await;

        let truth = world.truth();
        assert_eq!(truth.serving().into_iter().collect::<Vec<_>>(), half_made);
        assert_eq!(truth.moves_to(Phase::Terminating), 0);
    });
}

#[test]
fn a_restart_in_the_middle_of_a_drain_finishes_it() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.order(|orders| orders.desired = Some(4));
        world.run(&mut controller, seconds(30)).await;
        let newest = *world.truth().cloud("b").instances.keys().next().unwrap();
        world.truth().stuck_flows.insert(newest, 2);
        world.order(|orders| orders.desired = Some(3));
        world.run(&mut controller, seconds(5)).await;
        assert_eq!(world.truth().records[&newest].phase, Phase::Draining);
        drop(controller);

        let mut restarted = world.controller(2).await;
        world.run(&mut restarted, seconds(40)).await;

        let truth = world.truth();
        assert_eq!(truth.all(), 3);
        let gone = truth.moves().find(|step| step.to == Phase::Gone).unwrap();
        assert_eq!(
            gone.drain.as_ref().unwrap().flows_at_start,
            Some(2),
            "the certificate survives"
        );
    });
}

// I22
#[test]
fn with_a_full_disk_nothing_is_launched_or_removed_and_afterwards_it_goes_on() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;

        world.truth().disk = Disk::Full;
        world.truth().load = 2.9;
        world.run(&mut controller, seconds(200)).await;
        assert_eq!(world.truth().all(), 2);
        world.truth().disk = Disk::Sound;
        world.run(&mut controller, seconds(200)).await;

        assert_eq!(world.truth().all(), 5);
    });
}

// I22: what is in no record is removed by choice too.
#[test]
fn with_a_full_disk_a_stray_stays_and_afterwards_it_goes() {
    tell(async {
        let (world, mut controller) = World::with_a_stray().await;

        // A disk on which ticks write what they measured, and at last not even that.
        world.run(&mut controller, seconds(50)).await;
        world.truth().disk = Disk::Full;
        world.run(&mut controller, seconds(60)).await;
        assert_eq!(world.truth().all(), 3);
        world.truth().disk = Disk::Sound;
        world.run(&mut controller, seconds(10)).await;

        assert_eq!(world.truth().all(), 2);
    });
}

// I1, I22
#[test]
fn what_was_written_without_an_answer_is_known_afterwards() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;

        world.truth().disk = Disk::Unheard;
        world.run(&mut controller, seconds(5)).await;
        let written = world.truth().records.len();
        assert_eq!((written, world.truth().all()), (2, 0));
        world.truth().disk = Disk::Sound;
        world.run(&mut controller, seconds(60)).await;

        let truth = world.truth();
        assert_eq!((truth.records.len(), truth.all()), (2, 2));
    });
}

// I10
#[test]
fn nobody_is_removed_while_the_network_cannot_be_changed() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.order(|orders| orders.desired = Some(4));
        world.run(&mut controller, seconds(60)).await;

        world.truth().dataplane_fails = true;
        world.order(|orders| orders.desired = Some(2));
        world.run(&mut controller, seconds(120)).await;
        assert_eq!(world.truth().all(), 4);
        world.truth().dataplane_fails = false;
        world.run(&mut controller, seconds(60)).await;

        assert_eq!(world.truth().all(), 2);
    });
}

// I6
#[test]
fn an_instance_that_serves_and_is_not_listed_is_left_alone() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;

        world.truth().cloud("a").hides = true;
        world.run(&mut controller, seconds(600)).await;
        let alarms = controller.status().unwrap().alarms.join("\n");
        assert!(alarms.contains("its cloud does not show it"), "{alarms}");
        world.truth().cloud("a").hides = false;
        world.run(&mut controller, seconds(10)).await;

        assert_eq!(world.truth().serving().len(), 2);
        assert_eq!(world.truth().made.len(), 2);
    });
}
