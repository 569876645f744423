//! From what was asked to what the cable and the runtime are told. Pure.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use controller::amount::Amount;
use controller::ports::Launch;
use jiff::SignedDuration;
use oci_spec::OciSpecError;
use oci_spec::runtime::{
    Capability, Linux, LinuxBuilder, LinuxCapabilities, LinuxCapabilitiesBuilder, LinuxCpuBuilder,
    LinuxDeviceCgroupBuilder, LinuxMemoryBuilder, LinuxNamespace, LinuxNamespaceBuilder,
    LinuxNamespaceType, LinuxPidsBuilder, LinuxResources, LinuxResourcesBuilder, Mount,
    MountBuilder, PosixRlimitBuilder, PosixRlimitType, Process, ProcessBuilder, RootBuilder, Spec,
    SpecBuilder, UserBuilder,
};

use super::cable::CableRequest;
use super::settings::Template;
use crate::tag::label;

/// Where programs are looked for in an instance, unless its template says otherwise.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// As many files and connections as a busy server wants. Less where the service itself may not have as many.
const OPEN_FILES: u64 = 65_536;
/// Should memory run out on the host, an instance goes before the service does: it can be replaced.
const OOM_SCORE: i32 = 500;
/// What a server needs that starts as root, binds a low port and steps down. Not `NET_RAW`: no forged packets.
const CAPABILITIES: [Capability; 5] = [
    Capability::Chown,
    Capability::Kill,
    Capability::NetBindService,
    Capability::Setgid,
    Capability::Setuid,
];

/// What the cable is asked for.
pub(super) fn cable_request(launch: &Launch) -> CableRequest {
    CableRequest {
        tenant: launch.tenant.clone(),
        cloud: launch.instance.cloud.clone(),
        instance: launch.instance.id,
        address: launch.instance.address,
        prefix: launch.subnet.cidr.prefix_len(),
        gateway: launch.subnet.gateway,
        mac: launch.instance.mac(),
    }
}

/// What a container is put together from, and where it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    /// Its root, mounted.
    pub(super) rootfs: &'a Path,
    /// Its network namespace.
    pub(super) netns: &'a Path,
    /// The directory that the tenant's instances share.
    pub(super) shared: &'a Path,
    /// Its control group, from the top of each hierarchy.
    pub(super) cgroup: &'a Path,
    /// The most files that anything here may have open.
    pub(super) open_files_max: u64,
}

/// What the runtime is told.
pub(super) fn spec(
    launch: &Launch,
    template: &Template,
    deployment: &str,
    places: Places<'_>,
) -> Result<Spec, OciSpecError> {
    let root = RootBuilder::default()
        .path(places.rootfs)
        .readonly(false)
        .build()?;
    SpecBuilder::default()
        .version("1.0.2")
        .root(root)
        .hostname(launch.instance.id.to_string())
        .process(process(launch, template, places.open_files_max)?)
        .mounts(mounts(places.shared, &template.shared)?)
        .linux(linux(template, places)?)
        .annotations(annotations(launch, template, deployment))
        .build()
}

fn annotations(launch: &Launch, template: &Template, deployment: &str) -> HashMap<String, String> {
    let labels = [
        (label::DEPLOYMENT, deployment.to_owned()),
        (label::TENANT, launch.tenant.to_string()),
        (label::CLOUD, launch.instance.cloud.to_string()),
        (label::INSTANCE, launch.instance.id.to_string()),
        (label::TEMPLATE, launch.instance.template.to_string()),
        (
            label::STOP_GRACE_MS,
            template.stop_grace.as_millis().to_string(),
        ),
    ];
    labels
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect()
}

/// How long an instance may take to stop, as it was when it was made; its template may have changed since.
pub(super) fn stop_grace(spec: &Spec) -> Option<SignedDuration> {
    let text = spec.annotations().as_ref()?.get(label::STOP_GRACE_MS)?;
    text.parse().ok().map(SignedDuration::from_millis)
}

fn process(
    launch: &Launch,
    template: &Template,
    open_files_max: u64,
) -> Result<Process, OciSpecError> {
    let own = [
        ("ASAAS_INSTANCE", launch.instance.id.to_string()),
        ("ASAAS_TENANT", launch.tenant.to_string()),
        ("ASAAS_CLOUD", launch.instance.cloud.to_string()),
        ("ASAAS_ADDRESS", launch.instance.address.to_string()),
    ];
    let path = (!template.env.contains_key("PATH")).then(|| format!("PATH={PATH}"));
    let given = template
        .env
        .iter()
        .map(|(name, value)| format!("{name}={value}"));
    let own = own.iter().map(|(name, value)| format!("{name}={value}"));
    let open_files = OPEN_FILES.min(open_files_max);
    let files = PosixRlimitBuilder::default()
        .typ(PosixRlimitType::RlimitNofile)
        .soft(open_files)
        .hard(open_files)
        .build()?;
    ProcessBuilder::default()
        .terminal(false)
        .user(UserBuilder::default().uid(0u32).gid(0u32).build()?)
        .args(template.command.clone())
        .env(path.into_iter().chain(given).chain(own).collect::<Vec<_>>())
        .cwd("/")
        .capabilities(capabilities()?)
        .rlimits(vec![files])
        .no_new_privileges(true)
        .oom_score_adj(OOM_SCORE)
        .build()
}

fn capabilities() -> Result<LinuxCapabilities, OciSpecError> {
    let set: HashSet<Capability> = CAPABILITIES.into_iter().collect();
    LinuxCapabilitiesBuilder::default()
        .bounding(set.clone())
        .effective(set.clone())
        .permitted(set)
        .inheritable(HashSet::new())
        .ambient(HashSet::new())
        .build()
}

fn mounts(shared: &Path, shared_at: &Path) -> Result<Vec<Mount>, OciSpecError> {
    let of_kernel = |kind: &str, at: &str, options: &[&str]| {
        MountBuilder::default()
            .typ(kind)
            .source(kind)
            .destination(at)
            .options(
                options
                    .iter()
                    .map(|&option| option.to_owned())
                    .collect::<Vec<_>>(),
            )
            .build()
    };
    let terminals = [
        "nosuid",
        "noexec",
        "newinstance",
        "ptmxmode=0666",
        "mode=0620",
    ];
    Ok(vec![
        of_kernel("proc", "/proc", &["nosuid", "noexec", "nodev"])?,
        of_kernel(
            "tmpfs",
            "/dev",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        )?,
        of_kernel("devpts", "/dev/pts", &terminals)?,
        of_kernel(
            "tmpfs",
            "/dev/shm",
            &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        )?,
        of_kernel("sysfs", "/sys", &["nosuid", "noexec", "nodev", "ro"])?,
        MountBuilder::default()
            .typ("bind")
            .source(shared)
            .destination(shared_at)
            .options(
                ["bind", "rw", "nosuid", "nodev"]
                    .map(str::to_owned)
                    .to_vec(),
            )
            .build()?,
    ])
}

fn linux(template: &Template, places: Places<'_>) -> Result<Linux, OciSpecError> {
    // Masked and read-only paths are the specification's own; the builder begins with them.
    LinuxBuilder::default()
        .cgroups_path(places.cgroup)
        .namespaces(namespaces(places.netns)?)
        .resources(resources(template)?)
        .build()
}

fn namespaces(netns: &Path) -> Result<Vec<LinuxNamespace>, OciSpecError> {
    let own = [
        LinuxNamespaceType::Pid,
        LinuxNamespaceType::Mount,
        LinuxNamespaceType::Ipc,
        LinuxNamespaceType::Uts,
        LinuxNamespaceType::Cgroup,
    ];
    let own = own
        .into_iter()
        .map(|kind| LinuxNamespaceBuilder::default().typ(kind).build());
    let network = LinuxNamespaceBuilder::default()
        .typ(LinuxNamespaceType::Network)
        .path(netns)
        .build();
    own.chain([network]).collect()
}

fn resources(template: &Template) -> Result<LinuxResources, OciSpecError> {
    let (quota, period) = cpu_quota(template.cpu);
    let no_device = LinuxDeviceCgroupBuilder::default()
        .allow(false)
        .access("rwm")
        .build()?;
    let memory = i64::try_from(template.memory_bytes).unwrap_or(i64::MAX);
    LinuxResourcesBuilder::default()
        .devices(vec![no_device])
        .cpu(
            LinuxCpuBuilder::default()
                .quota(quota)
                .period(period)
                .build()?,
        )
        .memory(LinuxMemoryBuilder::default().limit(memory).build()?)
        .pids(
            LinuxPidsBuilder::default()
                .limit(i64::from(template.pids))
                .build()?,
        )
        .build()
}

/// Short, so that an instance that has used up its share waits for milliseconds, not for a tenth of a second.
const CPU_PERIOD_US: u64 = 20_000;
/// For the smallest shares: the kernel grants no less than a millisecond in a period.
const CPU_PERIOD_LONG_US: u64 = 100_000;
const CPU_QUOTA_MIN_US: u64 = 1_000;

/// How much time in which period, both in microseconds, gives these cores.
fn cpu_quota(cores: Amount) -> (i64, u64) {
    let quota = |period: u64| cores.millionths().saturating_mul(period) / 1_000_000;
    let period = if quota(CPU_PERIOD_US) < CPU_QUOTA_MIN_US {
        CPU_PERIOD_LONG_US
    } else {
        CPU_PERIOD_US
    };
    let quota = quota(period).max(CPU_QUOTA_MIN_US);
    (i64::try_from(quota).unwrap_or(i64::MAX), period)
}

/// The hard limit of open files in the text of `/proc/self/limits`; one who cannot read it is given no more than is usual.
pub(super) fn open_files_max(limits: &str) -> u64 {
    const USUAL: u64 = 1_024;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"));
    match line.and_then(|line| line.split_whitespace().nth(1)) {
        Some("unlimited") => u64::MAX,
        Some(hard) => hard.parse().unwrap_or(USUAL),
        None => USUAL,
    }
}

/// Where the control group of an instance is, from the top of each hierarchy.
pub(super) fn cgroup(deployment: &str, name: &str) -> PathBuf {
    Path::new("/asaas").join(deployment).join(name)
}

#[cfg(test)]
mod tests {
    use controller::id::InstanceId;
    use controller::instance::{Instance, Phase};
    use controller::spec::Subnet;
    use jiff::Timestamp;

    use super::*;

    fn launch() -> Launch {
        Launch {
            tenant: "demo".parse().unwrap(),
            instance: Instance {
                id: InstanceId::new(1, 2),
                slot: 0,
                cloud: "local-a".parse().unwrap(),
                template: "web".parse().unwrap(),
                offering: controller::offering::Offering::default(),
                fingerprint: None,
                address: "19.0.0.2".parse().unwrap(),
                phase: Phase::Intent,
                is_pooled: false,
                since: Timestamp::UNIX_EPOCH,
                created: Timestamp::UNIX_EPOCH,
                provider: None,
                in_service: None,
                drain: None,
                missing: None,
            },
            subnet: Subnet {
                name: "demo_nw".parse().unwrap(),
                cidr: "19.0.0.0/24".parse().unwrap(),
                gateway: "19.0.0.1".parse().unwrap(),
                dhcp_start: "19.0.0.2".parse().unwrap(),
                dhcp_end: "19.0.0.254".parse().unwrap(),
            },
        }
    }

    fn made(template: &Template) -> serde_json::Value {
        let places = Places {
            rootfs: Path::new("/state/rootfs"),
            netns: Path::new("/run/netns/x"),
            shared: Path::new("/state/shared/y"),
            cgroup: &cgroup("d1", "name"),
            open_files_max: 1_000,
        };
        serde_json::to_value(spec(&launch(), template, "d1", places).unwrap()).unwrap()
    }

    #[test]
    fn an_instance_is_told_who_it_is_and_its_template_cannot_lie_about_it() {
        let mut template = Template::new("/root", &["app"]);
        template
            .env
            .insert("ASAAS_TENANT".to_owned(), "other".to_owned());
        let spec = made(&template);

        let env: Vec<&str> = spec["process"]["env"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|each| each.as_str())
            .collect();
        // The last one counts.
        assert_eq!(
            env.iter().rfind(|e| e.starts_with("ASAAS_TENANT=")),
            Some(&"ASAAS_TENANT=demo")
        );
        assert!(env.contains(&"ASAAS_ADDRESS=19.0.0.2"));
        assert!(env.contains(&"ASAAS_CLOUD=local-a"));
        assert_eq!(spec["annotations"]["asaas.tenant"], "demo");
        assert_eq!(spec["annotations"]["asaas.deployment"], "d1");
        assert_eq!(spec["linux"]["cgroupsPath"], "/asaas/d1/name");
    }

    #[test]
    fn an_instance_may_gain_nothing_and_see_no_device() {
        let spec = made(&Template::new("/root", &["app"]));

        assert_eq!(spec["process"]["noNewPrivileges"], true);
        assert_eq!(spec["process"]["rlimits"][0]["hard"], 1_000);
        assert_eq!(spec["linux"]["resources"]["devices"][0]["allow"], false);
        assert!(spec["linux"]["maskedPaths"].as_array().unwrap().len() >= 10);
        assert!(spec["linux"]["readonlyPaths"].as_array().unwrap().len() >= 5);
        let bounding = spec["process"]["capabilities"]["bounding"]
            .as_array()
            .unwrap();
        assert!(
            !bounding
                .iter()
                .any(|each| each == "CAP_NET_RAW" || each == "CAP_SYS_ADMIN")
        );
        let kinds: Vec<_> = spec["linux"]["namespaces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|each| each["type"].as_str().unwrap())
            .collect();
        assert_eq!(kinds, ["pid", "mount", "ipc", "uts", "cgroup", "network"]);
    }

    #[test]
    fn a_share_of_a_core_becomes_time_in_a_short_period() {
        assert_eq!(
            cpu_quota(Amount::from_millionths(500_000)),
            (10_000, 20_000)
        );
        assert_eq!(cpu_quota(Amount::whole(2)), (40_000, 20_000));
        assert_eq!(cpu_quota(Amount::from_millionths(10_000)), (1_000, 100_000));
    }

    #[test]
    fn an_instance_is_not_promised_more_files_than_the_service_may_have() {
        let limits = "Limit  Soft Limit  Hard Limit  Units\n\
                      Max open files            1024                 20000                files\n";

        assert_eq!(open_files_max(limits), 20_000);
        assert_eq!(open_files_max(""), 1_024);
    }

    #[test]
    fn the_grace_of_an_instance_is_the_one_it_was_made_with() {
        let mut template = Template::new("/root", &["app"]);
        template.stop_grace = SignedDuration::from_millis(250);
        let spec: Spec = serde_json::from_value(made(&template)).unwrap();

        assert_eq!(stop_grace(&spec), Some(template.stop_grace));
    }

    #[test]
    fn the_cable_gets_the_address_that_was_frozen_with_the_intent() {
        let request = cable_request(&launch());

        assert_eq!(request.mac, [2, 0, 19, 0, 0, 2]);
        assert_eq!(
            (request.prefix, request.gateway.to_string()),
            (24, "19.0.0.1".to_owned())
        );
    }
}
