//! What is durable of each tenant, and who looks after it. Nodes that share a store hold one lease each; whoever takes a tenant
//! up gets a higher epoch than all before, and what is written is compared with it in the same transaction.

use std::collections::{BTreeMap, VecDeque};

use controller::id::{Epoch, Generation, InstanceId};
use controller::instance::Instance;
use controller::journal::{Entry, Event};
use controller::ports::{Footing, Orders, StoreErrorKind, TenantState, Wish};
use controller::spec::TenantSpec;
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};

use crate::moment::{At, HOUR, Span, shown};
use crate::mood::Moods;
use crate::rules;
use crate::truth::Truth;

pub(crate) mod lease;
pub(crate) mod port;

/// The journal is kept in memory for so long; what forecasts learn from, for ever.
const KEPT: SignedDuration = SignedDuration::from_mins(65);
/// Bounds that were in force are remembered for so long.
const BOUNDS_KEPT: Span = 2 * HOUR;

/// What is durable of all tenants together.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) moods: Moods,
    /// When each lease ends that is not renewed, by its number.
    pub(crate) leases: BTreeMap<u64, At>,
    /// The last number that was given to a lease or an owner.
    pub(crate) revision: u64,
    pub(crate) last_steady: Option<Timestamp>,
}

/// The bounds of a spec, and since when it has been in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) since: At,
    pub(crate) min: u32,
    pub(crate) ceiling: u32,
}

/// What is durable of one tenant.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) wish: Option<Wish>,
    pub(crate) generation: Generation,
    pub(crate) records: BTreeMap<InstanceId, Instance>,
    pub(crate) journal: VecDeque<Entry>,
    pub(crate) seq: u64,
    pub(crate) epoch: Epoch,
    /// The number of the lease that its owner holds.
    pub(crate) owner: Option<u64>,
    /// When each open intent became durable.
    pub(crate) wished: BTreeMap<InstanceId, At>,
    pub(crate) bounds: VecDeque<Bounds>,
    /// Since when it is paused.
    pub(crate) paused: Option<At>,
    /// When a person last changed anything.
    pub(crate) ordered: At,
    /// It has followed a forecast, which goes by the times of day that people see.
    pub(crate) has_forecast: bool,
}

impl Kept {
    /// The most instances that were allowed at any time since.
    pub(crate) fn ceiling_since(&self, since: At) -> u32 {
        self.bounds_since(since)
            .map(|bounds| bounds.ceiling)
            .max()
            .unwrap_or(0)
    }

    /// The fewest that had to stay at any time since.
    pub(crate) fn floor_since(&self, since: At) -> u32 {
        self.bounds_since(since)
            .map(|bounds| bounds.min)
            .min()
            .unwrap_or(0)
    }

    /// The most instances that are allowed now.
    pub(crate) fn ceiling_now(&self) -> u32 {
        self.bounds.back().map_or(0, |bounds| bounds.ceiling)
    }

    fn bounds_since(&self, since: At) -> impl Iterator<Item = &Bounds> {
        let first = self.bounds.partition_point(|bounds| bounds.since <= since);
        self.bounds.range(first.saturating_sub(1)..)
    }

    /// A person's new wish, made upon `expected`; the generation that is in force, where that is another.
    pub(crate) fn wish_for(
        &mut self,
        spec: TenantSpec,
        expected: Option<Generation>,
        now: At,
    ) -> Result<(), Option<Generation>> {
        let actual = self.wish.as_ref().map(|wish| wish.generation);
        if actual != expected {
            return Err(actual);
        }
        if self
            .wish
            .as_ref()
            .is_some_and(|wish| wish.spec == spec || wish.orders.is_destroyed)
        {
            return Ok(());
        }
        let orders = self.wish.take().map(|wish| wish.orders).unwrap_or_default();
        self.generation = self.generation.next();
        self.ordered = now;
        self.has_forecast |= !spec.policy.forecast().is_empty();
        let bounds = &spec.instances;
        self.bounds.push_back(Bounds {
            since: now,
            min: bounds.min,
            ceiling: bounds.max + bounds.surge,
        });
        while self.bounds.len() > 1 && self.bounds[1].since + BOUNDS_KEPT < now {
            self.bounds.pop_front();
        }
        let generation = self.generation;
        self.wish = Some(Wish {
            spec,
            generation,
            orders,
        });
        self.tell("apply", now);
        Ok(())
    }

    /// A person's order.
    pub(crate) fn order(&mut self, what: &str, now: At, change: impl FnOnce(&mut Orders)) {
        let Some(wish) = &mut self.wish else { return };
        change(&mut wish.orders);
        let is_paused = wish.orders.is_paused && !wish.orders.is_destroyed;
        self.paused = is_paused.then(|| self.paused.unwrap_or(now));
        self.ordered = now;
        self.tell(what, now);
    }

    fn tell(&mut self, order: &str, now: At) {
        let steady = self
            .journal
            .back()
            .map_or(shown(now, 0), |entry| entry.steady);
        let event = Event::Ordered {
            order: order.to_owned(),
            generation: self.generation,
            detail: String::new(),
        };
        self.append(
            Now {
                steady,
                wall: shown(now, 0),
            },
            [event],
        );
    }

    fn append(&mut self, now: Now, events: impl IntoIterator<Item = Event>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for event in events {
            self.seq += 1;
            let entry = Entry {
                seq: self.seq,
                at: now.wall,
                steady: now.steady,
                event,
            };
            self.journal.push_back(entry.clone());
            entries.push(entry);
        }
        let old = |entry: &Entry| now.since(entry.steady) > KEPT;
        while self.journal.front().is_some_and(old) {
            self.journal.pop_front();
        }
        entries
    }

    fn state(&self, history: SignedDuration) -> Option<TenantState> {
        let wish = self.wish.clone()?;
        let last = self.journal.back().map(|entry| entry.steady);
        let is_told =
            |entry: &&Entry| last.is_some_and(|last| last.duration_since(entry.steady) <= history);
        Some(TenantState {
            epoch: self.epoch,
            wish,
            instances: self.records.values().cloned().collect(),
            journal: self.journal.iter().filter(is_told).cloned().collect(),
        })
    }
}

/// Has a node take up a tenant under the lease that it holds.
pub(crate) fn take_up(
    truth: &mut Truth,
    node: usize,
    tenant: usize,
    history: SignedDuration,
) -> Result<Option<TenantState>, StoreErrorKind> {
    let lease = lease::held(truth, node).ok_or(StoreErrorKind::Failed)?;
    let owner = truth.tenants[tenant].kept.owner;
    if owner != Some(lease) {
        if owner.is_some_and(|owner| lease::is_in_force(truth, owner)) {
            return Err(StoreErrorKind::Deposed);
        }
        truth.store.revision += 1;
        let revision = truth.store.revision;
        let kept = &mut truth.tenants[tenant].kept;
        kept.owner = Some(lease);
        kept.epoch = Epoch(revision);
        truth.tenants[tenant].taken_up = truth.now;
        truth.log.world(truth.now, "taken up by node", node);
    }
    truth.set_steady(node);
    truth.go_by(node, tenant);
    let kept = &truth.tenants[tenant].kept;
    let epoch = kept.epoch;
    let state = kept.state(history);
    truth.nodes[node].epochs.insert(tenant, (epoch, lease));
    Ok(state)
}

/// Writes what a tick has led to, if its footing is firm.
pub(crate) fn commit(
    truth: &mut Truth,
    tenant: usize,
    footing: Footing,
    now: Now,
    instances: &[Instance],
    events: &[Event],
) -> Result<Vec<Entry>, StoreErrorKind> {
    stand(truth, tenant, footing)?;
    if instances.is_empty() && events.is_empty() {
        return Ok(Vec::new());
    }
    rules::recording::judge(truth, tenant, instances, events);
    let at = truth.now;
    truth.store.last_steady = truth.store.last_steady.max(Some(now.steady));
    let kept = &mut truth.tenants[tenant].kept;
    for instance in instances {
        if instance.phase.is_over() {
            kept.records.remove(&instance.id);
            kept.wished.remove(&instance.id);
        } else {
            kept.wished.entry(instance.id).or_insert(at);
            kept.records.insert(instance.id, instance.clone());
        }
    }
    Ok(kept.append(now, events.iter().cloned()))
}

/// Forgets a tenant of which nothing is left.
pub(crate) fn close(
    truth: &mut Truth,
    tenant: usize,
    footing: Footing,
) -> Result<(), StoreErrorKind> {
    stand(truth, tenant, footing)?;
    rules::recording::judge_end(truth, tenant);
    let kept = &mut truth.tenants[tenant].kept;
    kept.wish = None;
    kept.paused = None;
    kept.owner = None;
    truth.tenants[tenant].spec = None;
    Ok(())
}

/// Whether a footing is firm: the epoch is the owner's, whose lease is in force, and what was thought about is what is in force.
fn stand(truth: &mut Truth, tenant: usize, footing: Footing) -> Result<(), StoreErrorKind> {
    let kept = &truth.tenants[tenant].kept;
    let is_owner = kept.epoch == footing.epoch
        && kept
            .owner
            .is_some_and(|owner| lease::is_in_force(truth, owner));
    if !is_owner {
        truth.coverage.row("a deposed node is refused by the store");
        return Err(StoreErrorKind::Deposed);
    }
    let in_force = kept.wish.as_ref();
    let in_force = in_force.map(|wish| (wish.generation, wish.orders));
    if in_force == Some((footing.generation, footing.orders)) {
        Ok(())
    } else {
        Err(StoreErrorKind::Outdated)
    }
}
