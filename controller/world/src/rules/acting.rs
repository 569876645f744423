//! What must hold when a node acts: when it changes the network, launches or removes.

use crate::oracle::Rule;
use crate::truth::Truth;

/// A node orders an effect for a tenant. What becomes of the order on its way is not in its hands any more.
pub(crate) fn judge(truth: &mut Truth, node: usize, tenant: usize) {
    let now = truth.now;
    let found = own(truth, node, tenant);
    truth.oracle.judge(Rule::I9, now, found);
}

/// I9: nobody has taken the tenant up since this node did.
pub(crate) fn own(truth: &Truth, node: usize, tenant: usize) -> Option<String> {
    let taken = truth.nodes[node].epochs.get(&tenant)?.0;
    let last = truth.tenants[tenant].kept.epoch;
    (taken < last).then(|| {
        format!("node {node} acts for tenant {tenant} under epoch {taken}, after {last} has begun")
    })
}
