//! What an apply or an order comes to, and why it is refused: a function of what is in force, for every store. A store reads
//! what this asks for and writes what it answers in one transaction, or finds that something else is in force and asks again.

use controller::id::{Generation, TenantName};
use controller::instance::Instance;
use controller::journal::Event;
use controller::ports::{Orders, Wish};
use controller::spec::TenantSpec;

use super::network;
use super::order::{Change, Order, Refusal};

/// What is in force of a tenant. The spec stays text: one that cannot be read can still be replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InForce {
    pub(super) generation: Generation,
    pub(super) orders: Orders,
    /// JSON.
    pub(super) spec: String,
}

impl InForce {
    /// An error where this version cannot read the spec.
    pub(super) fn wish(&self) -> serde_json::Result<Wish> {
        Ok(Wish {
            spec: serde_json::from_str(&self.spec)?,
            generation: self.generation,
            orders: self.orders,
        })
    }
}

/// What an apply is held against.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// `None` for a tenant that is new.
    pub(super) before: Option<&'a InForce>,
    /// Whose the public address of the new spec is.
    pub(super) owner: Option<TenantName>,
    /// The tenant's, without those that are over.
    pub(super) instances: &'a [Instance],
}

/// What an order comes to.
#[derive(Debug)]
pub(super) struct Ordered {
    /// The generation that is in force.
    pub(super) generation: Generation,
    /// What is ordered from now on, and what is written down about it; `None` where nothing changes.
    pub(super) news: Option<(Orders, Event)>,
}

/// What putting this spec in force changes (I13, I27). `json` is the spec as it is kept.
pub(super) fn apply(
    scene: &Scene<'_>,
    spec: &TenantSpec,
    json: &str,
    expected: Option<Generation>,
) -> Result<Change, Refusal> {
    let tenant = &spec.tenant;
    if let Some(before) = scene.before {
        if before.orders.is_destroyed {
            return Err(Refusal::Destroyed {
                tenant: tenant.clone(),
            });
        }
        if before.spec == json {
            return Ok(Change::Same);
        }
    }
    check(
        tenant,
        expected,
        scene.before.map(|before| before.generation),
    )?;
    let public_ip = spec.network.public_ip;
    if let Some(owner) = scene.owner.clone().filter(|owner| owner != tenant) {
        return Err(Refusal::AddressOwned { public_ip, owner });
    }
    // One that cannot be read can be replaced all the same.
    let in_force = scene
        .before
        .and_then(|before| serde_json::from_str(&before.spec).ok());
    match network::refusal(in_force.as_ref(), scene.instances, spec) {
        Some(refusal) => Err(refusal),
        None if scene.before.is_none() => Ok(Change::Created),
        None => Ok(Change::Updated),
    }
}

/// What an order changes; `wish` is `None` for a tenant that is not known.
pub(super) fn order(
    tenant: &TenantName,
    wish: Option<&Wish>,
    order: Order,
    expected: Option<Generation>,
    who: &str,
) -> Result<Ordered, Refusal> {
    let Some(wish) = wish else {
        return Err(Refusal::Unknown {
            tenant: tenant.clone(),
        });
    };
    let generation = wish.generation;
    check(tenant, expected, Some(generation))?;
    let (word, detail, orders) = with(wish, order, who)?;
    let news = (orders != wish.orders).then(|| (orders, ordered(word, generation, detail)));
    Ok(Ordered { generation, news })
}

/// Somebody was faster where another generation is in force than whoever asks has seen; 0 stands for none.
fn check(
    tenant: &TenantName,
    expected: Option<Generation>,
    actual: Option<Generation>,
) -> Result<(), Refusal> {
    let actual = actual.unwrap_or(Generation(0));
    match expected.filter(|expected| *expected != actual) {
        None => Ok(()),
        Some(expected) => Err(Refusal::Generation {
            tenant: tenant.clone(),
            expected,
            actual,
        }),
    }
}

/// What is ordered after this order, with its word and its line in the journal.
fn with(wish: &Wish, order: Order, who: &str) -> Result<(&'static str, String, Orders), Refusal> {
    let tenant = &wish.spec.tenant;
    if wish.orders.is_destroyed && order != Order::Destroy {
        return Err(Refusal::Destroyed {
            tenant: tenant.clone(),
        });
    }
    let mut orders = wish.orders;
    let mut detail = format!("by {who}");
    let word = match order {
        Order::Pause => {
            orders.is_paused = true;
            "pause"
        }
        Order::Resume => {
            orders.is_paused = false;
            "resume"
        }
        Order::Destroy => {
            orders.is_destroyed = true;
            "destroy"
        }
        Order::Scale(desired) => {
            let (min, max) = (wish.spec.instances.min, wish.spec.instances.max);
            if let Some(wanted) = desired.filter(|wanted| !(min..=max).contains(wanted)) {
                return Err(Refusal::OutOfBounds {
                    tenant: tenant.clone(),
                    wanted,
                    min,
                    max,
                });
            }
            orders.desired = desired;
            detail = match desired {
                Some(number) => format!("by {who}, to {number}"),
                None => format!("by {who}, to what the policy says"),
            };
            "scale"
        }
    };
    Ok((word, detail, orders))
}

/// A spec was put in force, as an event.
pub(super) fn applied(spec: &TenantSpec, generation: Generation, who: &str) -> Event {
    let (min, max) = (spec.instances.min, spec.instances.max);
    ordered(
        "apply",
        generation,
        format!("by {who}, {min} to {max} instances"),
    )
}

/// A tenant is gone, as an event.
pub(super) fn closed(generation: Generation) -> Event {
    let detail = "nothing of the tenant is left".to_owned();
    ordered("destroyed", generation, detail)
}

/// What a person ordered, as an event.
fn ordered(order: &str, generation: Generation, detail: String) -> Event {
    Event::Ordered {
        order: order.to_owned(),
        generation,
        detail,
    }
}
