//! The keys of both spellings, as tables.

use controller::amount::Amount;
use controller::schedule::LONGEST_WINDOW;
use jiff::SignedDuration;

use crate::shape::{Entry, Literal, Shape};

use super::defaults;

/// The most instances of one tenant: beyond it one address plan and one chain tree are no longer the right means.
pub(super) const INSTANCES_LIMIT: u32 = 1_000;
const SUBNETS_LIMIT: usize = 16;
const LISTENERS_LIMIT: usize = 16;
const CLOUDS_LIMIT: usize = 64;
const WINDOWS_LIMIT: usize = 64;

const SECOND: SignedDuration = SignedDuration::from_secs(1);
const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

const fn millis(least: i64, most: SignedDuration) -> Shape {
    Shape::Duration {
        least: SignedDuration::from_millis(least),
        most,
    }
}

const fn whole(least: u32, most: u32) -> Shape {
    Shape::Whole { least, most }
}

const PORT: Shape = whole(1, 65_535);

/// The long spelling.
pub(super) static LONG: &[Entry] = &[
    Entry::required(
        "version",
        whole(1, 1),
        "The version of this format; it is 1.",
    ),
    Entry::required("tenant", Shape::Name, "The tenant's name."),
    Entry::required(
        "network",
        Shape::Section(NETWORK),
        "The tenant's addresses.",
    ),
    Entry::optional(
        "service",
        Shape::Section(SERVICE),
        "public port 80 leads to port 8080 of the instances",
        "What clients reach, and how an instance shows that it is well.",
    ),
    Entry::required("instances", Shape::Section(INSTANCES), "How many, of what."),
    Entry::optional(
        "clouds",
        Shape::Sections {
            of: CLOUDS,
            most: CLOUDS_LIMIT,
        },
        "all of the operator's clouds, in his order",
        "Where, in order of preference: the first is filled first and emptied last.",
    ),
    Entry::optional(
        "policy",
        Shape::Section(POLICY),
        "the number stays at `instances.min`",
        "When the number changes.",
    ),
    Entry::optional(
        "logs",
        Shape::Section(LOGS),
        "everything is written down",
        "What is written down.",
    ),
];

static NETWORK: &[Entry] = &[
    Entry::required(
        "public_ip",
        Shape::Address,
        "The one address that clients connect to.",
    ),
    Entry::required(
        "subnets",
        Shape::Sections {
            of: SUBNET,
            most: SUBNETS_LIMIT,
        },
        "The tenant's own networks; instances live in the first.",
    ),
    Entry::default(
        "split",
        Shape::Word(&["by_instances", "equal"]),
        Literal::Word("by_instances"),
        "How new connections are shared out: every instance the same (`by_instances`), or every cloud the same (`equal`).",
    ),
];

static SUBNET: &[Entry] = &[
    Entry::optional(
        "name",
        Shape::Name,
        "`net-1`, `net-2` … in the order of the list",
        "The tenant's word for it.",
    ),
    Entry::required("cidr", Shape::Network, "Its range."),
    Entry::optional(
        "gateway",
        Shape::Address,
        "the first address of the range",
        "The router's address in it.",
    ),
    Entry::optional(
        "dhcp",
        Shape::AddressRange,
        "all addresses on the larger side of the gateway",
        "The addresses that instances may have.",
    ),
];

static SERVICE: &[Entry] = &[
    Entry::optional(
        "listen",
        Shape::Sections {
            of: LISTENER,
            most: LISTENERS_LIMIT,
        },
        "public port 80 leads to port 8080 of the instances, over tcp",
        "Ports of the public address, and where they lead.",
    ),
    Entry::optional(
        "health",
        Shape::Section(HEALTH),
        "`GET /health` on the first tcp listener's port `to`",
        "How an instance is asked whether it is well.",
    ),
];

static LISTENER: &[Entry] = &[
    Entry::default(
        "protocol",
        Shape::Word(&["tcp", "udp", "icmp"]),
        Literal::Word("tcp"),
        "What is forwarded.",
    ),
    Entry::optional(
        "port",
        PORT,
        "needed, but for `protocol: icmp`, which has no ports",
        "The public port.",
    ),
    Entry::optional("to", PORT, "the same as `port`", "The instances' port."),
];

const HTTP: Entry = Entry::optional(
    "http",
    Shape::UrlPath,
    "`/health`, unless `tcp: true` is given",
    "Well is whoever answers `GET` of this path with a 2xx.",
);
const EVERY: Entry = Entry::default(
    "every",
    millis(100, HOUR),
    Literal::Duration(defaults::HEALTH_EVERY),
    "From one question to the next.",
);
const TIMEOUT: Entry = Entry::default(
    "timeout",
    millis(10, SignedDuration::from_mins(1)),
    Literal::Duration(defaults::HEALTH_TIMEOUT),
    "No answer after this long is a bad answer; not longer than `every`.",
);
const UNHEALTHY_AFTER: Entry = Entry::default(
    "unhealthy_after",
    whole(1, 100),
    Literal::Whole(defaults::UNHEALTHY_AFTER),
    "So many bad answers in a row make an instance unhealthy.",
);
const HEALTHY_AFTER: Entry = Entry::default(
    "healthy_after",
    whole(1, 100),
    Literal::Whole(defaults::HEALTHY_AFTER),
    "So many good answers in a row make it healthy.",
);

static HEALTH: &[Entry] = &[
    HTTP,
    Entry::optional(
        "tcp",
        Shape::Switch,
        "an HTTP path is asked for",
        "`true`: well is whoever accepts a connection.",
    ),
    Entry::optional(
        "port",
        PORT,
        "the first tcp listener's `to`, or 8080",
        "The instances' port that is asked.",
    ),
    EVERY,
    TIMEOUT,
    UNHEALTHY_AFTER,
    HEALTHY_AFTER,
];

const TEMPLATE: Entry = Entry::optional(
    "template",
    Shape::Name,
    "the operator's `default`, or his first one",
    "What an instance is made from; the operator's word for image, size and command.",
);
const SURGE_ENTRY: Entry = Entry::default(
    "surge",
    whole(0, 100),
    Literal::Whole(defaults::SURGE),
    "So many above `max` are allowed while an instance is replaced.",
);
const BOOT_TIMEOUT: Entry = Entry::default(
    "boot_timeout",
    millis(1_000, DAY),
    Literal::Duration(defaults::BOOT_TIMEOUT),
    "An instance that is not healthy this long after its launch is given up.",
);

static INSTANCES: &[Entry] = &[
    Entry::required("min", whole(0, INSTANCES_LIMIT), "Never fewer."),
    Entry::required("max", whole(1, INSTANCES_LIMIT), "Never more."),
    TEMPLATE,
    SURGE_ENTRY,
    BOOT_TIMEOUT,
];

static CLOUDS: &[Entry] = &[
    Entry::required("name", Shape::Name, "One of the operator's clouds."),
    Entry::optional(
        "max",
        whole(1, INSTANCES_LIMIT),
        "as many as the cloud has room for",
        "At most so many of this tenant's instances there.",
    ),
];

const BUFFER: Entry = Entry::default(
    "buffer",
    millis(0, DAY),
    Literal::Duration(defaults::BUFFER),
    "The pause after a voluntary action before the next one (the field says cooldown).",
);
const DRAIN: Entry = Entry::default(
    "drain",
    millis(0, DAY),
    Literal::Duration(defaults::DRAIN),
    "An instance on its way out may finish its connections for this long.",
);
const STABILIZATION: Entry = Entry::default(
    "stabilization",
    millis(0, DAY),
    Literal::Duration(defaults::STABILIZATION),
    "A scale-in follows the highest number that was wanted during this long.",
);
const WARM_UP: Entry = Entry::default(
    "warm_up",
    millis(0, HOUR),
    Literal::Duration(defaults::WARM_UP),
    "What an instance reports in its first so many seconds does not count.",
);
const MAX_STEP_OUT: Entry = Entry::optional(
    "max_step_out",
    whole(1, INSTANCES_LIMIT),
    "half of what runs, at least 4",
    "At most so many are added at a time.",
);
const MAX_STEP_IN: Entry = Entry::optional(
    "max_step_in",
    whole(1, INSTANCES_LIMIT),
    "half of what runs, at least 1",
    "At most so many are removed at a time.",
);

static POLICY: &[Entry] = &[
    Entry::optional(
        "dynamic",
        Shape::Section(DYNAMIC),
        "no metric is followed",
        "Follow a metric.",
    ),
    Entry::optional(
        "static",
        Shape::Sections {
            of: WINDOW,
            most: WINDOWS_LIMIT,
        },
        "the time of day does not matter",
        "Times at which a number is needed; they raise `instances.min`.",
    ),
    BUFFER,
    DRAIN,
    STABILIZATION,
    WARM_UP,
    MAX_STEP_OUT,
    MAX_STEP_IN,
];

const AVERAGED_OVER: Entry = Entry::default(
    "window",
    Shape::Duration {
        least: SECOND,
        most: DAY,
    },
    Literal::Duration(defaults::WINDOW),
    "The average is taken over this long.",
);
const TOLERANCE: Entry = Entry::default(
    "tolerance",
    Shape::Share {
        least: Amount::ZERO,
        most: Amount::from_millionths(500_000),
    },
    Literal::Share(defaults::TOLERANCE),
    "A deviation smaller than this share of the threshold is left alone.",
);

static DYNAMIC: &[Entry] = &[
    Entry::default(
        "metric",
        Shape::Word(&["cpu", "memory", "connections_per_second", "connections"]),
        Literal::Word("cpu"),
        "What is measured, per instance.",
    ),
    Entry::optional(
        "threshold",
        Shape::Threshold,
        "60% for cpu and memory; the others have no default",
        "Where the average should be: a share for cpu and memory, a number for connections.",
    ),
    AVERAGED_OVER,
    Entry::default(
        "reactive",
        Shape::Switch,
        Literal::Switch(true),
        "Act when the threshold is crossed.",
    ),
    Entry::default(
        "proactive",
        Shape::Switch,
        Literal::Switch(true),
        "Act when it is about to be crossed.",
    ),
    TOLERANCE,
];

static WINDOW: &[Entry] = &[
    Entry::required(
        "at",
        Shape::Time,
        "When it begins, by the clocks of `zone`.",
    ),
    Entry::optional(
        "days",
        Shape::Days,
        "daily",
        "On which days it begins: `mon-fri`, `[mon, wed]`, `daily`.",
    ),
    Entry::required(
        "for",
        Shape::Duration {
            least: SignedDuration::from_mins(1),
            most: LONGEST_WINDOW,
        },
        "How long it lasts.",
    ),
    Entry::required(
        "instances",
        whole(1, INSTANCES_LIMIT),
        "How many are needed then.",
    ),
    Entry::default(
        "zone",
        Shape::Zone,
        Literal::Word("UTC"),
        "Whose clocks: an IANA name like `Europe/Berlin`.",
    ),
];

static LOGS: &[Entry] = &[Entry::default(
    "metrics",
    Shape::Switch,
    Literal::Switch(true),
    "Whether metrics are kept. Actions and decisions always are.",
)];

/// What an operator may set for all tenants: keys of the long spelling, under the same names.
pub(crate) static DEFAULTS: &[Entry] = &[
    Entry::optional(
        "instances",
        Shape::Section(&[TEMPLATE, SURGE_ENTRY, BOOT_TIMEOUT]),
        "as a tenant's file says",
        "Of what instances are made.",
    ),
    Entry::optional(
        "health",
        Shape::Section(&[HTTP, EVERY, TIMEOUT, UNHEALTHY_AFTER, HEALTHY_AFTER]),
        "as a tenant's file says",
        "How instances are asked whether they are well.",
    ),
    Entry::optional(
        "policy",
        Shape::Section(&[
            Entry::optional(
                "dynamic",
                Shape::Section(&[
                    Entry::default(
                        "threshold",
                        Shape::Share {
                            least: Amount::from_millionths(10_000),
                            most: Amount::ONE,
                        },
                        Literal::Share(defaults::THRESHOLD),
                        "Where the average of cpu and memory should be.",
                    ),
                    AVERAGED_OVER,
                    TOLERANCE,
                ]),
                "as a tenant's file says",
                "How a metric is followed.",
            ),
            BUFFER,
            DRAIN,
            STABILIZATION,
            WARM_UP,
            MAX_STEP_OUT,
            MAX_STEP_IN,
        ]),
        "as a tenant's file says",
        "When the number changes.",
    ),
];

/// The short spelling: the fourteen keys of S4-100.
pub(super) static SHORT: &[Entry] = &[
    Entry::required("t_name", Shape::Name, "The tenant's name."),
    Entry::optional("nw_name", Shape::Name, "`net-1`", "The network's name."),
    Entry::optional(
        "subnet_addr",
        Shape::Address,
        "the first address of the subnet",
        "The router's address in the subnet.",
    ),
    Entry::optional(
        "subnet_mask",
        Shape::Mask,
        "that of `subnet`",
        "The subnet's mask; has to agree with `subnet`.",
    ),
    Entry::required("subnet", Shape::Network, "The subnet's range."),
    Entry::optional(
        "dhcp_start",
        Shape::Address,
        "the first address beside the router's",
        "The first address that an instance may have.",
    ),
    Entry::optional(
        "dhcp_end",
        Shape::Address,
        "the last address of the subnet",
        "The last address that an instance may have.",
    ),
    Entry::required("min_containers", whole(1, INSTANCES_LIMIT), "Never fewer."),
    Entry::required("max_containers", whole(1, INSTANCES_LIMIT), "Never more."),
    Entry::optional(
        "threshold",
        Shape::Threshold,
        "60%",
        "Where the average processor load should be, as a share of one.",
    ),
    Entry::required(
        "public_ip",
        Shape::Address,
        "The one address that clients connect to.",
    ),
    Entry::default(
        "should_log",
        Shape::Bit,
        Literal::Whole(1),
        "1: metrics are written down. Actions always are.",
    ),
    Entry::default(
        "should_encrypt_pwd",
        Shape::Bit,
        Literal::Whole(1),
        "Secrets are never kept in clear text; 0 is warned about and changes nothing.",
    ),
    Entry::default(
        "policy",
        Shape::Word(&["dynamic", "static", "custom"]),
        Literal::Word("dynamic"),
        "`dynamic`: follow the processor load.",
    ),
];

/// Where each short key is found in the long spelling.
const TRANSLATIONS: &[(&str, &str)] = &[
    ("t_name", "tenant"),
    ("nw_name", "network.subnets[1].name"),
    ("subnet_addr", "network.subnets[1].gateway"),
    ("subnet_mask", "network.subnets[1].cidr"),
    ("subnet", "network.subnets[1].cidr"),
    ("dhcp_start", "network.subnets[1].dhcp"),
    ("dhcp_end", "network.subnets[1].dhcp"),
    ("min_containers", "instances.min"),
    ("max_containers", "instances.max"),
    ("threshold", "policy.dynamic.threshold"),
    ("public_ip", "network.public_ip"),
    ("should_log", "logs.metrics"),
    (
        "should_encrypt_pwd",
        "nothing: secrets are never kept in clear text",
    ),
];

/// A hint for a short key in a long file.
pub(super) fn long_name(key: &str) -> Option<String> {
    LONG.iter().any(|entry| entry.name == key).then(|| {
        format!(
            "`{key}` belongs to the long spelling: write all keys in one of the two, or let `asaas convert` do it"
        )
    })
}

/// A hint for a long key in a short file.
pub(super) fn short_name(key: &str) -> Option<String> {
    TRANSLATIONS
        .iter()
        .find(|(short, _)| *short == key)
        .map(|(short, long)| {
            format!("`{short}` belongs to the short spelling; here it is `{long}`")
        })
}

/// Every key of both spellings, with its path: for the test that the example shows them all.
#[cfg(test)]
pub(super) fn every_path(entries: &[Entry], prefix: &str, paths: &mut Vec<String>) {
    for entry in entries {
        let path = format!("{prefix}{}", entry.name);
        every_path(entry.inner(), &format!("{path}."), paths);
        paths.push(path);
    }
}
