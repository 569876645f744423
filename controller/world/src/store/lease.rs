//! Leases: a node that shares a store with others acts only as long as the store has heard from it. A node that has a store of
//! its own holds it as long as it lives.

use controller::ports::StoreErrorKind;

use crate::fault::Fault;
use crate::moment::{At, MILLI, Span};
use crate::seat::Seat;
use crate::truth::Truth;

/// A lease, as the node that holds it knows of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    number: u64,
    /// When the last renewal was sent that was confirmed.
    confirmed: At,
}

/// Whether the store still counts on whoever holds this lease.
pub(crate) fn is_in_force(truth: &Truth, number: u64) -> bool {
    truth
        .store
        .leases
        .get(&number)
        .is_some_and(|end| truth.now < *end)
}

/// The lease that a node holds, by the store's own clock.
pub(crate) fn held(truth: &Truth, node: usize) -> Option<u64> {
    let lease = truth.nodes[node].lease?;
    is_in_force(truth, lease.number).then_some(lease.number)
}

/// Whether a node may act for a tenant, as far as it knows itself: two thirds of the lease have not passed since it was renewed.
pub(crate) fn holds(
    truth: &Truth,
    node: usize,
    tenant: usize,
    epoch: controller::id::Epoch,
) -> bool {
    let here = &truth.nodes[node];
    let Some(lease) = here.lease else {
        return false;
    };
    let is_fresh = !truth.is_shared() || truth.now < lease.confirmed + truth.ttl / 3 * 2;
    is_fresh && here.epochs.get(&tenant) == Some(&(epoch, lease.number))
}

/// Gives a node a lease, or renews the one it has.
fn renew(truth: &mut Truth, node: usize, sent: At) {
    let ends = if truth.is_shared() {
        truth.now + truth.ttl
    } else {
        At::MAX
    };
    let number = held(truth, node).unwrap_or_else(|| {
        truth.store.revision += 1;
        truth.store.revision
    });
    truth.store.leases.insert(number, ends);
    let confirmed = sent;
    truth.nodes[node].lease = Some(Lease { number, confirmed });
}

/// Gives a lease back, so that others need not wait for its end.
pub(crate) fn revoke(truth: &mut Truth, node: usize) {
    if let Some(lease) = truth.nodes[node].lease.take() {
        truth.store.leases.remove(&lease.number);
    }
}

/// Keeps a node's lease in force, as long as it lives and reaches the store.
pub(crate) async fn keep(seat: Seat) {
    let pause = seat.truth().ttl / 3;
    loop {
        let began = seat.truth().now;
        seat.sleep(latency(&seat)).await;
        if reaches(&seat).is_ok() {
            renew(&mut seat.truth(), seat.node, began);
            if !seat.truth().is_shared() {
                return;
            }
        }
        seat.sleep(pause).await;
    }
}

/// Whether the store can be reached from here.
pub(crate) fn reaches(seat: &Seat) -> Result<(), StoreErrorKind> {
    let is_reached = reaches_now(&seat.truth(), seat.node);
    is_reached.then_some(()).ok_or(StoreErrorKind::Failed)
}

/// Whether the store can be reached from a node.
pub(crate) fn reaches_now(truth: &Truth, node: usize) -> bool {
    !truth.nodes[node]
        .moods
        .is_on(Fault::StorePartition, truth.now)
}

fn latency(seat: &Seat) -> Span {
    let truth = &mut *seat.truth();
    truth.nodes[seat.node].chance.u64(MILLI..20 * MILLI)
}
