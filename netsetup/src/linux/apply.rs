//! Makes the kernel what a plan says.
//!
//! Rules change in an order in which no new connection meets a gap: first the sites that are to take connections, then
//! transit, which sends them there, and last the sites that are to take none any more. Each namespace is changed at once. Where
//! the same sites take connections before and after, no order is needed, and all change side by side.

use std::time::Instant;

use controller::crashpoint;
use controller::id::CloudName;
use controller::network::NetworkPlan;
use futures_util::future::try_join_all;

use super::{Detail, Host, Known, said};
use crate::address::RESERVED;
use crate::iptables;
use crate::link::ensure;
use crate::name::NamespaceName;
use crate::namespace;
use crate::rules::{self, RuleSet, Seen, Tunnel, backends, deny_site, deny_transit};
use crate::topology::{NamespaceWish, Topology, edge, topology};

impl Host {
    pub(super) async fn apply(&self, plan: &NetworkPlan) -> Result<(), Detail> {
        check(plan)?;
        let tunnel = self.tunnel().await?;
        let tenant = self.tenant(&plan.tenant);
        let mut known = tenant.known.lock().await;
        // A whole namespace that is gone costs nothing to see, and everything to miss until the next full look.
        let is_whole = known.topology.as_ref().is_none_or(|topology| {
            topology
                .namespaces()
                .all(|wish| namespace::exists(&wish.name))
        });
        let is_due = !is_whole
            || known
                .verified
                .is_none_or(|at| at.elapsed() >= self.settings.resync);
        if !is_due && known.plan.as_ref() == Some(plan) {
            return Ok(());
        }
        // Until all is done, nothing is known for sure: an error, or a caller who gives up, makes the next call look again.
        let mut before = std::mem::take(&mut *known);
        let is_repair = before.plan.as_ref() == Some(plan);
        if is_due {
            before = Known::default();
        }
        let wanted = topology(&self.names, plan, tunnel);
        if before.topology.as_ref() != Some(&wanted) {
            self.build(&wanted, &mut before).await?;
        }
        let is_changed = self.steer(plan, tunnel, &mut before).await?;
        crashpoint!("network.steered", is_changed);
        if is_changed && is_repair {
            tracing::warn!(tenant = %plan.tenant, "somebody had changed our rules; they were put right");
        }
        self.remove_other_sites(plan).await?;
        before.rules.retain(|name, _| wanted.has(name));
        tenant
            .probes
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .set(&self.prober, &self.names, plan);
        tenant
            .gateways
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .set(&self.reception, &self.workers, &self.names, plan);
        *known = Known {
            plan: Some(plan.clone()),
            topology: Some(wanted),
            rules: before.rules,
            verified: before.verified.or_else(|| Some(Instant::now())),
        };
        Ok(())
    }

    /// Makes namespaces, links, addresses and routes. A namespace lets nothing through before its links come up.
    async fn build(&self, wanted: &Topology, known: &mut Known) -> Result<(), Detail> {
        self.ensure_edge().await?;
        let names: Vec<_> = wanted.namespaces().map(|wish| wish.name.clone()).collect();
        let is_new = self.create_namespaces(names.clone()).await?;
        crashpoint!("network.named", is_new.contains(&true));
        for (index, (name, is_new)) in names.iter().zip(is_new).enumerate() {
            if is_new || !known.rules.contains_key(name) {
                let deny = if index == 0 {
                    deny_transit()
                } else {
                    deny_site()
                };
                let seen = self.guard(name, &deny).await?;
                known.rules.insert(name.clone(), seen);
                crashpoint!("network.guarded", is_new);
            }
        }
        // Transit lays the cables to the sites, so it comes first.
        for wish in wanted.namespaces() {
            self.ensure(wish).await?;
        }
        Ok(())
    }

    /// Makes a namespace's links what they should be.
    pub(super) async fn ensure(&self, wish: &NamespaceWish) -> Result<(), Detail> {
        let is_changed = ensure(&self.workers, wish).await.map_err(said)?;
        if is_changed {
            crashpoint!("network.linked");
            tracing::debug!(namespace = %wish.name, "links, addresses or routes made as wanted");
        }
        Ok(())
    }

    /// Makes the edge exist.
    pub(super) async fn ensure_edge(&self) -> Result<(), Detail> {
        let _alone = self.edge.lock().await;
        let wish = edge(&self.names);
        self.create_namespaces(vec![wish.name.clone()]).await?;
        self.ensure(&wish).await
    }

    /// Makes a namespace without rules of ours let nothing through, and returns what it has.
    pub(super) async fn guard(&self, name: &NamespaceName, deny: &RuleSet) -> Result<Seen, Detail> {
        let seen = iptables::read(&self.workers, name).await.map_err(said)?;
        if seen.has_guard() {
            return Ok(seen);
        }
        self.write(name, deny, &seen).await?;
        self.confirm(name, deny).await
    }

    async fn write(
        &self,
        name: &NamespaceName,
        wanted: &RuleSet,
        known: &Seen,
    ) -> Result<bool, Detail> {
        let wait = self.settings.lock_wait;
        let is_written = iptables::write(&self.workers, name, wanted, known, wait)
            .await
            .map_err(said)?;
        if is_written {
            tracing::debug!(namespace = %name, "rules changed");
        }
        Ok(is_written)
    }

    async fn confirm(&self, name: &NamespaceName, wanted: &RuleSet) -> Result<Seen, Detail> {
        iptables::confirm(&self.workers, name, wanted)
            .await
            .map_err(said)
    }

    /// Makes the rules of all namespaces what they should be, in stages that leave no gap; `true` where one was changed.
    async fn steer(
        &self,
        plan: &NetworkPlan,
        tunnel: Tunnel,
        known: &mut Known,
    ) -> Result<bool, Detail> {
        let site = |cloud: &CloudName| {
            let name = self.names.site(&plan.tenant, cloud);
            (name, rules::site(plan, cloud, tunnel))
        };
        let (taking, idle): (Vec<_>, Vec<_>) =
            plan.sites.iter().partition(|cloud| is_taking(plan, cloud));
        let mut stages = vec![
            taking.into_iter().map(site).collect::<Vec<_>>(),
            vec![(
                self.names.transit(&plan.tenant),
                rules::transit(plan, tunnel),
            )],
            idle.into_iter().map(site).collect(),
        ];
        // Each stage costs at least a grace period of the kernel, about ten milliseconds.
        if known
            .plan
            .as_ref()
            .is_some_and(|old| is_orderless(old, plan))
        {
            stages = vec![stages.into_iter().flatten().collect()];
        }
        let mut written = Vec::new();
        for stage in stages {
            let writes = stage.into_iter().map(|(name, wanted)| {
                let seen = known.rules.get(&name).cloned().unwrap_or_default();
                async move {
                    let is_written = self.write(&name, &wanted, &seen).await?;
                    Ok::<_, Detail>((is_written, name, wanted))
                }
            });
            let stage = try_join_all(writes.collect::<Vec<_>>()).await?;
            crashpoint!(
                "network.staged",
                stage.iter().any(|(is_written, ..)| *is_written)
            );
            written.extend(stage);
        }
        written.retain(|(is_written, ..)| *is_written);
        let confirmed = written.iter().map(async |(_, name, wanted)| {
            let seen = self.confirm(name, wanted).await?;
            Ok::<_, Detail>((name.clone(), seen))
        });
        let confirmed = try_join_all(confirmed.collect::<Vec<_>>()).await?;
        known.rules.extend(confirmed);
        Ok(!written.is_empty())
    }

    /// Removes the tenant's sites in clouds that the plan does not name.
    async fn remove_other_sites(&self, plan: &NetworkPlan) -> Result<(), Detail> {
        let found = namespace::list(&self.names.site_prefix(&plan.tenant)).map_err(said)?;
        for name in found {
            let is_wanted = plan
                .sites
                .iter()
                .any(|cloud| self.names.site(&plan.tenant, cloud) == name);
            if !is_wanted {
                self.leave_host(&self.names.host_links(&plan.tenant, &name))
                    .await?;
                namespace::delete(&name).map_err(said)?;
                crashpoint!("network.site_removed");
                tracing::info!(namespace = %name, "a site that is not wanted any more was removed");
            }
        }
        Ok(())
    }
}

/// Whether new connections are sent to this site.
fn is_taking(plan: &NetworkPlan, cloud: &CloudName) -> bool {
    backends(plan, cloud).next().is_some()
}

/// Whether transit and sites may change in any order: the same sites take the same listeners' connections before and after,
/// so whichever rules a connection meets, old or new, they lead somewhere.
fn is_orderless(old: &NetworkPlan, new: &NetworkPlan) -> bool {
    old.public_ip == new.public_ip
        && old.is_open == new.is_open
        && old.listen == new.listen
        && old.sites == new.sites
        && new
            .sites
            .iter()
            .all(|cloud| is_taking(old, cloud) == is_taking(new, cloud))
}

/// Refuses a plan that cannot be built.
fn check(plan: &NetworkPlan) -> Result<(), Detail> {
    for subnet in &plan.subnets {
        let overlaps =
            RESERVED.contains(&subnet.cidr.network()) || subnet.cidr.contains(&RESERVED.network());
        if overlaps {
            return Err(format!(
                "the subnet {} overlaps {RESERVED}, which the tunnels use; choose another",
                subnet.cidr
            ));
        }
    }
    for endpoint in &plan.endpoints {
        if !plan.sites.contains(&endpoint.cloud) {
            return Err(format!(
                "the instance {} is in {}, where the plan has no site",
                endpoint.instance, endpoint.cloud
            ));
        }
    }
    Ok(())
}
