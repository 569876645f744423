//! A spec as a tenant file of the long spelling, with a comment for each section. Reading it gives the same spec, whatever
//! the operator's defaults are: every value is written out.

mod policy;

use std::fmt::{self, Write};

use controller::spec::{
    Budget, CloudPreference, HealthCheck, Instances, Listener, Network, OnDemand, PlacementRules,
    Probe, Protocol, Split, TenantSpec,
};
use jiff::SignedDuration;

use crate::shape::{decimal_text, duration_text};

/// The long spelling of `spec`.
pub fn to_long_form(spec: &TenantSpec) -> String {
    let mut text = String::new();
    write_all(&mut text, spec).expect("a text grows without limit");
    text
}

fn write_all(out: &mut String, spec: &TenantSpec) -> fmt::Result {
    let TenantSpec {
        tenant,
        network,
        service,
        instances,
        clouds,
        placement,
        budget,
        policy,
        logs,
    } = spec;
    writeln!(out, "version: 1")?;
    writeln!(out, "tenant: {}", word(tenant.as_str()))?;
    write_network(out, network)?;
    writeln!(
        out,
        "\n# What clients reach, and how an instance shows that it is well."
    )?;
    writeln!(out, "service:")?;
    writeln!(out, "  listen:")?;
    for listener in &service.listen {
        write_listener(out, listener)?;
    }
    write_health(out, &service.health)?;
    write_instances(out, instances)?;
    write_clouds(out, clouds)?;
    if *placement != PlacementRules::default() {
        write_placement(out, placement)?;
    }
    if let Some(Budget { per_hour }) = budget {
        writeln!(
            out,
            "\n# What the instances may cost for an hour, beyond the minimum."
        )?;
        let per_hour = decimal_text(per_hour.millionths());
        writeln!(out, "budget: {{ per_hour: {per_hour} }}")?;
    }
    policy::write_policy(out, policy)?;
    writeln!(out, "\n# Actions and decisions are always written down.")?;
    writeln!(out, "logs:")?;
    writeln!(out, "  metrics: {}", logs.metrics)
}

fn write_network(out: &mut String, network: &Network) -> fmt::Result {
    let Network {
        public_ip,
        subnets,
        split,
    } = network;
    writeln!(
        out,
        "\n# Clients connect to the public address; instances live in the first subnet."
    )?;
    writeln!(out, "network:")?;
    writeln!(out, "  public_ip: {public_ip}")?;
    writeln!(out, "  subnets:")?;
    for subnet in subnets {
        writeln!(out, "    - name: {}", word(subnet.name.as_str()))?;
        writeln!(out, "      cidr: {}", subnet.cidr)?;
        writeln!(out, "      gateway: {}", subnet.gateway)?;
        writeln!(out, "      dhcp: {}-{}", subnet.dhcp_start, subnet.dhcp_end)?;
    }
    let word = match split {
        Split::ByInstances => "by_instances",
        Split::Equal => "equal",
    };
    writeln!(out, "  split: {word}")
}

fn write_listener(out: &mut String, listener: &Listener) -> fmt::Result {
    let Listener { protocol, port, to } = listener;
    match protocol {
        Protocol::Icmp => writeln!(out, "    - protocol: icmp"),
        Protocol::Tcp => writeln!(out, "    - {{ protocol: tcp, port: {port}, to: {to} }}"),
        Protocol::Udp => writeln!(out, "    - {{ protocol: udp, port: {port}, to: {to} }}"),
    }
}

fn write_health(out: &mut String, health: &HealthCheck) -> fmt::Result {
    let HealthCheck {
        probe,
        every,
        timeout,
        unhealthy_after,
        healthy_after,
    } = health;
    writeln!(out, "  health:")?;
    match probe {
        Probe::Http { port, path } => {
            writeln!(out, "    http: {}", scalar(path))?;
            writeln!(out, "    port: {port}")?;
        }
        Probe::Tcp { port } => {
            writeln!(out, "    tcp: true")?;
            writeln!(out, "    port: {port}")?;
        }
    }
    write_duration(out, "    every", *every)?;
    write_duration(out, "    timeout", *timeout)?;
    writeln!(out, "    unhealthy_after: {unhealthy_after}")?;
    writeln!(out, "    healthy_after: {healthy_after}")
}

fn write_instances(out: &mut String, instances: &Instances) -> fmt::Result {
    let Instances {
        min,
        max,
        template,
        surge,
        boot_timeout,
    } = instances;
    writeln!(out, "\n# How many, of what.")?;
    writeln!(out, "instances:")?;
    writeln!(out, "  min: {min}")?;
    writeln!(out, "  max: {max}")?;
    writeln!(out, "  template: {template}")?;
    writeln!(out, "  surge: {surge}")?;
    write_duration(out, "  boot_timeout", *boot_timeout)
}

fn write_clouds(out: &mut String, clouds: &[CloudPreference]) -> fmt::Result {
    writeln!(
        out,
        "\n# In order of preference: the first is filled first and emptied last."
    )?;
    writeln!(out, "clouds:")?;
    for CloudPreference { name, max } in clouds {
        match max {
            Some(max) => writeln!(out, "  - {{ name: {name}, max: {max} }}")?,
            None => writeln!(out, "  - name: {name}")?,
        }
    }
    Ok(())
}

fn write_placement(out: &mut String, placement: &PlacementRules) -> fmt::Result {
    let PlacementRules {
        order,
        on_demand,
        termination,
    } = placement;
    writeln!(
        out,
        "\n# By which rules a place is chosen, and who goes first."
    )?;
    writeln!(out, "placement:")?;
    writeln!(out, "  order: {}", order.name())?;
    if let Some(OnDemand { base, percentage }) = on_demand {
        writeln!(
            out,
            "  on_demand: {{ base: {base}, percentage: {percentage} }}"
        )?;
    }
    writeln!(out, "  termination: {}", termination.name())
}

fn write_duration(out: &mut String, key: &str, duration: SignedDuration) -> fmt::Result {
    writeln!(out, "{key}: {}", duration_text(duration))
}

/// As a scalar: bare where YAML reads it as it is, double-quoted elsewhere.
fn scalar(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if text.starts_with('/') && text.chars().all(is_bare) {
        return text.to_owned();
    }
    quoted(text)
}

/// A name; one of them is nothing to YAML.
fn word(name: &str) -> String {
    if name == "null" {
        quoted(name)
    } else {
        name.to_owned()
    }
}

/// Between double quotes.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
