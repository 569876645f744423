//! What is broken is replaced, in its place, without ever exceeding what is allowed.

use controller::instance::{Cause, Phase};

use super::world::{World, demo, seconds, tell};

// S1-10, S2-04, S4-17
#[test]
fn a_killed_instance_is_replaced_in_its_slot_by_another_one() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;
        let victim = *world.truth().serving().first().unwrap();
        let old = world.truth().records[&victim].clone();

        world.truth().kill(victim);
        world.run(&mut controller, seconds(10)).await;

        let truth = world.truth();
        assert_eq!(truth.serving().len(), 2);
        let new = truth
            .records
            .values()
            .find(|instance| instance.slot == old.slot)
            .unwrap();
        assert_ne!(new.id, old.id);
        assert_eq!(new.address, old.address);
        assert!(
            truth.forgotten.contains(&old.address),
            "its flows are forgotten before the address is used again"
        );
    });
}

// S1-12, I1
#[test]
fn a_replacement_at_the_maximum_waits_until_the_dead_one_is_gone() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.truth().load = 2.9;
        world.run(&mut controller, seconds(300)).await;
        assert_eq!(world.truth().all(), 5);

        let victim = *world.truth().serving().last().unwrap();
        world.truth().kill(victim);
        world.run(&mut controller, seconds(20)).await;

        assert_eq!(world.truth().serving().len(), 5);
        assert_eq!(world.truth().peak, 5);
    });
}

// S4-87, I10
#[test]
fn an_unwell_instance_keeps_its_connections_until_they_end_or_the_limit_has_passed() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;
        let victim = *world.truth().serving().first().unwrap();
        world.truth().stuck_flows.insert(victim, 3);

        world.truth().unwell.insert(victim);
        world.run(&mut controller, seconds(28)).await;
        assert_eq!(world.truth().records[&victim].phase, Phase::Draining);
        world.run(&mut controller, seconds(10)).await;

        let truth = world.truth();
        let gone = truth
            .moves()
            .find(|step| step.instance == victim && step.to == Phase::Gone)
            .unwrap();
        let drain = gone.drain.clone().unwrap();
        assert_eq!(
            (drain.flows_at_start, drain.flows_at_end),
            (Some(3), Some(3))
        );
        assert_eq!(drain.cause, Cause::Unhealthy);
    });
}

// I20
#[test]
fn instances_that_never_get_healthy_are_replaced_and_then_backed_off() {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        spec.clouds.truncate(1);
        world.apply(spec);
        world.truth().never_healthy = true;
        let mut controller = world.controller(1).await;

        world.run(&mut controller, seconds(3_600)).await;
        let launched = world.truth().made.len();
        assert!(
            (4..=16).contains(&launched),
            "{launched} launches in an hour"
        );
        let alarm = controller.status().unwrap().alarms.join("\n");
        assert!(alarm.contains("never became healthy"), "{alarm}");

        world.truth().never_healthy = false;
        world.run(&mut controller, seconds(1_900)).await;
        assert_eq!(world.truth().serving().len(), 2);
    });
}

// I5, I11
#[test]
fn when_all_are_unwell_the_rules_stay_and_one_at_a_time_is_replaced() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.truth().load = 2.9;
        world.run(&mut controller, seconds(300)).await;

        let all = world.truth().serving();
        world.truth().unwell.extend(all.iter().copied());
        for _ in 0..60 {
            world.run(&mut controller, seconds(1)).await;
            let truth = world.truth();
            let backends = truth
                .network
                .iter()
                .flat_map(|plan| &plan.endpoints)
                .filter(|e| e.is_backend)
                .count();
            assert!(backends > 0, "never empty by our hand");
            let leaving = truth
                .records
                .values()
                .filter(|i| i.phase == Phase::Draining)
                .count();
            assert!(leaving <= 1, "{leaving} at a time");
        }
        world.run(&mut controller, seconds(240)).await;
        assert_eq!(world.truth().serving().len(), 5);
    });
}

#[test]
fn without_room_above_the_maximum_surge_lets_a_successor_come_first() {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        spec.instances.min = 5;
        spec.instances.surge = 1;
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(60)).await;
        let victim = *world.truth().serving().last().unwrap();
        world.truth().stuck_flows.insert(victim, 1);

        world.truth().unwell.insert(victim);
        world.run(&mut controller, seconds(20)).await;

        assert_eq!(
            world.truth().serving().len(),
            5,
            "the successor serves while the other still drains"
        );
        assert_eq!(world.truth().peak, 6);
    });
}
