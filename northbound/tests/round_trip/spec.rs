//! Any spec that a tenant file can say.

use std::net::Ipv4Addr;

use controller::amount::Amount;
use controller::spec::{
    Budget, CloudOrder, CloudPreference, HealthCheck, Instances, Listener, Logs, Network, OnDemand,
    PlacementRules, Probe, Protocol, Service, Split, Subnet, TenantSpec, Termination,
};
use ipnet::Ipv4Net;
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use crate::policy::policy;
use crate::{CLOUDS, TEMPLATES};

pub(crate) fn name() -> impl Strategy<Value = String> {
    "[a-z]([a-z0-9_-]{0,28}[a-z0-9])?"
}

pub(crate) fn duration(least_ms: i64, most_ms: i64) -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        (least_ms..=most_ms).prop_map(SignedDuration::from_millis),
        (least_ms / 1_000 + 1..=most_ms / 1_000).prop_map(SignedDuration::from_secs),
    ]
}

/// The `number`th subnet of a tenant, in a range of its own.
fn subnet(number: u8) -> impl Strategy<Value = Subnet> {
    (name(), 17_u8..=20, any::<bool>(), 0_u32..100).prop_map(
        move |(name, prefix, is_gateway_last, spare)| {
            let cidr = Ipv4Net::new(Ipv4Addr::new(10, number, 0, 0), prefix).unwrap();
            let (first, last) = (cidr.network().to_bits() + 1, cidr.broadcast().to_bits() - 1);
            let (gateway, first, last) = if is_gateway_last {
                (last, first + spare, last - 1)
            } else {
                (first, first + 1, last - spare)
            };
            Subnet {
                name: format!("{}{number}", &name[..name.len().min(20)])
                    .parse()
                    .unwrap(),
                cidr,
                gateway: Ipv4Addr::from_bits(gateway),
                dhcp_start: Ipv4Addr::from_bits(first),
                dhcp_end: Ipv4Addr::from_bits(last),
            }
        },
    )
}

fn network() -> impl Strategy<Value = Network> {
    let subnets = prop_oneof![
        subnet(0).prop_map(|one| vec![one]),
        (subnet(0), subnet(1), subnet(2)).prop_map(|(a, b, c)| vec![a, b, c]),
    ];
    (
        any::<[u8; 3]>(),
        subnets,
        select(vec![Split::ByInstances, Split::Equal]),
    )
        .prop_map(|([a, b, c], subnets, split)| Network {
            public_ip: Ipv4Addr::new(45, a, b, c),
            subnets,
            split,
        })
}

fn listeners() -> impl Strategy<Value = Vec<Listener>> {
    let one = (
        select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Icmp]),
        1_u16..,
        1_u16..,
    )
        .prop_map(|(protocol, port, to)| match protocol {
            Protocol::Icmp => Listener {
                protocol,
                port: 0,
                to: 0,
            },
            Protocol::Tcp | Protocol::Udp => Listener { protocol, port, to },
        });
    proptest::collection::vec(one, 1..8).prop_map(|mut listeners| {
        listeners.sort_by_key(|listener| (listener.protocol, listener.port));
        listeners.dedup_by_key(|listener| (listener.protocol, listener.port));
        listeners
    })
}

fn health() -> impl Strategy<Value = HealthCheck> {
    let probe = prop_oneof![
        (1_u16.., "/[!-~]{0,40}").prop_map(|(port, path)| Probe::Http { port, path }),
        (1_u16..).prop_map(|port| Probe::Tcp { port }),
    ];
    (
        probe,
        duration(100, 3_600_000),
        10_i64..=100,
        1_u32..=100,
        1_u32..=100,
    )
        .prop_map(
            |(probe, every, timeout, unhealthy_after, healthy_after)| HealthCheck {
                probe,
                every,
                timeout: SignedDuration::from_millis(timeout),
                unhealthy_after,
                healthy_after,
            },
        )
}

fn clouds() -> impl Strategy<Value = Vec<CloudPreference>> {
    subsequence(CLOUDS.to_vec(), 1..=CLOUDS.len())
        .prop_shuffle()
        .prop_flat_map(|names| {
            let count = names.len();
            (
                Just(names),
                proptest::collection::vec(proptest::option::of(1_u32..=1_000), count),
            )
        })
        .prop_map(|(names, limits)| {
            let mut clouds: Vec<CloudPreference> = names
                .into_iter()
                .zip(limits)
                .map(|(name, max)| CloudPreference {
                    name: name.parse().unwrap(),
                    max,
                })
                .collect();
            // Room for every `min`.
            clouds[0].max = None;
            clouds
        })
}

fn placement() -> impl Strategy<Value = (PlacementRules, Option<Budget>)> {
    let orders = [
        CloudOrder::Preference,
        CloudOrder::Cost,
        CloudOrder::Reliability,
    ];
    let terminations = [
        Termination::Newest,
        Termination::Oldest,
        Termination::OldestTemplate,
        Termination::ClosestToHour,
    ];
    let on_demand =
        (0_u32..=1_000, 0_u32..=100).prop_map(|(base, percentage)| OnDemand { base, percentage });
    let budget = (1_u64..=1_000_000_000_000)
        .prop_map(Amount::from_millionths)
        .prop_map(|per_hour| Budget { per_hour });
    let rules = (
        select(orders.to_vec()),
        proptest::option::of(on_demand),
        select(terminations.to_vec()),
    )
        .prop_map(|(order, on_demand, termination)| PlacementRules {
            order,
            on_demand,
            termination,
        });
    (rules, proptest::option::of(budget))
}

pub(crate) fn spec() -> impl Strategy<Value = TenantSpec> {
    (0_u32..=1_000, 1_u32..=1_000)
        .prop_map(|(a, b)| (a.min(b), a.max(b)))
        .prop_flat_map(|(min, max)| {
            let instances = (
                select(TEMPLATES.to_vec()),
                0_u32..=100,
                duration(1_000, 86_400_000),
            )
                .prop_map(move |(template, surge, boot_timeout)| Instances {
                    min,
                    max,
                    template: template.parse().unwrap(),
                    surge,
                    boot_timeout,
                });
            let service =
                (listeners(), health()).prop_map(|(listen, health)| Service { listen, health });
            (
                name(),
                network(),
                service,
                instances,
                clouds(),
                placement(),
                policy(min, max),
                any::<bool>(),
            )
        })
        .prop_map(
            |(tenant, network, service, instances, clouds, placement, policy, metrics)| {
                TenantSpec {
                    tenant: tenant.parse().unwrap(),
                    network,
                    service,
                    instances,
                    clouds,
                    placement: placement.0,
                    budget: placement.1,
                    policy,
                    logs: Logs { metrics },
                }
            },
        )
}
