//! What of a spec would change, key by key, in the words of the tenant file.

use crate::decide::short;
use crate::policy::{PerDirection, Policy, Rate};
use crate::spec::{Instances, Logs, Network, Service, TenantSpec};

/// Keys, each with its value in words.
type Facts = Vec<(&'static str, String)>;

/// `key: old to new` for every key that differs, with what follows from it where that is not plain.
pub(crate) fn differences(before: &TenantSpec, after: &TenantSpec) -> Vec<String> {
    let (before, after) = (facts(before), facts(after));
    let changed = before.iter().zip(&after).filter(|(old, new)| old != new);
    changed
        .map(|((key, old), (_, new))| {
            let consequence = match *key {
                "network.public_ip" => "; the old address goes dark at once",
                "instances.template" => ", for instances launched from now on",
                _ => "",
            };
            format!("{key}: {old} to {new}{consequence}")
        })
        .collect()
}

fn facts(spec: &TenantSpec) -> Facts {
    let TenantSpec {
        tenant: _,
        network,
        service,
        instances,
        clouds,
        policy,
        logs,
    } = spec;
    let order = clouds.iter().map(|cloud| match cloud.max {
        Some(max) => format!("{} (at most {max})", cloud.name),
        None => cloud.name.to_string(),
    });
    let Logs { metrics } = logs;
    let mut facts = of_network(network);
    facts.extend(of_service(service));
    facts.extend(of_instances(instances));
    facts.push(("clouds", list(order)));
    facts.extend(of_policy(policy));
    facts.push(("logs.metrics", metrics.to_string()));
    facts
}

fn of_network(network: &Network) -> Facts {
    let Network {
        public_ip,
        subnets,
        split,
    } = network;
    let ranges = subnets.iter().map(|subnet| {
        let range = format!("{} to {}", subnet.dhcp_start, subnet.dhcp_end);
        format!(
            "{} {} by {} ({range})",
            subnet.name, subnet.cidr, subnet.gateway
        )
    });
    vec![
        ("network.public_ip", public_ip.to_string()),
        ("network.subnets", list(ranges)),
        ("network.split", format!("{split:?}").to_lowercase()),
    ]
}

fn of_service(service: &Service) -> Facts {
    let Service { listen, health } = service;
    let ports = listen.iter().map(|listener| {
        let protocol = format!("{:?}", listener.protocol).to_lowercase();
        format!("{protocol} {} to {}", listener.port, listener.to)
    });
    let check = format!(
        "{:?} every {}, timeout {}, unhealthy after {}, healthy after {}",
        health.probe,
        short(health.every),
        short(health.timeout),
        health.unhealthy_after,
        health.healthy_after,
    );
    vec![("service.listen", list(ports)), ("service.health", check)]
}

fn of_instances(instances: &Instances) -> Facts {
    let Instances {
        min,
        max,
        template,
        surge,
        boot_timeout,
    } = instances;
    vec![
        ("instances.min", min.to_string()),
        ("instances.max", max.to_string()),
        ("instances.template", template.to_string()),
        ("instances.surge", surge.to_string()),
        ("instances.boot_timeout", short(*boot_timeout)),
    ]
}

fn of_policy(policy: &Policy) -> Facts {
    let Policy {
        mode,
        signals,
        windows,
        buffer,
        stabilization,
        max_step,
        max_rate,
        warm_up,
        min_lifetime,
        warm_pool,
        drain,
    } = policy;
    let windows = windows.iter().map(|window| {
        format!(
            "{} {:?} until {:?} {}",
            window.instances, window.opens, window.closes, window.zone
        )
    });
    let both = |pair: &PerDirection<String>| {
        if pair.scale_out == pair.scale_in {
            pair.scale_out.clone()
        } else {
            format!("out {}, in {}", pair.scale_out, pair.scale_in)
        }
    };
    let step = |step: Option<u32>| step.map_or("by itself".to_owned(), |step| step.to_string());
    let rate = |rate: Option<Rate>| {
        rate.map_or("any".to_owned(), |rate| {
            format!("{} per {}", rate.instances, short(rate.per))
        })
    };
    vec![
        ("policy.mode", format!("{mode:?}")),
        (
            "policy.dynamic",
            list(signals.iter().map(|signal| format!("{signal:?}"))),
        ),
        ("policy.static", list(windows)),
        ("policy.buffer", both(&buffer.map(short))),
        ("policy.stabilization", both(&stabilization.map(short))),
        ("policy.max_step", both(&max_step.map(step))),
        ("policy.max_rate", both(&max_rate.map(rate))),
        ("policy.warm_up", short(*warm_up)),
        ("policy.min_lifetime", short(*min_lifetime)),
        ("policy.warm_pool", warm_pool.to_string()),
        ("policy.drain", short(*drain)),
    ]
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        "none".to_owned()
    } else {
        items.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;

    #[test]
    fn only_what_differs_is_told_with_both_values() {
        let before = example::spec();
        let mut after = example::spec();
        after.instances.max = 9;
        after.network.public_ip = "45.45.45.46".parse().unwrap();
        after.policy.windows.clear();

        assert_eq!(
            differences(&before, &after),
            [
                "network.public_ip: 45.45.45.45 to 45.45.45.46; the old address goes dark at once",
                "instances.max: 5 to 9",
            ]
        );
    }
}
