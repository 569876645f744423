//! What people order holds.

use controller::instance::Phase;

use super::world::{World, demo, seconds, tell};

// S1-25, S4-106
#[test]
fn destroy_drains_everything_and_leaves_nothing() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;
        let busy = *world.truth().serving().first().unwrap();
        world.truth().stuck_flows.insert(busy, 1);

        world.order(|orders| orders.is_destroyed = true);
        world.run(&mut controller, seconds(10)).await;
        assert!(
            !world.truth().network.as_ref().unwrap().is_open,
            "the address is withdrawn first"
        );
        assert_eq!(world.truth().all(), 1, "the busy one may finish");
        world.truth().stuck_flows.clear();
        let exists = world.run(&mut controller, seconds(30)).await;

        let truth = world.truth();
        assert!(!exists);
        assert_eq!(truth.all(), 0);
        assert!(truth.network.is_none() && truth.wish.is_none() && truth.records.is_empty());
    });
}

// I26
#[test]
fn a_pause_stops_launches_and_removals_and_survives_a_restart() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;

        world.order(|orders| orders.is_paused = true);
        world.truth().load = 2.9;
        world.run(&mut controller, seconds(200)).await;
        let mut restarted = world.controller(2).await;
        let victim = *world.truth().serving().first().unwrap();
        world.truth().kill(victim);
        world.run(&mut restarted, seconds(200)).await;
        assert_eq!(world.truth().made.len(), 2);

        world.order(|orders| orders.is_paused = false);
        world.run(&mut restarted, seconds(200)).await;
        assert_eq!(world.truth().serving().len(), 5);
    });
}

// S4-19
#[test]
fn a_number_ordered_by_hand_holds_until_it_is_taken_back() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;

        world.order(|orders| orders.desired = Some(4));
        world.run(&mut controller, seconds(10)).await;
        assert_eq!(world.truth().serving().len(), 4);
        world.run(&mut controller, seconds(600)).await;
        assert_eq!(world.truth().serving().len(), 4);

        world.order(|orders| orders.desired = Some(40));
        world.run(&mut controller, seconds(10)).await;
        assert_eq!(world.truth().serving().len(), 5, "within the maximum");
        world.order(|orders| orders.desired = None);
        world.run(&mut controller, seconds(900)).await;
        assert_eq!(world.truth().serving().len(), 2);
    });
}

// S4-99
#[test]
fn a_raised_minimum_acts_at_once_and_touches_nobody_else() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;
        let old = world.truth().serving();

        let mut spec = demo();
        spec.instances.min = 4;
        world.apply(spec);
        world.run(&mut controller, seconds(10)).await;

        let truth = world.truth();
        assert_eq!(truth.serving().len(), 4);
        assert!(truth.serving().is_superset(&old));
        assert_eq!(truth.moves_to(Phase::Draining), 0);
    });
}
