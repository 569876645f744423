//! Nobody goes by choice before it has been in service for the policy's minimum lifetime.

use controller::decision::Guard;
use controller::instance::Phase;
use controller::journal::Event;
use controller::spec::TenantSpec;
use controller::tick::Controller;

use super::world::{World, demo, seconds, tell};

const LIFETIME: i64 = 600;

fn patient() -> TenantSpec {
    let mut spec = demo();
    spec.policy.min_lifetime = seconds(LIFETIME);
    spec.policy.stabilization.scale_in = seconds(0);
    spec.policy.buffer.scale_in = seconds(1);
    spec
}

/// Two have been there for long, three have just come, and the load has gone.
async fn grown_and_idle() -> (World, Controller) {
    let world = World::new();
    world.apply(patient());
    let mut controller = world.controller(1).await;
    world.run(&mut controller, seconds(LIFETIME + 60)).await;
    world.truth().load = 2.9;
    world.run(&mut controller, seconds(250)).await;
    assert_eq!(world.truth().serving().len(), 5);
    world.truth().load = 0.2;
    (world, controller)
}

// C-22
#[test]
fn the_old_go_first_then_the_number_stays_until_the_young_have_come_of_age_and_says_so() {
    tell(async {
        let (world, mut controller) = grown_and_idle().await;
        let young: Vec<_> = {
            let truth = world.truth();
            let now = truth.now;
            let records = truth.records.values();
            let is_young = |since| now.since(since) < seconds(LIFETIME);
            records
                .filter(|record| is_young(record.in_service.unwrap()))
                .map(|record| record.id)
                .collect()
        };
        assert_eq!(young.len(), 3);

        world.run(&mut controller, seconds(100)).await;
        let serving: Vec<_> = world.truth().serving().into_iter().collect();
        assert_eq!(serving, young);
        for _ in 0..50 {
            world.run(&mut controller, seconds(1)).await;
            let status = controller.status().unwrap();
            assert!(status.is_settled, "it does not flap");
            let decision = status.decision.as_ref().unwrap();
            assert_eq!((decision.desired, decision.young), (3, 3));
            let last = decision.steps.last().unwrap();
            assert_eq!(last.guard, Guard::Lifetime);
            assert!(last.note.contains("less than 10m"), "{}", last.note);
        }

        world.run(&mut controller, seconds(LIFETIME)).await;
        assert_eq!(world.truth().serving().len(), 2);
        let truth = world.truth();
        let left = truth.moves().filter(|step| step.to == Phase::Draining);
        for left in left {
            let mut before = truth.journal.iter().filter(|entry| {
                matches!(&entry.event, Event::Moved(step)
                    if step.instance == left.instance && step.to == Phase::InService)
            });
            let came = before.next().unwrap().steady;
            let lived = left.drain.as_ref().unwrap().started.duration_since(came);
            assert!(lived >= seconds(LIFETIME), "{lived:#}");
        }
    });
}

// C-22
#[test]
fn a_broken_one_goes_at_any_age() {
    tell(async {
        let (world, mut controller) = grown_and_idle().await;
        world.truth().load = 2.9;
        let youngest = *world.truth().serving().last().unwrap();
        world.truth().unwell.insert(youngest);
        world.run(&mut controller, seconds(20)).await;
        assert!(!world.truth().records.contains_key(&youngest));
        assert_eq!(world.truth().serving().len(), 5);
    });
}

// S4-19
#[test]
fn a_person_s_order_a_lower_maximum_and_the_end_do_not_wait() {
    tell(async {
        let (world, mut controller) = grown_and_idle().await;
        world.truth().load = 2.9;
        world.order(|orders| orders.desired = Some(4));
        world.run(&mut controller, seconds(10)).await;
        assert_eq!(world.truth().serving().len(), 4);

        let mut spec = patient();
        spec.instances.max = 3;
        world.apply(spec);
        world.run(&mut controller, seconds(10)).await;
        assert_eq!(world.truth().serving().len(), 3);

        world.order(|orders| orders.is_destroyed = true);
        assert!(!world.run(&mut controller, seconds(10)).await);
        assert_eq!(world.truth().all(), 0);
    });
}
