//! Every name that the kernel sees, derived here and nowhere else. Never tenant text: a name is a prefix and the base32 of
//! a hash over the deployment, the tenant and the thing, so that nothing that a tenant writes can collide, overflow or
//! inject. Because names are derived, a restarted service finds again what it made, and keeps no list of it.
//!
//! Interfaces inside a namespace that is the tenant's alone carry plain words (`edge`, `tunnel`): nobody else is there.

use std::fmt;
use std::net::Ipv4Addr;

use controller::id::{CloudName, InstanceId, TenantName};
use controller::spec::Subnet;

use crate::address::site_number;

/// What every namespace of ours begins with.
pub(crate) const NAMESPACE_PREFIX: &str = "asaas-";
/// What every chain of ours begins with.
pub(crate) const CHAIN_PREFIX: &str = "ASAAS-";
/// Ten symbols of five bits: among a million tenants on a host, a collision has a chance of one in two thousand.
const HASH_SYMBOLS: usize = 10;

/// The interface of transit on the edge.
pub(crate) const EDGE: &str = "edge";
/// The bridge of the edge.
pub(crate) const EDGE_BRIDGE: &str = "bridge";
/// The site's end of the cable to the host's own namespace.
pub(crate) const HOST_PORT: &str = "host";
/// The interface of an instance, and of a client.
pub(crate) const CABLE: &str = "eth0";
/// The site's end of its underlay.
pub(crate) const UNDERLAY: &str = "underlay";
/// The site's end of its tunnel.
pub(crate) const TUNNEL: &str = "tunnel";
/// What the names of transit's tunnels begin with; `+` after it matches them all in a rule.
pub(crate) const TRANSIT_TUNNELS: &str = "tun-";
/// What the names of transit's underlays begin with.
pub(crate) const TRANSIT_UNDERLAYS: &str = "und-";
/// What the names of a site's bridges begin with.
pub(crate) const BRIDGES: &str = "br-";

/// What the names of bridges that lead from the host's own namespace into a site begin with.
const HOST_BRIDGES: &str = "ab";
/// What the names of those bridges' cables begin with.
const HOST_CABLES: &str = "av";
/// Eight symbols, so that a site's number fits behind them into fifteen bytes.
const HOST_SYMBOLS: usize = 8;
/// No file below `/run/netns` can have this name.
pub(crate) const OWN: &str = ".";

/// The name of a network namespace of ours: `asaas-`, ten symbols, `-`, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespaceName(String);

impl NamespaceName {
    /// The name as `ip netns` shows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host's own namespace: the one that this process was started in. It is entered, and never made or deleted.
    pub(crate) fn own() -> Self {
        Self(OWN.to_owned())
    }

    /// A name that was found in the kernel.
    pub(crate) fn found(name: &str) -> Self {
        Self(name.to_owned())
    }
}

impl fmt::Display for NamespaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Derives the kernel names of one deployment.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    deployment: String,
}

impl Names {
    /// The names of this deployment.
    pub(crate) fn new(deployment: &str) -> Self {
        Self {
            deployment: deployment.to_owned(),
        }
    }

    /// Ten symbols for a thing of this deployment. The parts are separated by a byte that no name can hold.
    fn hash(&self, parts: &[&str]) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.deployment.as_bytes());
        for part in parts {
            hasher.update(&[0]);
            hasher.update(part.as_bytes());
        }
        let mut text = data_encoding::BASE32_NOPAD
            .encode(&hasher.finalize().as_bytes()[..8])
            .to_ascii_lowercase();
        text.truncate(HASH_SYMBOLS);
        text
    }

    /// What every namespace of this tenant begins with.
    pub(crate) fn tenant_prefix(&self, tenant: &TenantName) -> String {
        let hash = self.hash(&["tenant", tenant.as_str()]);
        format!("{NAMESPACE_PREFIX}{hash}-")
    }

    /// Where the public address lives.
    pub(crate) fn transit(&self, tenant: &TenantName) -> NamespaceName {
        NamespaceName(format!("{}t", self.tenant_prefix(tenant)))
    }

    /// What every site of this tenant begins with.
    pub(crate) fn site_prefix(&self, tenant: &TenantName) -> String {
        format!("{}s-", self.tenant_prefix(tenant))
    }

    /// The tenant's router in one cloud.
    pub(crate) fn site(&self, tenant: &TenantName, cloud: &CloudName) -> NamespaceName {
        let prefix = self.site_prefix(tenant);
        NamespaceName(format!("{prefix}{}", site_number(cloud)))
    }

    /// What every instance's namespace of this tenant begins with.
    pub(crate) fn instance_prefix(&self, tenant: &TenantName) -> String {
        format!("{}i-", self.tenant_prefix(tenant))
    }

    /// Where an instance lives.
    pub(crate) fn instance(&self, tenant: &TenantName, instance: InstanceId) -> NamespaceName {
        let hash = self.hash(&["instance", tenant.as_str(), &instance.to_string()]);
        NamespaceName(format!("{}{hash}", self.instance_prefix(tenant)))
    }

    /// The site's end of an instance's cable.
    pub(crate) fn instance_port(&self, tenant: &TenantName, instance: InstanceId) -> String {
        let hash = self.hash(&["instance", tenant.as_str(), &instance.to_string()]);
        format!("i-{hash}")
    }

    /// The folder of the epochs of this deployment's tenants.
    pub(crate) fn fences(&self) -> String {
        self.hash(&["fences"])
    }

    /// The file of the epoch under which a tenant's network was last changed.
    pub(crate) fn fence(&self, tenant: &TenantName) -> String {
        self.hash(&["tenant", tenant.as_str()])
    }

    /// Where clients and transits meet.
    pub(crate) fn edge(&self) -> NamespaceName {
        NamespaceName(format!("{NAMESPACE_PREFIX}{}-e", self.hash(&["edge"])))
    }

    /// The bridge in the host's own namespace that leads into a site, for what a hypervisor plugs in.
    pub(crate) fn host_bridge(&self, tenant: &TenantName, cloud: &CloudName) -> String {
        let [bridges, _] = self.host_prefixes(tenant);
        format!("{bridges}{}", site_number(cloud))
    }

    /// The host's end of the cable from that bridge into the site.
    pub(crate) fn host_cable(&self, tenant: &TenantName, cloud: &CloudName) -> String {
        let [_, cables] = self.host_prefixes(tenant);
        format!("{cables}{}", site_number(cloud))
    }

    /// The links in the host's own namespace that belong to a site which was found in the kernel.
    pub(crate) fn host_links(&self, tenant: &TenantName, site: &NamespaceName) -> Vec<String> {
        let number = site.as_str().strip_prefix(&self.site_prefix(tenant));
        let prefixes = self.host_prefixes(tenant);
        let links = number.map(|number| prefixes.map(|prefix| format!("{prefix}{number}")));
        links.into_iter().flatten().collect()
    }

    /// What the names of a tenant's links in the host's own namespace begin with: bridges, then cables.
    pub(crate) fn host_prefixes(&self, tenant: &TenantName) -> [String; 2] {
        let mut hash = self.hash(&["tenant", tenant.as_str()]);
        hash.truncate(HOST_SYMBOLS);
        [HOST_BRIDGES, HOST_CABLES].map(|prefix| format!("{prefix}{hash}"))
    }

    /// The edge's end of a tenant's cable.
    pub(crate) fn transit_port(&self, tenant: &TenantName) -> String {
        format!("t-{}", self.hash(&["tenant", tenant.as_str()]))
    }

    /// A client of the edge.
    pub(crate) fn client(&self, address: Ipv4Addr) -> NamespaceName {
        let hash = self.hash(&["client", &address.to_string()]);
        NamespaceName(format!("{NAMESPACE_PREFIX}{hash}-c"))
    }

    /// The edge's end of a client's cable.
    pub(crate) fn client_port(&self, address: Ipv4Addr) -> String {
        format!("c-{}", self.hash(&["client", &address.to_string()]))
    }

    /// The address on the wire of a link of ours: fixed, so that neighbours who remember it are right even where the link was
    /// made anew, and so that a bridge does not take the address of whoever is plugged in.
    pub(crate) fn mac(&self, namespace: &NamespaceName, link: &str) -> [u8; 6] {
        let hash = self.hash(&["mac", namespace.as_str(), link]);
        let mut mac = [0; 6];
        mac.copy_from_slice(&blake3::hash(hash.as_bytes()).as_bytes()[..6]);
        // Given locally, and to one station.
        mac[0] = 2;
        mac
    }

    /// Distinguishes the tenant's tunnels from those of others: never zero.
    pub(crate) fn tunnel_salt(&self, tenant: &TenantName) -> u8 {
        let hash = blake3::hash(self.tenant_prefix(tenant).as_bytes());
        hash.as_bytes()[0].max(1)
    }
}

/// Transit's end of a site's underlay.
pub(crate) fn transit_underlay(cloud: &CloudName) -> String {
    format!("{TRANSIT_UNDERLAYS}{}", site_number(cloud))
}

/// Transit's end of a site's tunnel.
pub(crate) fn transit_tunnel(cloud: &CloudName) -> String {
    format!("{TRANSIT_TUNNELS}{}", site_number(cloud))
}

/// The bridge of a subnet in a site: subnets of a tenant never overlap, so the first address says which.
pub(crate) fn bridge(subnet: &Subnet) -> String {
    format!("{BRIDGES}{:08x}", subnet.cidr.network().to_bits())
}

/// Whether a link's name is one of those that number sites or subnets: such a link that no plan wants is left over.
pub(crate) fn is_numbered_link(name: &str) -> bool {
    let number = |prefix: &str, digits: usize| {
        name.strip_prefix(prefix)
            .is_some_and(|n| n.len() == digits && n.chars().all(|c| c.is_ascii_hexdigit()))
    };
    number(TRANSIT_UNDERLAYS, 4) || number(TRANSIT_TUNNELS, 4) || number(BRIDGES, 8)
}

/// The chain that leads to an instance, in its site.
pub(crate) fn instance_chain(instance: InstanceId) -> String {
    format!("{CHAIN_PREFIX}{instance}")
}

/// The instance that a chain leads to; `None` for any other chain.
pub(crate) fn instance_of_chain(chain: &str) -> Option<InstanceId> {
    chain.strip_prefix(CHAIN_PREFIX)?.parse().ok()
}

/// The chain that leads to a site, in transit.
pub(crate) fn site_chain(cloud: &CloudName) -> String {
    format!("{CHAIN_PREFIX}SITE-{}", site_number(cloud))
}

/// A fork of the tree that shares out new connections; the root is 1, the forks below `n` are `2n` and `2n + 1`.
pub(crate) fn fork_chain(number: u64) -> String {
    format!("{CHAIN_PREFIX}FORK-{number}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn tenant() -> impl Strategy<Value = TenantName> {
        "[a-z]([a-z0-9_-]{0,28}[a-z0-9])?".prop_map(|name| name.parse().unwrap())
    }

    fn cloud() -> impl Strategy<Value = CloudName> {
        "[a-z]([a-z0-9_-]{0,28}[a-z0-9])?".prop_map(|name| name.parse().unwrap())
    }

    proptest! {
        // S4 names: interfaces 15 bytes, chains 28, and a file name for a namespace.
        #[test]
        fn every_name_fits_the_kernel(
            tenant in tenant(), cloud in cloud(), second: u32, chance: u32, address: u32, fork in 1_u64..1 << 20,
        ) {
            let names = Names::new("x");
            let instance = InstanceId::new(second, chance);
            let address = Ipv4Addr::from_bits(address);
            for interface in [
                names.instance_port(&tenant, instance), names.transit_port(&tenant), names.client_port(address),
                names.host_bridge(&tenant, &cloud), names.host_cable(&tenant, &cloud),
                transit_underlay(&cloud), transit_tunnel(&cloud), EDGE.to_owned(), UNDERLAY.to_owned(),
                TUNNEL.to_owned(), CABLE.to_owned(), EDGE_BRIDGE.to_owned(),
            ] {
                prop_assert!(interface.len() <= 15, "{interface}");
            }
            for chain in [instance_chain(instance), site_chain(&cloud), fork_chain(fork)] {
                prop_assert!(chain.len() <= 28, "{chain}");
            }
            prop_assert_eq!(instance_of_chain(&instance_chain(instance)), Some(instance));
            for namespace in [
                names.transit(&tenant), names.site(&tenant, &cloud), names.instance(&tenant, instance), names.edge(),
            ] {
                prop_assert!(namespace.as_str().len() <= 40 && namespace.as_str().starts_with(NAMESPACE_PREFIX));
            }
        }

        #[test]
        fn no_name_holds_what_the_tenant_wrote(tenant in "[a-z]{6,30}") {
            let name: TenantName = tenant.parse().unwrap();
            let names = Names::new("x");
            prop_assert!(!names.transit(&name).as_str().contains(&tenant));
            prop_assert!(!names.transit_port(&name).contains(&tenant));
        }

        #[test]
        fn different_tenants_deployments_and_instances_have_different_names(
            one in tenant(), other in tenant(), a: u32, b: u32,
        ) {
            prop_assume!(one != other && a != b);
            let (x, y) = (Names::new("x"), Names::new("y"));
            let (p, q) = (InstanceId::new(1, a), InstanceId::new(1, b));
            let all = [
                x.transit(&one), x.transit(&other), y.transit(&one), y.transit(&other), x.edge(), y.edge(),
                x.instance(&one, p), x.instance(&one, q), x.instance(&other, p), y.instance(&one, p),
            ];
            let distinct: BTreeSet<_> = all.iter().collect();
            prop_assert_eq!(distinct.len(), all.len());
        }
    }
}
