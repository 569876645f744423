//! Looks every few seconds whether every tenant is looked after.

use controller::instance::Phase;

use crate::fault::Fault;
use crate::moment::{SECOND, Span};
use crate::oracle::Rule;
use crate::seat::World;
use crate::truth::Truth;

/// How often it looks.
const PERIOD: Span = 5 * SECOND;

/// Looks for ever.
pub(crate) async fn run(world: World) {
    let tenants = world.truth().tenants.len();
    let mut alone = vec![None; tenants];
    loop {
        world.sleep(PERIOD).await;
        let truth = &mut *world.truth();
        for (tenant, since) in alone.iter_mut().enumerate() {
            look(truth, tenant, since);
        }
    }
}

/// L6: a tenant that nobody owns is taken up within two leases and a little, as long as a node is there to do it.
fn look(truth: &mut Truth, tenant: usize, since: &mut Option<u64>) {
    let now = truth.now;
    if truth.tenants[tenant]
        .kept
        .records
        .values()
        .any(|one| one.phase == Phase::Intent)
        && truth.tenants[tenant].kept.wish.is_some()
    {
        truth
            .coverage
            .row("a launch without an answer is waited for");
    }
    let owner = truth.tenants[tenant].kept.owner;
    let is_owned = owner.is_some_and(|owner| crate::store::lease::is_in_force(truth, owner));
    let is_able = truth.nodes.iter().any(|node| {
        node.is_up && !node.is_stopped && !node.moods.is_on(Fault::StorePartition, now)
    }) && !truth.store.moods.is_on(Fault::ReadFails, now);
    if is_owned || !is_able || truth.tenants[tenant].kept.wish.is_none() {
        *since = None;
        return;
    }
    let alone = now - *since.get_or_insert(now);
    let limit = 2 * truth.ttl + 12 * SECOND;
    let found = (alone > limit).then(|| {
        format!(
            "nobody has looked after tenant {tenant} for {} s",
            alone / SECOND
        )
    });
    truth.oracle.judge(Rule::L6, now, found);
}
