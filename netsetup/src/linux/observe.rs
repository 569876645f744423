//! Tells what a tenant's network is.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::PoisonError;

use controller::id::TenantName;
use controller::network::{Endpoint, EndpointSeen, Health, NetworkPlan, NetworkSeen};
use futures_util::future::join_all;

use super::{Detail, Host, Known, said};
use crate::name::{NamespaceName, instance_chain, site_chain};
use crate::rules::{Seen, Tunnel};
use crate::{address, conntrack, iptables, namespace};

/// How many flows each address of a site has; `None` where they could not be counted.
type Flows = Option<BTreeMap<Ipv4Addr, u32>>;

impl Host {
    pub(super) async fn observe(&self, name: &TenantName) -> Result<NetworkSeen, Detail> {
        let tunnel = self.tunnel().await?;
        let tenant = self.tenant(name);
        let known = tenant.known.lock().await;
        let Some(plan) = known.plan.clone() else {
            drop(known);
            return self.observe_kernel(name, tunnel).await;
        };
        let routed: Vec<bool> = plan
            .endpoints
            .iter()
            .map(|endpoint| self.is_routed(&plan, endpoint, &known))
            .collect();
        // Others of this tenant need not wait while flows are counted.
        drop(known);
        let counted = plan.sites.iter().map(async |cloud| {
            let site = self.names.site(name, cloud);
            (cloud.clone(), self.flows(&site).await)
        });
        let flows: BTreeMap<_, Flows> = join_all(counted).await.into_iter().collect();
        let probes = tenant.probes.lock().unwrap_or_else(PoisonError::into_inner);
        let endpoints = plan.endpoints.iter().zip(routed);
        let seen = endpoints.map(|(endpoint, is_routed)| {
            let flows = flows.get(&endpoint.cloud).and_then(Option::as_ref);
            let seen = EndpointSeen {
                health: probes.health(endpoint.instance),
                is_routed,
                flows: flows.map(|flows| flows.get(&endpoint.address).copied().unwrap_or(0)),
            };
            (endpoint.instance, seen)
        });
        Ok(NetworkSeen {
            tunnel: tunnel.name().to_owned(),
            endpoints: seen.collect(),
        })
    }

    /// Whether the rules of both levels, as last read back, lead to this endpoint.
    fn is_routed(&self, plan: &NetworkPlan, endpoint: &Endpoint, known: &Known) -> bool {
        let rules = |name: &NamespaceName| known.rules.get(name);
        let (Some(transit), Some(site)) = (
            rules(&self.names.transit(&plan.tenant)),
            rules(&self.names.site(&plan.tenant, &endpoint.cloud)),
        ) else {
            return false;
        };
        let entry = address::tunnel(&endpoint.cloud).site;
        transit.routes(&site_chain(&endpoint.cloud), entry)
            && site.routes(&instance_chain(endpoint.instance), endpoint.address)
    }

    /// What the kernel alone tells, before a plan has been applied: after a restart, the instances in rotation.
    async fn observe_kernel(
        &self,
        name: &TenantName,
        tunnel: Tunnel,
    ) -> Result<NetworkSeen, Detail> {
        if !namespace::exists(&self.names.transit(name)) {
            return Ok(NetworkSeen::default());
        }
        let mut endpoints = BTreeMap::new();
        for site in namespace::list(&self.names.site_prefix(name)).map_err(said)? {
            let seen: Seen = iptables::read(&self.workers, &site).await.map_err(said)?;
            let flows = self.flows(&site).await;
            for (instance, address) in seen.instances() {
                let seen = EndpointSeen {
                    health: Health::Unknown,
                    is_routed: true,
                    flows: flows
                        .as_ref()
                        .map(|f| f.get(&address).copied().unwrap_or(0)),
                };
                endpoints.insert(instance, seen);
            }
        }
        Ok(NetworkSeen {
            tunnel: tunnel.name().to_owned(),
            endpoints,
        })
    }

    async fn flows(&self, site: &NamespaceName) -> Flows {
        match conntrack::flows(&self.workers, site).await {
            Ok(flows) => Some(flows),
            Err(error) => {
                tracing::warn!(%error, "flows could not be counted");
                None
            }
        }
    }
}
