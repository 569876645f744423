//! What clouds have to offer, what of it is refused, and by which rules a tenant chooses.

use proptest::prelude::*;
use proptest::sample::select;

use super::situations::{CLOUDS, Case, cloud};
use crate::amount::Amount;
use crate::example;
use crate::market::Market;
use crate::offering::Offering;
use crate::ports::CloudErrorKind;
use crate::spec::{Budget, CloudOrder, OnDemand, PlacementRules, Termination};

pub(super) const ZONES: [&str; 3] = ["z1", "z2", "z3"];
pub(super) const MACHINES: [&str; 2] = ["m1", "m2"];

/// What each cloud has to offer, if anything, and what of it is refused: cloud, zone, machine type, spot.
pub(super) type Offers = (Market, Vec<(usize, usize, usize, bool)>);

pub(super) fn offers() -> impl Strategy<Value = Offers> {
    let offer = (0_usize..=3, 0_usize..=2, proptest::option::of(Just("new")));
    let refusals = (0_usize..3, 0_usize..3, 0_usize..2, any::<bool>());
    (
        proptest::collection::vec(proptest::option::of(offer), 3),
        proptest::collection::vec(refusals, 0..8),
    )
        .prop_map(|(offers, refusals)| {
            let mut market = Market::default();
            for (name, offer) in CLOUDS.iter().zip(offers) {
                let Some((zones, machines, fingerprint)) = offer else {
                    continue;
                };
                let mut one = example::market(name, &ZONES[..zones], &MACHINES[..machines]);
                for offer in one.clouds.values_mut() {
                    for template in offer.templates.values_mut() {
                        template.fingerprint = fingerprint.map(str::to_owned);
                    }
                }
                market.clouds.append(&mut one.clouds);
            }
            (market, refusals)
        })
}

pub(super) fn rules() -> impl Strategy<Value = (PlacementRules, Option<Budget>)> {
    let orders = [
        CloudOrder::Preference,
        CloudOrder::Cost,
        CloudOrder::Reliability,
    ];
    let terminations = [
        Termination::Newest,
        Termination::Oldest,
        Termination::OldestTemplate,
        Termination::ClosestToHour,
    ];
    let on_demand = (0_u32..4, select(vec![0_u32, 33, 50, 100]))
        .prop_map(|(base, percentage)| OnDemand { base, percentage });
    let budget = (0_u64..60).prop_map(|tenths| Budget {
        per_hour: Amount::from_millionths(tenths * 100_000),
    });
    (
        select(orders.to_vec()),
        proptest::option::of(on_demand),
        select(terminations.to_vec()),
        proptest::option::of(budget),
    )
        .prop_map(|(order, on_demand, termination, budget)| {
            let rules = PlacementRules {
                order,
                on_demand,
                termination,
            };
            (rules, budget)
        })
}

impl Case {
    /// The clouds have these offers.
    pub(super) fn offer(&mut self, (market, refusals): Offers) {
        self.market = market;
        for (name, zone, machine, is_spot) in refusals {
            let offering = Offering {
                zone: Some(ZONES[zone].to_owned()),
                machine: Some(MACHINES[machine].to_owned()),
                is_spot,
            };
            let why = Err((CloudErrorKind::NoCapacity, "no room"));
            let name = cloud(CLOUDS[name]);
            self.history
                .launched(&name, &offering, why, self.now.steady);
        }
    }
}
