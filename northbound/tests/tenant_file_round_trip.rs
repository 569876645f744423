//! Every valid spec, written as a file of the long spelling, reads back as itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::net::Ipv4Addr;

use controller::amount::Amount;
use controller::load::Metric;
use controller::policy::{
    Aggregation, Mode, Monitor, PerDirection, Policy, Proactive, Response, Signal, Target,
};
use controller::schedule::{Closes, Opens, Window};
use controller::spec::{
    CloudPreference, HealthCheck, Instances, Listener, Logs, Network, Probe, Protocol, Service,
    Split, Subnet, TenantSpec,
};
use ipnet::Ipv4Net;
use jiff::SignedDuration;
use northbound::problem::Style;
use northbound::tenant_file::{self, Defaults, Known, Spelling, to_long_form};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

const CLOUDS: [&str; 4] = ["local-a", "local-b", "kvm-a", "aws-eu"];
const TEMPLATES: [&str; 2] = ["web", "batch"];

fn known() -> Known {
    Known {
        clouds: CLOUDS.map(|name| name.parse().unwrap()).to_vec(),
        templates: TEMPLATES.map(|name| name.parse().unwrap()).to_vec(),
        defaults: Defaults {
            buffer: SignedDuration::from_secs(7),
            max_step_in: None,
            ..Defaults::default()
        },
        public_ips: Vec::new(),
        clients: "198.18.0.0/15".parse().unwrap(),
    }
}

fn name() -> impl Strategy<Value = String> {
    "[a-z]([a-z0-9_-]{0,28}[a-z0-9])?"
}

fn duration(least_ms: i64, most_ms: i64) -> impl Strategy<Value = SignedDuration> {
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

fn signal() -> impl Strategy<Value = Signal> {
    let metrics = vec![
        Metric::Cpu,
        Metric::Memory,
        Metric::Connections,
        Metric::ConnectionsPerSecond,
    ];
    (
        select(metrics),
        10_000_u64..=1_000_000,
        1_u64..=1_000_000_000_000,
        duration(1_000, 3_600_000),
        any::<bool>(),
        select(vec![Proactive::On, Proactive::Off]),
        0_u64..=500_000,
    )
        .prop_map(
            |(metric, share, number, window, reactive, proactive, tolerance)| Signal {
                response: Response::Target(Target {
                    threshold: Amount::from_millionths(if metric.is_share() {
                        share
                    } else {
                        number
                    }),
                    tolerance: Amount::from_millionths(tolerance),
                    reactive,
                    proactive,
                }),
                monitor: Monitor {
                    metric,
                    aggregation: Aggregation::Average,
                    window,
                },
            },
        )
}

fn window(max: u32) -> impl Strategy<Value = Window> {
    (
        (0_i8..24, 0_i8..60, 0_i8..60),
        any::<[bool; 7]>().prop_filter("a day at least", |days| days.contains(&true)),
        duration(60_000, 7 * 86_400_000),
        1..=max,
        select(vec![
            "UTC",
            "Europe/Berlin",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+8",
        ]),
    )
        .prop_map(
            |((hour, minute, second), days, length, instances, zone)| Window {
                opens: Opens::Weekly {
                    at: jiff::civil::time(hour, minute, second, 0),
                    days,
                },
                closes: Closes::After(length),
                instances,
                zone: zone.to_owned(),
            },
        )
}

fn policy(min: u32, max: u32) -> impl Strategy<Value = Policy> {
    let fewest = usize::from(min == 0);
    let step = || proptest::option::of(1_u32..=1_000);
    (
        proptest::collection::vec(signal(), 0..=1),
        proptest::collection::vec(window(max), fewest..4),
        duration(0, 86_400_000),
        duration(0, 3_600_000),
        duration(0, 86_400_000),
        duration(0, 3_600_000),
        (step(), step()),
    )
        .prop_map(
            |(signals, windows, buffer, stabilization, drain, warm_up, max_step)| Policy {
                mode: Mode::Auto,
                signals,
                windows,
                buffer: PerDirection::both(buffer),
                stabilization: PerDirection {
                    scale_out: SignedDuration::ZERO,
                    scale_in: stabilization,
                },
                max_step: PerDirection {
                    scale_out: max_step.0,
                    scale_in: max_step.1,
                },
                max_rate: PerDirection::both(None),
                warm_up,
                min_lifetime: SignedDuration::ZERO,
                warm_pool: 0,
                drain,
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

fn spec() -> impl Strategy<Value = TenantSpec> {
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
                policy(min, max),
                any::<bool>(),
            )
        })
        .prop_map(
            |(tenant, network, service, instances, clouds, policy, metrics)| TenantSpec {
                tenant: tenant.parse().unwrap(),
                network,
                service,
                instances,
                clouds,
                policy,
                logs: Logs { metrics },
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_itself(spec in spec()) {
        let text = to_long_form(&spec);

        let reading = tenant_file::read(&text, "written.yml", &known())
            .map_err(|problems| TestCaseError::fail(format!("{problems}\n{text}")))?;

        prop_assert_eq!(reading.spelling, Spelling::Long);
        prop_assert_eq!(reading.spec, spec, "{}", text);
    }
}

#[test]
fn the_fourteen_lines_are_converted_with_comments() {
    let text = include_str!("tenant_files/ok/classic.yml");
    let reading = tenant_file::read(text, "classic.yml", &known()).unwrap();

    let long = to_long_form(&reading.spec);

    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("tenant_files");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("classic_converted", long));
    let again = tenant_file::read(&long, "long.yml", &known()).unwrap();
    assert_eq!(again.spec, reading.spec);
    assert_eq!(again.warnings.render(Style::Plain), "");
}
