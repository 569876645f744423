//! What of a spec would change, key by key, in the words of the tenant file.

use crate::decide::short;
use crate::policy::{PerDirection, Policy, Rate};
use crate::spec::{
    Budget, Instances, Logs, Network, OnDemand, PlacementRules, Probe, Service, TenantSpec,
};

/// Keys, each with its value in words.
type Facts = Vec<(&'static str, String)>;

/// Keys of lists, each with its items in words.
type Lists = [(&'static str, Vec<String>); 2];

/// `key: old to new` for every key that differs, with what follows from it where that is not plain; of a policy's signals and
/// windows for each one that differs.
pub(crate) fn differences(before: &TenantSpec, after: &TenantSpec) -> Vec<String> {
    let mut all = of_facts(&facts(before), &facts(after));
    let lists = lists(&before.policy).into_iter().zip(lists(&after.policy));
    all.extend(lists.flat_map(|((key, old), (_, new))| of_items(key, &old, &new)));
    all
}

fn of_facts(before: &Facts, after: &Facts) -> Vec<String> {
    let changed = before.iter().zip(after).filter(|(old, new)| old != new);
    changed
        .map(|((key, old), (_, new))| {
            let consequence = match *key {
                "network.public_ip" => "; the old address goes dark at once",
                "instances.template" => "; instances are replaced one at a time",
                _ => "",
            };
            format!("{key}: {old} to {new}{consequence}")
        })
        .collect()
}

/// What differs between two lists: what both begin and end with is left out, and the rest compared in its order.
fn of_items(key: &str, before: &[String], after: &[String]) -> Vec<String> {
    let whole = |items: &[String]| match items {
        [] => "none".to_owned(),
        items => items.join("; "),
    };
    if before == after {
        return Vec::new();
    }
    if before.is_empty() || after.is_empty() || (before.len() == 1 && after.len() == 1) {
        return vec![format!("{key}: {} to {}", whole(before), whole(after))];
    }
    let pairs = || before.iter().zip(after);
    let begins = pairs().take_while(|(old, new)| old == new).count();
    let most = before.len().min(after.len()) - begins;
    let ends = (before.iter().rev().zip(after.iter().rev()))
        .take_while(|(old, new)| old == new)
        .take(most)
        .count();
    let (before, after) = (&before[..before.len() - ends], &after[..after.len() - ends]);
    (begins..before.len().max(after.len()))
        .filter_map(|at| {
            let what = match (before.get(at), after.get(at)) {
                (Some(old), Some(new)) if old == new => return None,
                (Some(old), Some(new)) => format!("{old} to {new}"),
                (None, Some(new)) => format!("added: {new}"),
                (Some(old), None) => format!("taken away: {old}"),
                (None, None) => return None,
            };
            Some(format!("{key}[{}]: {what}", at + 1))
        })
        .collect()
}

fn lists(policy: &Policy) -> Lists {
    let Policy {
        signals, windows, ..
    } = policy;
    [
        (
            "policy.dynamic",
            signals.iter().map(ToString::to_string).collect(),
        ),
        (
            "policy.static",
            windows.iter().map(ToString::to_string).collect(),
        ),
    ]
}

fn facts(spec: &TenantSpec) -> Facts {
    let TenantSpec {
        tenant: _,
        network,
        service,
        instances,
        clouds,
        placement,
        budget,
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
    facts.extend(of_placement(placement, budget.as_ref()));
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
    let probe = match &health.probe {
        Probe::Http { port, path } => format!("http {port}{path}"),
        Probe::Tcp { port } => format!("tcp {port}"),
    };
    let check = format!(
        "{probe} every {}, timeout {}, unhealthy after {}, healthy after {}",
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

fn of_placement(placement: &PlacementRules, budget: Option<&Budget>) -> Facts {
    let PlacementRules {
        order,
        on_demand,
        termination,
    } = placement;
    let on_demand = on_demand.map_or("all".to_owned(), |OnDemand { base, percentage }| {
        format!("{base} and {percentage}% of the others")
    });
    let budget = budget.map_or("none".to_owned(), |Budget { per_hour }| {
        per_hour.to_string()
    });
    vec![
        ("placement.order", order.name().to_owned()),
        ("placement.on_demand", on_demand),
        ("placement.termination", termination.name().to_owned()),
        ("budget.per_hour", budget),
    ]
}

fn of_policy(policy: &Policy) -> Facts {
    let Policy {
        mode,
        signals: _,
        windows: _,
        buffer,
        stabilization,
        max_step,
        max_rate,
        warm_up,
        min_lifetime,
        warm_pool,
        drain,
    } = policy;
    let both = |pair: &PerDirection<String>| {
        if pair.scale_out == pair.scale_in {
            pair.scale_out.clone()
        } else {
            format!("out {}, in {}", pair.scale_out, pair.scale_in)
        }
    };
    let step = |step: Option<u32>| step.map_or("by itself".to_owned(), |step| step.to_string());
    let rate = |rate: Option<Rate>| rate.map_or("any".to_owned(), |rate| rate.to_string());
    vec![
        ("policy.mode", mode.to_string()),
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
    use jiff::SignedDuration;

    use crate::amount::Amount;
    use crate::example;
    use crate::load::Metric;
    use crate::policy::{
        Adjustment, Aggregation, Change, Formula, Mode, Monitor, Proactive, Response, Rounding,
        Signal,
    };
    use crate::schedule::{Closes, Opens, Window};

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

    #[test]
    fn a_policy_is_told_in_words() {
        let before = example::spec();
        let mut after = example::spec();
        after.policy.mode = Mode::OnlyScaleOut;
        let (monitor, target) = example::target(&mut after);
        monitor.window = SignedDuration::from_mins(5);
        target.threshold = Amount::from_millionths(725_000);
        target.proactive = Proactive::On;
        let steps = Response::Steps(vec![
            Adjustment {
                from: None,
                to: Some(Amount::from_millionths(100_000)),
                change: Change::By(1),
            },
            Adjustment {
                from: Some(Amount::from_millionths(900_000)),
                to: None,
                change: Change::Percent {
                    percent: -50,
                    at_least: 2,
                },
            },
        ]);
        let formula = Response::Formula(Formula {
            per: Amount::whole(20),
            rounding: Rounding::Down,
            plus: 1,
        });
        let monitor = |metric, aggregation| Monitor {
            metric,
            aggregation,
            window: SignedDuration::from_mins(2),
        };
        after.policy.signals.extend([
            Signal {
                monitor: monitor(Metric::DiskFree, Aggregation::Minimum),
                response: steps,
            },
            Signal {
                monitor: monitor(Metric::RequestsPerSecond, Aggregation::Total),
                response: formula,
            },
        ]);
        after.policy.windows = vec![Window {
            opens: Opens::Weekly {
                at: jiff::civil::time(8, 0, 0, 0),
                days: [true, true, true, true, true, false, false],
            },
            closes: Closes::After(SignedDuration::from_hours(10)),
            instances: 4,
            zone: "Europe/Berlin".to_owned(),
        }];
        after.policy.max_rate.scale_in = Some(Rate {
            instances: 3,
            per: SignedDuration::from_mins(10),
        });

        assert_eq!(
            differences(&before, &after),
            [
                "policy.mode: auto to only_scale_out",
                "policy.max_rate: any to out any, in 3 per 10m",
                "policy.dynamic[1]: cpu, average over 30s: target 60%, tolerance 10%, reactive, not proactive \
                 to cpu, average over 5m: target 72.5%, tolerance 10%, reactive, proactive",
                "policy.dynamic[2]: added: disk_free, minimum over 2m: below 10% +1, from 90% -50%, at least 2",
                "policy.dynamic[3]: added: requests_per_second, total over 2m: value // 20 + 1",
                "policy.static: none to 4 from 08:00 mon-fri for 10h, Europe/Berlin",
            ]
        );
    }

    #[test]
    fn of_lists_only_the_items_that_differ_are_told() {
        let differ = |before: &[&str], after: &[&str]| {
            let owned = |items: &[&str]| -> Vec<String> {
                items.iter().map(|item| (*item).to_owned()).collect()
            };
            of_items("k", &owned(before), &owned(after))
        };
        let nothing: [&str; 0] = [];
        assert_eq!(differ(&["a", "b", "c"], &["a", "b", "c"]), nothing);
        assert_eq!(differ(&["a", "b", "c"], &["a", "x", "c"]), ["k[2]: b to x"]);
        assert_eq!(differ(&["a", "b"], &["b"]), ["k[1]: taken away: a"]);
        assert_eq!(differ(&["a", "a"], &["a"]), ["k[2]: taken away: a"]);
        assert_eq!(differ(&["b"], &["a", "b"]), ["k[1]: added: a"]);
        assert_eq!(
            differ(&["a", "b", "c", "d"], &["x", "b", "y", "z", "d"]),
            ["k[1]: a to x", "k[3]: c to y", "k[4]: added: z"]
        );
        assert_eq!(differ(&["a", "b"], &[]), ["k: a; b to none"]);
        assert_eq!(differ(&["a"], &["b"]), ["k: a to b"]);
    }
}
