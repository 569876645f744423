//! Every valid spec, written as a file of the long spelling, reads back as itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::net::Ipv4Addr;

use controller::amount::Amount;
use controller::load::{Metric, Unit};
use controller::policy::{
    Adjustment, Aggregation, Change, Formula, Goal, Mode, Monitor, PerDirection, Policy, Proactive,
    Rate, Response, Rounding, Signal, Target,
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

fn metric() -> impl Strategy<Value = Metric> {
    prop_oneof![
        4 => select(Metric::NAMED.to_vec()),
        1 => name().prop_map(|name| Metric::Pushed(name.parse().unwrap())),
        1 => select(vec!["null", "value", "cpu", "requests"])
            .prop_map(|name| Metric::Pushed(name.parse().unwrap())),
        1 => "[!-~]([ -~äß→]{0,998}[!-~])?".prop_map(Metric::Prometheus),
    ]
}

fn monitor() -> impl Strategy<Value = Monitor> {
    let aggregations = vec![
        Aggregation::Average,
        Aggregation::Minimum,
        Aggregation::Maximum,
        Aggregation::Total,
        Aggregation::Last,
        Aggregation::Count,
    ];
    (metric(), select(aggregations), duration(1_000, 3_600_000)).prop_map(
        |(metric, aggregation, window)| Monitor {
            metric,
            aggregation,
            window,
        },
    )
}

/// From one millionth to a billion, small ones and round ones as likely as any.
fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        1_u64..=2_000_000,
        (1_u64..=2_000_000_000).prop_map(|thousandths| thousandths * 1_000),
        1_u64..=1_000_000_000_000_000,
    ]
    .prop_map(Amount::from_millionths)
}

fn proactive() -> impl Strategy<Value = Proactive> {
    select(vec![Proactive::On, Proactive::Off, Proactive::ForecastOnly])
}

fn target() -> impl Strategy<Value = Signal> {
    (
        monitor().prop_filter("it would do the opposite", |monitor| {
            monitor.metric != Metric::DiskFree
        }),
        [
            10_000_u64..=1_000_000,
            1_u64..=3_600_000,
            1_u64..=1_000_000_000_000,
        ],
        any::<bool>(),
        proactive(),
        0_u64..=500_000,
    )
        .prop_map(
            |(monitor, [share, millis, number], reactive, proactive, tolerance)| {
                let threshold = Amount::from_millionths(match monitor.metric.unit() {
                    Unit::Share => share,
                    Unit::Seconds => millis * 1_000,
                    Unit::PerSecond | Unit::Number => number,
                });
                Signal {
                    monitor,
                    response: Response::Target(Target {
                        threshold,
                        tolerance: Amount::from_millionths(tolerance),
                        reactive,
                        proactive,
                    }),
                }
            },
        )
}

fn goal() -> impl Strategy<Value = Signal> {
    (
        monitor().prop_filter("no load that is shared", |monitor| {
            !matches!(monitor.metric, Metric::DiskFree | Metric::ResponseTime)
        }),
        500_000_u64..=999_900,
        proptest::option::of(amount()),
        any::<bool>(),
        proactive(),
    )
        .prop_map(|(monitor, goal, capacity, reactive, proactive)| Signal {
            monitor,
            response: Response::Goal(Goal {
                goal: Amount::from_millionths(goal),
                capacity,
                reactive,
                proactive,
            }),
        })
}

/// More, or fewer: `+1`, `-50%`. The third way, `=4`, is neither.
fn change(is_more: bool) -> impl Strategy<Value = Change> {
    let sign = if is_more { 1 } else { -1 };
    let percent_most = if is_more { 10_000 } else { 100 };
    prop_oneof![
        (1_i32..=1_000).prop_map(move |by| Change::By(sign * by)),
        (1_i32..=percent_most, 1_u32..=1_000).prop_map(move |(percent, at_least)| {
            Change::Percent {
                percent: sign * percent,
                at_least,
            }
        }),
        (0_u32..=1_000).prop_map(Change::To),
    ]
}

/// Shrinking steps from below, growing ones to above, and a gap between: all touching but there. One or the other may be
/// missing; a metric that is bad when it is low has them the other way round.
fn steps() -> impl Strategy<Value = Response> {
    let changes = |is_more| proptest::collection::vec(change(is_more), 0..4);
    (
        proptest::collection::btree_set(amount(), 9),
        changes(false),
        changes(true),
        any::<[bool; 3]>(),
    )
        .prop_filter("a step at least", |(_, fewer, more, _)| {
            !fewer.is_empty() || !more.is_empty()
        })
        .prop_map(|(cuts, fewer, more, [has_gap, is_explicit, is_reversed])| {
            let mut cuts = cuts.into_iter();
            let (low, high) = if is_reversed {
                (more, fewer)
            } else {
                (fewer, more)
            };
            let has_gap = has_gap || low.is_empty() || high.is_empty();
            let mut from = is_explicit.then_some(Amount::ZERO);
            let mut steps = Vec::new();
            for change in low {
                let to = cuts.next();
                steps.push(Adjustment { from, to, change });
                from = to;
            }
            if has_gap {
                from = cuts.next();
            }
            let last = high.len();
            for (change, number) in high.into_iter().zip(1..) {
                let to = if number == last { None } else { cuts.next() };
                steps.push(Adjustment { from, to, change });
                from = to;
            }
            Response::Steps(steps)
        })
}

fn formula() -> impl Strategy<Value = Response> {
    (
        amount(),
        select(vec![Rounding::Down, Rounding::Up]),
        0_u32..=1_000,
    )
        .prop_map(|(per, rounding, plus)| {
            Response::Formula(Formula {
                per,
                rounding,
                plus,
            })
        })
}

fn signal() -> impl Strategy<Value = Signal> {
    let with = |(monitor, response)| Signal { monitor, response };
    prop_oneof![
        target(),
        goal(),
        (monitor(), steps()).prop_map(with),
        (monitor(), formula()).prop_map(with),
    ]
}

fn time() -> impl Strategy<Value = jiff::civil::Time> {
    (0_i8..24, 0_i8..60, 0_i8..60)
        .prop_map(|(hour, minute, second)| jiff::civil::time(hour, minute, second, 0))
}

fn opens_and_closes() -> impl Strategy<Value = (Opens, Closes)> {
    let days = any::<[bool; 7]>().prop_filter("a day at least", |days| days.contains(&true));
    let crons = vec![
        "0 8 * * mon-fri",
        "*/15 * * * *",
        "30 22 1 * *",
        "0 0 24,25 dec *",
    ];
    let again = prop_oneof![
        (time(), days).prop_map(|(at, days)| Opens::Weekly { at, days }),
        select(crons).prop_map(|text| Opens::Cron(text.parse().unwrap())),
    ];
    let length = || duration(60_000, 7 * 86_400_000);
    let once = || {
        (2020_i16..2100, 1_i8..=12, 1_i8..=28, time()).prop_map(|(year, month, day, time)| {
            jiff::civil::date(year, month, day).to_datetime(time)
        })
    };
    prop_oneof![
        (
            again,
            prop_oneof![
                length().prop_map(Closes::After),
                time().prop_map(Closes::At),
            ]
        ),
        (
            once(),
            prop_oneof![
                length().prop_map(Closes::After),
                time().prop_map(Closes::At),
            ]
        )
            .prop_map(|(on, closes)| (Opens::Once(on), closes)),
        (once(), 1_i64..=7 * 86_400).prop_map(|(on, seconds)| {
            let end = on.checked_add(SignedDuration::from_secs(seconds)).unwrap();
            (Opens::Once(on), Closes::On(end))
        }),
    ]
}

fn window(max: u32) -> impl Strategy<Value = Window> {
    (
        opens_and_closes(),
        1..=max,
        select(vec![
            "UTC",
            "Europe/Berlin",
            "America/Argentina/Buenos_Aires",
            "Etc/GMT+8",
        ]),
    )
        .prop_map(|((opens, closes), instances, zone)| Window {
            opens,
            closes,
            instances,
            zone: zone.to_owned(),
        })
}

fn both<T: std::fmt::Debug>(
    one: impl Fn() -> BoxedStrategy<T>,
) -> impl Strategy<Value = PerDirection<T>> {
    (one(), one()).prop_map(|(scale_out, scale_in)| PerDirection {
        scale_out,
        scale_in,
    })
}

fn brakes() -> impl Strategy<Value = Policy> {
    let rate = || {
        proptest::option::of(
            (1_u32..=1_000, duration(1_000, 3_600_000))
                .prop_map(|(instances, per)| Rate { instances, per }),
        )
        .boxed()
    };
    (
        select(vec![Mode::Auto, Mode::OnlyScaleOut, Mode::Off]),
        both(|| duration(0, 86_400_000).boxed()),
        both(|| prop_oneof![Just(SignedDuration::ZERO), duration(0, 3_600_000)].boxed()),
        both(|| proptest::option::of(1_u32..=1_000).boxed()),
        both(rate),
        [
            duration(0, 3_600_000).boxed(),
            prop_oneof![Just(SignedDuration::ZERO), duration(0, 86_400_000)].boxed(),
            duration(0, 86_400_000).boxed(),
        ],
        prop_oneof![Just(0), 0_u32..=1_000],
    )
        .prop_map(
            |(mode, buffer, stabilization, max_step, max_rate, durations, warm_pool)| {
                let [warm_up, min_lifetime, drain] = durations;
                Policy {
                    mode,
                    signals: Vec::new(),
                    windows: Vec::new(),
                    buffer,
                    stabilization,
                    max_step,
                    max_rate,
                    warm_up,
                    min_lifetime,
                    warm_pool,
                    drain,
                }
            },
        )
}

fn policy(min: u32, max: u32) -> impl Strategy<Value = Policy> {
    let fewest = usize::from(min == 0);
    (
        brakes(),
        proptest::collection::vec(signal(), 0..4),
        proptest::collection::vec(window(max), fewest..4),
    )
        .prop_map(|(policy, signals, windows)| Policy {
            signals,
            windows,
            ..policy
        })
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
