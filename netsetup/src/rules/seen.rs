//! What `iptables-save` shows of our own chains. Everything else in it is somebody else's and is passed over.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use controller::id::InstanceId;

use super::Table;
use crate::name::{CHAIN_PREFIX, instance_chain, instance_of_chain};

/// Our rules in one namespace, as the kernel has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) tables: BTreeMap<Table, SeenTable>,
}

/// Our rules in one table, as the kernel has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SeenTable {
    /// From a base chain and the chain of ours that it jumps to, to how often it does.
    pub(crate) jumps: BTreeMap<(String, String), usize>,
    /// From a chain of ours to its rules, each without the `-A CHAIN` before it.
    pub(crate) chains: BTreeMap<String, Vec<String>>,
    /// From a chain of ours to the packets that its rules have matched; empty unless the text had counters.
    pub(crate) packets: BTreeMap<String, u64>,
}

impl SeenTable {
    /// Whether a connection can come into this chain.
    fn leads_to(&self, chain: &str) -> bool {
        self.chains
            .values()
            .flatten()
            .any(|rule| rule.rsplit_once("-j ").is_some_and(|(_, to)| to == chain))
    }
}

impl Seen {
    /// Whether new connections are sent into this chain of the NAT table, and it sends them on to this address.
    pub(crate) fn routes(&self, chain: &str, address: Ipv4Addr) -> bool {
        let Some(nat) = self.tables.get(&Table::Nat) else {
            return false;
        };
        let sends_on = nat
            .chains
            .get(chain)
            .is_some_and(|rules| rules.iter().any(|rule| redirects_to(rule) == Some(address)));
        let is_hooked = nat.jumps.keys().any(|(hook, _)| hook == "PREROUTING");
        sends_on && is_hooked && nat.leads_to(chain)
    }

    /// Every instance that new connections are sent to, with its address.
    pub(crate) fn instances(&self) -> BTreeMap<InstanceId, Ipv4Addr> {
        let nat = self.tables.get(&Table::Nat);
        let chains = nat.into_iter().flat_map(|nat| &nat.chains);
        let instances = chains.filter_map(|(chain, rules)| {
            let address = rules.iter().find_map(|rule| redirects_to(rule))?;
            Some((instance_of_chain(chain)?, address))
        });
        instances
            .filter(|(id, address)| self.routes(&instance_chain(*id), *address))
            .collect()
    }

    /// How many connections an instance was ever given; `None` where it has no chain, or the text had no counters.
    pub(crate) fn connections(&self, instance: InstanceId) -> Option<u64> {
        let nat = self.tables.get(&Table::Nat)?;
        nat.packets.get(&instance_chain(instance)).copied()
    }

    /// Whether anything of ours keeps out what is not wanted.
    pub(crate) fn has_guard(&self) -> bool {
        self.tables.get(&Table::Filter).is_some_and(|filter| {
            ["INPUT", "FORWARD"]
                .iter()
                .all(|hook| filter.jumps.keys().any(|(from, _)| from == hook))
        })
    }
}

/// The address that a rule redirects to.
fn redirects_to(rule: &str) -> Option<Ipv4Addr> {
    let (_, to) = rule.split_once("--to-destination ")?;
    to.split(':').next()?.parse().ok()
}

/// Reads the text of `iptables-save`, with or without counters.
pub(crate) fn parse(text: &str) -> Seen {
    let mut seen = Seen::default();
    let mut table = None;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = Table::named(name);
        } else if let Some(table) = table {
            let table = seen.tables.entry(table).or_default();
            if let Some(chain) = line.strip_prefix(':') {
                let chain = chain.split(' ').next().unwrap_or_default();
                if chain.starts_with(CHAIN_PREFIX) {
                    table.chains.entry(chain.to_owned()).or_default();
                }
            } else {
                rule(table, line);
            }
        }
    }
    seen.tables
        .retain(|_, table| !table.chains.is_empty() || !table.jumps.is_empty());
    seen
}

/// One line: `[packets:bytes] -A CHAIN rule`, the counters only where they were asked for.
fn rule(table: &mut SeenTable, line: &str) {
    let (packets, line) = match line
        .strip_prefix('[')
        .and_then(|line| line.split_once("] "))
    {
        Some((counters, line)) => {
            let packets = counters.split_once(':').and_then(|(p, _)| p.parse().ok());
            (packets, line)
        }
        None => (None, line),
    };
    let Some((chain, rule)) = line
        .strip_prefix("-A ")
        .and_then(|line| line.split_once(' '))
    else {
        return;
    };
    if chain.starts_with(CHAIN_PREFIX) {
        let rules = table.chains.entry(chain.to_owned()).or_default();
        rules.push(rule.to_owned());
        if let Some(packets) = packets {
            let sum: &mut u64 = table.packets.entry(chain.to_owned()).or_default();
            *sum = sum.saturating_add(packets);
        }
    } else if let Some(target) = rule
        .strip_prefix("-j ")
        .filter(|t| t.starts_with(CHAIN_PREFIX))
    {
        let jump = (chain.to_owned(), target.to_owned());
        *table.jumps.entry(jump).or_default() += 1;
    }
}
