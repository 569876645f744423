//! The keys of `asaas.yml`, as a table.

mod clouds;
mod images;

use controller::amount::Amount;
use jiff::SignedDuration;

use crate::shape::{Entry, Literal, Shape};
use crate::tenant_file::DEFAULTS;

use clouds::CLOUD;
pub(super) use clouds::{
    CALL_LIMIT, GATEWAY_AWS, GATEWAY_GCP, GCP_IMAGE, GROUPS_LIMIT, HOST_CAPACITY, POOL, ZONES_LIMIT,
};

pub(super) const TICK: SignedDuration = SignedDuration::from_secs(10);
pub(super) const KEEP: SignedDuration = SignedDuration::from_hours(90 * 24);
pub(super) const STATE: &str = "/var/lib/asaas";
pub(super) const SOCKET: &str = "/run/asaas/asaas.sock";
pub(super) const TENANTS: &str = "tenants";
pub(super) const LOGS: &str = "logs";
pub(super) const RUNTIME: &str = "runc";
/// Of a simulated cloud: about what a small virtual machine takes.
pub(super) const SIM_BOOT: SignedDuration = SignedDuration::from_secs(30);
/// Of a cloud that says nothing: more than a laptop should run.
pub(super) const CAPACITY: u32 = 20;
/// RFC 2544 keeps it for load tests.
pub(super) const CLIENTS: &str = "198.18.0.0/15";
pub(super) const PIDS: u32 = 256;
pub(super) const CPU: Amount = Amount::from_millionths(500_000);
pub(super) const MEMORY: u64 = 128 << 20;
pub(super) const SHARED: &str = "/shared";
pub(super) const STOP_GRACE: SignedDuration = SignedDuration::from_secs(1);

/// Of an hour of one instance, in any money.
const PRICE_LIMIT: Amount = Amount::whole(1_000_000);
pub(super) const FORMAT: &str = "%w %{ms}T";
/// Longer than the pauses of a service that has few clients, and shorter than a policy's memory.
pub(super) const STALE_AFTER: SignedDuration = SignedDuration::from_mins(5);
pub(super) const PROMETHEUS: &str = "http://127.0.0.1:9090";
pub(super) const PROMETHEUS_TIMEOUT: SignedDuration = SignedDuration::from_secs(2);

/// Long enough for an etcd to choose another leader within two thirds of it.
pub(super) const TTL: SignedDuration = SignedDuration::from_secs(5);
pub(super) const MEMBERS_LIMIT: usize = 16;

pub(super) const POOLS_LIMIT: usize = 64;
pub(super) const WORDS_LIMIT: usize = 64;
const CLOUDS_LIMIT: usize = 64;
const TEMPLATES_LIMIT: usize = 256;
const TENANTS_LIMIT: usize = 10_000;

pub(super) static CONFIG: &[Entry] = &[
    Entry::default(
        "state",
        Shape::FilePath,
        Literal::Word(STATE),
        "Where the service remembers.",
    ),
    Entry::optional(
        "local",
        Shape::FilePath,
        "`local` in `state`",
        "Where local clouds keep their instances; services of one machine that share a store share it.",
    ),
    Entry::default(
        "store",
        Shape::Either {
            plain: &Shape::Word(&["sqlite", "etcd"]),
            keys: &[Entry::required(
                "etcd",
                Shape::Section(ETCD),
                "The etcd that the nodes share.",
            )],
        },
        Literal::Word("sqlite"),
        "`sqlite`: a file in `state`, for one service. `etcd`: shared by several, who take over each other's tenants.",
    ),
    Entry::default(
        "socket",
        Shape::FilePath,
        Literal::Word(SOCKET),
        "Where the `asaas` command finds the service.",
    ),
    Entry::default(
        "tenants",
        Shape::FilePath,
        Literal::Word(TENANTS),
        "Where `asaas apply demo` looks for `demo.yml`.",
    ),
    Entry::optional(
        "logs",
        Shape::Section(&[
            Entry::default(
                "directory",
                Shape::FilePath,
                Literal::Word(LOGS),
                "Has one below it for each tenant.",
            ),
            Entry::default(
                "keep",
                Shape::Duration {
                    least: SignedDuration::from_hours(24),
                    most: SignedDuration::from_hours(3650 * 24),
                },
                Literal::Duration(KEEP),
                "Older files are removed.",
            ),
        ]),
        "`logs`, for 90 days",
        "What is written down for people.",
    ),
    Entry::default(
        "tick",
        Shape::Duration {
            least: SignedDuration::from_secs(1),
            most: SignedDuration::from_mins(10),
        },
        Literal::Duration(TICK),
        "From one look at a tenant to the next.",
    ),
    Entry::default(
        "tunnel",
        Shape::Word(&["auto", "gre", "vxlan"]),
        Literal::Word("auto"),
        "What joins a tenant's sites: `auto` is GRE where the kernel has it, VXLAN elsewhere.",
    ),
    Entry::default(
        "runtime",
        Shape::FilePath,
        Literal::Word(RUNTIME),
        "The OCI runtime of local clouds: a path, or a name that is looked up in `PATH`.",
    ),
    Entry::optional(
        "clouds",
        Shape::Sections {
            of: CLOUD,
            most: CLOUDS_LIMIT,
        },
        "`local-a` with room for 3 instances, and `local-b` with room for 4",
        "Where instances can run, in the order that tenants get who name none.",
    ),
    Entry::optional(
        "templates",
        Shape::Named {
            of: TEMPLATE,
            most: TEMPLATES_LIMIT,
        },
        "`web`, which is the demo app",
        "What instances can be made from.",
    ),
    Entry::optional(
        "access_logs",
        Shape::Named {
            of: &ACCESS_LOG,
            most: TENANTS_LIMIT,
        },
        "what the tenants' templates say",
        "Where a load splitter writes down the requests of a tenant, tenant by tenant.",
    ),
    Entry::optional(
        "prometheus",
        Shape::Section(&[
            // Any text, as its reader has it.
            Entry::default(
                "url",
                Shape::FilePath,
                Literal::Word(PROMETHEUS),
                "Where it listens, without encryption.",
            ),
            Entry::default(
                "timeout",
                Shape::Duration {
                    least: SignedDuration::from_millis(100),
                    most: SignedDuration::from_secs(5),
                },
                Literal::Duration(PROMETHEUS_TIMEOUT),
                "It answers within this, or its metric is missing at that tick.",
            ),
        ]),
        "policies with queries find nothing",
        "Who answers the queries of policies.",
    ),
    Entry::optional(
        "defaults",
        Shape::Section(DEFAULTS),
        "the service's own",
        "Taken where a tenant's file leaves a key out.",
    ),
    Entry::optional(
        "public_ips",
        Shape::Networks { most: POOLS_LIMIT },
        "any address",
        "Where tenants' public addresses may come from.",
    ),
    Entry::optional(
        "edge",
        Shape::Section(&[Entry::default(
            "clients",
            Shape::Network,
            Literal::Word(CLIENTS),
            "`asaas load` takes its clients' addresses from here.",
        )]),
        "clients have addresses of 198.18.0.0/15",
        "The place in front of all public addresses, where clients on this machine connect.",
    ),
];

static ETCD: &[Entry] = &[
    Entry::required(
        "endpoints",
        // Any text, as its reader has it.
        Shape::Texts {
            most: MEMBERS_LIMIT,
        },
        "Its members, each as `http://10.0.0.1:2379`, or `https` with `tls`.",
    ),
    Entry::required(
        "cluster",
        Shape::Name,
        "The services that work together: the same at each of them.",
    ),
    Entry::optional(
        "node",
        Shape::Name,
        "the name of the host",
        "What this service is called among them: another name at each of them.",
    ),
    Entry::default(
        "ttl",
        Shape::Duration {
            least: SignedDuration::from_secs(2),
            most: SignedDuration::from_mins(5),
        },
        Literal::Duration(TTL),
        "A service that is not heard of for so long loses its tenants to the others.",
    ),
    Entry::optional(
        "tls",
        Shape::Section(&[
            Entry::required(
                "ca",
                Shape::FilePath,
                "Who vouches for its members: a PEM file.",
            ),
            Entry::optional(
                "certificate",
                Shape::FilePath,
                "etcd asks for none",
                "Who this service is: a PEM file. Goes with `key`.",
            ),
            Entry::optional(
                "key",
                Shape::FilePath,
                "etcd asks for none",
                "The certificate's private key: a PEM file.",
            ),
        ]),
        "plain text, for loopback and networks that nobody else is in",
        "How etcd and this service know each other.",
    ),
];

static TEMPLATE: &[Entry] = &[
    Entry::optional(
        "builtin",
        Shape::Word(&["demo"]),
        "`root` says what it is",
        "`demo`: the demo app, put together by the service itself.",
    ),
    Entry::optional(
        "root",
        Shape::FilePath,
        "`builtin` says what it is",
        "Its root file system: a directory, or a tarball that ends in `.tar`.",
    ),
    Entry::optional(
        "command",
        Shape::Texts { most: WORDS_LIMIT },
        "needed with `root`; `builtin` brings its own",
        "What it runs, program first.",
    ),
    Entry::default(
        "cpu",
        Shape::Decimal {
            least: Amount::from_millionths(10_000),
            most: Amount::whole(1_024),
        },
        Literal::Decimal(CPU),
        "How many cores it may use.",
    ),
    Entry::default(
        "memory",
        Shape::Size {
            least: 6 << 20,
            most: 1 << 42,
        },
        Literal::Size(MEMORY),
        "How much memory it may use.",
    ),
    Entry::default(
        "pids",
        Shape::Whole {
            least: 1,
            most: 1 << 22,
        },
        Literal::Whole(PIDS),
        "How many processes and threads it may have.",
    ),
    Entry::optional(
        "env",
        Shape::Environment { most: WORDS_LIMIT },
        "nothing but `PATH` and the service's own",
        "Its environment.",
    ),
    Entry::default(
        "shared",
        Shape::FilePath,
        Literal::Word(SHARED),
        "Where in the instance the directory is that all instances of the tenant share.",
    ),
    Entry::default(
        "stop_grace",
        Shape::Duration {
            least: SignedDuration::ZERO,
            most: SignedDuration::from_secs(30),
        },
        Literal::Duration(STOP_GRACE),
        "How long it may take to end when it is told to.",
    ),
    Entry::optional(
        "libvirt",
        Shape::Section(images::LIBVIRT),
        "clouds of this kind cannot make it",
        "What it is made from on hosts that run libvirt.",
    ),
    Entry::optional(
        "aws",
        Shape::Section(images::AWS),
        "clouds of this kind cannot make it",
        "What it is made from at EC2.",
    ),
    Entry::optional(
        "gcp",
        Shape::Section(images::GCP),
        "clouds of this kind cannot make it",
        "What it is made from at Compute Engine.",
    ),
    Entry::optional(
        "access_log",
        Shape::Section(&ACCESS_LOG),
        "its instances write none",
        "Where its instances write down their requests: a file in `shared`.",
    ),
];

static ACCESS_LOG: [Entry; 3] = [
    Entry::required("file", Shape::FilePath, "The file."),
    // Any text, as its reader has it.
    Entry::default(
        "format",
        Shape::FilePath,
        Literal::Word(FORMAT),
        "What a line looks like: `%w` who answered, `%T`, `%{ms}T` or `%D` how long it took.",
    ),
    Entry::default(
        "stale_after",
        Shape::Duration {
            least: SignedDuration::from_secs(10),
            most: SignedDuration::from_hours(24),
        },
        Literal::Duration(STALE_AFTER),
        "Not written to for so long, it says nothing.",
    ),
];
