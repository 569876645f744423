//! Takes down: the flows of an address, and a whole tenant.

use std::net::Ipv4Addr;
use std::sync::PoisonError;

use controller::crashpoint;
use controller::id::{CloudName, TenantName};

use super::{Detail, Host, Known, said};
use crate::link::{Netlink, forget_neighbour};
use crate::name::{EDGE_BRIDGE, NamespaceName};
use crate::probe::Probes;
use crate::reception::Gateways;
use crate::{conntrack, namespace};

impl Host {
    pub(super) async fn forget(
        &self,
        tenant: &TenantName,
        _cloud: &CloudName,
        address: Ipv4Addr,
    ) -> Result<(), Detail> {
        // Neighbours in other sites talked to it through transit, so its flows are in all of them.
        let mut routers = namespace::list(&self.names.site_prefix(tenant)).map_err(said)?;
        routers.push(self.names.transit(tenant));
        for name in routers.iter().filter(|name| namespace::exists(name)) {
            conntrack::forget(&self.workers, name, address)
                .await
                .map_err(said)?;
            crashpoint!("forget.flows");
        }
        // The next owner may be in another site: neighbours must not look for it on their own bridge.
        let neighbours = namespace::list(&self.names.instance_prefix(tenant)).map_err(said)?;
        for name in neighbours.iter().filter(|name| namespace::exists(name)) {
            forget_neighbour(&self.workers, name, address)
                .await
                .map_err(said)?;
        }
        Ok(())
    }

    pub(super) async fn destroy(&self, name: &TenantName) -> Result<(), Detail> {
        let tenant = self.tenant(name);
        let mut known = tenant.known.lock().await;
        *known = Known::default();
        *tenant.probes.lock().unwrap_or_else(PoisonError::into_inner) = Probes::default();
        *tenant
            .gateways
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Gateways::default();
        let mut problems = Vec::new();
        let port = self.names.transit_port(name);
        if let Err(problem) = self.unplug_from_edge(Some(&port)).await {
            problems.push(problem);
        }
        crashpoint!("destroy.unplugged");
        if let Err(problem) = self.leave_host(&self.names.host_prefixes(name)).await {
            problems.push(problem);
        }
        let found = namespace::list(&self.names.tenant_prefix(name)).unwrap_or_else(|error| {
            problems.push(said(error));
            Vec::new()
        });
        for namespace in found {
            if let Err(error) = namespace::delete(&namespace) {
                problems.push(format!("deleting the namespace {namespace}: {error}"));
            }
            crashpoint!("destroy.namespace");
        }
        if !problems.is_empty() {
            return Err(problems.join("; "));
        }
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        tenants.remove(name);
        Ok(())
    }

    /// Removes links from the host's own namespace: those whose names begin so.
    pub(super) async fn leave_host(&self, prefixes: &[String]) -> Result<(), Detail> {
        let own = NamespaceName::own();
        let netlink = Netlink::connect(&self.workers, &own).await.map_err(said)?;
        netlink.remove_all(prefixes).await.map_err(said)
    }

    /// Removes a port of the edge, and the edge with its last one.
    async fn unplug_from_edge(&self, port: Option<&str>) -> Result<(), Detail> {
        let _alone = self.edge.lock().await;
        let edge = self.names.edge();
        if !namespace::exists(&edge) {
            return Ok(());
        }
        let netlink = Netlink::connect(&self.workers, &edge).await.map_err(said)?;
        if let Some(port) = port {
            netlink.remove(port).await.map_err(said)?;
        }
        if netlink.count_ports(EDGE_BRIDGE).await.map_err(said)? == 0 {
            namespace::delete(&edge).map_err(said)?;
        }
        Ok(())
    }
}
