//! What holds for any plan about machine types, zones, spot, money and templates.

use proptest::prelude::*;

use super::offers::{MACHINES, ZONES};
use super::situations::cases;
use super::*;
use crate::amount::Amount;
use crate::offering::Offering;
use crate::spec::CloudOrder;
use crate::zone;

impl Planned<'_> {
    /// Those that were to stay when places were chosen.
    fn staying(&self) -> impl Iterator<Item = &Instance> {
        let is_leaving_before = |one: &Instance| {
            let leaving = one.drain.as_ref().map(|drain| drain.cause);
            let was_leaving = self.before(one.id).is_some_and(|b| b.drain.is_some());
            leaving.is_some_and(|cause| was_leaving || !cause.is_choice())
        };
        let all = self.plan.instances.values();
        all.filter(move |one| !is_leaving_before(one))
    }

    fn is_refused(&self, cloud: &CloudName, offering: &Offering) -> bool {
        let key = (cloud.clone(), offering.clone());
        let refusals = self.case.history.offerings.get(&key);
        refusals.is_some_and(|refusals| refusals.now(self.case.now.steady).is_some())
    }

    /// What all that stay cost, or would.
    fn costs(&self) -> Amount {
        let all = self
            .plan
            .instances
            .values()
            .filter(|one| one.drain.is_none());
        all.filter_map(|one| self.case.market.price_of(one)).sum()
    }

    /// Whether anybody could still have an address there.
    fn has_address(&self, cloud: &CloudName, zone: &str) -> bool {
        let zones = self.case.market.zones(cloud);
        let subnet = &self.case.wish.spec.network.subnets[0];
        let place = zones.iter().position(|name| name == zone).unwrap();
        let Some(part) = zone::slice(subnet.cidr, zones.len(), place) else {
            return false;
        };
        let (first, last) = (subnet.dhcp_start.to_bits(), subnet.dhcp_end.to_bits());
        (first..=last)
            .map(std::net::Ipv4Addr::from_bits)
            .any(|address| {
                part.contains(&address)
                    && zone::is_free_for_instances(part, address)
                    && address != subnet.gateway
                    && self
                        .plan
                        .instances
                        .values()
                        .all(|one| one.address != address)
            })
    }
}

proptest! {
    // S4-36
    #[test]
    fn an_earlier_machine_type_is_left_out_only_where_it_was_refused_or_is_no_cheaper(case in cases()) {
        let told = planned(&case);
        for one in told.wished() {
            let Some(machine) = &one.offering.machine else { continue };
            let market = &case.market;
            let listed = market.machines(&one.cloud, &one.template);
            let earlier = listed.iter().take_while(|offer| offer.name != *machine);
            for offer in earlier {
                let other = Offering { machine: Some(offer.name.clone()), ..one.offering.clone() };
                prop_assert!(told.is_refused(&one.cloud, &other), "{} before {}", other, one.offering);
            }
            prop_assert!(!told.is_refused(&one.cloud, &one.offering));
        }
    }

    // S4-37, S4-67
    #[test]
    fn nobody_comes_to_a_zone_while_another_with_room_has_fewer(case in cases()) {
        let told = planned(&case);
        let there = |cloud: &CloudName, zone: &str| {
            let is_there = |one: &&Instance| one.cloud == *cloud && one.offering.zone.as_deref() == Some(zone);
            told.staying().filter(is_there).count()
        };
        for one in told.wished() {
            let Some(zone) = &one.offering.zone else { continue };
            for other in case.market.zones(&one.cloud) {
                let same = Offering { zone: Some(other.clone()), ..one.offering.clone() };
                if told.is_refused(&one.cloud, &same) || !told.has_address(&one.cloud, other) {
                    continue;
                }
                let (here, elsewhere) = (there(&one.cloud, zone), there(&one.cloud, other));
                prop_assert!(here <= elsewhere + 1, "{zone} {here}, {other} {elsewhere}");
            }
        }
    }

    // S4-35, I28
    #[test]
    fn spot_comes_only_where_enough_are_on_demand(case in cases()) {
        let told = planned(&case);
        let spot = |one: &&Instance| one.offering.is_spot;
        if told.wished().iter().any(|one| one.offering.is_spot) {
            let all = u32::try_from(told.staying().count()).unwrap();
            let on_demand = u32::try_from(told.staying().filter(|one| !spot(one)).count()).unwrap();
            let rule = case.wish.spec.placement.on_demand;
            prop_assert!(rule.is_some_and(|rule| on_demand >= rule.of(all)), "{on_demand} of {all}: {rule:?}");
        }
    }

    // S4-34, I28
    #[test]
    fn beyond_the_minimum_nothing_is_launched_that_costs_more_than_the_budget(case in cases()) {
        let told = planned(&case);
        let Some(budget) = case.wish.spec.budget else { return Ok(()) };
        let wished = told.wished();
        let price = |one: &&Instance| case.market.price_of(one);
        // The number at which a replacement is launched is not the one that it leads to.
        let is_move = wished.len() == 1 && told.plan.decision.current >= told.plan.decision.desired;
        if is_move || wished.iter().all(|one| price(one).is_none()) {
            return Ok(());
        }
        let (min, _) = crate::decide::bounds(&case.wish.spec, case.now.wall);
        let dearest = wished.iter().filter_map(price).max().unwrap();
        let count = told.plan.decision.current as usize + told.plan.placement.promote.len() + wished.len();
        let is_floor = wished.iter().all(|one| !one.is_pooled) && count <= min as usize;
        let is_mixed = wished.iter().any(|one| price(one).is_none());
        let for_floor = wished.iter().filter(|one| !one.is_pooled).count();
        let over_by_floor = told.plan.decision.current < min && for_floor > 0;
        prop_assert!(
            told.costs() <= budget.per_hour || is_floor || is_mixed || over_by_floor,
            "{} for {}, {}: {}", told.costs(), budget.per_hour, dearest, case.told()
        );
    }

    // S4-83
    #[test]
    fn a_cloud_is_chosen_before_those_that_the_tenant_s_order_puts_after_it(case in cases()) {
        let mut case = case;
        case.wish.spec.placement.order = CloudOrder::Cost;
        let told = planned(&case);
        let (market, spec) = (&case.market, &case.wish.spec);
        let dear = |cloud: &CloudName| {
            let price = market.usual_price(cloud, &spec.instances.template);
            (price.is_none(), price)
        };
        let passed: Vec<&CloudName> = told.plan.placement.passed_over.iter().map(|(cloud, _)| cloud).collect();
        let there = |cloud: &CloudName| told.plan.instances.values().filter(|one| one.cloud == *cloud).count();
        for berth in &told.plan.placement.launch {
            for other in &spec.clouds {
                let is_full = other.max.is_some_and(|max| there(&other.name) >= max as usize);
                let is_over = told.plan.placement.succeeds.is_some() || told.plan.decision.current >= told.plan.decision.desired;
                if dear(&other.name) < dear(&berth.cloud) && !is_full && !is_over {
                    prop_assert!(passed.contains(&&other.name), "{} before {}", berth.cloud, other.name);
                }
            }
        }
    }

    // S4-31
    #[test]
    fn only_what_is_of_an_older_template_is_replaced_and_one_at_a_time(case in cases()) {
        let told = planned(&case);
        let replaced = told.leaving(|cause| cause == Cause::Replaced);
        let serving = replaced.iter().filter(|one| !one.is_pooled).count();
        prop_assert!(serving <= 1);
        for one in replaced {
            let is_old = one.template.as_str() == "old";
            let changed = one.fingerprint.as_deref() == Some("old");
            let machine = one.offering.machine.as_deref();
            let is_listed = machine.is_none_or(|machine| MACHINES[..1].contains(&machine));
            prop_assert!(is_old || changed || !is_listed, "{one:?}");
        }
    }

    // I20, S4-31
    #[test]
    fn nobody_is_replaced_while_new_ones_never_become_healthy(case in cases()) {
        let mut case = case;
        for cloud in case.wish.spec.clouds.clone() {
            for _ in 0..3 {
                case.history.refusals_of(&cloud.name).never_healthy(case.now.steady);
            }
        }
        let is_open = case.wish.spec.clouds.iter().any(|cloud| {
            case.history.refusals[&cloud.name].is_broken(case.now.steady)
        });
        let told = planned(&case);
        prop_assert!(!is_open || told.plan.placement.succeeds.is_none());
        let old = |one: &&&Instance| one.phase == Phase::Draining && !one.is_pooled;
        let alone = told.plan.decision.current <= told.plan.decision.desired;
        let replaced = told.leaving(|cause| cause == Cause::Replaced);
        prop_assert!(!is_open || !alone || replaced.iter().filter(old).count() == 0);
    }

    // S4-67
    #[test]
    fn an_address_tells_the_zone(case in cases()) {
        let told = planned(&case);
        let subnet = &case.wish.spec.network.subnets[0];
        for one in told.wished() {
            let zones = case.market.zones(&one.cloud);
            let Some(zone) = &one.offering.zone else {
                prop_assert!(zones.is_empty());
                continue;
            };
            let place = ZONES.iter().position(|name| name == zone).unwrap();
            let part = zone::slice(subnet.cidr, zones.len(), place).unwrap();
            prop_assert!(zone::is_free_for_instances(part, one.address), "{} in {part}", one.address);
        }
    }
}

// The positive control: a plan that breaks a promise is seen to break it.
#[test]
fn the_second_opinion_of_the_planner_objects_to_what_nobody_offers_allows_or_pays_for() {
    let mut case = Case::quiet(3);
    case.market = example::market("a", &["z1", "z2"], &["m1"]);
    case.wish.spec.budget = Some(crate::spec::Budget {
        per_hour: Amount::ONE,
    });
    let mut told = planned(&case);
    assert_eq!(check(&case.situation(), &told.plan), Vec::<String>::new());
    let new = |slot: u32, zone: &str, machine: &str, is_spot| Instance {
        phase: Phase::Intent,
        address: [19, 0, 0, u8::try_from(slot).unwrap()].into(),
        offering: Offering {
            zone: Some(zone.to_owned()),
            machine: Some(machine.to_owned()),
            is_spot,
        },
        ..example::instance(slot)
    };
    let mut objections = |new: Instance| {
        let instances = told.plan.instances.clone();
        told.plan.instances.insert(new.id, new);
        let objections = check(&case.situation(), &told.plan).join("; ");
        told.plan.instances = instances;
        objections
    };

    let dear = objections(new(5, "z1", "m1", false));
    assert!(dear.contains("the budget is 1"), "{dear}");
    let spot = objections(new(5, "z1", "m1", true));
    assert!(spot.contains("must be on demand"), "{spot}");
    let unknown = objections(new(5, "z1", "m9", false));
    assert!(unknown.contains("does not offer"), "{unknown}");
    let elsewhere = objections(new(5, "z2", "m1", false));
    assert!(elsewhere.contains("not of its zone"), "{elsewhere}");
    let kept = objections(new(3, "z1", "m1", false));
    assert!(kept.contains("not of its zone"), "{kept}");

    let mut current = example::instance(2);
    current = settle::drain(
        &current,
        Cause::Replaced,
        SignedDuration::ZERO,
        "a test",
        case.now,
    )
    .instance;
    let replaced = objections(current);
    assert!(replaced.contains("is as its template says"), "{replaced}");
}
