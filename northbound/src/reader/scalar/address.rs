//! Addresses, networks, masks and ranges.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{Misfit, Scalar};

impl Scalar<'_> {
    pub(crate) fn address(&self) -> Result<Ipv4Addr, Misfit> {
        self.text.parse().map_err(|_| {
            let hint = if self.text.contains('/') {
                "without the `/…`: one address, as in 19.0.0.1"
            } else if self.text.contains(':') {
                "IPv6 is not supported: write an IPv4 address, as in 19.0.0.1"
            } else {
                "four numbers from 0 to 255 without leading zeros, as in 19.0.0.1"
            };
            Misfit::new("an IPv4 address", hint)
        })
    }

    /// A network without host bits.
    pub(crate) fn network(&self) -> Result<Ipv4Net, Misfit> {
        let expected = "a network in CIDR notation";
        let network: Ipv4Net = self.text.parse().map_err(|_| {
            let hint = if self.text.contains('/') {
                "an IPv4 address, a slash and a length from 0 to 32, as in 19.0.0.0/24"
            } else {
                "add its length, as in 19.0.0.0/24"
            };
            Misfit::new(expected, hint)
        })?;
        if network.addr() != network.network() {
            let hint = format!("the network of this address is {}", network.trunc());
            return Err(Misfit::new(expected, hint));
        }
        Ok(network)
    }

    /// The length of the prefix that a dotted mask stands for.
    pub(crate) fn mask(&self) -> Result<u8, Misfit> {
        let refused = || {
            Misfit::new(
                "a network mask",
                "ones, then zeros, in dotted form, as in 255.255.255.0 for /24",
            )
        };
        let mask: Ipv4Addr = self.text.parse().map_err(|_| refused())?;
        ipnet::ipv4_mask_to_prefix(mask).map_err(|_| refused())
    }

    pub(crate) fn address_range(&self) -> Result<(Ipv4Addr, Ipv4Addr), Misfit> {
        let refused = || {
            Misfit::new(
                "a range of addresses",
                "the first and the last one, as in 19.0.0.2-19.0.0.254",
            )
        };
        let (first, last) = self.text.split_once('-').ok_or_else(refused)?;
        let first = first.trim().parse().map_err(|_| refused())?;
        let last = last.trim().parse().map_err(|_| refused())?;
        if first > last {
            return Err(Misfit::new(
                "a range of addresses",
                format!("the first comes first: {last}-{first}"),
            ));
        }
        Ok((first, last))
    }
}
