//! Where a new instance is to be: the first cloud in the order with room, there the emptiest zone with room, there the first
//! machine type with room, as spot where the tenant's share of it allows, and an address.
//!
//! Whatever refuses is passed over: an offering for the next one, a cloud for the next one. Nothing is ever asked for here: what
//! refused is remembered from earlier answers, and an answer wakes the tick that places anew.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::addresses::{self, Addresses};
use super::money::Purse;
use super::{Ground, Placement, count};
use crate::id::CloudName;
use crate::instance::Instance;
use crate::offering::Offering;
use crate::spec::CloudPreference;

/// A place for one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Berth {
    /// In which cloud.
    pub cloud: CloudName,
    /// Which of its choices.
    pub offering: Offering,
    /// Its place among the tenant's instances.
    pub slot: u32,
    /// Its address.
    pub address: Ipv4Addr,
}

/// Looks for berths, one after the other; each takes the room of the ones before into account.
#[derive(Debug)]
pub(super) struct Search<'a> {
    ground: &'a Ground<'a>,
    clouds: Vec<&'a CloudPreference>,
    /// All that exist or are to, those on their way out included.
    total: u32,
    /// How many of them in each cloud.
    there: BTreeMap<&'a CloudName, u32>,
    /// Clouds that were full by the tenant's own limit before anything was looked for.
    full: Vec<&'a CloudName>,
    /// Those that stay, by cloud and zone.
    zones: BTreeMap<(CloudName, Option<String>), u32>,
    /// Those that stay: all, and those on demand.
    staying: u32,
    on_demand: u32,
    addresses: Addresses<'a>,
    purse: Purse,
    is_for_pool: bool,
    passed_over: Vec<(CloudName, String)>,
    is_over_budget: bool,
}

/// Why a cloud is passed over.
enum Obstacle {
    /// What a person should know.
    Told(String),
    /// This very search has filled it.
    Filled,
}

impl<'a> Search<'a> {
    /// With what is there, and what the placement adds to it already.
    pub(super) fn new(ground: &'a Ground<'a>, placement: &Placement) -> Self {
        Self::paying(ground, placement, Purse::of(ground, None))
    }

    /// For the successor of one that is there and goes later: the two are paid for as one.
    pub(super) fn replacing(ground: &'a Ground<'a>, replaced: &Instance) -> Self {
        let purse = Purse::of(ground, Some(replaced));
        Self::paying(ground, &Placement::default(), purse)
    }

    fn paying(ground: &'a Ground<'a>, placement: &Placement, purse: Purse) -> Self {
        let mut search = Self {
            ground,
            clouds: ground.clouds(),
            total: 0,
            there: BTreeMap::new(),
            full: Vec::new(),
            zones: BTreeMap::new(),
            staying: 0,
            on_demand: 0,
            addresses: Addresses::of(ground),
            purse,
            is_for_pool: false,
            passed_over: Vec::new(),
            is_over_budget: false,
        };
        for instance in ground.instances.values() {
            search.count(&instance.cloud);
            if instance.drain.is_none() {
                search.keep(&instance.cloud, &instance.offering);
            }
        }
        search.purse.draw(count(placement.promote.iter()));
        for berth in &placement.launch {
            search.take(berth);
        }
        let is_full = |preference: &&&CloudPreference| search.room(preference) == 0;
        search.full = search
            .clouds
            .iter()
            .filter(is_full)
            .map(|full| &full.name)
            .collect();
        search
    }

    /// For the warm pool, which is never worth more than the budget.
    pub(super) fn for_pool(mut self) -> Self {
        self.is_for_pool = true;
        self
    }

    /// Berths for `missing`, or for as many as there is room for under `ceiling`.
    pub(super) fn berths(&mut self, missing: u32, ceiling: u32) -> Vec<Berth> {
        // Those on their way out still cost, so they count under the maximum (I1).
        let leaving = |instance: &&Instance| !instance.phase.counts();
        let total = self.total
            - if seeded!(F25) {
                count(self.ground.instances.values().filter(leaving))
            } else {
                0
            };
        let wanted = missing.min(ceiling.saturating_sub(total));
        let mut berths = Vec::new();
        while count(berths.iter()) < wanted {
            let Some(berth) = self.next() else { break };
            self.take(&berth);
            berths.push(berth);
        }
        berths
    }

    /// Notes in the placement who was passed over.
    pub(super) fn tell(self, placement: &mut Placement) {
        for (cloud, why) in self.passed_over {
            placement.pass_over(&cloud, why);
        }
        placement.is_over_budget |= self.is_over_budget;
    }

    fn next(&mut self) -> Option<Berth> {
        for preference in self.clouds.clone() {
            match self.within(preference) {
                Ok(berth) => return Some(berth),
                Err(Obstacle::Filled) => {}
                Err(Obstacle::Told(why)) => {
                    self.passed_over.push((preference.name.clone(), why));
                }
            }
        }
        None
    }

    /// A berth in this cloud.
    fn within(&mut self, preference: &CloudPreference) -> Result<Berth, Obstacle> {
        let cloud = &preference.name;
        if let Some(why) = self.ground.refusal(cloud) {
            return Err(Obstacle::Told(why));
        }
        if self.room(preference) == 0 {
            if !self.full.contains(&cloud) {
                return Err(Obstacle::Filled);
            }
            let there = self.there.get(cloud).copied().unwrap_or(0);
            let why = format!("the tenant's own limit of {there} there is reached");
            return Err(Obstacle::Told(why));
        }
        let mut obstacles = Vec::new();
        for zone in self.zones_of(cloud) {
            if let Some(berth) = self.in_zone(cloud, zone.as_deref(), &mut obstacles) {
                return Ok(berth);
            }
        }
        Err(Obstacle::Told(obstacles.join("; ")))
    }

    /// The cloud's zones, the one with the fewest of the tenant's instances first; no zone, where it has none.
    fn zones_of(&self, cloud: &CloudName) -> Vec<Option<String>> {
        let zones = self.ground.market.zones(cloud);
        if zones.is_empty() {
            return vec![None];
        }
        let mut zones: Vec<Option<String>> = zones.iter().cloned().map(Some).collect();
        zones.sort_by_key(|zone| {
            let key = (cloud.clone(), zone.clone());
            self.zones.get(&key).copied().unwrap_or(0)
        });
        zones
    }

    /// A berth in this zone, or why there is none.
    fn in_zone(
        &mut self,
        cloud: &CloudName,
        zone: Option<&str>,
        obstacles: &mut Vec<String>,
    ) -> Option<Berth> {
        let Ground { spec, market, .. } = self.ground;
        let template = &spec.instances.template;
        let part = zone.map(|zone| addresses::part(self.ground, cloud, zone));
        let place = part.transpose().and_then(|part| self.addresses.free(part));
        let (slot, address) = match place {
            Ok(place) => place,
            Err(why) => {
                let zone = zone.map_or(String::new(), |zone| format!("{zone}: "));
                obstacles.push(format!("{zone}{why}"));
                return None;
            }
        };
        for offering in market.offerings(cloud, template, zone, self.may_be_spot()) {
            let price = market.price(cloud, template, &offering);
            let too_dear = self.purse.refusal(price, self.is_for_pool);
            self.is_over_budget |= too_dear.is_some();
            let refused = self.ground.refusal_of(cloud, &offering).map(str::to_owned);
            let Some(why) = refused.or(too_dear) else {
                return Some(Berth {
                    cloud: cloud.clone(),
                    offering,
                    slot,
                    address,
                });
            };
            if !obstacles.contains(&why) {
                obstacles.push(why);
            }
        }
        None
    }

    /// Whether one more may be spot, so that enough are on demand with it (S4-35).
    fn may_be_spot(&self) -> bool {
        let rule = self.ground.spec.placement.on_demand;
        rule.is_some_and(|rule| self.on_demand >= rule.of(self.staying + 1))
    }

    fn room(&self, preference: &CloudPreference) -> u32 {
        let there = self.there.get(&preference.name).copied().unwrap_or(0);
        preference
            .max
            .map_or(u32::MAX, |max| max.saturating_sub(there))
    }

    fn count(&mut self, cloud: &CloudName) {
        self.total += 1;
        if let Some(preference) = self.clouds.iter().find(|known| known.name == *cloud) {
            *self.there.entry(&preference.name).or_default() += 1;
        }
    }

    fn keep(&mut self, cloud: &CloudName, offering: &Offering) {
        self.staying += 1;
        self.on_demand += u32::from(!offering.is_spot);
        let zone = (cloud.clone(), offering.zone.clone());
        *self.zones.entry(zone).or_default() += 1;
    }

    fn take(&mut self, berth: &Berth) {
        let Berth {
            cloud,
            offering,
            slot,
            address,
        } = berth;
        self.count(cloud);
        self.keep(cloud, offering);
        self.addresses.take((*slot, *address));
        let template = &self.ground.spec.instances.template;
        let price = self.ground.market.price(cloud, template, offering);
        self.purse.pay(price, self.is_for_pool);
    }
}
