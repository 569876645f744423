//! The rules of a tenant's transit: the public address, and the way to the sites.

use controller::network::NetworkPlan;
use controller::spec::{Protocol, Split};

use super::tree::{Leaf, tree};
use super::{CLAMP, DENY, KNOWN, RuleSet, Table, Tunnel, UNTRACKED, backends, matched};
use crate::address;
use crate::name::{
    EDGE, TRANSIT_TUNNELS, TRANSIT_UNDERLAYS, site_chain, transit_tunnel, transit_underlay,
};

/// What a transit's rules should be.
pub(crate) fn transit(plan: &NetworkPlan, tunnel: Tunnel) -> RuleSet {
    let mut rules = RuleSet::default();
    rules.hook(Table::Filter, "INPUT", input(plan, tunnel));
    rules.hook(Table::Filter, "FORWARD", forward(plan));
    rules.hook(
        Table::Raw,
        "PREROUTING",
        vec![format!("-i {TRANSIT_UNDERLAYS}+ {UNTRACKED}")],
    );
    rules.hook(
        Table::Raw,
        "OUTPUT",
        vec![format!("-o {TRANSIT_UNDERLAYS}+ {UNTRACKED}")],
    );
    rules.hook(Table::Mangle, "FORWARD", vec![CLAMP.to_owned()]);
    balance(plan, &mut rules);
    rules
}

/// The rules of a transit that lets nothing through: what a new one has before its links come up.
pub(crate) fn deny_transit() -> RuleSet {
    let mut rules = RuleSet::default();
    rules.hook(Table::Filter, "INPUT", vec![DENY.to_owned()]);
    rules.hook(Table::Filter, "FORWARD", vec![DENY.to_owned()]);
    rules
}

fn input(plan: &NetworkPlan, tunnel: Tunnel) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    for cloud in &plan.sites {
        let peer = address::underlay(cloud).site;
        let (interface, matched) = (transit_underlay(cloud), tunnel.matched());
        rules.push(format!("-s {peer}/32 -i {interface} {matched} -j ACCEPT"));
    }
    rules.push(KNOWN.to_owned());
    for listener in &plan.listen {
        let with = match listener.protocol {
            Protocol::Tcp => "tcp-reset",
            Protocol::Udp => "icmp-port-unreachable",
            // An echo that is not answered is the answer.
            Protocol::Icmp => continue,
        };
        let matched = matched(listener);
        rules.push(format!(
            "-d {}/32 -i {EDGE} {matched} -j REJECT --reject-with {with}",
            plan.public_ip
        ));
    }
    rules.push(DENY.to_owned());
    rules
}

fn forward(plan: &NetworkPlan) -> Vec<String> {
    let mut rules = vec![
        KNOWN.to_owned(),
        format!("-i {EDGE} -o {TRANSIT_TUNNELS}+ -m conntrack --ctstate DNAT -j ACCEPT"),
    ];
    for source in &plan.subnets {
        for target in &plan.subnets {
            rules.push(format!(
                "-s {} -d {} -i {TRANSIT_TUNNELS}+ -o {TRANSIT_TUNNELS}+ -j ACCEPT",
                source.cidr.trunc(),
                target.cidr.trunc()
            ));
        }
    }
    rules.push(DENY.to_owned());
    rules
}

fn balance(plan: &NetworkPlan, rules: &mut RuleSet) {
    let mut leaves = Vec::new();
    for cloud in &plan.sites {
        let count = u32::try_from(backends(plan, cloud).count()).unwrap_or(u32::MAX);
        if count == 0 {
            continue;
        }
        let weight = match plan.split {
            Split::ByInstances => count,
            Split::Equal => 1,
        };
        let chain = site_chain(cloud);
        let site = address::tunnel(cloud).site;
        rules.chain(
            Table::Nat,
            chain.clone(),
            vec![format!("-j DNAT --to-destination {site}")],
        );
        leaves.push(Leaf { chain, weight });
    }
    let tree = tree(&leaves);
    let entry = tree.root.map_or_else(Vec::new, |root| {
        plan.listen
            .iter()
            .map(|listener| {
                let matched = matched(listener);
                format!("-d {}/32 -i {EDGE} {matched} -j {root}", plan.public_ip)
            })
            .collect()
    });
    rules.hook(Table::Nat, "PREROUTING", entry);
    for (chain, fork) in tree.forks {
        rules.chain(Table::Nat, chain, fork);
    }
    debug_assert!(plan.sites.iter().all(|c| transit_tunnel(c).len() <= 15));
}
