//! After the chaos: faults end, and what has to come right by itself is given its time. Then the rules that hold in the end are
//! asked, of the truth.

use controller::instance::{Instance, Phase};
use controller::policy::Mode;

use crate::chaos::revive;
use crate::curve::Curve;
use crate::fault::Fault;
use crate::moment::{At, HOUR, MINUTE, SECOND, Span, span};
use crate::node;
use crate::operator;
use crate::oracle::Rule;
use crate::seat::World;
use crate::truth::Truth;

/// A breaker may be open for half an hour, and what it held back needs its time.
pub(crate) const HEALING: Span = 45 * MINUTE;
/// All has to be right once within the last so long.
pub(crate) const LAST: Span = 5 * MINUTE;
/// Rules that were flushed are back after so long.
const RULES_BACK: Span = 35 * SECOND;

/// Ends all faults, and starts what is down.
pub(crate) fn begin(world: &World, seed: u64) {
    let nodes = {
        let truth = &mut *world.truth();
        let now = truth.now;
        truth.faults.end();
        truth.store.moods.end(now);
        for cloud in &mut truth.clouds {
            cloud.moods.end(now);
            cloud.drawn.capacity = usize::MAX;
            cloud.drawn.rooms.clear();
        }
        for node in &mut truth.nodes {
            node.moods.end(now);
        }
        for tenant in 0..truth.tenants.len() {
            settle(truth, tenant);
        }
        truth.log.world(now, "faults end", "");
        truth.nodes.len()
    };
    for index in 0..nodes {
        let is_stopped = world.truth().nodes[index].is_stopped;
        if is_stopped {
            node::wake(world, index);
        }
        revive(world, seed, index);
    }
}

fn settle(truth: &mut Truth, tenant: usize) {
    let now = truth.now;
    let here = &mut truth.tenants[tenant];
    here.moods.end(now);
    here.network.moods.end(now);
    here.clients.curve = Curve::steady(0.3);
    here.kept.order("resume", now, |orders| {
        orders.is_paused = false;
        orders.desired = None;
    });
    let has_many = here.network.backends.len() >= 4;
    if has_many && follows_load(truth, tenant) {
        // L9
        let here = &mut truth.tenants[tenant];
        here.silent = Some(0);
        here.moods.set(Fault::SilentOne, now, now + HEALING);
        here.deeds.is_one_silent = true;
    }
    let here = &truth.tenants[tenant];
    if here.kept.wish.is_none()
        && let Some(spec) = here.first.clone()
    {
        operator::create(truth, tenant, spec);
    }
}

/// Whether nothing but the load holds the number up.
fn follows_load(truth: &Truth, tenant: usize) -> bool {
    let here = &truth.tenants[tenant];
    let Some(wish) = &here.kept.wish else {
        return false;
    };
    let policy = &wish.spec.policy;
    let lately = here
        .deeds
        .changes
        .iter()
        .filter(|(at, _)| truth.now - at.min(&truth.now) < HOUR);
    policy.mode == Mode::Auto
        && policy.max_rate.scale_in.is_none()
        && policy
            .signals
            .iter()
            .all(|signal| signal.threshold().is_some())
        && !policy.signals.is_empty()
        && wish.spec.instances.max <= 8
        && lately.count() < 4
}

/// Somebody flushes all rules; they have to be back soon.
pub(crate) fn flush(truth: &mut Truth) {
    let now = truth.now;
    for tenant in &mut truth.tenants {
        tenant.network.flush(now);
    }
}

/// L8: the rules are back.
pub(crate) fn judge_rules(truth: &mut Truth) {
    let now = truth.now;
    for tenant in 0..truth.tenants.len() {
        let flushed = truth.tenants[tenant].network.flushed;
        let found = flushed
            .filter(|at| now - at > RULES_BACK + span(truth.pace.tick))
            .map(|at| format!("rules were flushed {} s ago", (now - at) / SECOND));
        truth.oracle.judge(Rule::L8, now, found);
    }
}

/// L1: whether a tenant is as it should be.
pub(crate) fn wrong(truth: &Truth, tenant: usize) -> Option<(Rule, String)> {
    let here = &truth.tenants[tenant];
    let now = truth.now;
    if let Some(stray) = truth
        .reals(tenant)
        .find(|real| !here.kept.records.contains_key(&real.id))
    {
        return Some((Rule::L1, format!("{} exists and is in no record", stray.id)));
    }
    let Some(wish) = &here.kept.wish else {
        return None;
    };
    if wish.orders.is_destroyed {
        return Some((Rule::L1, "the tenant is not removed yet".to_owned()));
    }
    if let Some(found) = here
        .kept
        .records
        .values()
        .find_map(|one| unsettled(truth, tenant, one))
    {
        return Some(found);
    }
    let serving: Vec<_> = here
        .kept
        .records
        .values()
        .filter(|one| one.phase == Phase::InService)
        .map(|one| one.id)
        .collect();
    let wanted = here.deeds.desired as usize;
    let bounds = &wish.spec.instances;
    if serving.len() != wanted || !(bounds.min as usize..=bounds.max as usize).contains(&wanted) {
        return Some((
            Rule::L1,
            format!("{} serve, {wanted} are wanted", serving.len()),
        ));
    }
    if let Some(id) = serving.iter().find(|id| {
        truth
            .real(tenant, **id)
            .is_none_or(|real| !real.serves(now))
    }) {
        return Some((
            Rule::L1,
            format!("{id} is recorded as serving and does not"),
        ));
    }
    let is_routed = serving.iter().all(|id| here.network.leads_to(*id));
    if !is_routed || serving.len() != here.network.backends.len() {
        return Some((
            Rule::L1,
            "the rules lead elsewhere than to those that serve".to_owned(),
        ));
    }
    let is_owned = |address| here.kept.records.values().any(|one| one.address == address);
    let rows = here.network.rows.keys();
    let left = rows.filter(|(_, address)| !is_owned(*address)).count();
    let what = format!("flows are left of {left} instances that are gone");
    (left > 0).then_some((Rule::L1, what))
}

/// An instance that is on its way for too long, or at all.
fn unsettled(truth: &Truth, tenant: usize, one: &Instance) -> Option<(Rule, String)> {
    let wish = truth.tenants[tenant].kept.wish.as_ref()?;
    let wished = truth.tenants[tenant]
        .kept
        .wished
        .get(&one.id)
        .copied()
        .unwrap_or(0);
    let age: At = truth.now - wished;
    let boot = span(wish.spec.instances.boot_timeout) + 5 * MINUTE;
    let told = |rule| Some((rule, format!("{} is still {}", one.id, one.phase)));
    match one.phase {
        Phase::InService | Phase::Standby => None,
        Phase::Booting | Phase::Launching if age > boot => told(Rule::L2),
        Phase::Draining => told(Rule::L3),
        Phase::Intent if age > 30 * MINUTE => told(Rule::L4),
        _ => told(Rule::L1),
    }
}

/// L9: one silent instance of many has not kept the number up.
pub(crate) fn judge_silent(truth: &mut Truth) {
    let now = truth.now;
    for tenant in 0..truth.tenants.len() {
        let here = &truth.tenants[tenant];
        let Some(wish) = &here.kept.wish else {
            continue;
        };
        if !here.deeds.is_one_silent || wish.orders.is_destroyed {
            continue;
        }
        // With three, one is too many to be silent.
        let enough = wish.spec.instances.min.max(3);
        let wanted = here.deeds.desired;
        let found = (wanted > enough).then(|| format!("{wanted} are wanted, {enough} are enough"));
        truth.oracle.judge(Rule::L9, now, found);
    }
}

/// I7: what others have is as they left it.
pub(crate) fn judge_strangers(truth: &mut Truth) {
    let now = truth.now;
    let reals = truth.clouds.iter().flat_map(|cloud| cloud.reals.values());
    let mut strangers = reals.filter(|real| real.tenant.is_none());
    let found = strangers.find(|real| now >= real.leaves_from || now >= real.gone_from);
    let found = found.map(|real| format!("{} is somebody else's, and is removed", real.id));
    truth.oracle.judge(Rule::I7, now, found);
}
