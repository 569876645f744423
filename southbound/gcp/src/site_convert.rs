//! The parts of a tenant's site, as Compute Engine wants them told; pure functions.

use std::collections::BTreeSet;

use controller::id::TenantName;
use controller::ports::CloudErrorKind;
use controller::spec::Protocol;
use google_cloud_compute_v1::model::access_config::Type as AccessType;
use google_cloud_compute_v1::model::firewall::{Allowed, Direction};
use google_cloud_compute_v1::model::metadata::Items;
use google_cloud_compute_v1::model::{
    AccessConfig, Address, AttachedDisk, AttachedDiskInitializeParams, Firewall, Instance,
    Metadata, Network, NetworkInterface, Route, Subnetwork, Tags,
};
use southbound::site::{SiteWish, TunnelTransport};

use crate::convert::{self, Place, USER_DATA, site_name, tenant_labels};
use crate::error::Trouble;
use crate::settings::Settings;

/// Goes before the network's own default route, which has 1000.
const ROUTE_PRIORITY: u32 = 500;
/// The gateway's place in the tenant's range: Google keeps the first two, and the core gives none of the first four to an instance.
const GATEWAY_HOST: u32 = 2;

/// The names of one tenant's parts.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    tenant: TenantName,
    pub(crate) network: String,
    pub(crate) subnetwork: String,
    pub(crate) tunnel_filter: String,
    pub(crate) service_filter: String,
    pub(crate) address: String,
    /// The gateway's name, and its network tag.
    pub(crate) gateway: String,
    pub(crate) route: String,
    /// The network tag of every instance.
    pub(crate) member: String,
}

impl Parts {
    pub(crate) fn of(settings: &Settings, tenant: &TenantName) -> Self {
        let name = |part| site_name(settings, tenant, part);
        Self {
            tenant: tenant.clone(),
            network: name("net"),
            subnetwork: name("subnet"),
            tunnel_filter: name("tunnel"),
            service_filter: name("service"),
            address: name("ip"),
            gateway: name("gw"),
            route: name("out"),
            member: name("member"),
        }
    }

    fn network_path(&self, settings: &Settings) -> String {
        format!(
            "projects/{}/global/networks/{}",
            settings.project, self.network
        )
    }

    pub(crate) fn network(&self) -> Network {
        Network::new()
            .set_name(&self.network)
            .set_auto_create_subnetworks(false)
    }

    pub(crate) fn subnetwork(&self, settings: &Settings, wish: &SiteWish) -> Subnetwork {
        Subnetwork::new()
            .set_name(&self.subnetwork)
            .set_network(self.network_path(settings))
            .set_ip_cidr_range(wish.subnet.cidr.trunc().to_string())
    }

    /// A subnetwork cannot be moved to another range; a person has to empty the site first.
    pub(crate) fn is_same_range(&self, found: &Subnetwork, wish: &SiteWish) -> Result<(), Trouble> {
        let (is, wanted) = (
            found.ip_cidr_range.as_deref().unwrap_or_default(),
            wish.subnet.cidr.trunc().to_string(),
        );
        if is == wanted {
            return Ok(());
        }
        let detail = format!(
            "{} has the range {is} and not {wanted}; hint: remove the tenant's instances and its network first",
            self.subnetwork
        );
        Err(Trouble::new(CloudErrorKind::Rejected, detail))
    }

    /// Tunnels come from the transit only, and to the gateway only.
    pub(crate) fn tunnel_filter(&self, settings: &Settings, wish: &SiteWish) -> Firewall {
        let allowed = match wish.tunnel {
            TunnelTransport::Gre => Allowed::new().set_ip_protocol("47"),
            TunnelTransport::Udp(port) => Allowed::new()
                .set_ip_protocol("udp")
                .set_ports([port.to_string()]),
        };
        self.filter(settings, &self.tunnel_filter)
            .set_allowed([allowed])
            .set_source_ranges([format!("{}/32", wish.transit)])
            .set_target_tags([&self.gateway])
    }

    /// Clients reach what instances listen on, and nothing else; they come through the gateway, since nothing else has an address
    /// that they could reach.
    pub(crate) fn service_filter(&self, settings: &Settings, wish: &SiteWish) -> Firewall {
        let ports = |protocol: Protocol| -> BTreeSet<u16> {
            let of_protocol = wish
                .listen
                .iter()
                .filter(|listener| listener.protocol == protocol);
            of_protocol.map(|listener| listener.to).collect()
        };
        let with_ports = [("tcp", Protocol::Tcp), ("udp", Protocol::Udp)]
            .into_iter()
            .filter_map(|(word, protocol)| {
                let ports = ports(protocol);
                let allowed = Allowed::new().set_ip_protocol(word);
                (!ports.is_empty()).then(|| allowed.set_ports(ports.iter().map(u16::to_string)))
            });
        // Also where nobody listens for it: without it no path finds out how large its packets may be.
        let allowed = with_ports.chain([Allowed::new().set_ip_protocol("icmp")]);
        self.filter(settings, &self.service_filter)
            .set_allowed(allowed)
            .set_source_ranges(["0.0.0.0/0"])
            .set_target_tags([&self.member])
    }

    fn filter(&self, settings: &Settings, name: &str) -> Firewall {
        Firewall::new()
            .set_name(name)
            .set_network(self.network_path(settings))
            .set_direction(Direction::Ingress)
    }

    /// Whether a rule lets in what it should, from where and to whom it should.
    pub(crate) fn is_same_filter(found: &Firewall, wanted: &Firewall) -> bool {
        let sorted = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
        let allowed = |rule: &Firewall| {
            let each = rule.allowed.iter();
            each.map(|allowed| (allowed.ip_protocol.clone(), sorted(&allowed.ports)))
                .collect::<BTreeSet<_>>()
        };
        allowed(found) == allowed(wanted)
            && sorted(&found.source_ranges) == sorted(&wanted.source_ranges)
            && sorted(&found.target_tags) == sorted(&wanted.target_tags)
            && found.disabled != Some(true)
    }

    pub(crate) fn address(&self) -> Address {
        Address::new().set_name(&self.address)
    }

    pub(crate) fn gateway(
        &self,
        settings: &Settings,
        wish: &SiteWish,
        place: &Place,
        public: &str,
    ) -> Result<Instance, Trouble> {
        let cidr = wish.subnet.cidr.trunc();
        let inside = cidr.hosts().nth(GATEWAY_HOST as usize - 1).ok_or_else(|| {
            Trouble::new(
                CloudErrorKind::Rejected,
                format!("{cidr} is too small for a gateway; hint: take a /28 or larger"),
            )
        })?;
        let access = AccessConfig::new()
            .set_name("External NAT")
            .set_type(AccessType::OneToOneNat)
            .set_nat_ip(public);
        let interface = NetworkInterface::new()
            .set_subnetwork(convert::site_subnetwork(settings, &self.tenant))
            .set_network_ip(inside.to_string())
            .set_access_configs([access]);
        let parameters =
            AttachedDiskInitializeParams::new().set_source_image(&settings.gateway.image);
        let disk = AttachedDisk::new()
            .set_boot(true)
            .set_auto_delete(true)
            .set_initialize_params(parameters);
        let first_boot = Items::new().set_key(USER_DATA).set_value(&wish.first_boot);
        Ok(Instance::new()
            .set_name(&place.name)
            .set_machine_type(format!(
                "zones/{}/machineTypes/{}",
                place.zone, settings.gateway.machine
            ))
            .set_labels(tenant_labels(settings, &self.tenant))
            .set_can_ip_forward(true)
            .set_tags(Tags::new().set_items([&self.gateway]))
            .set_metadata(Metadata::new().set_items([first_boot]))
            .set_network_interfaces([interface])
            .set_disks([disk]))
    }

    /// What instances send to anywhere leaves by the gateway, and so by the tunnel.
    pub(crate) fn route(&self, settings: &Settings, gateway: &Place) -> Route {
        let hop = format!(
            "projects/{}/zones/{}/instances/{}",
            settings.project, gateway.zone, gateway.name
        );
        Route::new()
            .set_name(&self.route)
            .set_network(self.network_path(settings))
            .set_dest_range("0.0.0.0/0")
            .set_priority(ROUTE_PRIORITY)
            .set_next_hop_instance(hop)
            .set_tags([&self.member])
    }
}
