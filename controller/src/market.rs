//! What the operator's clouds have to offer, and what it costs: the operator's word for it, from `asaas.yml`, which a tick is
//! handed beside its ports.
//!
//! ```text
//! Market ── clouds ──► CloudOffer { price, room, zones, templates }
//!                                                          │
//!                          TemplateOffer { machines, fingerprint }
//!                                             │
//!                              MachineType { name, price, spot: Spot { price } }
//! ```
//!
//! A cloud that is not in it, or has neither zones nor machine types, leaves each choice to its own settings: its one offering
//! is the default. Prices are for an instance and an hour, in the operator's money; one that is not known counts as nothing. All
//! lists are in the operator's order, the preferred one first.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::id::{CloudName, TemplateName};
use crate::instance::Instance;
use crate::offering::Offering;

/// All that can be had.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Market {
    /// By cloud.
    pub clouds: BTreeMap<CloudName, CloudOffer>,
}

/// What one cloud has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CloudOffer {
    /// Of an instance whose machine type has no price of its own.
    pub price: Option<Amount>,
    /// For so many instances of all tenants together; `None` where that is not known. Estimates go by it, placement asks.
    pub room: Option<u32>,
    /// Where in it instances can run, as it calls its zones; none for a cloud that has no zones, or chooses by itself.
    pub zones: Vec<String>,
    /// What is special about instances of a template here.
    pub templates: BTreeMap<TemplateName, TemplateOffer>,
}

/// What one cloud makes of a template.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TemplateOffer {
    /// On what it can run; the first that has room is taken. None where the cloud's settings say.
    pub machines: Vec<MachineType>,
    /// A digest of what an instance is made of: image, size, first boot; not of `machines`. Where it changes, those with another
    /// one are replaced. `None` where nobody is to be replaced.
    pub fingerprint: Option<String>,
}

/// A size of machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineType {
    /// As its cloud calls it: `t3.micro`.
    pub name: String,
    /// On demand; `None` for the cloud's own price.
    #[serde(default)]
    pub price: Option<Amount>,
    /// As spot; `None` where it is not to be had so.
    #[serde(default)]
    pub spot: Option<Spot>,
}

/// What can be had for less, and be taken back at any time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spot {
    /// At about this price; `None` for the price on demand.
    pub price: Option<Amount>,
}

impl Market {
    /// The zones of a cloud.
    pub fn zones(&self, cloud: &CloudName) -> &[String] {
        self.clouds.get(cloud).map_or(&[], |offer| &offer.zones)
    }

    /// On what instances of a template can run there.
    pub fn machines(&self, cloud: &CloudName, template: &TemplateName) -> &[MachineType] {
        let offer = self.template(cloud, template);
        offer.map_or(&[], |offer| &offer.machines)
    }

    /// What an instance of a template is made of there now; `None` where nobody has said.
    pub fn fingerprint(&self, cloud: &CloudName, template: &TemplateName) -> Option<&str> {
        self.template(cloud, template)?.fingerprint.as_deref()
    }

    /// What can be had in a zone of a cloud, or in a cloud that has none, in the order in which it is asked for: as spot, where
    /// that may be, before on demand.
    pub fn offerings(
        &self,
        cloud: &CloudName,
        template: &TemplateName,
        zone: Option<&str>,
        may_be_spot: bool,
    ) -> Vec<Offering> {
        let machines = self.machines(cloud, template);
        let offering = |machine: Option<&MachineType>, is_spot| Offering {
            zone: zone.map(str::to_owned),
            machine: machine.map(|machine| machine.name.clone()),
            is_spot,
        };
        if machines.is_empty() {
            return vec![offering(None, false)];
        }
        let as_spot = machines.iter().filter(|machine| machine.spot.is_some());
        let as_spot = as_spot.map(|machine| offering(Some(machine), true));
        let on_demand = machines
            .iter()
            .map(|machine| offering(Some(machine), false));
        as_spot.filter(|_| may_be_spot).chain(on_demand).collect()
    }

    /// What an instance of a template costs there for an hour; `None` where nobody has said.
    pub fn price(
        &self,
        cloud: &CloudName,
        template: &TemplateName,
        offering: &Offering,
    ) -> Option<Amount> {
        let of_cloud = self.clouds.get(cloud)?.price;
        let machines = self.machines(cloud, template);
        let machine = machines
            .iter()
            .find(|machine| Some(&machine.name) == offering.machine.as_ref());
        let on_demand = machine.and_then(|machine| machine.price).or(of_cloud);
        let spot = machine.and_then(|machine| machine.spot.as_ref());
        let spot = spot.filter(|_| offering.is_spot);
        spot.and_then(|spot| spot.price).or(on_demand)
    }

    /// What the instance costs for an hour; `None` where nobody has said.
    pub fn price_of(&self, instance: &Instance) -> Option<Amount> {
        self.price(&instance.cloud, &instance.template, &instance.offering)
    }

    /// What the first choice costs there on demand: what clouds are compared by.
    pub fn usual_price(&self, cloud: &CloudName, template: &TemplateName) -> Option<Amount> {
        let first = self.offerings(cloud, template, None, false);
        self.price(cloud, template, first.first()?)
    }

    /// Why an instance is no longer as it would be made from its template today; `None` where it is.
    pub fn change_since(&self, instance: &Instance) -> Option<String> {
        let Instance {
            cloud,
            template,
            offering,
            fingerprint,
            ..
        } = instance;
        let machines = self.machines(cloud, template);
        if let Some(machine) = &offering.machine
            && !machines.is_empty()
            && machines.iter().all(|offer| offer.name != *machine)
        {
            return Some(format!("{machine} is no longer listed"));
        }
        let now = self.fingerprint(cloud, template);
        let is_other = now.is_some() && fingerprint.is_some() && now != fingerprint.as_deref();
        is_other.then(|| format!("{template} is made of something else now"))
    }

    fn template(&self, cloud: &CloudName, template: &TemplateName) -> Option<&TemplateOffer> {
        self.clouds.get(cloud)?.templates.get(template)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    fn market() -> Market {
        example::market("a", &["z1", "z2"], &["m1", "m2"])
    }

    #[test]
    fn a_cloud_that_is_not_in_it_has_one_offering_which_is_the_default() {
        let instance = example::instance(0);
        let (cloud, template) = (&instance.cloud, &instance.template);
        let nothing = Market::default();

        let offerings = nothing.offerings(cloud, template, None, true);
        assert_eq!(offerings, [Offering::default()]);
        assert_eq!(nothing.price_of(&instance), None);
        assert_eq!(nothing.change_since(&instance), None);
    }

    // S4-36
    #[test]
    fn machine_types_are_offered_in_the_listed_order_and_as_spot_first_where_that_may_be() {
        let instance = example::instance(0);
        let (cloud, template) = (&instance.cloud, &instance.template);
        let words = |may_be_spot| -> Vec<String> {
            market()
                .offerings(cloud, template, Some("z2"), may_be_spot)
                .iter()
                .map(Offering::to_string)
                .collect()
        };

        assert_eq!(words(false), ["m1 in z2", "m2 in z2"]);
        assert_eq!(
            words(true),
            ["m1 in z2, spot", "m2 in z2, spot", "m1 in z2", "m2 in z2"]
        );
    }

    #[test]
    fn a_price_is_that_of_the_machine_type_and_of_how_it_is_paid_for() {
        let mut market = market();
        let mut instance = example::instance(0);
        let cents = |cents: u64| Some(Amount::from_millionths(cents * 10_000));

        assert_eq!(market.price_of(&instance), cents(100), "the cloud's own");
        instance.offering.machine = Some("m2".to_owned());
        assert_eq!(market.price_of(&instance), cents(20));
        instance.offering.is_spot = true;
        assert_eq!(market.price_of(&instance), cents(10));
        let offer = market.clouds.get_mut(&instance.cloud).unwrap();
        offer.price = None;
        instance.offering.machine = Some("m9".to_owned());
        assert_eq!(market.price_of(&instance), None);
    }

    // S4-31
    #[test]
    fn an_instance_of_another_making_has_changed_and_one_of_an_unknown_making_has_not() {
        let mut market = market();
        let instance = Instance {
            offering: Offering {
                machine: Some("m1".to_owned()),
                ..Offering::default()
            },
            ..example::instance(0)
        };
        assert_eq!(market.change_since(&instance), None);

        let offer = market.clouds.get_mut(&instance.cloud).unwrap();
        let template = offer.templates.get_mut(&instance.template).unwrap();
        template.fingerprint = Some("new".to_owned());
        assert_eq!(
            market.change_since(&instance),
            None,
            "nobody knows the old one"
        );
        let known = Instance {
            fingerprint: Some("old".to_owned()),
            ..instance
        };
        let why = market.change_since(&known).unwrap();
        assert_eq!(why, "web is made of something else now");

        market = example::market("a", &[], &["m2"]);
        let why = market.change_since(&known).unwrap();
        assert_eq!(why, "m1 is no longer listed");
    }
}
