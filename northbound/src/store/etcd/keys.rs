//! Where everything is in etcd: the one place that writes a key, and the one that reads it back.
//!
//! ```text
//! /asaas/<cluster>/deployment             made once: salts the names of what is made in kernels and clouds
//!                  counter/<tenant>       how far its numbers have come; every change of the tenant writes it, and compares the
//!                                         revision of it that it has read: so a tenant's changes come one after the other
//!                  spec/<tenant>          the spec in force; not there for whoever is not wanted
//!                  orders/<tenant>        pause, number, removal; with the spec
//!                  instances/<tenant>/<s> records that are not over, by id, in sixteen parts: few operations in a transaction,
//!                                         however many change, and little to write again when one does
//!                  journal/<tenant>/<seq> the entries of one record, by the number of the first: the tail only
//!                  load/<tenant>/<seq>    the loads among them, which forecasts need for longer
//!                  address/<ip>           whose a public address is
//!                  owner/<tenant>         the node that looks after it, under that node's lease; its create revision is the epoch
//!                  node/<name>            a node that lives, under its lease
//! ```
//!
//! What a value holds is said in `values`; for owners and nodes it is the node's name, as text.

use std::net::Ipv4Addr;

use controller::id::{InstanceId, TenantName};

use crate::store::ClusterName;

/// Enough digits for any number, so that the order of keys is the order of numbers.
const DIGITS: usize = 20;

/// A key, by what it means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The deployment's name.
    Deployment,
    /// A tenant's numbers.
    Counter(TenantName),
    /// The spec in force.
    Spec(TenantName),
    /// What people have ordered.
    Orders(TenantName),
    /// One part of the records; see [`part_of`].
    Instances(TenantName, char),
    /// The entries from this number on that were written together.
    Journal(TenantName, u64),
    /// The loads among them.
    Load(TenantName, u64),
    /// Whose an address is.
    Address(Ipv4Addr),
    /// Who looks after a tenant.
    Owner(TenantName),
    /// A node that lives.
    Node(String),
}

/// In which part an instance's record is: by the last character of its id, of which there are sixteen.
pub fn part_of(instance: InstanceId) -> char {
    let id = instance.to_string();
    id.chars().next_back().expect("an id is not empty")
}

/// The keys of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    prefix: String,
}

impl Keys {
    /// Those of the cluster of this name.
    pub fn of(cluster: &ClusterName) -> Self {
        Self {
            prefix: format!("/asaas/{cluster}/"),
        }
    }

    /// What all of them begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What the keys of owners begin with.
    pub fn owners(&self) -> String {
        format!("{}owner/", self.prefix)
    }

    /// What the keys of nodes begin with.
    pub fn nodes(&self) -> String {
        format!("{}node/", self.prefix)
    }

    /// The key as text.
    pub fn write(&self, key: &Key) -> String {
        let prefix = &self.prefix;
        match key {
            Key::Deployment => format!("{prefix}deployment"),
            Key::Counter(tenant) => format!("{prefix}counter/{tenant}"),
            Key::Spec(tenant) => format!("{prefix}spec/{tenant}"),
            Key::Orders(tenant) => format!("{prefix}orders/{tenant}"),
            Key::Instances(tenant, part) => format!("{prefix}instances/{tenant}/{part}"),
            Key::Journal(tenant, first) => format!("{prefix}journal/{tenant}/{first:0DIGITS$}"),
            Key::Load(tenant, first) => format!("{prefix}load/{tenant}/{first:0DIGITS$}"),
            Key::Address(address) => format!("{prefix}address/{address}"),
            Key::Owner(tenant) => format!("{prefix}owner/{tenant}"),
            Key::Node(name) => format!("{prefix}node/{name}"),
        }
    }

    /// What a text means as a key; `None` where it means nothing to this version.
    pub fn read(&self, text: &[u8]) -> Option<Key> {
        let text = std::str::from_utf8(text).ok()?.strip_prefix(&self.prefix)?;
        let Some((kind, rest)) = text.split_once('/') else {
            return (text == "deployment").then_some(Key::Deployment);
        };
        let numbered = || {
            let (tenant, first) = rest.split_once('/')?;
            let is_whole = first.len() == DIGITS && first.bytes().all(|b| b.is_ascii_digit());
            let first = first.parse().ok().filter(|_| is_whole)?;
            Some((tenant.parse().ok()?, first))
        };
        match kind {
            "counter" => rest.parse().ok().map(Key::Counter),
            "spec" => rest.parse().ok().map(Key::Spec),
            "orders" => rest.parse().ok().map(Key::Orders),
            "instances" => {
                let (tenant, part) = rest.split_once('/')?;
                Some(Key::Instances(tenant.parse().ok()?, part.parse().ok()?))
            }
            "journal" => numbered().map(|(tenant, first)| Key::Journal(tenant, first)),
            "load" => numbered().map(|(tenant, first)| Key::Load(tenant, first)),
            "address" => rest.parse().ok().map(Key::Address),
            "owner" => rest.parse().ok().map(Key::Owner),
            "node" => Some(Key::Node(rest.to_owned())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> Keys {
        Keys::of(&"main".parse().unwrap())
    }

    #[test]
    fn every_key_is_read_as_what_was_written() {
        let demo: TenantName = "demo_nw".parse().unwrap();
        let all = [
            Key::Deployment,
            Key::Counter(demo.clone()),
            Key::Spec(demo.clone()),
            Key::Orders(demo.clone()),
            Key::Instances(demo.clone(), 'z'),
            Key::Journal(demo.clone(), 0),
            Key::Journal(demo.clone(), u64::MAX),
            Key::Load(demo.clone(), 7),
            Key::Address("45.45.45.45".parse().unwrap()),
            Key::Owner(demo),
            Key::Node("web-7.example.org".to_owned()),
        ];
        for key in all {
            let text = keys().write(&key);
            assert!(text.starts_with(keys().prefix()), "{text}");
            assert_eq!(keys().read(text.as_bytes()), Some(key), "{text}");
        }
    }

    #[test]
    fn what_is_no_key_of_the_cluster_means_nothing() {
        for text in [
            "/asaas/other/deployment",
            "/asaas/main/new/demo",
            "/asaas/main/spec/NO",
            "/asaas/main/journal/demo/7",
            "/asaas/main/journal/demo/+0000000000000000007",
            "/asaas/main/instances/demo/zz",
        ] {
            assert_eq!(keys().read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(keys().read(b"/asaas/main/spec/\xff"), None);
    }

    #[test]
    fn keys_of_numbers_are_in_their_order_and_records_are_in_sixteen_parts() {
        let demo: TenantName = "demo".parse().unwrap();
        let text = |seq| keys().write(&Key::Journal(demo.clone(), seq));
        let parts: std::collections::BTreeSet<char> = (0..64)
            .map(|chance| part_of(InstanceId::new(1_000, chance)))
            .collect();

        assert!(text(9) < text(10) && text(10) < text(u64::MAX));
        assert_eq!(parts.len(), 16);
    }
}
