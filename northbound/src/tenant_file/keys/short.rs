//! The fourteen flat keys, and where each of them is in the long spelling.

use crate::shape::{Entry, Literal, Shape};

use super::{INSTANCES_LIMIT, LONG, whole};

const NW_NAME: Entry = Entry::optional("nw_name", Shape::Name, "`net-1`", "The network's name.");
const SUBNET_ADDR: Entry = Entry::optional(
    "subnet_addr",
    Shape::Address,
    "the first address of the subnet",
    "The router's address in the subnet.",
);
const SUBNET_MASK: Entry = Entry::optional(
    "subnet_mask",
    Shape::Mask,
    "that of `subnet`",
    "The subnet's mask; has to agree with `subnet`.",
);
const DHCP_START: Entry = Entry::optional(
    "dhcp_start",
    Shape::Address,
    "the first address beside the router's",
    "The first address that an instance may have.",
);
const DHCP_END: Entry = Entry::optional(
    "dhcp_end",
    Shape::Address,
    "the last address of the subnet",
    "The last address that an instance may have.",
);
const MIN_CONTAINERS: Entry =
    Entry::required("min_containers", whole(1, INSTANCES_LIMIT), "Never fewer.");
const MAX_CONTAINERS: Entry =
    Entry::required("max_containers", whole(1, INSTANCES_LIMIT), "Never more.");
const THRESHOLD: Entry = Entry::optional(
    "threshold",
    Shape::Quantity,
    "60%",
    "Where the average processor load should be, as a share of one.",
);
const SHOULD_LOG: Entry = Entry::default(
    "should_log",
    Shape::Bit,
    Literal::Whole(1),
    "1: metrics are written down. Actions always are.",
);
const SHOULD_ENCRYPT_PWD: Entry = Entry::default(
    "should_encrypt_pwd",
    Shape::Bit,
    Literal::Whole(1),
    "Secrets are never kept in clear text; 0 is warned about and changes nothing.",
);
const POLICY: Entry = Entry::default(
    "policy",
    Shape::Word(&["dynamic", "static", "custom"]),
    Literal::Word("dynamic"),
    "`dynamic`: follow the processor load.",
);

/// The short spelling: the fourteen keys of S4-100.
pub(in crate::tenant_file) static SHORT: &[Entry] = &[
    Entry::required("t_name", Shape::Name, "The tenant's name."),
    NW_NAME,
    SUBNET_ADDR,
    SUBNET_MASK,
    Entry::required("subnet", Shape::Network, "The subnet's range."),
    DHCP_START,
    DHCP_END,
    MIN_CONTAINERS,
    MAX_CONTAINERS,
    THRESHOLD,
    Entry::required(
        "public_ip",
        Shape::Address,
        "The one address that clients connect to.",
    ),
    SHOULD_LOG,
    SHOULD_ENCRYPT_PWD,
    POLICY,
];

/// The short spelling where only numbers and policy matter.
pub(in crate::tenant_file) static SHORT_SKETCH: &[Entry] = &[
    Entry::optional("t_name", Shape::Name, "any", "As in a whole file."),
    NW_NAME,
    SUBNET_ADDR,
    SUBNET_MASK,
    Entry::optional("subnet", Shape::Network, "any", "As in a whole file."),
    DHCP_START,
    DHCP_END,
    MIN_CONTAINERS,
    MAX_CONTAINERS,
    THRESHOLD,
    Entry::optional("public_ip", Shape::Address, "any", "As in a whole file."),
    SHOULD_LOG,
    SHOULD_ENCRYPT_PWD,
    POLICY,
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
pub(in crate::tenant_file) fn long_name(key: &str) -> Option<String> {
    LONG.iter().any(|entry| entry.name == key).then(|| {
        format!(
            "`{key}` belongs to the long spelling: write all keys in one of the two, or let `asaas convert` do it"
        )
    })
}

/// A hint for a long key in a short file.
pub(in crate::tenant_file) fn short_name(key: &str) -> Option<String> {
    TRANSLATIONS
        .iter()
        .find(|(short, _)| *short == key)
        .map(|(short, long)| {
            format!("`{short}` belongs to the short spelling; here it is `{long}`")
        })
}
