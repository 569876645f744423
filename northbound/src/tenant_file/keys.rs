//! The keys of both spellings, as tables.

mod operator;
mod placement;
mod policy;
mod short;
mod signal;
mod window;

use jiff::SignedDuration;

use crate::shape::{Entry, Literal, Shape};

use super::defaults;

pub(crate) use operator::DEFAULTS;
pub(super) use short::{SHORT, SHORT_SKETCH, long_name, short_name};
pub(super) use signal::{GOAL_LEAST, GOAL_MOST, METRICS, SIGNALS_LIMIT};

/// The most instances of one tenant: beyond it one address plan and one chain tree are no longer the right means.
pub(super) const INSTANCES_LIMIT: u32 = 1_000;
const SUBNETS_LIMIT: usize = 16;
const LISTENERS_LIMIT: usize = 16;
const CLOUDS_LIMIT: usize = 64;

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

const SERVICE_ENTRY: Entry = Entry::optional(
    "service",
    Shape::Section(SERVICE),
    "public port 80 leads to port 8080 of the instances",
    "What clients reach, and how an instance shows that it is well.",
);
const INSTANCES_ENTRY: Entry =
    Entry::required("instances", Shape::Section(INSTANCES), "How many, of what.");
const CLOUDS_ENTRY: Entry = Entry::optional(
    "clouds",
    Shape::Sections {
        of: CLOUDS,
        most: CLOUDS_LIMIT,
    },
    "all of the operator's clouds, in his order",
    "Where, in order of preference: the first is filled first and emptied last.",
);
const POLICY_ENTRY: Entry = Entry::optional(
    "policy",
    Shape::Section(policy::POLICY),
    "the number stays at `instances.min`",
    "When the number changes.",
);
const LOGS_ENTRY: Entry = Entry::optional(
    "logs",
    Shape::Section(LOGS),
    "everything is written down",
    "What is written down.",
);

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
    SERVICE_ENTRY,
    INSTANCES_ENTRY,
    CLOUDS_ENTRY,
    placement::PLACEMENT_ENTRY,
    placement::BUDGET_ENTRY,
    POLICY_ENTRY,
    LOGS_ENTRY,
];

/// The long spelling where only numbers and policy matter.
pub(super) static SKETCH: &[Entry] = &[
    Entry::optional("version", whole(1, 1), "1", "As in a whole file."),
    Entry::optional("tenant", Shape::Name, "any", "As in a whole file."),
    Entry::optional(
        "network",
        Shape::Section(NETWORK),
        "any",
        "As in a whole file.",
    ),
    SERVICE_ENTRY,
    INSTANCES_ENTRY,
    CLOUDS_ENTRY,
    placement::PLACEMENT_ENTRY,
    placement::BUDGET_ENTRY,
    POLICY_ENTRY,
    LOGS_ENTRY,
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

static LOGS: &[Entry] = &[Entry::default(
    "metrics",
    Shape::Switch,
    Literal::Switch(true),
    "Whether metrics are kept. Actions and decisions always are.",
)];
