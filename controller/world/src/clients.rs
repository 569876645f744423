//! Clients: they open connections as the load has it, the rules lead each to an instance, and it lives there until it ends.

use std::collections::BTreeMap;

use controller::id::InstanceId;

use crate::curve::Curve;
use crate::moment::{At, MINUTE, SECOND, Span};
use crate::rules;
use crate::seat::World;
use crate::truth::Truth;

/// However little is asked for, the load is looked at this often.
const LONGEST_PAUSE: Span = 30 * SECOND;
/// The longest that anybody stays.
const LONGEST_STAY: Span = 10 * MINUTE;

/// The clients of one tenant.
#[derive(Debug)]
pub(crate) struct Clients {
    pub(crate) curve: Curve,
    /// What one connection takes of an instance.
    pub(crate) weight: f64,
    /// How long they stay on average.
    stay: Span,
    open: BTreeMap<(At, u64), InstanceId>,
    next: u64,
    arrives: At,
    /// How many were served, and how many found nobody.
    pub(crate) served: u64,
    pub(crate) refused: u64,
}

impl Clients {
    pub(crate) fn new(curve: Curve, chance: &mut fastrand::Rng) -> Self {
        Self {
            curve,
            weight: 0.1 + 0.2 * chance.f64(),
            stay: chance.u64(15..=90) * SECOND,
            open: BTreeMap::new(),
            next: 0,
            arrives: 0,
            served: 0,
            refused: 0,
        }
    }

    /// Those of an instance that has ended are cut; how many.
    pub(crate) fn cut(&mut self, id: InstanceId) {
        self.open.retain(|_, at| *at != id);
    }

    fn stay(&self, chance: &mut fastrand::Rng) -> Span {
        exponential(self.stay, chance).clamp(SECOND, LONGEST_STAY)
    }

    /// How long until the next one comes.
    fn pause(&self, now: At, chance: &mut fastrand::Rng) -> Span {
        #[expect(clippy::cast_precision_loss, reason = "less than an hour")]
        let stay = self.stay as f64;
        let load = self.curve.at(now).max(0.001);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and held below"
        )]
        let mean = (stay * self.weight / load) as Span;
        exponential(mean, chance).clamp(1, LONGEST_PAUSE)
    }
}

/// A length of this mean, as often as chance has it.
pub(crate) fn exponential(mean: Span, chance: &mut fastrand::Rng) -> Span {
    #[expect(clippy::cast_precision_loss, reason = "less than a year")]
    let mean = mean as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "not negative, and a cast of what is too large gives the largest"
    )]
    let drawn = (-mean * (1.0 - chance.f64()).ln()) as Span;
    drawn
}

/// Lets a tenant's clients come and go, for ever.
pub(crate) async fn run(world: World, tenant: usize) {
    loop {
        let wait = step(&mut world.truth(), tenant);
        world.sleep(wait.max(1)).await;
    }
}

fn step(truth: &mut Truth, tenant: usize) -> Span {
    let now = truth.now;
    let here = &mut truth.tenants[tenant];
    while let Some(first) = here
        .clients
        .open
        .first_entry()
        .filter(|first| first.key().0 <= now)
    {
        let id = first.remove();
        if let Some(live) = here.network.live.get_mut(&id) {
            *live = live.saturating_sub(1);
        }
    }
    if here.clients.arrives <= now {
        let pause = here.clients.pause(now, &mut here.chances.client);
        here.clients.arrives = now + pause;
        // A pause that was cut short by its limit is no arrival.
        if pause < LONGEST_PAUSE {
            arrive(truth, tenant);
        }
    }
    let here = &truth.tenants[tenant].clients;
    let ends = here.open.keys().next().map_or(At::MAX, |(end, _)| *end);
    here.arrives.min(ends).saturating_sub(now)
}

fn arrive(truth: &mut Truth, tenant: usize) {
    let now = truth.now;
    let here = &mut truth.tenants[tenant];
    if here.network.plan.as_ref().is_none_or(|plan| !plan.is_open) {
        return;
    }
    if here.network.backends.is_empty() {
        here.clients.refused += 1;
        return;
    }
    let id = here.network.backends[here.chances.client.usize(..here.network.backends.len())];
    let stay = here.clients.stay(&mut here.chances.client);
    rules::reaching::judge(truth, tenant, id);
    let is_served = truth.real(tenant, id).is_some_and(|real| real.serves(now));
    let here = &mut truth.tenants[tenant];
    if !is_served {
        here.clients.refused += 1;
        return;
    }
    here.clients.next += 1;
    here.clients
        .open
        .insert((now + stay, here.clients.next), id);
    *here.network.live.entry(id).or_default() += 1;
    here.clients.served += 1;
}
