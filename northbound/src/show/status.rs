//! `asaas status` and `asaas tenants`.

use std::fmt::Write;

use controller::instance::{Instance, Phase};
use controller::load::Metric;
use controller::network::Health;
use controller::ports::Orders;
use controller::spec::Protocol;
use controller::status::{CloudStatus, InstanceStatus, Status};
use jiff::{SignedDuration, Timestamp};

use super::{instances, length, lines, moment, reading, table};
use crate::api::{TenantReport, TenantSummary};

/// What is older than this is said to be: something may have happened since.
const FRESH: SignedDuration = SignedDuration::from_secs(2);

/// One tenant, whole, as it is shown at `now`.
pub fn tenant(report: &TenantReport, now: Timestamp) -> String {
    let status = &report.status;
    let mut text = format!("{}: {}\n", status.tenant, headline(status));
    let _ = writeln!(
        text,
        "  generation {}, min {}, max {}, {}",
        status.generation,
        status.min,
        status.max,
        seen(status.at, now)
    );
    let _ = writeln!(text, "  {}", address(report));
    if let Some(node) = &report.node {
        let _ = writeln!(text, "  looked after by node {node}");
    }
    if let Some(metric) = &status.metric {
        let threshold = metric.threshold.map_or(String::new(), |threshold| {
            format!(", threshold {}", reading(&metric.metric, threshold))
        });
        let average = metric.average.map_or_else(
            || "not known".to_owned(),
            |average| reading(&metric.metric, average),
        );
        let _ = writeln!(
            text,
            "  {} on average {average}{threshold}, {} of {} measured",
            metric.metric, metric.fresh, metric.expected
        );
    }
    if let Some(decision) = &status.decision {
        let _ = writeln!(text, "  why: {}", decision.reason());
    }
    if let Some(cost) = status.cost {
        let _ = writeln!(
            text,
            "  about {cost} an hour, an estimate from the operator's prices"
        );
    }
    if !status.instances.is_empty() {
        text.push('\n');
        text.push_str(&instance_table(status));
    }
    text.push('\n');
    text.push_str(&cloud_table(status));
    let troubles = report.trouble.iter().chain(&status.alarms);
    for trouble in troubles {
        let _ = writeln!(text, "\nalarm: {trouble}");
    }
    text
}

/// How many instances clients are sent to, and get an answer from.
pub fn serving(status: &Status) -> u32 {
    count(status, |shown| {
        shown.instance.phase == Phase::InService
            && shown.health == Health::Healthy
            && shown.is_routed
    })
}

/// How many there should be; `None` before the first decision. While a tenant is paused, nothing is decided: what was ordered
/// since is what it waits for.
pub fn wanted(status: &Status) -> Option<u32> {
    let ordered = status.orders.desired.filter(|_| status.orders.is_paused);
    ordered.or(status.decision.as_ref().map(|decision| decision.desired))
}

/// Whether all is as it is wanted: as the tick saw it, and by what was ordered during a pause.
pub fn is_settled(status: &Status) -> bool {
    let is_as_many = wanted(status).is_none_or(|wanted| wanted == serving(status));
    status.is_settled && is_as_many
}

/// How many serve of how many are wanted, and what a person has ordered: a line to follow a change by.
pub fn headline(status: &Status) -> String {
    let serving = serving(status);
    let phase = |shown: &InstanceStatus| shown.instance.phase;
    let unwell = count(status, |shown| phase(shown) == Phase::InService) - serving;
    let coming = count(status, |shown| phase(shown).is_coming());
    let standing_by = count(status, |shown| phase(shown) == Phase::Standby);
    let going = count(status, |shown| {
        !phase(shown).is_coming() && !phase(shown).is_up()
    });
    let mut parts = Vec::new();
    parts.push(match wanted(status) {
        Some(wanted) => format!("{serving} of {} in service", instances(wanted)),
        None => format!("{} in service", instances(serving)),
    });
    if unwell > 0 {
        parts.push(format!("{unwell} unhealthy or not routed"));
    }
    if coming > 0 {
        parts.push(format!("{coming} on the way in"));
    }
    if standing_by > 0 {
        parts.push(format!("{standing_by} standing by"));
    }
    if going > 0 {
        parts.push(format!("{going} on the way out"));
    }
    parts.extend(orders(&status.orders));
    parts.push(
        if is_settled(status) {
            "settled"
        } else if status.orders.is_paused {
            "not settled"
        } else {
            "changing"
        }
        .to_owned(),
    );
    parts.join(", ")
}

fn seen(at: Timestamp, now: Timestamp) -> String {
    let age = now.duration_since(at);
    if age > FRESH {
        format!("as of {} ago ({})", length(age), moment(at))
    } else {
        format!("seen at {}", moment(at))
    }
}

fn count(status: &Status, is_meant: impl Fn(&InstanceStatus) -> bool) -> u32 {
    let meant = status.instances.iter().filter(|shown| is_meant(shown));
    u32::try_from(meant.count()).unwrap_or(u32::MAX)
}

fn orders(orders: &Orders) -> Vec<String> {
    let Orders {
        is_paused,
        desired,
        is_destroyed,
    } = orders;
    let mut words = Vec::new();
    if *is_destroyed {
        words.push("being removed".to_owned());
    }
    if *is_paused {
        words.push("paused".to_owned());
    }
    if let Some(number) = desired {
        words.push(format!("{number} ordered by hand"));
    }
    words
}

fn address(report: &TenantReport) -> String {
    let ports: Vec<String> = report
        .listen
        .iter()
        .map(|listener| match listener.protocol {
            Protocol::Tcp => format!("tcp {} to {}", listener.port, listener.to),
            Protocol::Udp => format!("udp {} to {}", listener.port, listener.to),
            Protocol::Icmp => "icmp".to_owned(),
        })
        .collect();
    let tunnel = match report.status.tunnel.as_str() {
        "" => String::new(),
        tunnel => format!(", tunnel {tunnel}"),
    };
    format!("{}: {}{tunnel}", report.public_ip, ports.join(", "))
}

fn instance_table(status: &Status) -> String {
    let mut table = table(&[
        "INSTANCE", "SLOT", "CLOUD", "ADDRESS", "PHASE", "SINCE", "HEALTH", "ROUTED", "FLOWS",
        "CPU", "MEMORY",
    ]);
    for shown in &status.instances {
        let InstanceStatus {
            instance,
            health,
            is_routed,
            flows,
            outdated,
            metrics,
        } = shown;
        let measured = |metric| {
            metrics
                .get(&metric)
                .map_or_else(|| "-".to_owned(), |value| reading(&metric, *value))
        };
        table.add_row([
            instance.id.to_string(),
            instance.slot.to_string(),
            place(instance),
            instance.address.to_string(),
            match outdated {
                Some(_) => format!("{}, older template", instance.phase),
                None => instance.phase.to_string(),
            },
            length(status.at.duration_since(instance.since)),
            match health {
                Health::Unknown => "unknown",
                Health::Healthy => "healthy",
                Health::Unhealthy => "unhealthy",
            }
            .to_owned(),
            if *is_routed { "yes" } else { "no" }.to_owned(),
            flows.map_or_else(|| "-".to_owned(), |flows| flows.to_string()),
            measured(Metric::Cpu),
            measured(Metric::Memory),
        ]);
    }
    lines(&table, "  ")
}

/// The cloud, and what of its choices was taken.
fn place(instance: &Instance) -> String {
    match &instance.offering {
        offering if offering.is_default() => instance.cloud.to_string(),
        offering => format!("{}: {offering}", instance.cloud),
    }
}

fn cloud_table(status: &Status) -> String {
    let mut table = table(&["CLOUD", "INSTANCES", "MAX", "NOW"]);
    for cloud in &status.clouds {
        table.add_row([
            cloud.name.to_string(),
            cloud.instances.to_string(),
            cloud
                .max
                .map_or_else(|| "-".to_owned(), |max| max.to_string()),
            now(cloud),
        ]);
    }
    lines(&table, "  ")
}

fn now(cloud: &CloudStatus) -> String {
    let CloudStatus {
        refuses,
        refused_offerings,
        ..
    } = cloud;
    match refuses {
        Some(why) => why.clone(),
        None if refused_offerings.is_empty() => "takes instances".to_owned(),
        None => format!(
            "takes instances, but not {}",
            refused_offerings.join("; nor ")
        ),
    }
}

/// All tenants, a line each.
pub fn tenants(summaries: &[TenantSummary]) -> String {
    if summaries.is_empty() {
        return "no tenants yet: `asaas apply NAME` makes one from tenants/NAME.yml\n".to_owned();
    }
    let mut header = vec![
        "TENANT",
        "GENERATION",
        "SERVING",
        "WANTED",
        "STATE",
        "ALARMS",
    ];
    let has_nodes = summaries.iter().any(|summary| summary.node.is_some());
    if has_nodes {
        header.push("NODE");
    }
    let mut table = table(&header);
    for summary in summaries {
        let mut state = orders(&summary.orders);
        state.push(
            if summary.is_settled {
                "settled"
            } else if summary.orders.is_paused {
                "not settled"
            } else {
                "changing"
            }
            .to_owned(),
        );
        let mut row = vec![
            summary.tenant.to_string(),
            summary.generation.to_string(),
            summary.in_service.to_string(),
            summary
                .desired
                .map_or_else(|| "-".to_owned(), |desired| desired.to_string()),
            state.join(", "),
            summary.alarms.to_string(),
        ];
        if has_nodes {
            let node = summary.node.as_ref();
            row.push(node.map_or_else(|| "-".to_owned(), ToString::to_string));
        }
        table.add_row(row);
    }
    lines(&table, "")
}
