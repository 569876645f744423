//! The rules of a tenant's site: from the tunnel to its instances, and from one instance to another.

use controller::id::CloudName;
use controller::network::NetworkPlan;
use controller::spec::{Listener, Protocol, Subnet};
use std::net::Ipv4Addr;

use super::tree::{Leaf, tree};
use super::{CLAMP, DENY, KNOWN, RuleSet, Table, Tunnel, UNTRACKED, backends, matched};
use crate::address;
use crate::name::{BRIDGES, TUNNEL, UNDERLAY, instance_chain};
use crate::reception::PORT;

/// What a site's rules should be.
pub(crate) fn site(plan: &NetworkPlan, cloud: &CloudName, tunnel: Tunnel) -> RuleSet {
    let mut rules = RuleSet::default();
    rules.hook(Table::Filter, "INPUT", input(&plan.subnets, cloud, tunnel));
    rules.hook(Table::Filter, "FORWARD", forward(&plan.subnets));
    let (inwards, outwards) = untracked(&plan.subnets);
    rules.hook(Table::Raw, "PREROUTING", inwards);
    rules.hook(Table::Raw, "OUTPUT", outwards);
    rules.hook(Table::Mangle, "FORWARD", vec![CLAMP.to_owned()]);
    balance(plan, cloud, &mut rules);
    rules
}

/// The rules of a site that lets nothing through but echoes to its own gateway: what a new one has before its links come up.
pub(crate) fn deny_site() -> RuleSet {
    let mut rules = RuleSet::default();
    rules.hook(Table::Filter, "INPUT", vec![DENY.to_owned()]);
    rules.hook(Table::Filter, "FORWARD", vec![DENY.to_owned()]);
    rules
}

fn input(subnets: &[Subnet], cloud: &CloudName, tunnel: Tunnel) -> Vec<String> {
    let peer = address::underlay(cloud).transit;
    let mut rules = vec![
        format!("-s {peer}/32 -i {UNDERLAY} {} -j ACCEPT", tunnel.matched()),
        KNOWN.to_owned(),
    ];
    for subnet in subnets {
        rules.push(format!(
            "-s {} -d {}/32 -i {BRIDGES}+ -p icmp -m icmp --icmp-type 8 -j ACCEPT",
            subnet.cidr.trunc(),
            subnet.gateway
        ));
        rules.push(format!("{} -j ACCEPT", report(subnet)));
    }
    rules.push(DENY.to_owned());
    rules
}

/// How a rule recognizes what an instance's monitor has to say.
fn report(subnet: &Subnet) -> String {
    let (from, gateway) = (subnet.cidr.trunc(), subnet.gateway);
    format!("-s {from} -d {gateway}/32 -i {BRIDGES}+ -p tcp -m tcp --dport {PORT}")
}

/// What is not tracked: the tunnel's own packets, and reports. A report is no flow of the instance's, or one that drains would
/// never be without any; and nobody fills the kernel's table with them. Towards the site, and from it.
fn untracked(subnets: &[Subnet]) -> (Vec<String>, Vec<String>) {
    let mut inwards = vec![format!("-i {UNDERLAY} {UNTRACKED}")];
    let mut outwards = vec![format!("-o {UNDERLAY} {UNTRACKED}")];
    for subnet in subnets {
        let (to, gateway) = (subnet.cidr.trunc(), subnet.gateway);
        inwards.push(format!("{} {UNTRACKED}", report(subnet)));
        outwards.push(format!(
            "-s {gateway}/32 -d {to} -o {BRIDGES}+ -p tcp -m tcp --sport {PORT} {UNTRACKED}"
        ));
    }
    (inwards, outwards)
}

fn forward(subnets: &[Subnet]) -> Vec<String> {
    let mut rules = vec![
        KNOWN.to_owned(),
        format!("-i {TUNNEL} -o {BRIDGES}+ -m conntrack --ctstate DNAT -j ACCEPT"),
    ];
    let ways = [
        (format!("{BRIDGES}+"), TUNNEL.to_owned()),
        (TUNNEL.to_owned(), format!("{BRIDGES}+")),
        (format!("{BRIDGES}+"), format!("{BRIDGES}+")),
    ];
    for source in subnets {
        for target in subnets {
            for (from, to) in &ways {
                rules.push(format!(
                    "-s {} -d {} -i {from} -o {to} -j ACCEPT",
                    source.cidr.trunc(),
                    target.cidr.trunc()
                ));
            }
        }
    }
    rules.push(DENY.to_owned());
    rules
}

fn balance(plan: &NetworkPlan, cloud: &CloudName, rules: &mut RuleSet) {
    let mut leaves = Vec::new();
    for backend in backends(plan, cloud) {
        let chain = instance_chain(backend.instance);
        let takes = plan
            .listen
            .iter()
            .map(|listener| take(listener, backend.address))
            .collect();
        rules.chain(Table::Nat, chain.clone(), takes);
        leaves.push(Leaf { chain, weight: 1 });
    }
    let site = address::tunnel(cloud).site;
    let tree = tree(&leaves);
    let entry = tree.root.map_or_else(Vec::new, |root| {
        plan.listen
            .iter()
            .map(|listener| format!("-d {site}/32 -i {TUNNEL} {} -j {root}", matched(listener)))
            .collect()
    });
    rules.hook(Table::Nat, "PREROUTING", entry);
    for (chain, fork) in tree.forks {
        rules.chain(Table::Nat, chain, fork);
    }
}

/// The rule by which an instance takes a listener's connections. The client's address is left as it is.
fn take(listener: &Listener, instance: Ipv4Addr) -> String {
    let matched = matched(listener);
    match listener.protocol {
        Protocol::Tcp | Protocol::Udp => {
            let to = listener.to;
            format!("{matched} -j DNAT --to-destination {instance}:{to}")
        }
        Protocol::Icmp => format!("{matched} -j DNAT --to-destination {instance}"),
    }
}
