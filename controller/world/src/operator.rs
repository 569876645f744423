//! Two admins for each tenant, who do not talk to each other: they apply, pause, resume, order a number, destroy and create
//! again, each upon what it saw last.

use controller::id::CloudName;
use controller::spec::TenantSpec;

use crate::clients::exponential;
use crate::draw::{another_template, changed, stream};
use crate::moment::{MINUTE, SECOND};
use crate::seat::World;
use crate::truth::Truth;

/// Of so many changes of a spec one changes the template too, where there is anything to choose from.
const TEMPLATE_EVERY: u64 = 4;

/// Applies a spec as its tenant's first.
pub(crate) fn create(truth: &mut Truth, tenant: usize, spec: TenantSpec) {
    let now = truth.now;
    let here = &mut truth.tenants[tenant];
    if here.kept.wish_for(spec, None, now).is_ok() {
        here.spec = here.kept.wish.as_ref().map(|wish| wish.spec.clone());
        truth.ring(tenant);
    }
}

/// One admin of a tenant, until faults are over.
pub(crate) async fn run(world: World, seed: u64, tenant: usize, admin: usize) {
    let mut chance = stream(seed, &format!("admin {admin} of {tenant}"));
    let clouds: Vec<CloudName> = {
        let truth = &*world.truth();
        truth
            .clouds
            .iter()
            .map(|cloud| cloud.drawn.name.clone())
            .collect()
    };
    let mut last = None;
    loop {
        world
            .sleep(exponential(25 * MINUTE, &mut chance).max(SECOND))
            .await;
        let (is_over, wish) = {
            let truth = &*world.truth();
            (
                truth.faults.are_over(),
                truth.tenants[tenant].kept.wish.clone(),
            )
        };
        if is_over {
            return;
        }
        // Between what an admin sees and what it does, the other one may have done something.
        world.sleep(chance.u64(..20 * SECOND)).await;
        let truth = &mut *world.truth();
        if truth.faults.are_over() {
            return;
        }
        let Some(wish) = wish else {
            let spec = last
                .clone()
                .unwrap_or_else(|| draw_again(&mut chance, tenant, &clouds));
            create(truth, tenant, spec);
            truth.coverage.row("a tenant is destroyed and made again");
            continue;
        };
        last = Some(wish.spec.clone());
        act(truth, tenant, &wish, &clouds, &mut chance);
        if chance.f64() < 0.8 {
            truth.ring(tenant);
        }
    }
}

fn draw_again(chance: &mut fastrand::Rng, tenant: usize, clouds: &[CloudName]) -> TenantSpec {
    crate::draw::spec(chance, tenant, clouds)
}

fn act(
    truth: &mut Truth,
    tenant: usize,
    seen: &controller::ports::Wish,
    clouds: &[CloudName],
    chance: &mut fastrand::Rng,
) {
    let now = truth.now;
    let mut offers = truth.clouds.iter().map(|cloud| &cloud.drawn.offer);
    let has_choice = offers.any(|offer| !offer.templates.is_empty());
    let here = &mut truth.tenants[tenant];
    let max = seen.spec.instances.max;
    let what = match chance.u32(..20) {
        0..8 => {
            let mut spec = changed(chance, &seen.spec, clouds);
            if has_choice && seen.generation.0.is_multiple_of(TEMPLATE_EVERY) {
                another_template(&mut spec);
                truth.coverage.row("a template changes");
            }
            let applied = here.kept.wish_for(spec, Some(seen.generation), now);
            here.spec = here.kept.wish.as_ref().map(|wish| wish.spec.clone());
            if applied.is_ok() {
                "apply"
            } else {
                "apply, refused"
            }
        }
        8..12 => {
            here.kept
                .order("pause", now, |orders| orders.is_paused = true);
            "pause"
        }
        12..15 => {
            here.kept
                .order("resume", now, |orders| orders.is_paused = false);
            "resume"
        }
        15..17 => {
            let desired = chance.u32(..max + 2);
            here.kept
                .order("scale", now, |orders| orders.desired = Some(desired));
            "scale"
        }
        17..19 => {
            here.kept
                .order("scale auto", now, |orders| orders.desired = None);
            "scale auto"
        }
        _ => {
            let is_same = here.kept.generation == seen.generation;
            here.kept
                .order("destroy", now, |orders| orders.is_destroyed |= is_same);
            "destroy"
        }
    };
    truth.log.count(now, what, tenant, 0);
}
