use std::net::Ipv4Addr;

use controller::id::{CloudName, InstanceId};
use controller::network::{Endpoint, NetworkPlan};
use controller::spec::{HealthCheck, Listener, Probe, Protocol, Split, Subnet};
use jiff::SignedDuration;
use proptest::prelude::*;

use super::trace::{Packet, trace};
use super::*;
use crate::address;

const CLIENT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 7);
const PUBLIC: Ipv4Addr = Ipv4Addr::new(45, 45, 45, 45);

fn cloud(number: usize) -> CloudName {
    format!("local-{number}").parse().unwrap()
}

fn instance_address(index: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(19, 0, 0, 2).to_bits() + u32::try_from(index).unwrap())
}

fn listener(protocol: Protocol, port: u16, to: u16) -> Listener {
    Listener { protocol, port, to }
}

/// One site for each number, with so many backends.
fn plan(backends: &[usize]) -> NetworkPlan {
    let subnet = Subnet {
        name: "demo_nw".parse().unwrap(),
        cidr: "19.0.0.0/16".parse().unwrap(),
        gateway: Ipv4Addr::new(19, 0, 0, 1),
        dhcp_start: Ipv4Addr::new(19, 0, 0, 2),
        dhcp_end: Ipv4Addr::new(19, 0, 255, 254),
    };
    let mut endpoints = Vec::new();
    for (site, &count) in backends.iter().enumerate() {
        for _ in 0..count {
            let index = endpoints.len();
            endpoints.push(Endpoint {
                instance: InstanceId::new(1, u32::try_from(index).unwrap()),
                cloud: cloud(site),
                address: instance_address(index),
                mac: [2, 0, 0, 0, 0, 0],
                is_backend: true,
                is_probed: true,
            });
        }
    }
    NetworkPlan {
        tenant: "demo".parse().unwrap(),
        public_ip: PUBLIC,
        is_open: true,
        listen: vec![
            listener(Protocol::Tcp, 80, 8080),
            listener(Protocol::Udp, 53, 53),
            listener(Protocol::Icmp, 0, 0),
        ],
        split: Split::ByInstances,
        subnets: vec![subnet],
        sites: (0..backends.len()).map(cloud).collect(),
        endpoints,
        health: HealthCheck {
            probe: Probe::Tcp { port: 8080 },
            every: SignedDuration::from_secs(1),
            timeout: SignedDuration::from_secs(1),
            unhealthy_after: 3,
            healthy_after: 1,
        },
    }
}

fn packet(from: &'static str, to: &'static str, destination: Ipv4Addr) -> Packet {
    Packet {
        from,
        to,
        source: CLIENT,
        destination,
        protocol: "tcp",
        port: 80,
        is_known: false,
        was_redirected: false,
    }
}

/// Where a new connection from the edge ends: the instance that takes it, with its probability, and the rules it passed.
fn shares(plan: &NetworkPlan, protocol: &'static str, port: u16) -> (BTreeMap<String, f64>, usize) {
    let mut shares = BTreeMap::new();
    let transit = loaded(&transit(plan, Tunnel::Vxlan));
    let mut new = packet("edge", "", plan.public_ip);
    (new.protocol, new.port) = (protocol, port);
    let ends = trace(&transit, Table::Nat, "PREROUTING", &new);
    let mut walked = ends.walked;
    for (verdict, reaches) in ends.verdicts {
        let Some(site) = plan
            .sites
            .iter()
            .find(|c| verdict == format!("DNAT {}", address::tunnel(c).site))
        else {
            *shares.entry(verdict).or_default() += reaches;
            continue;
        };
        let rules = loaded(&super::site(plan, site, Tunnel::Vxlan));
        let mut arrived = packet("tunnel", "", address::tunnel(site).site);
        (arrived.protocol, arrived.port) = (protocol, port);
        let ends = trace(&rules, Table::Nat, "PREROUTING", &arrived);
        walked = walked.max(ends.walked);
        for (verdict, share) in ends.verdicts {
            *shares.entry(verdict).or_default() += reaches * share;
        }
    }
    (shares, walked)
}

fn taker(index: usize) -> String {
    format!("DNAT {}:8080", instance_address(index))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_instance_gets_the_same_share_wherever_it_is(sites in prop::collection::vec(0_usize..40, 1..6)) {
        let plan = plan(&sites);
        let count = plan.endpoints.len();
        prop_assume!(count > 0);

        let (shares, _) = shares(&plan, "tcp", 80);

        prop_assert_eq!(shares.len(), count);
        for index in 0..count {
            let off = shares[&taker(index)] * f64::from(u32::try_from(count).unwrap()) - 1.0;
            prop_assert!(off.abs() < 1e-4, "{index}: {off}");
        }
    }

    // S4-115
    #[test]
    fn every_site_gets_the_same_share_where_that_was_asked_for(sites in prop::collection::vec(1_usize..9, 1..6)) {
        let mut plan = plan(&sites);
        plan.split = Split::Equal;

        let (shares, _) = shares(&plan, "tcp", 80);

        let mut next = 0;
        for count in &sites {
            let site: f64 = (next..next + count).map(|index| shares[&taker(index)]).sum();
            next += count;
            prop_assert!((site * f64::from(u32::try_from(sites.len()).unwrap()) - 1.0).abs() < 1e-4);
        }
    }

    // I10
    #[test]
    fn nobody_but_a_backend_is_given_a_new_connection(
        sites in prop::collection::vec(1_usize..9, 1..4), out: prop::sample::Index, is_open: bool,
    ) {
        let mut plan = plan(&sites);
        let drained = out.index(plan.endpoints.len());
        plan.endpoints[drained].is_backend = false;
        plan.is_open = is_open;

        let (shares, _) = shares(&plan, "tcp", 80);

        prop_assert!(!shares.contains_key(&taker(drained)));
        let takers = shares.keys().filter(|verdict| verdict.starts_with("DNAT")).count();
        prop_assert_eq!(takers, if is_open { plan.endpoints.len() - 1 } else { 0 });
    }

    #[test]
    fn a_connection_passes_a_number_of_rules_that_grows_with_the_logarithm(count in 1_usize..1_000) {
        let plan = plan(&[count]);
        let (_, walked) = shares(&plan, "tcp", 80);

        let levels = count.next_power_of_two().trailing_zeros() as usize;
        prop_assert!(walked <= 2 * plan.listen.len() + 2 * levels, "{walked} for {count}");
    }

    #[test]
    fn a_batch_takes_what_is_to_what_should_be_and_then_has_nothing_to_do(
        before in prop::collection::vec(0_usize..5, 1..4), after in prop::collection::vec(0_usize..5, 1..4),
    ) {
        for (old, new) in [
            (transit(&plan(&before), Tunnel::Vxlan), transit(&plan(&after), Tunnel::Gre)),
            (site(&plan(&before), &cloud(0), Tunnel::Vxlan), site(&plan(&after), &cloud(0), Tunnel::Vxlan)),
        ] {
            let mut kernel = restored(Seen::default(), &old.text());
            if let Some(text) = batch(&new, &kernel) {
                kernel = restored(kernel, &text);
            }
            prop_assert_eq!(batch(&new, &kernel), None);
            prop_assert_eq!(kernel, loaded(&new));
        }
    }
}

/// What a namespace without rules has after these were restored into it.
fn loaded(rules: &RuleSet) -> Seen {
    restored(Seen::default(), &rules.text())
}

/// What `iptables-restore --noflush` would leave behind.
fn restored(mut kernel: Seen, text: &str) -> Seen {
    let mut table = Table::Filter;
    for line in text.lines() {
        let words: Vec<_> = line.split(' ').collect();
        let rules = kernel.tables.entry(table).or_default();
        match (words[0].chars().next(), words.as_slice()) {
            (Some('*'), _) => table = Table::named(&line[1..]).unwrap(),
            (Some(':'), [chain, ..]) => {
                rules.chains.insert(chain[1..].to_owned(), Vec::new());
            }
            (_, ["-I", hook, "1", "-j", chain]) => {
                let jump = ((*hook).to_owned(), (*chain).to_owned());
                *rules.jumps.entry(jump).or_default() += 1;
            }
            (_, ["-D", hook, "-j", chain]) => {
                let jump = ((*hook).to_owned(), (*chain).to_owned());
                let count = rules.jumps.remove(&jump).unwrap();
                if count > 1 {
                    rules.jumps.insert(jump, count - 1);
                }
            }
            (_, ["-A", chain, rule @ ..]) => {
                let rules = rules.chains.get_mut(*chain).expect("the chain exists");
                rules.push(rule.join(" "));
            }
            (_, ["-X", chain]) => {
                assert_eq!(rules.chains.remove(*chain), Some(Vec::new()));
            }
            (_, ["COMMIT"]) => {}
            _ => panic!("{line}"),
        }
    }
    kernel.tables.retain(|_, t| !t.chains.is_empty());
    kernel
}

#[test]
fn the_chain_of_an_instance_that_stays_is_left_alone() {
    let (before, after) = (plan(&[3]), plan(&[4]));
    let kernel = loaded(&site(&before, &cloud(0), Tunnel::Vxlan));

    let text = batch(&site(&after, &cloud(0), Tunnel::Vxlan), &kernel).unwrap();

    for endpoint in &before.endpoints {
        let chain = crate::name::instance_chain(endpoint.instance);
        assert!(!text.contains(&format!(":{chain} ")), "{text}");
    }
    assert!(!text.contains("*filter"), "only what changes is written");
}

#[test]
fn udp_and_echoes_are_shared_out_like_connections() {
    // S4-114
    let plan = plan(&[1, 1]);
    for (protocol, port, suffix) in [("udp", 53, ":53"), ("icmp", 0, "")] {
        let (shares, _) = shares(&plan, protocol, port);
        for index in 0..2 {
            let verdict = format!("DNAT {}{suffix}", instance_address(index));
            assert!((shares[&verdict] - 0.5).abs() < 1e-6, "{shares:?}");
        }
    }
}

#[test]
fn echoes_are_not_taken_where_nobody_listens_for_them() {
    let mut plan = plan(&[2]);
    plan.listen.retain(|l| l.protocol != Protocol::Icmp);

    let (shares, _) = shares(&plan, "icmp", 0);

    assert_eq!(shares, BTreeMap::from([("none".to_owned(), 1.0)]));
    let rules = loaded(&transit(&plan, Tunnel::Vxlan));
    let mut echo = packet("edge", "", PUBLIC);
    echo.protocol = "icmp";
    assert_eq!(verdict(&rules, "INPUT", &echo), "DROP");
}

/// The only end of a packet in the filter table.
fn verdict(rules: &Seen, hook: &str, packet: &Packet) -> String {
    let ends = trace(rules, Table::Filter, hook, packet);
    let ends: Vec<_> = ends.verdicts.into_keys().collect();
    assert_eq!(ends.len(), 1, "{ends:?}");
    ends[0].clone()
}

#[test]
fn transit_lets_through_only_what_was_redirected_what_is_known_and_neighbours() {
    let plan = plan(&[1, 1]);
    let rules = loaded(&transit(&plan, Tunnel::Vxlan));
    let inside = instance_address(0);
    let between = |source, from, to| Packet {
        source,
        ..packet(from, to, inside)
    };

    let redirected = Packet {
        was_redirected: true,
        ..between(CLIENT, "edge", "tun-1234")
    };
    let known = Packet {
        is_known: true,
        ..between(inside, "tun-1234", "edge")
    };
    assert_eq!(verdict(&rules, "FORWARD", &redirected), "ACCEPT");
    assert_eq!(verdict(&rules, "FORWARD", &known), "ACCEPT");
    let neighbour = between(instance_address(1), "tun-1234", "tun-5678");
    assert_eq!(verdict(&rules, "FORWARD", &neighbour), "ACCEPT");

    for stranger in [
        between(CLIENT, "edge", "tun-1234"),
        between(CLIENT, "tun-1234", "tun-5678"),
        between(inside, "tun-1234", "edge"),
        between(inside, "tun-1234", "und-5678"),
    ] {
        assert_eq!(
            verdict(&rules, "FORWARD", &stranger),
            "DROP",
            "{stranger:?}"
        );
    }
}

#[test]
fn a_site_hears_only_its_own_tunnel_and_echoes_to_the_gateway() {
    let plan = plan(&[1]);
    let rules = loaded(&site(&plan, &cloud(0), Tunnel::Vxlan));
    let under = address::underlay(&cloud(0));
    let tunnelled = |source| Packet {
        source,
        protocol: "udp",
        port: VXLAN_PORT,
        ..packet("underlay", "", under.site)
    };

    assert_eq!(
        verdict(&rules, "INPUT", &tunnelled(under.transit)),
        "ACCEPT"
    );
    assert_eq!(verdict(&rules, "INPUT", &tunnelled(CLIENT)), "DROP");

    let gateway = Ipv4Addr::new(19, 0, 0, 1);
    let to_gateway = |protocol, port| Packet {
        source: instance_address(0),
        protocol,
        port,
        ..packet("br-13000000", "", gateway)
    };
    assert_eq!(verdict(&rules, "INPUT", &to_gateway("icmp", 0)), "ACCEPT");
    assert_eq!(verdict(&rules, "INPUT", &to_gateway("tcp", 22)), "DROP");
    assert_eq!(
        verdict(&rules, "INPUT", &to_gateway("tcp", crate::reception::PORT)),
        "ACCEPT"
    );
    assert_eq!(
        verdict(&rules, "INPUT", &to_gateway("udp", crate::reception::PORT)),
        "DROP"
    );
    assert_eq!(
        verdict(&rules, "INPUT", &to_gateway("udp", VXLAN_PORT)),
        "DROP"
    );
}

#[test]
fn a_connection_that_nobody_takes_is_refused_with_a_reset() {
    let mut plan = plan(&[1]);
    plan.is_open = false;
    let rules = loaded(&transit(&plan, Tunnel::Vxlan));
    let new = packet("edge", "", PUBLIC);

    assert_eq!(
        verdict(&rules, "INPUT", &new),
        "REJECT --reject-with tcp-reset"
    );
    let other_port = Packet { port: 81, ..new };
    assert_eq!(verdict(&rules, "INPUT", &other_port), "DROP");
}

#[test]
fn jumps_that_are_missing_doubled_or_stale_are_put_right() {
    let wanted = transit(&plan(&[1]), Tunnel::Vxlan);
    let mut kernel = loaded(&wanted);
    let filter = kernel.tables.get_mut(&Table::Filter).unwrap();
    filter
        .jumps
        .remove(&("INPUT".to_owned(), "ASAAS-INPUT".to_owned()));
    filter
        .jumps
        .insert(("FORWARD".to_owned(), "ASAAS-FORWARD".to_owned()), 3);
    filter
        .jumps
        .insert(("OUTPUT".to_owned(), "ASAAS-OLD".to_owned()), 1);

    let text = batch(&wanted, &kernel).unwrap();

    assert_eq!(
        text,
        "*filter\n-D FORWARD -j ASAAS-FORWARD\n-D FORWARD -j ASAAS-FORWARD\n-D OUTPUT -j ASAAS-OLD\n\
         -I INPUT 1 -j ASAAS-INPUT\nCOMMIT\n"
    );
}

#[test]
fn foreign_rules_are_not_seen_and_so_never_written() {
    // I12
    let text = "*filter\n:INPUT DROP [0:0]\n:OTHERS - [0:0]\n-A INPUT -j OTHERS\n-A OTHERS -j RETURN\nCOMMIT\n";
    assert_eq!(parse(text), Seen::default());
}

#[test]
fn counters_are_summed_by_chain() {
    let seen = parse(
        "*nat\n:ASAAS-i-0 - [0:0]\n[3:180] -A ASAAS-i-0 -p tcp -j DNAT --to-destination 1.1.1.1\n\
         [4:240] -A ASAAS-i-0 -p udp -j DNAT --to-destination 1.1.1.1\nCOMMIT\n",
    );
    assert_eq!(seen.tables[&Table::Nat].packets["ASAAS-i-0"], 7);
}

#[test]
fn the_text_of_a_transit() {
    insta::assert_snapshot!(transit(&plan(&[3, 1]), Tunnel::Vxlan).text());
}

#[test]
fn the_text_of_a_transit_over_gre() {
    let mut plan = plan(&[1, 1]);
    plan.split = Split::Equal;
    insta::assert_snapshot!(transit(&plan, Tunnel::Gre).text());
}

#[test]
fn the_text_of_a_site() {
    insta::assert_snapshot!(site(&plan(&[3, 1]), &cloud(0), Tunnel::Vxlan).text());
}

#[test]
fn the_text_of_a_batch_that_takes_one_instance_out() {
    let before = plan(&[3]);
    let mut after = before.clone();
    after.endpoints[1].is_backend = false;
    let kernel = loaded(&site(&before, &cloud(0), Tunnel::Vxlan));
    insta::assert_snapshot!(batch(&site(&after, &cloud(0), Tunnel::Vxlan), &kernel).unwrap());
}

#[test]
fn a_namespace_denies_everything_before_it_has_a_plan() {
    for rules in [deny_site(), deny_transit()] {
        let rules = loaded(&rules);
        for hook in ["INPUT", "FORWARD"] {
            assert_eq!(verdict(&rules, hook, &packet("x", "y", PUBLIC)), "DROP");
        }
    }
}
