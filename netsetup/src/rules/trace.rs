//! Follows a packet through rendered rules, as the kernel would: the tests' second opinion on the text.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{Seen, Table};

/// A packet that begins a flow, unless it is known.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    pub(super) from: &'static str,
    pub(super) to: &'static str,
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
    pub(super) protocol: &'static str,
    pub(super) port: u16,
    pub(super) is_known: bool,
    pub(super) was_redirected: bool,
}

/// Where a packet may end.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Ends {
    /// From a verdict (`ACCEPT`, `DROP`, `DNAT 19.0.0.2:8080`, `none`) to its probability.
    pub(super) verdicts: BTreeMap<String, f64>,
    /// The most rules that any packet was compared with.
    pub(super) walked: usize,
}

/// All ends of this packet in a base chain.
pub(super) fn trace(rules: &Seen, table: Table, hook: &str, packet: &Packet) -> Ends {
    let mut ends = Ends::default();
    let Some(table) = rules.tables.get(&table) else {
        ends.verdicts.insert("none".to_owned(), 1.0);
        return ends;
    };
    let mut left = 1.0;
    for (from, chain) in table.jumps.keys() {
        if from == hook {
            left = walk(&table.chains, chain, packet, left, 0, &mut ends);
        }
    }
    if left > 0.0 {
        *ends.verdicts.entry("none".to_owned()).or_default() += left;
    }
    ends
}

/// The probability with which the packet comes back from the chain.
fn walk(
    chains: &BTreeMap<String, Vec<String>>,
    chain: &str,
    packet: &Packet,
    arrives: f64,
    before: usize,
    ends: &mut Ends,
) -> f64 {
    let mut left = arrives;
    let mut walked = before;
    for rule in &chains[chain] {
        if left <= 0.0 {
            break;
        }
        walked += 1;
        ends.walked = ends.walked.max(walked);
        let (matches, target) = rule
            .split_once("-j ")
            .unwrap_or_else(|| panic!("a rule without a target: {rule}"));
        let taken = left * chance(matches, packet);
        if taken <= 0.0 {
            continue;
        }
        left -= taken;
        if chains.contains_key(target) {
            left += walk(chains, target, packet, taken, walked, ends);
        } else {
            let verdict = target.replace("--to-destination ", "");
            *ends.verdicts.entry(verdict).or_default() += taken;
        }
    }
    left
}

/// The probability with which the packet meets all conditions. Panics on a condition that it does not know.
fn chance(matches: &str, packet: &Packet) -> f64 {
    let mut words = matches.split_whitespace();
    let mut chance = 1.0;
    while let Some(word) = words.next() {
        let value = words.next().unwrap_or_else(|| panic!("{matches}"));
        let is_met = match word {
            "-i" => interface(value, packet.from),
            "-o" => interface(value, packet.to),
            "-s" => value.parse::<Ipv4Net>().unwrap().contains(&packet.source),
            "-d" => value
                .parse::<Ipv4Net>()
                .unwrap()
                .contains(&packet.destination),
            "-p" => value == packet.protocol,
            "-m" => true,
            "--dport" => value.parse::<u16>().unwrap() == packet.port,
            "--icmp-type" => value == "8",
            "--mode" => value == "random",
            "--probability" => {
                chance *= value.parse::<f64>().unwrap();
                true
            }
            "--ctstate" => value.split(',').any(|state| match state {
                "RELATED" | "ESTABLISHED" => packet.is_known,
                "DNAT" => packet.was_redirected,
                other => panic!("unknown state {other}"),
            }),
            other => panic!("unknown condition {other} in {matches}"),
        };
        if !is_met {
            return 0.0;
        }
    }
    chance
}

fn interface(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('+')
        .map_or(pattern == name, |prefix| name.starts_with(prefix))
}
