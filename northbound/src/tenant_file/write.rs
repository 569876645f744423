//! A spec as a tenant file of the long spelling, with a comment for each section. Reading it gives the same spec, whatever
//! the operator's defaults are: every value is written out.

use std::fmt::{self, Write};

use controller::policy::{Policy, Proactive, Response, Signal};
use controller::schedule::{Closes, Opens, Window};
use controller::spec::{
    CloudPreference, HealthCheck, Instances, Listener, Network, Probe, Protocol, Split, TenantSpec,
};
use jiff::SignedDuration;

use crate::shape::{decimal_text, duration_text, percent_text};

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
        policy,
        logs,
    } = spec;
    writeln!(out, "version: 1")?;
    writeln!(out, "tenant: {tenant}")?;
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
    write_policy(out, policy)?;
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
        writeln!(out, "    - name: {}", subnet.name)?;
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

fn write_policy(out: &mut String, policy: &Policy) -> fmt::Result {
    let Policy {
        signals,
        windows,
        buffer,
        drain,
        stabilization,
        warm_up,
        max_step,
        ..
    } = policy;
    writeln!(out, "\n# When the number changes.")?;
    writeln!(out, "policy:")?;
    for signal in signals {
        write_dynamic(out, signal)?;
    }
    if windows.is_empty() {
        writeln!(
            out,
            "  # static:    # times at which a number is needed; they raise `min`"
        )?;
        writeln!(
            out,
            "  #   - {{ at: \"08:00\", days: mon-fri, for: 10h, instances: 4, zone: Europe/Berlin }}"
        )?;
    } else {
        writeln!(out, "  static:")?;
        for window in windows {
            write_window(out, window)?;
        }
    }
    write_duration(out, "  buffer", buffer.scale_out)?;
    write_duration(out, "  drain", *drain)?;
    write_duration(out, "  stabilization", stabilization.scale_in)?;
    write_duration(out, "  warm_up", *warm_up)?;
    write_step(out, "max_step_out", max_step.scale_out)?;
    write_step(out, "max_step_in", max_step.scale_in)
}

fn write_dynamic(out: &mut String, signal: &Signal) -> fmt::Result {
    let Response::Target(target) = &signal.response else {
        return Ok(());
    };
    let metric = &signal.monitor.metric;
    let threshold = &target.threshold;
    let threshold = if metric.is_share() {
        percent_text(*threshold)
    } else {
        decimal_text(threshold.millionths())
    };
    writeln!(out, "  dynamic:")?;
    writeln!(out, "    metric: {}", metric.name())?;
    writeln!(out, "    threshold: {threshold}")?;
    write_duration(out, "    window", signal.monitor.window)?;
    writeln!(out, "    reactive: {}", target.reactive)?;
    writeln!(out, "    proactive: {}", target.proactive == Proactive::On)?;
    writeln!(out, "    tolerance: {}", percent_text(target.tolerance))
}

fn write_window(out: &mut String, window: &Window) -> fmt::Result {
    const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let Window {
        opens: Opens::Weekly { at, days },
        closes: Closes::After(length),
        instances,
        zone,
    } = window
    else {
        return Ok(());
    };
    let days: Vec<&str> = DAYS
        .into_iter()
        .zip(days)
        .filter_map(|(name, is_meant)| is_meant.then_some(name))
        .collect();
    let days = if days.len() == DAYS.len() {
        "daily".to_owned()
    } else {
        format!("[{}]", days.join(", "))
    };
    let length = duration_text(*length);
    writeln!(
        out,
        "    - {{ at: \"{at}\", days: {days}, for: {length}, instances: {instances}, zone: {zone} }}"
    )
}

fn write_duration(out: &mut String, key: &str, duration: SignedDuration) -> fmt::Result {
    writeln!(out, "{key}: {}", duration_text(duration))
}

fn write_step(out: &mut String, key: &str, step: Option<u32>) -> fmt::Result {
    match step {
        Some(step) => writeln!(out, "  {key}: {step}"),
        None => Ok(()),
    }
}

/// As a scalar: bare where YAML reads it as it is, double-quoted elsewhere.
fn scalar(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if text.starts_with('/') && text.chars().all(is_bare) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
