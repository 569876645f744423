//! `service` of the long spelling: listeners and health.

use controller::spec::{HealthCheck, Listener, Probe, Protocol, Service};

use crate::reader::scalar::{Misfit, Scalar};
use crate::reader::{Placed, Section};

use super::Known;
use super::defaults::{PUBLIC_PORT, SERVICE_PORT};

/// A path that fits on a line of a log.
const PATH_LIMIT: usize = 200;

/// What is served where nothing is said.
pub(super) fn default_listeners() -> Vec<Listener> {
    vec![Listener {
        protocol: Protocol::Tcp,
        port: PUBLIC_PORT,
        to: SERVICE_PORT,
    }]
}

/// What is asked where nothing is said.
pub(super) fn default_health(listen: &[Listener], known: &Known) -> HealthCheck {
    let defaults = &known.defaults;
    HealthCheck {
        probe: Probe::Http {
            port: first_tcp(listen),
            path: defaults.health_path.clone(),
        },
        every: defaults.health_every,
        timeout: defaults.health_timeout.min(defaults.health_every),
        unhealthy_after: defaults.unhealthy_after,
        healthy_after: defaults.healthy_after,
    }
}

fn first_tcp(listen: &[Listener]) -> u16 {
    listen
        .iter()
        .find(|listener| listener.protocol == Protocol::Tcp)
        .map_or(SERVICE_PORT, |listener| listener.to)
}

pub(super) fn read(section: &Section<'_>, known: &Known) -> Option<Service> {
    let listen = if section.has("listen") {
        section
            .sections("listen")
            .and_then(|items| listeners(&items))
    } else {
        Some(default_listeners())
    };
    let health = read_health(
        &section.section("health"),
        listen.as_deref().unwrap_or_default(),
        known,
    );
    Some(Service {
        listen: listen?,
        health: health?,
    })
}

fn listeners(items: &[Section<'_>]) -> Option<Vec<Listener>> {
    let read: Vec<Placed<Listener>> = items.iter().filter_map(listener).collect();
    for (at, one) in read.iter().enumerate() {
        let is_same = |earlier: &&Placed<Listener>| {
            (earlier.value.protocol, earlier.value.port) == (one.value.protocol, one.value.port)
        };
        if let Some(earlier) = read[..at].iter().find(is_same) {
            items[at].notes().error(
                one.place,
                format!("the same is listened for on line {}", earlier.place.line),
                "a public port leads to one port of the instances: take one of the two away",
            );
        }
    }
    (read.len() == items.len()).then(|| read.into_iter().map(|placed| placed.value).collect())
}

fn listener(item: &Section<'_>) -> Option<Placed<Listener>> {
    let protocol = match item.word("protocol").map(|word| word.value) {
        Some("udp") => Protocol::Udp,
        Some("icmp") => Protocol::Icmp,
        _ => Protocol::Tcp,
    };
    let port = port(item, "port");
    let to = self::port(item, "to");
    let is_broken = (item.has("to") && to.is_none()) || (item.has("port") && port.is_none());
    if protocol == Protocol::Icmp {
        for key in ["port", "to"] {
            if item.has(key) {
                item.refuse(key, "icmp has no ports", "take this key away");
                return None;
            }
        }
        return Some(Placed {
            value: Listener {
                protocol,
                port: 0,
                to: 0,
            },
            place: item.place,
        });
    }
    if !item.has("port") {
        item.notes().error(
            item.place,
            format!("`{}` is missing", item.path_of("port")),
            "add the public port that clients connect to, as in `port: 80`",
        );
    }
    let Placed { value: port, place } = port?;
    (!is_broken).then(|| Placed {
        value: Listener {
            protocol,
            port,
            to: to.map_or(port, |to| to.value),
        },
        place,
    })
}

fn port(section: &Section<'_>, name: &str) -> Option<Placed<u16>> {
    let Placed { value, place } = section.whole(name)?;
    let value = u16::try_from(value).expect("the table ends at 65535");
    Some(Placed { value, place })
}

/// The path of an HTTP question.
pub(super) fn path(section: &Section<'_>) -> Option<String> {
    let path = section.read("http", |scalar: &Scalar<'_>| {
        let text = scalar.text;
        let is_plain = text.bytes().all(|b| b.is_ascii_graphic());
        if text.starts_with('/') && is_plain && text.len() <= PATH_LIMIT {
            return Ok(text.to_owned());
        }
        let hint = if text.contains("://") {
            "only the path: instances are asked at their own addresses"
        } else {
            "it begins with `/` and has no spaces, as in /health"
        };
        Err(Misfit::new("the path of a URL", hint))
    });
    path.map(|path| path.value)
}

fn read_health(section: &Section<'_>, listen: &[Listener], known: &Known) -> Option<HealthCheck> {
    let base = default_health(listen, known);
    let path = path(section);
    let tcp = section.switch("tcp");
    let port = port(section, "port").map_or(first_tcp(listen), |port| port.value);
    let every = section
        .duration("every")
        .map_or(base.every, |given| given.value);
    let timeout = section.duration("timeout");
    let unhealthy_after = section.whole("unhealthy_after");
    let healthy_after = section.whole("healthy_after");
    if section.has("http") && tcp.is_some_and(|tcp| tcp.value) {
        section.refuse(
            "tcp",
            "`http` and `tcp` ask two different questions",
            "keep one of them: an answer over HTTP says more than an open port",
        );
        return None;
    }
    if tcp.is_some_and(|tcp| !tcp.value) && !section.has("http") {
        section.refuse(
            "tcp",
            "`tcp: false` asks nothing",
            "name a path, as in `http: /health`, or take this key away",
        );
        return None;
    }
    if let Some(timeout) = timeout
        && timeout.value > every
    {
        section.refuse(
            "timeout",
            "a question may not take longer than the time until the next one",
            format!(
                "at most {}, which is `every`",
                crate::shape::duration_text(every)
            ),
        );
        return None;
    }
    let probe = if tcp.is_some_and(|tcp| tcp.value) {
        Probe::Tcp { port }
    } else {
        Probe::Http {
            port,
            path: path.unwrap_or_else(|| known.defaults.health_path.clone()),
        }
    };
    Some(HealthCheck {
        probe,
        every,
        timeout: timeout.map_or(known.defaults.health_timeout.min(every), |given| {
            given.value
        }),
        unhealthy_after: unhealthy_after.map_or(base.unhealthy_after, |given| given.value),
        healthy_after: healthy_after.map_or(base.healthy_after, |given| given.value),
    })
}
