//! Reads the clouds of `asaas.yml`.

use std::path::Path;

use controller::id::CloudName;
use jiff::SignedDuration;
use netsetup::address::site_number;

use crate::reader::scalar::Scalar;
use crate::reader::{Placed, Section};

use super::cloud::{
    AwsCloud, AwsNetwork, Cloud, CloudKind, Gateway, GcpCloud, GcpCredentials, Hypervisor,
    LibvirtCloud, LibvirtHost, Machine, SuspendBy,
};
use super::keys;
use super::read::{file_path, name};

/// Those of a service without a file.
pub(super) fn embedded() -> Vec<Cloud> {
    [("local-a", 3), ("local-b", 4)]
        .map(|(cloud, capacity)| Cloud {
            name: name(cloud),
            kind: CloudKind::Local { capacity },
            price: None,
            zones: Vec::new(),
            machines: Vec::new(),
        })
        .to_vec()
}

/// Every cloud of the file. `None` after noting what is wrong.
pub(super) fn read(root: &Section<'_>, directory: &Path) -> Option<Vec<Cloud>> {
    let sections = root.sections("clouds")?;
    let mut clouds: Vec<Placed<Cloud>> = Vec::new();
    for section in &sections {
        let Some(cloud) = read_cloud(section, directory) else {
            continue;
        };
        refuse_twin(section, &cloud.value.name, &clouds);
        refuse_mixture(section, &cloud.value.kind, &clouds);
        clouds.push(cloud);
    }
    (clouds.len() == sections.len()).then(|| clouds.into_iter().map(|cloud| cloud.value).collect())
}

fn read_cloud(section: &Section<'_>, directory: &Path) -> Option<Placed<Cloud>> {
    let name = section.name::<CloudName>("name");
    let kind = read_kind(section, directory);
    let zones = lines(section, "zones", keys::ZONES_LIMIT);
    let machines = read_machines(section);
    let (name, kind, machines) = (name?, kind?, machines?);
    let needed: &[(&str, &str)] = match kind {
        CloudKind::Aws(_) => &[("zones", "zones: [eu-central-1a]")],
        CloudKind::Gcp(_) => &[
            ("zones", "zones: [europe-west3-a]"),
            ("machines", "machines: [{ type: e2-small }]"),
        ],
        CloudKind::Local { .. } | CloudKind::Sim { .. } | CloudKind::Libvirt(_) => &[],
    };
    for (key, sample) in needed.iter().filter(|(key, _)| !section.has(key)) {
        section.notes().error(
            name.place,
            format!("cloud `{}` names no {key}", name.value),
            format!("add them, best first, as in `{sample}`"),
        );
    }
    Some(Placed {
        value: Cloud {
            name: name.value,
            kind,
            price: section.decimal("price").map(|given| given.value),
            zones,
            machines,
        },
        place: name.place,
    })
}

/// What only some kinds have: the key, who, and why no other.
const KEYS_OF_KINDS: [(&str, &[&str], &str); 5] = [
    (
        "capacity",
        &["local", "sim"],
        ": its hosts have one each, or it says itself when it is full",
    ),
    ("boot", &["sim"], ": its instances boot as fast as they can"),
    ("reply_time", &["sim"], ": it answers as fast as it can"),
    ("zones", &["aws", "gcp"], ""),
    ("machines", &["aws", "gcp"], ""),
];

const KINDS_WITH_SECTION: [&str; 3] = ["libvirt", "aws", "gcp"];

fn read_kind(section: &Section<'_>, directory: &Path) -> Option<CloudKind> {
    let word = section.word("kind").map(|word| word.value);
    let mut given = KINDS_WITH_SECTION
        .into_iter()
        .filter(|kind| section.has(kind));
    let (implied, second) = (given.next(), given.next());
    if section.has("kind") && word.is_none() {
        return None;
    }
    let kind = word.or(implied).unwrap_or("local");
    if let Some(stranger) = second
        .or(implied)
        .filter(|found| *found != kind || second.is_some())
    {
        section.refuse(
            stranger,
            format!("a cloud of kind `{kind}` has no `{stranger}`"),
            "a cloud is of one kind: keep one of them",
        );
        return None;
    }
    let key_of_others = |(_, kinds, _): &&(_, &[&str], _)| !kinds.contains(&kind);
    for (key, kinds, why) in KEYS_OF_KINDS.iter().filter(key_of_others) {
        if section.has(key) {
            let kinds: Vec<String> = kinds.iter().map(|kind| format!("`kind: {kind}`")).collect();
            section.refuse(
                key,
                format!("a cloud of kind `{kind}` has no `{key}`{why}"),
                format!("take the key away; it goes with {}", kinds.join(" or ")),
            );
        }
    }
    let capacity = || {
        let given = section.whole("capacity");
        given.map_or(keys::CAPACITY, |given| given.value)
    };
    let duration = |key, default| section.duration(key).map_or(default, |given| given.value);
    match kind {
        "sim" => Some(CloudKind::Sim {
            capacity: capacity(),
            boot: duration("boot", keys::SIM_BOOT),
            reply_time: duration("reply_time", SignedDuration::ZERO),
        }),
        "libvirt" => read_libvirt(&of_kind(section, kind)?).map(CloudKind::Libvirt),
        "aws" => read_aws(&of_kind(section, kind)?, directory).map(CloudKind::Aws),
        "gcp" => read_gcp(&of_kind(section, kind)?, directory).map(CloudKind::Gcp),
        _ => Some(CloudKind::Local {
            capacity: capacity(),
        }),
    }
}

fn of_kind<'a>(section: &Section<'a>, kind: &'static str) -> Option<Section<'a>> {
    if !section.has(kind) {
        section.refuse(
            "kind",
            format!("nothing says where this cloud is: `{kind}` is missing"),
            match kind {
                "aws" => "add `aws: { region: eu-central-1 }`",
                "gcp" => "add `gcp: { project: my-project, region: europe-west3 }`",
                _ => "add `libvirt: { hosts: [{ uri: \"qemu:///system\" }] }`",
            },
        );
        return None;
    }
    Some(section.section(kind)).filter(Section::is_given)
}

/// Each of a list of words.
pub(super) fn lines(section: &Section<'_>, key: &str, most: usize) -> Vec<String> {
    let read = section.read_each(key, most, Scalar::text);
    let read = read.unwrap_or_default().into_iter();
    read.map(|word| word.value).collect()
}

/// A line of text, where it is given.
pub(super) fn line(section: &Section<'_>, key: &str) -> Option<String> {
    section.line(key).map(|line| line.value)
}

fn read_machines(section: &Section<'_>) -> Option<Vec<Machine>> {
    if !section.has("machines") {
        return Some(Vec::new());
    }
    let sections = section.sections("machines")?;
    let read = sections.iter().map(|machine| {
        let price = |key| machine.decimal(key).map(|given| given.value);
        Some(Machine {
            name: line(machine, "type")?,
            price: price("price"),
            spot_price: price("spot_price"),
        })
    });
    read.collect()
}

fn read_libvirt(section: &Section<'_>) -> Option<LibvirtCloud> {
    let hosts = section.sections("hosts")?;
    let host = |host: &Section<'_>| {
        Some(LibvirtHost {
            uri: line(host, "uri")?,
            capacity: host
                .whole("capacity")
                .map_or(keys::HOST_CAPACITY, |given| given.value),
        })
    };
    let word = |key| section.word(key).map(|word| word.value);
    Some(LibvirtCloud {
        hosts: hosts.iter().map(host).collect::<Option<_>>()?,
        pool: line(section, "pool").unwrap_or_else(|| keys::POOL.to_owned()),
        hypervisor: match word("hypervisor") {
            Some("kvm") => Hypervisor::Kvm,
            Some("qemu") => Hypervisor::Qemu,
            _ => Hypervisor::Auto,
        },
        management: line(section, "management"),
        suspend_by: suspend_by(section, SuspendBy::Save),
        consolidate: section
            .switch("consolidate")
            .is_some_and(|given| given.value),
        call_limit: section
            .duration("call_limit")
            .map_or(keys::CALL_LIMIT, |given| given.value),
    })
}

fn suspend_by(section: &Section<'_>, default: SuspendBy) -> SuspendBy {
    match section.word("suspend_by").map(|word| word.value) {
        Some("save") => SuspendBy::Save,
        Some("pause") => SuspendBy::Pause,
        Some("stop") => SuspendBy::Stop,
        _ => default,
    }
}

fn read_aws(section: &Section<'_>, directory: &Path) -> Option<AwsCloud> {
    let gateway = section.section("gateway");
    let network = if section.has("subnets") {
        let subnets = section.texts_by_name("subnets", keys::ZONES_LIMIT)?;
        AwsNetwork::Existing {
            subnets: subnets
                .into_iter()
                .map(|(zone, id)| (zone.value, id))
                .collect(),
            groups: lines(section, "security_groups", keys::GROUPS_LIMIT),
        }
    } else {
        let Some(image) = line(&gateway, "image") else {
            section.notes().error(
                section.place,
                "nothing says what a tenant's gateway is made from",
                "add `gateway: { image: ami-… }`, or name `subnets` of yours",
            );
            return None;
        };
        AwsNetwork::Ours(Gateway {
            image,
            machine: line(&gateway, "machine").unwrap_or_else(|| keys::GATEWAY_AWS.to_owned()),
        })
    };
    let credentials = section.read("credentials", file_path);
    Some(AwsCloud {
        region: line(section, "region")?,
        endpoint: line(section, "endpoint"),
        profile: line(section, "profile"),
        credentials: credentials.map(|given| directory.join(given.value)),
        is_protected: section.switch("protect").is_some_and(|given| given.value),
        suspend_by: suspend_by(section, SuspendBy::Stop),
        network,
    })
}

fn read_gcp(section: &Section<'_>, directory: &Path) -> Option<GcpCloud> {
    let gateway = section.section("gateway");
    let credentials = section.read("credentials", file_path);
    Some(GcpCloud {
        project: line(section, "project")?,
        region: line(section, "region")?,
        endpoint: line(section, "endpoint"),
        credentials: match credentials.map(|given| given.value) {
            None => GcpCredentials::Default,
            Some(none) if none == Path::new("none") => GcpCredentials::Anonymous,
            Some(file) => GcpCredentials::File(directory.join(file)),
        },
        suspend_by: suspend_by(section, SuspendBy::Save),
        subnetwork: line(section, "subnetwork"),
        gateway: Gateway {
            image: line(&gateway, "image").unwrap_or_else(|| keys::GCP_IMAGE.to_owned()),
            machine: line(&gateway, "machine").unwrap_or_else(|| keys::GATEWAY_GCP.to_owned()),
        },
    })
}

/// A cloud's addresses inside follow from its name: two clouds must differ in both.
fn refuse_twin(section: &Section<'_>, name: &CloudName, earlier: &[Placed<Cloud>]) {
    for other in earlier {
        let line = other.place.line;
        if other.value.name == *name {
            section.refuse(
                "name",
                format!("cloud `{name}` is there twice"),
                format!("the first is on line {line}: give each a name of its own"),
            );
        } else if site_number(&other.value.name) == site_number(name) {
            section.refuse(
                "name",
                format!(
                    "clouds `{name}` and `{}` (line {line}) would get the same addresses inside",
                    other.value.name
                ),
                "this is rare chance: call one of them differently, by one letter",
            );
        }
    }
}

/// Packets are either real or not.
fn refuse_mixture(section: &Section<'_>, kind: &CloudKind, earlier: &[Placed<Cloud>]) {
    let is_simulated = |kind: &CloudKind| matches!(kind, CloudKind::Sim { .. });
    let Some(first) = earlier.first() else { return };
    if is_simulated(kind) != is_simulated(&first.value.kind) {
        section.refuse(
            "kind",
            format!(
                "clouds of kind `sim` and real ones cannot be used side by side (line {})",
                first.place.line
            ),
            "keep one kind; a second service, with a `state` of its own, can run the other",
        );
    }
}
