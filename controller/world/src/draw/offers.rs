//! What clouds have to offer, and by which rules tenants choose: in some worlds only, from streams of their own.

use controller::amount::Amount;
use controller::id::TemplateName;
use controller::market::{CloudOffer, MachineType, Spot, TemplateOffer};
use controller::offering::Offering;
use controller::spec::{CloudOrder, OnDemand, TenantSpec, Termination};
use fastrand::Rng;

use super::{CloudDrawn, Personality, name, stream};

/// Templates that a tenant changes between.
const TEMPLATES: [&str; 2] = ["web", "web-2"];

/// Whether the clouds of this world have anything to choose from.
fn has_choice(seed: u64) -> bool {
    stream(seed, "choice").f64() < 0.4
}

/// Gives the clouds zones, machine types and spot, and room for few of some of them.
pub(super) fn draw(seed: u64, clouds: &mut [CloudDrawn]) {
    if !has_choice(seed) {
        return;
    }
    for (index, cloud) in clouds.iter_mut().enumerate() {
        let mut chance = stream(seed, &format!("offers {index}"));
        if cloud.personality == Personality::Libvirt {
            continue;
        }
        cloud.offer = offer(&mut chance);
        for template in TEMPLATES {
            let template: TemplateName = name(template);
            for zone in &cloud.offer.zones {
                for machine in &cloud.offer.templates[&template].machines {
                    let offering = Offering {
                        zone: Some(zone.clone()),
                        machine: Some(machine.name.clone()),
                        is_spot: machine.spot.is_some() && chance.bool(),
                    };
                    if chance.f64() < 0.5 {
                        cloud.rooms.insert(offering, chance.usize(..4));
                    }
                }
            }
        }
    }
}

fn offer(chance: &mut Rng) -> CloudOffer {
    let machines: Vec<MachineType> = (1..=chance.u32(1..=3))
        .map(|nth| MachineType {
            name: format!("m{nth}"),
            price: Some(Amount::whole(nth)),
            spot: chance.bool().then(Spot::default),
        })
        .collect();
    let template = TemplateOffer {
        machines,
        fingerprint: None,
    };
    CloudOffer {
        zones: (1..=chance.u32(1..=3))
            .map(|nth| format!("z{nth}"))
            .collect(),
        templates: TEMPLATES.map(|of| (name(of), template.clone())).into(),
        ..CloudOffer::default()
    }
}

/// The tenant's rules.
pub(super) fn choose(seed: u64, index: usize, spec: &mut TenantSpec) {
    if !has_choice(seed) {
        return;
    }
    let chance = &mut stream(seed, &format!("rules {index}"));
    let rules = &mut spec.placement;
    rules.on_demand = chance.bool().then(|| OnDemand {
        base: chance.u32(..3),
        percentage: chance.u32(..=100),
    });
    rules.order = [
        CloudOrder::Preference,
        CloudOrder::Cost,
        CloudOrder::Reliability,
    ][chance.usize(..3)];
    rules.termination = [
        Termination::Newest,
        Termination::Oldest,
        Termination::OldestTemplate,
        Termination::ClosestToHour,
    ][chance.usize(..4)];
}

/// The other template.
pub(crate) fn another_template(spec: &mut TenantSpec) {
    let template = &mut spec.instances.template;
    let is_first = template.as_str() == TEMPLATES[0];
    *template = name(TEMPLATES[usize::from(is_first)]);
}
