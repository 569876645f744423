//! Zones of a cloud, and how a tenant's subnet is shared out among them.
//!
//! In some clouds a subnet lies in one zone (EC2), so each zone gets an equal part of the tenant's range, and an instance's
//! address tells its zone. All clouds with zones are treated so, which costs nothing where it is not needed.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// Clouds keep the first addresses of a subnet for themselves (EC2 four, with the network's own),
const KEPT_FIRST: u32 = 4;
/// and the last ones (Compute Engine two, with the broadcast address).
const KEPT_LAST: u32 = 2;
/// No cloud takes a smaller subnet (EC2).
const PREFIX_MAX: u8 = 28;

/// The part of `cidr` that belongs to the zone with this index among `zones`: they are equal, disjoint, and each as large as
/// a power of two allows. `None` where there is no such zone, or the parts would be too small for a cloud (below a /28).
pub fn slice(cidr: Ipv4Net, zones: usize, index: usize) -> Option<Ipv4Net> {
    if index >= zones {
        return None;
    }
    let bits = u8::try_from(zones.next_power_of_two().trailing_zeros()).ok()?;
    let prefix = cidr.prefix_len().checked_add(bits)?;
    if prefix > PREFIX_MAX {
        return None;
    }
    cidr.subnets(prefix).ok()?.nth(index)
}

/// Whether an instance may have this address in a cloud's subnet: clouds keep the first and the last ones for themselves.
pub fn is_free_for_instances(subnet: Ipv4Net, address: Ipv4Addr) -> bool {
    let (first, last) = (subnet.network().to_bits(), subnet.broadcast().to_bits());
    (first.saturating_add(KEPT_FIRST)..=last.saturating_sub(KEPT_LAST)).contains(&address.to_bits())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn three_zones_get_a_quarter_each() {
        let cidr = "19.0.0.0/24".parse().unwrap();
        let slices: Vec<String> = (0..4)
            .filter_map(|index| slice(cidr, 3, index))
            .map(|part| part.to_string())
            .collect();
        assert_eq!(slices, ["19.0.0.0/26", "19.0.0.64/26", "19.0.0.128/26"]);
        assert_eq!(slice(cidr, 1, 0), Some(cidr));
        assert_eq!(slice(cidr, 0, 0), None);
        assert_eq!(slice("19.0.0.0/27".parse().unwrap(), 3, 0), None);
    }

    #[test]
    fn the_first_four_and_the_last_two_of_a_subnet_are_its_cloud_s() {
        let subnet: Ipv4Net = "19.0.0.64/26".parse().unwrap();
        let free: Vec<Ipv4Addr> = subnet
            .network()
            .to_bits()
            .checked_sub(1)
            .into_iter()
            .flat_map(|before| before..=before + 66)
            .map(Ipv4Addr::from)
            .filter(|address| is_free_for_instances(subnet, *address))
            .collect();
        let (first, last) = (free.first().unwrap(), free.last().unwrap());
        assert_eq!((first.octets()[3], last.octets()[3]), (68, 125));
        assert_eq!(free.len(), 58);
    }

    proptest! {
        #[test]
        fn slices_lie_inside_and_apart(prefix in 16u8..=28, zones in 1usize..=8) {
            let cidr = Ipv4Net::new(Ipv4Addr::new(10, 20, 0, 0), prefix).unwrap();
            let slices: Vec<Ipv4Net> = (0..zones).filter_map(|index| slice(cidr, zones, index)).collect();
            prop_assert!(slices.is_empty() || slices.len() == zones);
            for (number, one) in slices.iter().enumerate() {
                prop_assert!(cidr.contains(one));
                for other in &slices[number + 1..] {
                    prop_assert!(!one.contains(other) && !other.contains(one));
                }
            }
        }
    }
}
