//! The fixed address plan of one host. Nothing is allocated, so nothing can be allocated twice or be forgotten: every
//! tenant has its own namespaces, so all may use the same addresses, and within a tenant a site's addresses follow from its
//! cloud's name.
//!
//! | range | what |
//! |---|---|
//! | `100.68.0.0/14` | underlay: site number *h* has `100.68.0.0 + 4h`, `.1` is transit, `.2` is the site |
//! | `100.64.0.0/14` | inside the tunnel, the same way |
//!
//! `100.64.0.0/10` is therefore [reserved](RESERVED): no subnet and no client may use it.

use std::fmt;
use std::net::Ipv4Addr;

use controller::id::CloudName;
use ipnet::Ipv4Net;

/// The range that tenants' subnets may not touch: the shared address space of RFC 6598, meant for carriers' insides.
pub const RESERVED: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10);

const UNDERLAY_BASE: u32 = Ipv4Addr::new(100, 68, 0, 0).to_bits();
const TUNNEL_BASE: u32 = Ipv4Addr::new(100, 64, 0, 0).to_bits();
/// Two addresses, the network and the broadcast.
const PAIR_PREFIX: u8 = 30;

/// The number of a cloud's sites, from its name. Shown as four hexadecimal digits.
///
/// Two clouds of one configuration must not have the same number; whoever reads the configuration refuses that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteNumber(u16);

/// The number of a cloud's sites.
pub fn site_number(cloud: &CloudName) -> SiteNumber {
    let hash = blake3::hash(cloud.as_str().as_bytes());
    let bytes = hash.as_bytes();
    SiteNumber(u16::from_be_bytes([bytes[0], bytes[1]]))
}

impl fmt::Display for SiteNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}", self.0)
    }
}

/// Two ends of a private line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pair {
    /// Transit's address.
    pub(crate) transit: Ipv4Addr,
    /// The site's address.
    pub(crate) site: Ipv4Addr,
}

impl Pair {
    /// How many bits of the addresses are the line's.
    pub(crate) const PREFIX: u8 = PAIR_PREFIX;

    fn at(base: u32, number: SiteNumber) -> Self {
        let network = base + 4 * u32::from(number.0);
        Self {
            transit: Ipv4Addr::from_bits(network + 1),
            site: Ipv4Addr::from_bits(network + 2),
        }
    }
}

/// The addresses that carry the tunnel of this cloud's sites.
pub(crate) fn underlay(cloud: &CloudName) -> Pair {
    Pair::at(UNDERLAY_BASE, site_number(cloud))
}

/// The addresses inside the tunnel of this cloud's sites.
pub(crate) fn tunnel(cloud: &CloudName) -> Pair {
    Pair::at(TUNNEL_BASE, site_number(cloud))
}

/// The key of a tunnel: 24 bits, of the tenant and the site. Transit has one tunnel for each site, and the kernel wants a VNI
/// to be unique within a namespace; the tenant's part keeps others' packets out even where they share an underlay one day.
pub(crate) fn tunnel_key(tenant_salt: u8, cloud: &CloudName) -> u32 {
    u32::from(tenant_salt) << 16 | u32::from(site_number(cloud).0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn all_addresses_lie_in_the_reserved_range_and_never_on_both_lines(number: u16) {
            let under = Pair::at(UNDERLAY_BASE, SiteNumber(number));
            let inside = Pair::at(TUNNEL_BASE, SiteNumber(number));
            for address in [under.transit, under.site, inside.transit, inside.site] {
                prop_assert!(RESERVED.contains(&address));
            }
            prop_assert!(under.transit > Pair::at(TUNNEL_BASE, SiteNumber(u16::MAX)).site);
        }

        #[test]
        fn different_numbers_have_different_lines(one: u16, other: u16) {
            prop_assume!(one != other);
            let (a, b) = (Pair::at(TUNNEL_BASE, SiteNumber(one)), Pair::at(TUNNEL_BASE, SiteNumber(other)));
            let net = |pair: Pair| Ipv4Net::new(pair.transit, PAIR_PREFIX).unwrap().trunc();
            prop_assert_ne!(net(a), net(b));
        }
    }

    #[test]
    fn a_tunnel_key_is_never_zero_and_fits_a_vni() {
        let cloud = "local-a".parse().unwrap();
        assert!(tunnel_key(1, &cloud) >= 1 << 16);
        assert!(tunnel_key(u8::MAX, &cloud) < 1 << 24);
    }
}
