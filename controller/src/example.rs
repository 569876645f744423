//! A tenant for tests and benches: two to five instances in `a`, then `b`, at 60 % of CPU.

use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use crate::amount::Amount;
use crate::id::{InstanceId, ProviderId};
use crate::instance::{Instance, Phase};
use crate::load::Metric;
use crate::spec::{
    CloudPreference, Dynamic, HealthCheck, Instances, Listener, Logs, Network, Policy, Probe,
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
        address: Ipv4Addr::from(u32::from(Ipv4Addr::new(19, 0, 0, 2)) + slot),
        phase: Phase::InService,
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
        policy: Policy {
            dynamic: Some(Dynamic {
                metric: Metric::Cpu,
                threshold: Amount::from_millionths(600_000),
                window: seconds(30),
                reactive: true,
                proactive: false,
                tolerance: Amount::from_millionths(100_000),
            }),
            windows: Vec::new(),
            buffer: seconds(120),
            drain: seconds(30),
            stabilization: seconds(60),
            warm_up: seconds(10),
            max_step_out: None,
            max_step_in: None,
        },
        logs: Logs { metrics: true },
    }
}
