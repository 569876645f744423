//! Machine types, zones, spot, money and templates, from the decision to what the clouds are asked for.

use std::collections::BTreeMap;

use controller::amount::Amount;
use controller::decision::Guard;
use controller::example;
use controller::instance::{Cause, Instance, Phase};
use controller::offering::Offering;
use controller::spec::{Budget, CloudOrder, OnDemand, TenantSpec};

use super::world::{World, cloud, demo, seconds, tell};

/// A world in which `a` has two zones and two machine types, and room for nine.
fn zoned() -> World {
    let world = World::new();
    let mut truth = world.truth();
    truth.market = example::market("a", &["z1", "z2"], &["m1", "m2"]);
    truth.cloud("a").capacity = 9;
    drop(truth);
    world
}

fn fixed(count: u32) -> TenantSpec {
    let mut spec = demo();
    (spec.instances.min, spec.instances.max) = (count, count + 1);
    spec
}

fn offering(zone: &str, machine: &str, is_spot: bool) -> Offering {
    Offering {
        zone: Some(zone.to_owned()),
        machine: Some(machine.to_owned()),
        is_spot,
    }
}

/// How many serve of each offering.
fn serving(world: &World) -> BTreeMap<String, usize> {
    let truth = world.truth();
    let mut counts = BTreeMap::new();
    let serving = truth.records.values();
    for one in serving.filter(|one| one.phase == Phase::InService) {
        *counts.entry(one.offering.to_string()).or_default() += 1;
    }
    counts
}

fn counted<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.map(|(what, count)| (what.to_owned(), count)).into()
}

// S4-36, S4-37, S4-67
#[test]
fn zones_are_filled_evenly_with_the_first_machine_type_and_emptied_evenly() {
    tell(async {
        let world = zoned();
        let mut spec = fixed(4);
        spec.instances.min = 1;
        world.apply(spec);
        world.order(|orders| orders.desired = Some(4));
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(20)).await;
        assert_eq!(serving(&world), counted([("m1 in z1", 2), ("m1 in z2", 2)]));
        let zones = world
            .truth()
            .records
            .values()
            .map(zone_by_address)
            .collect::<Vec<_>>();
        assert_eq!(zones.iter().filter(|zone| **zone == "z1").count(), 2);

        world.order(|orders| orders.desired = Some(2));
        world.run(&mut controller, seconds(60)).await;
        assert_eq!(serving(&world), counted([("m1 in z1", 1), ("m1 in z2", 1)]));
    });
}

/// Each of two zones has one half of the subnet.
fn zone_by_address(one: &Instance) -> &'static str {
    let zone = if one.address.octets()[3] < 128 {
        "z1"
    } else {
        "z2"
    };
    assert_eq!(one.offering.zone.as_deref(), Some(zone));
    zone
}

// S4-84, C-10
#[test]
fn what_one_offering_has_no_room_for_the_next_one_takes_at_once_and_the_first_is_asked_again() {
    tell(async {
        let world = zoned();
        for zone in ["z1", "z2"] {
            let full = offering(zone, "m1", false);
            world.truth().cloud("a").full.insert(full);
        }
        world.apply(fixed(2));
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(8)).await;
        assert_eq!(serving(&world), counted([("m2 in z1", 1), ("m2 in z2", 1)]));
        let refused = &controller.status().unwrap().clouds[0];
        assert_eq!(
            (refused.refuses.clone(), refused.refused_offerings.len()),
            (None, 2)
        );

        world.truth().cloud("a").full.clear();
        world.run(&mut controller, seconds(90)).await;
        world.apply(fixed(4));
        world.run(&mut controller, seconds(20)).await;
        assert_eq!(serving(&world)["m1 in z1"], 1, "{:?}", serving(&world));
    });
}

// S4-84
#[test]
fn a_cloud_is_passed_over_once_all_that_it_offers_is_refused() {
    tell(async {
        let world = zoned();
        for zone in ["z1", "z2"] {
            for machine in ["m1", "m2"] {
                let full = offering(zone, machine, false);
                world.truth().cloud("a").full.insert(full);
            }
        }
        world.apply(fixed(2));
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(20)).await;

        assert_eq!(world.running(), (0, 2));
        let launches = world
            .truth()
            .moves()
            .filter(|step| step.to == Phase::Intent)
            .count();
        assert_eq!(
            launches,
            4 * 2 + 2 - 4,
            "each offering is asked for once by each tick"
        );
    });
}

// S4-35
#[test]
fn beyond_the_base_a_share_is_on_demand_and_the_rest_is_spot() {
    tell(async {
        let world = zoned();
        let mut spec = fixed(5);
        spec.placement.on_demand = Some(OnDemand {
            base: 1,
            percentage: 50,
        });
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(20)).await;

        let counts = serving(&world);
        let spot: usize = counts
            .iter()
            .filter(|(what, _)| what.ends_with("spot"))
            .map(|(_, count)| count)
            .sum();
        assert_eq!(
            spot, 2,
            "of five, one and two of four are on demand: {counts:?}"
        );
    });
}

// S4-34
#[test]
fn the_budget_holds_growth_back_says_so_and_never_stands_in_the_way_of_the_minimum() {
    tell(async {
        let world = zoned();
        let mut spec = demo();
        spec.clouds.truncate(1);
        spec.budget = Some(Budget {
            per_hour: Amount::from_millionths(300_000),
        });
        world.apply(spec.clone());
        world.truth().load = 2.9;
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(300)).await;

        assert_eq!(world.truth().running("a"), 3, "0.10 each");
        let status = controller.status().unwrap();
        assert_eq!(status.cost, Some(Amount::from_millionths(300_000)));
        let decision = status.decision.as_ref().unwrap();
        let step = decision
            .steps
            .iter()
            .find(|step| step.guard == Guard::Budget);
        assert!(step.unwrap().note.contains("pays for 3"), "{decision:?}");
        assert!(status.alarms.iter().any(|alarm| alarm.contains("budget")));

        spec.instances.min = 4;
        world.apply(spec);
        world.run(&mut controller, seconds(60)).await;
        assert_eq!(world.truth().running("a"), 4, "the floor is met");
    });
}

// S4-83
#[test]
fn the_cheaper_cloud_is_filled_first_where_cost_is_the_order() {
    tell(async {
        let world = World::new();
        let mut market = example::market("b", &[], &["m1"]);
        let dear = example::market("a", &[], &[]);
        market.clouds.extend(dear.clouds);
        world.truth().market = market;
        let mut spec = fixed(2);
        spec.placement.order = CloudOrder::Cost;
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(20)).await;

        assert_eq!(world.running(), (0, 2));
    });
}

// S4-83
#[test]
fn a_cloud_whose_instances_break_is_filled_last_where_reliability_is_the_order() {
    tell(async {
        let world = World::new();
        let mut spec = fixed(2);
        spec.placement.order = CloudOrder::Reliability;
        world.apply(spec);
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(20)).await;
        assert_eq!(world.running(), (2, 0));

        for _ in 0..2 {
            let of_a: Vec<_> = {
                let truth = world.truth();
                let running = truth.clouds[&cloud("a")].instances.keys();
                running.copied().collect()
            };
            for id in of_a {
                world.truth().kill(id);
            }
            world.run(&mut controller, seconds(40)).await;
        }

        assert_eq!(world.running(), (0, 2));
        assert_eq!(controller.status().unwrap().clouds[0].name, cloud("b"));
    });
}

/// Runs until nothing is left of the old template, and sees that the promises are kept all the way.
async fn replaced(world: &World, controller: &mut controller::tick::Controller, ceiling: usize) {
    let mut fewest = usize::MAX;
    for _ in 0..240 {
        world.run(controller, seconds(1)).await;
        fewest = fewest.min(world.truth().serving().len());
        assert!(world.truth().all() <= ceiling, "{}", world.truth().all());
    }
    assert!(fewest >= 2, "{fewest} served");
    let status = controller.status().unwrap();
    assert!(status.is_settled, "{status:?}");
    let truth = world.truth();
    let causes = truth.moves().filter(|step| step.to == Phase::Gone);
    for step in causes {
        assert_eq!(step.drain.as_ref().unwrap().cause, Cause::Replaced);
    }
}

// S4-31
#[test]
fn a_new_template_replaces_one_after_the_other_with_the_successor_first() {
    tell(async {
        let world = World::new();
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(30)).await;

        let mut spec = demo();
        spec.instances.template = "other".parse().unwrap();
        world.apply(spec);
        replaced(&world, &mut controller, 3).await;

        let truth = world.truth();
        assert!(
            truth
                .records
                .values()
                .all(|one| one.template.as_str() == "other")
        );
        let mut why = truth.moves().filter(|step| step.to == Phase::Draining);
        assert_eq!(why.next().unwrap().why, "template changed: web to other");
    });
}

// S4-31
#[test]
fn what_a_template_is_made_of_is_noticed_when_the_operator_changes_it() {
    tell(async {
        let world = zoned();
        let set = |fingerprint: &str| {
            let mut truth = world.truth();
            let offer = truth.market.clouds.get_mut(&cloud("a")).unwrap();
            for template in offer.templates.values_mut() {
                template.fingerprint = Some(fingerprint.to_owned());
            }
        };
        set("one");
        world.apply(demo());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(30)).await;

        set("two");
        let mut controller = world.controller(2).await;
        replaced(&world, &mut controller, 3).await;

        let truth = world.truth();
        let mut made = truth.records.values().map(|one| one.fingerprint.as_deref());
        assert!(made.all(|made| made == Some("two")));
    });
}

// S4-31, I20
#[test]
fn replacing_pauses_when_new_ones_never_become_healthy_and_the_old_ones_stay() {
    tell(async {
        let world = World::new();
        let mut spec = demo();
        spec.instances.boot_timeout = seconds(10);
        world.apply(spec.clone());
        let mut controller = world.controller(1).await;
        world.run(&mut controller, seconds(30)).await;
        let old = world.truth().serving();

        // Those that are there stay well.
        world.truth().boot = seconds(3_600);
        for one in world
            .truth()
            .clouds
            .get_mut(&cloud("a"))
            .unwrap()
            .instances
            .values_mut()
        {
            one.born -= seconds(7_200);
        }
        spec.instances.template = "broken".parse().unwrap();
        world.apply(spec);
        world.run(&mut controller, seconds(120)).await;

        assert_eq!(world.truth().serving(), old);
        assert_eq!(world.truth().all(), 2);
        let tries = world.truth().moves_to(Phase::Intent) - 2;
        assert_eq!(tries, 3, "the breaker is open");
        let alarms = controller.status().unwrap().alarms.join("; ");
        assert!(alarms.contains("are not replaced for now"), "{alarms}");
    });
}
