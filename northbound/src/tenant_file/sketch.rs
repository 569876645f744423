//! A tenant file of which only numbers and policy matter: who asks what a policy would have done over a trace needs no
//! addresses, and no operator.
//!
//! Whatever is there is read as strictly as ever. What is missing and does not change a decision is made up.

use std::net::Ipv4Addr;

use controller::id::{CloudName, SubnetName, TemplateName, TenantName};
use controller::market::Market;
use controller::spec::{Network, Split, Subnet};
use ipnet::Ipv4Net;

use super::{Defaults, Known};

/// The word for what a file does not name.
const UNNAMED: &str = "unnamed";
/// An address for documentation, which nobody has.
const PUBLIC_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// Room for as many instances as a tenant may have.
const CIDR: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 16);

/// An operator who has every cloud and every template, and reserves nothing.
pub(super) fn anybody(defaults: &Defaults) -> Known {
    Known {
        clouds: Vec::new(),
        templates: Vec::new(),
        defaults: defaults.clone(),
        public_ips: Vec::new(),
        market: Market::default(),
        clients: Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 32),
    }
}

macro_rules! unnamed {
    ($($function:ident -> $name:ty;)*) => {$(
        pub(super) fn $function() -> $name {
            UNNAMED.parse().expect("a lower-case word is a name")
        }
    )*};
}

unnamed! {
    tenant -> TenantName;
    cloud -> CloudName;
    template -> TemplateName;
    subnet -> SubnetName;
}

pub(super) fn network() -> Network {
    let first = CIDR.network().to_bits() + 1;
    Network {
        public_ip: PUBLIC_IP,
        subnets: vec![Subnet {
            name: subnet(),
            cidr: CIDR,
            gateway: Ipv4Addr::from_bits(first),
            dhcp_start: Ipv4Addr::from_bits(first + 1),
            dhcp_end: Ipv4Addr::from_bits(CIDR.broadcast().to_bits() - 1),
        }],
        split: Split::ByInstances,
    }
}
