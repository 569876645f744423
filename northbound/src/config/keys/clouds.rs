//! The keys of a cloud.

use controller::amount::Amount;
use jiff::SignedDuration;

use super::{CAPACITY, PRICE_LIMIT};
use crate::shape::{Entry, Literal, Shape};

pub(in crate::config) const POOL: &str = "default";
pub(in crate::config) const HOST_CAPACITY: u32 = 20;
/// Enough for a local host under KVM; one that emulates, or is far away, may need more.
pub(in crate::config) const CALL_LIMIT: SignedDuration = SignedDuration::from_secs(30);
pub(in crate::config) const GATEWAY_AWS: &str = "t3.micro";
pub(in crate::config) const GATEWAY_GCP: &str = "e2-small";
pub(in crate::config) const GCP_IMAGE: &str =
    "projects/debian-cloud/global/images/family/debian-12";
pub(in crate::config) const ZONES_LIMIT: usize = 16;
pub(in crate::config) const GROUPS_LIMIT: usize = 16;
const MACHINES_LIMIT: usize = 32;
const HOSTS_LIMIT: usize = 256;

pub(super) static CLOUD: &[Entry] = &[
    Entry::required("name", Shape::Name, "Its name in the tenants' files."),
    Entry::default(
        "kind",
        Shape::Word(&["local", "sim", "libvirt", "aws", "gcp"]),
        Literal::Word("local"),
        "`local`: containers on this machine. `libvirt`: virtual machines on hosts of yours. `aws`: EC2. `gcp`: Compute Engine. `sim`: \
         nothing but memory, to try policies with. The section of the same name says so too.",
    ),
    Entry::default(
        "capacity",
        Shape::Whole {
            least: 1,
            most: 100_000,
        },
        Literal::Whole(CAPACITY),
        "So many instances of all tenants together; only `kind: local` and `kind: sim` have it.",
    ),
    Entry::optional(
        "boot",
        Shape::Duration {
            least: SignedDuration::ZERO,
            most: SignedDuration::from_hours(1),
        },
        "30s; only `kind: sim` has it",
        "From launch to running.",
    ),
    Entry::optional(
        "reply_time",
        Shape::Duration {
            least: SignedDuration::ZERO,
            most: SignedDuration::from_mins(1),
        },
        "0s; only `kind: sim` has it",
        "How long it takes to answer a call.",
    ),
    Entry::optional(
        "price",
        Shape::Decimal {
            least: Amount::ZERO,
            most: PRICE_LIMIT,
        },
        "not known, and no cost is told",
        "What an instance costs for an hour, in your money: for estimates only.",
    ),
    Entry::optional(
        "zones",
        Shape::Texts { most: ZONES_LIMIT },
        "it has none; needed for `aws` and `gcp`",
        "Where in it instances may be, best first.",
    ),
    Entry::optional(
        "machines",
        Shape::Sections {
            of: MACHINE,
            most: MACHINES_LIMIT,
        },
        "its templates say; needed for `aws` with images, and for `gcp`",
        "On which machine types instances may run, best first: where one is not to be had, the next is asked for.",
    ),
    Entry::optional(
        "libvirt",
        Shape::Section(LIBVIRT),
        "it is not of this kind",
        "Virtual machines on hosts that run libvirt. Needs a build with `libvirt`.",
    ),
    Entry::optional(
        "aws",
        Shape::Section(AWS),
        "it is not of this kind",
        "A region of EC2. Needs a build with `aws`.",
    ),
    Entry::optional(
        "gcp",
        Shape::Section(GCP),
        "it is not of this kind",
        "A region of Compute Engine. Needs a build with `gcp`.",
    ),
];

static MACHINE: &[Entry] = &[
    Entry::required(
        "type",
        Shape::Line {
            most: 63,
            sample: "t3.micro",
        },
        "As its cloud calls it: `t3.micro`, `e2-small`.",
    ),
    Entry::optional(
        "price",
        Shape::Decimal {
            least: Amount::ZERO,
            most: PRICE_LIMIT,
        },
        "the cloud's own `price`",
        "What it costs for an hour on demand, in your money.",
    ),
    Entry::optional(
        "spot_price",
        Shape::Decimal {
            least: Amount::ZERO,
            most: PRICE_LIMIT,
        },
        "it is not taken as spot",
        "What it costs for an hour as spot, about.",
    ),
];

static LIBVIRT: &[Entry] = &[
    Entry::required(
        "hosts",
        Shape::Sections {
            of: HOST,
            most: HOSTS_LIMIT,
        },
        "In order of preference; one that is full passes on to the next.",
    ),
    Entry::default(
        "pool",
        Shape::Line {
            most: 64,
            sample: "default",
        },
        Literal::Word(POOL),
        "The storage pool for the instances' disks, of the same name on all hosts.",
    ),
    Entry::default(
        "hypervisor",
        Shape::Word(&["auto", "kvm", "qemu"]),
        Literal::Word("auto"),
        "`kvm`, `qemu` (emulation), or `auto`: KVM where a probe shows that it works.",
    ),
    Entry::optional(
        "management",
        Shape::Line {
            most: 15,
            sample: "br-mgmt",
        },
        "instances have one network interface",
        "A bridge of the hosts that every instance gets a second interface on, for the operator.",
    ),
    Entry::default(
        "suspend_by",
        Shape::Word(&["save", "pause"]),
        Literal::Word("save"),
        "How an instance is suspended: `save` writes its memory to the host's disk, `pause` keeps it.",
    ),
    Entry::default(
        "consolidate",
        Shape::Switch,
        Literal::Switch(false),
        "Whether the fullest host is filled first, so that others become empty.",
    ),
    Entry::default(
        "call_limit",
        Shape::Duration {
            least: SignedDuration::from_secs(1),
            most: SignedDuration::from_mins(2),
        },
        Literal::Duration(CALL_LIMIT),
        "How long one call to a host may take.",
    ),
];

static HOST: &[Entry] = &[
    Entry::required(
        "uri",
        Shape::Line {
            most: 512,
            sample: "\"qemu:///system\"",
        },
        "How to reach its libvirt: `qemu:///system`, `qemu+ssh://root@kvm-1/system`.",
    ),
    Entry::default(
        "capacity",
        Shape::Whole {
            least: 1,
            most: 10_000,
        },
        Literal::Whole(HOST_CAPACITY),
        "So many instances of all tenants together.",
    ),
];

static AWS: &[Entry] = &[
    Entry::required(
        "region",
        Shape::Line {
            most: 63,
            sample: "eu-central-1",
        },
        "As AWS calls it: `eu-central-1`.",
    ),
    Entry::optional(
        "endpoint",
        Shape::Line {
            most: 512,
            sample: "\"http://127.0.0.1:5000\"",
        },
        "AWS's own",
        "Another address of its API.",
    ),
    Entry::optional(
        "profile",
        Shape::Line {
            most: 128,
            sample: "asaas",
        },
        "as every AWS tool finds them: environment, `~/.aws`, the machine's role",
        "A profile of the credentials file.",
    ),
    Entry::optional(
        "credentials",
        Shape::FilePath,
        "`~/.aws/credentials`",
        "The credentials file of the profile.",
    ),
    Entry::default(
        "protect",
        Shape::Switch,
        Literal::Switch(false),
        "Whether instances are protected against termination by other hands.",
    ),
    Entry::default(
        "suspend_by",
        Shape::Word(&["save", "stop"]),
        Literal::Word("stop"),
        "How an instance is suspended: `save` hibernates it, which image, machine type and disk have to allow.",
    ),
    Entry::optional(
        "gateway",
        Shape::Section(GATEWAY),
        "needed where `subnets` are left out",
        "What a tenant's gateway is made from: a Linux with cloud-init and iptables.",
    ),
    Entry::optional(
        "subnets",
        Shape::Environment { most: ZONES_LIMIT },
        "each tenant has a VPC that the service makes and removes",
        "Subnets of yours that all tenants share, by zone.",
    ),
    Entry::optional(
        "security_groups",
        Shape::Texts { most: GROUPS_LIMIT },
        "the subnets' default",
        "Security groups of yours for instances in `subnets`.",
    ),
];

static GCP: &[Entry] = &[
    Entry::required(
        "project",
        Shape::Line {
            most: 63,
            sample: "my-project",
        },
        "The project's id.",
    ),
    Entry::required(
        "region",
        Shape::Line {
            most: 63,
            sample: "eu-central-1",
        },
        "As Google calls it: `europe-west3`.",
    ),
    Entry::optional(
        "endpoint",
        Shape::Line {
            most: 512,
            sample: "\"http://127.0.0.1:5000\"",
        },
        "Google's own",
        "Another address of its API, as `http://127.0.0.1:8099`.",
    ),
    Entry::optional(
        "credentials",
        Shape::FilePath,
        "as every tool of Google finds them",
        "A service account's key, or what `gcloud` writes; `none` for an emulator.",
    ),
    Entry::default(
        "suspend_by",
        Shape::Word(&["save", "stop"]),
        Literal::Word("save"),
        "How an instance is suspended: `save` keeps its memory.",
    ),
    Entry::optional(
        "subnetwork",
        Shape::Line {
            most: 63,
            sample: "shared",
        },
        "each tenant has a network that the service makes and removes",
        "A subnetwork of yours that all tenants share.",
    ),
    Entry::optional(
        "gateway",
        Shape::Section(GATEWAY),
        "Debian 12 on an e2-small",
        "What a tenant's gateway is made from: a Linux with cloud-init and iptables.",
    ),
];

static GATEWAY: &[Entry] = &[
    Entry::optional(
        "image",
        Shape::Line {
            most: 512,
            sample: "ami-0123456789abcdef0",
        },
        "needed for `aws`; Debian 12 for `gcp`",
        "`ami-…`, or `projects/…/global/images/…`.",
    ),
    Entry::optional(
        "machine",
        Shape::Line {
            most: 63,
            sample: "t3.micro",
        },
        "t3.micro or e2-small",
        "Its machine type.",
    ),
];
