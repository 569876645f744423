//! A tenant for tests and benches: two to five instances in `a`, then `b`, at 60 % of CPU.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use crate::amount::Amount;
use crate::decision::{Reading, Readings};
use crate::id::{InstanceId, ProviderId};
use crate::instance::{Instance, Phase};
use crate::load::Metric;
use crate::market::{CloudOffer, MachineType, Market, Spot, TemplateOffer};
use crate::offering::Offering;
use crate::policy::{
    Aggregation, Mode, Monitor, PerDirection, Policy, Proactive, Response, Signal, Target,
};
use crate::spec::{
    CloudPreference, HealthCheck, Instances, Listener, Logs, Network, PlacementRules, Probe,
    Protocol, Service, Split, Subnet, TenantSpec,
};
use crate::time::Now;

/// Noon of a winter's day.
pub fn now() -> Now {
    Now::at(Timestamp::from_second(1_768_478_400).expect("a second of this century"))
}

/// The tenant's instance in this slot: in service in `a` for as long as anybody can remember.
pub fn instance(slot: u32) -> Instance {
    let id = InstanceId::new(slot, 0);
    Instance {
        id,
        slot,
        cloud: "a".to_owned().try_into().expect("a name"),
        template: "web".to_owned().try_into().expect("a name"),
        offering: Offering::default(),
        fingerprint: None,
        address: Ipv4Addr::from(u32::from(Ipv4Addr::new(19, 0, 0, 2)) + slot),
        phase: Phase::InService,
        is_pooled: false,
        since: now().steady,
        created: now().steady,
        provider: Some(ProviderId(id.to_string())),
        in_service: Some(now().steady),
        drain: None,
        missing: None,
    }
}

/// The tenant `demo`, with the brisk pace of a test.
pub fn spec() -> TenantSpec {
    let address = |last| Ipv4Addr::new(19, 0, 0, last);
    let seconds = SignedDuration::from_secs;
    let name = |text: &str| text.to_owned();
    TenantSpec {
        tenant: name("demo").try_into().expect("a name"),
        network: Network {
            public_ip: Ipv4Addr::new(45, 45, 45, 45),
            subnets: vec![Subnet {
                name: name("demo_nw").try_into().expect("a name"),
                cidr: "19.0.0.0/24".parse().expect("a network"),
                gateway: address(1),
                dhcp_start: address(2),
                dhcp_end: address(254),
            }],
            split: Split::ByInstances,
        },
        service: Service {
            listen: vec![Listener {
                protocol: Protocol::Tcp,
                port: 80,
                to: 8080,
            }],
            health: HealthCheck {
                probe: Probe::Http {
                    port: 8080,
                    path: name("/health"),
                },
                every: seconds(1),
                timeout: seconds(1),
                unhealthy_after: 3,
                healthy_after: 1,
            },
        },
        instances: Instances {
            min: 2,
            max: 5,
            template: name("web").try_into().expect("a name"),
            surge: 0,
            boot_timeout: seconds(60),
        },
        clouds: ["a", "b"]
            .map(|cloud| CloudPreference {
                name: name(cloud).try_into().expect("a name"),
                max: None,
            })
            .into(),
        placement: PlacementRules::default(),
        budget: None,
        policy: policy(),
        logs: Logs { metrics: true },
    }
}

/// What there is of the template `web` in one cloud: the first machine type for 0.10 an hour, the next for 0.20 and so on, as spot
/// for half of that; what is not listed for 1.
pub fn market(cloud: &str, zones: &[&str], machines: &[&str]) -> Market {
    let cents = |cents: u32| Amount::from_millionths(u64::from(cents) * 10_000);
    let machines = machines.iter().zip(1..).map(|(name, nth)| MachineType {
        name: (*name).to_owned(),
        price: Some(cents(nth * 10)),
        spot: Some(Spot {
            price: Some(cents(nth * 5)),
        }),
    });
    let template = TemplateOffer {
        machines: machines.collect(),
        fingerprint: None,
    };
    let offer = CloudOffer {
        price: Some(Amount::ONE),
        room: None,
        zones: zones.iter().map(|zone| (*zone).to_owned()).collect(),
        templates: [("web".to_owned().try_into().expect("a name"), template)].into(),
    };
    Market {
        clouds: [(cloud.to_owned().try_into().expect("a name"), offer)].into(),
    }
}

fn policy() -> Policy {
    let seconds = SignedDuration::from_secs;
    Policy {
        mode: Mode::Auto,
        signals: vec![Signal {
            monitor: Monitor {
                metric: Metric::Cpu,
                aggregation: Aggregation::Average,
                window: seconds(30),
            },
            response: Response::Target(Target {
                threshold: Amount::from_millionths(600_000),
                tolerance: Amount::from_millionths(100_000),
                reactive: true,
                proactive: Proactive::Off,
            }),
        }],
        windows: Vec::new(),
        buffer: PerDirection::both(seconds(120)),
        stabilization: PerDirection {
            scale_out: SignedDuration::ZERO,
            scale_in: seconds(60),
        },
        max_step: PerDirection::both(None),
        max_rate: PerDirection::both(None),
        warm_up: seconds(10),
        min_lifetime: SignedDuration::ZERO,
        warm_pool: 0,
        drain: seconds(30),
    }
}

/// The target of the spec's first signal and its monitor, to adjust.
pub fn target(spec: &mut TenantSpec) -> (&mut Monitor, &mut Target) {
    match spec.policy.signals.first_mut() {
        Some(Signal {
            monitor,
            response: Response::Target(target),
        }) => (monitor, target),
        _ => panic!("the example follows a target first"),
    }
}

/// The readings of a tick at which `count` instances gave `each`.
pub fn readings(metric: Metric, each: Amount, count: u32) -> Readings {
    let mut reading = Reading {
        expected: count,
        ..Reading::default()
    };
    for _ in 0..count {
        reading.add(each);
    }
    [(metric, reading)].into()
}
