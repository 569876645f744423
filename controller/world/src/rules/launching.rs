//! What must hold when an instance comes to exist.

use controller::offering::Offering;

use crate::fault::Fault;
use crate::moment::{MINUTE, SECOND, Span};
use crate::oracle::Rule;
use crate::real::Real;
use crate::truth::Truth;

/// After the third instance that was never healthy the cloud is left alone for so long, at least.
const REST: Span = 5 * MINUTE;

/// What a wrong listing has led to shows within so long.
const LIES_TOLD: Span = 20 * MINUTE;

/// An instance has been made.
pub(crate) fn judge(truth: &mut Truth, cloud: usize, tenant: usize, real: &Real) {
    let now = truth.now;
    truth.launches += 1;
    if real.offering.is_spot {
        truth.coverage.row("a spot instance is made");
    }
    *truth.tenants[tenant].deeds.made.entry(real.id).or_default() += 1;
    let found = [
        (Rule::I1, ceiling(truth, tenant, real)),
        (Rule::I8, once(truth, tenant, real)),
        (Rule::I10, address(truth, cloud, tenant, real)),
        (Rule::I16, recorded(truth, tenant, real)),
        (Rule::I28, offered(truth, cloud, tenant, real)),
    ];
    for (rule, found) in found {
        truth.oracle.judge(rule, now, found);
    }
}

/// Whether a controller can know of an instance: not of one that was made when its record was over already, by a call that
/// took too long; nor of one that is going, where a cloud has listed less than it has, against its port's contract, or does not
/// list it yet and a leap of the clock has ended the wait for it.
fn is_known(truth: &Truth, real: &Real) -> bool {
    let since = truth.now.saturating_sub(LIES_TOLD);
    let lies = |kind| {
        truth
            .clouds
            .iter()
            .any(|cloud| cloud.moods.was_on(kind, since))
    };
    let leapt = real.tenant.map_or(0, |tenant| truth.tenants[tenant].leapt);
    let is_unlisted = truth.now < real.shown.0 && real.made < leapt;
    let is_hidden = is_unlisted || lies(Fault::EmptyListing) || lies(Fault::PartialListing);
    let is_going = truth.now >= real.leaves_from;
    !(truth.late.contains(&real.id) || is_going && is_hidden)
}

/// I1: with this one there are no more than the ceiling. A spec that lowers it takes nobody's life, so the highest counts that
/// was in force since the oldest of them was wished for. One that was made when its record was over already, by a call that
/// took too long, is a stray, and is removed as one.
pub(crate) fn ceiling(truth: &Truth, tenant: usize, real: &Real) -> Option<String> {
    let kept = &truth.tenants[tenant].kept;
    if !kept.records.contains_key(&real.id) {
        return None;
    }
    let is_counted = |other: &&Real| is_known(truth, other);
    let there = truth.reals(tenant).filter(is_counted).count() + 1;
    let oldest = kept.wished.values().min().copied().unwrap_or(truth.now);
    let first = truth
        .reals(tenant)
        .map(|real| real.made)
        .min()
        .unwrap_or(truth.now);
    let ceiling = kept.ceiling_since(oldest.min(first)) as usize;
    (there > ceiling).then(|| {
        format!(
            "{there} instances exist with {}, at most {ceiling} may",
            real.id
        )
    })
}

/// I28: it is one of the cloud's offerings, with an address of its zone's own.
pub(crate) fn offered(truth: &Truth, cloud: usize, tenant: usize, real: &Real) -> Option<String> {
    let offer = &truth.clouds[cloud].drawn.offer;
    let Offering {
        zone,
        machine,
        is_spot,
    } = &real.offering;
    let mut templates = offer.templates.values();
    let mut machines = templates.next().into_iter().flat_map(|of| &of.machines);
    let is_listed = match machine {
        None => offer.templates.is_empty() && !is_spot,
        Some(name) => machines.any(|one| one.name == *name && (one.spot.is_some() || !is_spot)),
    };
    let mut zones = offer.zones.iter();
    let place = zone
        .as_ref()
        .map(|zone| zones.position(|name| name == zone));
    let is_of_zone = match place {
        None => offer.zones.is_empty(),
        Some(None) => false,
        // The tenants of worlds share a /24 out in equal parts.
        Some(Some(place)) => {
            let part = 256 / offer.zones.len().next_power_of_two();
            usize::from(real.address.octets()[3]) / part == place
        }
    };
    (!is_listed || !is_of_zone).then(|| {
        let (cloud, offering) = (&truth.clouds[cloud].drawn.name, &real.offering);
        format!(
            "tenant {tenant}: {cloud} has no `{offering}` at {}",
            real.address
        )
    })
}

/// I8: an intent makes one instance, ever.
pub(crate) fn once(truth: &Truth, tenant: usize, real: &Real) -> Option<String> {
    let made = truth.tenants[tenant]
        .deeds
        .made
        .get(&real.id)
        .copied()
        .unwrap_or(0);
    (made > 1).then(|| format!("{} was made {made} times", real.id))
}

/// I10: nobody has its address any more, and nothing is left of whoever had it. A cloud whose listing leaves out what it has,
/// against its port's contract, has told that the one before is gone.
pub(crate) fn address(truth: &Truth, cloud: usize, tenant: usize, real: &Real) -> Option<String> {
    let here = &truth.tenants[tenant];
    if !here.kept.records.contains_key(&real.id) {
        return None;
    }
    let is_other = |other: &&Real| other.id != real.id && is_known(truth, other);
    let other = truth
        .reals(tenant)
        .filter(is_other)
        .find(|other| other.address == real.address);
    if let Some(other) = other {
        return Some(format!(
            "{} has the address of {}, which exists",
            real.id, other.id
        ));
    }
    let key = (truth.clouds[cloud].drawn.name.clone(), real.address);
    let rows = here.network.rows.get(&key).copied().unwrap_or(0);
    (rows > 0).then(|| {
        format!(
            "{} flows of the last owner of {} are left",
            rows, real.address
        )
    })
}

/// I16: its intent was durable before. One whose record is over by now was asked for before that.
pub(crate) fn recorded(truth: &Truth, tenant: usize, real: &Real) -> Option<String> {
    let here = &truth.tenants[tenant];
    let is_known = here.kept.records.contains_key(&real.id) || here.deeds.over.contains(&real.id);
    (!is_known).then(|| format!("{} was made and never recorded", real.id))
}

/// I20: three in a row that were never healthy, and no rest.
pub(crate) fn breaker(truth: &Truth, cloud: usize, tenant: usize) -> Option<String> {
    let here = &truth.tenants[tenant];
    let duds = here.deeds.duds.get(&cloud)?;
    let recent = |at: &&u64| truth.now - **at < 50 * MINUTE && **at > here.leapt;
    let last = *duds.last()?;
    let rested = truth.now - last;
    let is_open = duds.iter().filter(recent).count() >= 3 && rested + super::TICKING < REST;
    is_open.then(|| {
        format!(
            "an instance is wished for {} s after the third that was never healthy",
            rested / SECOND
        )
    })
}
