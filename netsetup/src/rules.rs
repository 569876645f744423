//! What the rules of a tenant's namespaces should be: pure, from a [`NetworkPlan`] to the text of one `iptables-restore`.
//!
//! Everything lives in chains of our own, whose names begin with `ASAAS-`; a base chain gets one jump into them and nothing
//! else, its policy is left as it is, and it is never flushed (I12). Default deny is therefore the last rule of our own
//! chain. Rules are written exactly as `iptables-save` shows them, so that what is wanted and what is seen can be compared.
//!
//! ```text
//! transit   nat PREROUTING ─► ASAAS-PREROUTING ─► ASAAS-FORK-1 ─┬─► ASAAS-SITE-1f0a  DNAT to the site's end of its tunnel
//!                             public address      by weight     └─► ASAAS-SITE-93c2
//!
//! site      nat PREROUTING ─► ASAAS-PREROUTING ─► ASAAS-FORK-1 ─┬─► ASAAS-FORK-2 ─┬─► ASAAS-i-…  DNAT to the instance
//!                             end of the tunnel   even          │                 └─► ASAAS-i-…
//!                                                               └─► ASAAS-i-…
//! ```
//!
//! The chain of an instance is left alone while others come and go, so its counters count every connection that the
//! instance was ever given: the meter reads them.
//!
//! A listener refuses with a reset (UDP: port unreachable) what no backend takes, so that a client knows at once instead of
//! waiting; those rules are always there, and are reached only where the DNAT rules took nothing. Whatever else is new is
//! dropped. An instance cannot reach its own public address (no hairpin): instances of a tenant reach each other by their own
//! addresses, and what would have to be done for it, hiding the client's address, is not worth having.

mod batch;
mod seen;
mod site;
#[cfg(test)]
mod trace;
mod transit;
mod tree;

use std::collections::BTreeMap;

use controller::id::CloudName;
use controller::network::{Endpoint, NetworkPlan};
use controller::spec::{Listener, Protocol};

pub(crate) use batch::batch;
pub(crate) use seen::{Seen, SeenTable, parse};
pub(crate) use site::{deny_site, site};
pub(crate) use transit::{deny_transit, transit};

/// A table of iptables, in the order in which a batch changes them: first what keeps out, last what lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Filter,
    Raw,
    Mangle,
    Nat,
}

impl Table {
    const ALL: [Self; 4] = [Self::Filter, Self::Raw, Self::Mangle, Self::Nat];

    fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Raw => "raw",
            Self::Mangle => "mangle",
            Self::Nat => "nat",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|table| table.name() == name)
    }
}

/// The rules of one namespace that are ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RuleSet {
    pub(crate) tables: BTreeMap<Table, TableRules>,
}

/// The rules of one table that are ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct TableRules {
    /// From a base chain to the chain of ours that it jumps to.
    pub(crate) jumps: BTreeMap<&'static str, String>,
    /// From a chain to its rules, each without the `-A CHAIN` before it.
    pub(crate) chains: BTreeMap<String, Vec<String>>,
}

impl RuleSet {
    /// Hooks a chain with these rules into a base chain.
    fn hook(&mut self, table: Table, hook: &'static str, rules: Vec<String>) {
        let chain = format!("{}{hook}", crate::name::CHAIN_PREFIX);
        let table = self.tables.entry(table).or_default();
        table.jumps.insert(hook, chain.clone());
        table.chains.insert(chain, rules);
    }

    fn chain(&mut self, table: Table, chain: String, rules: Vec<String>) {
        let table = self.tables.entry(table).or_default();
        table.chains.insert(chain, rules);
    }

    /// The whole text, as it would be restored into an empty namespace.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        batch(self, &Seen::default()).unwrap_or_default()
    }
}

/// What carries the traffic between transit and sites.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tunnel {
    Gre,
    Vxlan,
}

/// The port that VXLAN is assigned.
pub(crate) const VXLAN_PORT: u16 = 4789;

impl Tunnel {
    /// The word in the status.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gre => "gre",
            Self::Vxlan => "vxlan",
        }
    }

    /// How a rule recognizes it.
    fn matched(self) -> String {
        match self {
            Self::Gre => "-p gre".to_owned(),
            Self::Vxlan => format!("-p udp -m udp --dport {VXLAN_PORT}"),
        }
    }
}

/// The endpoints of a site that new connections may go to: none while the tenant is being removed.
pub(crate) fn backends<'a>(
    plan: &'a NetworkPlan,
    cloud: &'a CloudName,
) -> impl Iterator<Item = &'a Endpoint> {
    plan.endpoints
        .iter()
        .filter(move |endpoint| plan.is_open && endpoint.is_backend && endpoint.cloud == *cloud)
}

/// How a rule recognizes a new flow to a listener.
fn matched(listener: &Listener) -> String {
    match listener.protocol {
        Protocol::Tcp => format!("-p tcp -m tcp --dport {}", listener.port),
        Protocol::Udp => format!("-p udp -m udp --dport {}", listener.port),
        Protocol::Icmp => "-p icmp -m icmp --icmp-type 8".to_owned(),
    }
}

/// What both kinds of namespace do with a connection that exists, and with answers about one.
const KNOWN: &str = "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT";
/// What both do with everything that no rule wanted.
const DENY: &str = "-j DROP";
/// A connection never asks for larger segments than the smallest part of its way carries.
const CLAMP: &str = "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu";
/// The flows inside the tunnel are tracked; to track the tunnel's own packets too would only cost.
const UNTRACKED: &str = "-j CT --notrack";

#[cfg(test)]
mod tests;
