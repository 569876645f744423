//! What the operator sets of a libvirt cloud, and what he cannot have set.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use controller::id::{CloudName, TemplateName};

/// One libvirt cloud: one host or many, and what instances on them are made from.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in the tenants' files.
    pub cloud: CloudName,
    /// The deployment that it belongs to: 1 to 32 lower-case letters, digits and dashes. Salts every name.
    pub deployment: String,
    /// The hosts, in order of preference. A host that is gone for good has to be taken out of the list: as long as it is in it,
    /// whatever it was asked to start may be running.
    pub hosts: Vec<HostSettings>,
    /// The storage pool for the instances' disks, of the same name on all hosts: of the type `dir`, `fs` or `netfs`.
    pub pool: String,
    /// How the hosts run instances.
    pub hypervisor: Hypervisor,
    /// What an instance can be made from.
    pub templates: BTreeMap<TemplateName, Template>,
    /// A bridge that every instance gets a second network interface on, for the operator; it has to exist on every host.
    pub management: Option<String>,
    /// What it means to suspend an instance.
    pub suspend_by: SuspendBy,
    /// Fill the fullest host that has room first, so that others become empty; otherwise the emptiest.
    pub consolidate: bool,
    /// How long one call to a host may take: 30 s is plenty for a local one under KVM, 2 min for one that is busy or emulates.
    pub call_limit: Duration,
}

/// One host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSettings {
    /// How to reach its libvirt: `qemu:///system`, `qemu+ssh://root@kvm-1/system`, `qemu+tls://…`, `qemu+tcp://…`.
    pub uri: String,
    /// So many instances of this cloud exist on it at most, of all tenants together.
    pub capacity: u32,
}

/// How a host runs instances.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hypervisor {
    /// By KVM where a probe guest comes to its end under it, by emulation elsewhere. A host that says it has KVM may not.
    #[default]
    Auto,
    /// By KVM, always.
    Kvm,
    /// By emulation, always: slow, and works everywhere.
    Qemu,
}

/// What it means to suspend an instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SuspendBy {
    /// Its memory is written to the host's disk and given back; it comes back in about the time that reading it takes.
    #[default]
    Save,
    /// It stands still in memory, which it keeps; it comes back at once, and not after the host was restarted.
    Pause,
}

/// What an instance is made from. It boots from its image, or directly from a kernel, or from a kernel with the image as its disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// How many virtual processors.
    pub vcpus: u32,
    /// How much memory, in bytes: 16 MiB at least.
    pub memory_bytes: u64,
    /// The disk that it gets a copy of, on write.
    pub image: Option<Image>,
    /// The kernel that it is booted with.
    pub kernel: Option<Kernel>,
    /// What cloud-init is told at the first boot.
    pub seed: Option<Seed>,
}

/// A disk that instances get copies of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The volume in the pool, of the same name on all hosts: `debian-12.qcow2`. Never written to.
    pub volume: String,
    /// How large the instance's disk is, in bytes; as large as the image where it is `None`.
    pub size_bytes: Option<u64>,
}

/// What is booted without a boot loader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The path of the kernel on the host.
    pub kernel: String,
    /// The path of the initial root on the host.
    pub initrd: Option<String>,
    /// How its command line begins. What follows is `ip=<address>::<gateway>:<mask>:<name>:eth0:off` as the kernel documents it,
    /// and `ASAAS_TENANT`, `ASAAS_CLOUD`, `ASAAS_INSTANCE` and `ASAAS_ADDRESS`, which its first program finds in its environment.
    pub cmdline: String,
}

/// What cloud-init is told at the first boot (`NoCloud`), besides the name and the address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seed {
    /// The user data, as it is: `#cloud-config …` or a script. Empty for none.
    pub user_data: String,
    /// Who may log in, as lines of `authorized_keys`.
    pub ssh_keys: Vec<String>,
}

/// Why a libvirt cloud cannot be as it was set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The deployment's id cannot be part of a name.
    #[error("`{0}` cannot be a deployment's id: use 1 to 32 lower-case letters, digits and dashes")]
    Deployment(String),
    /// A cloud without a host.
    #[error("a libvirt cloud needs a host; hint: `qemu:///system` is this machine")]
    NoHost,
    /// The same host twice would be filled twice.
    #[error("the host `{0}` is in the list twice")]
    HostTwice(String),
    /// Not what libvirt takes.
    #[error(
        "`{0}` is no address of a libvirt; hint: `qemu:///system` is this machine, `qemu+ssh://root@<name>/system` another"
    )]
    Uri(String),
    /// A name that could be a path or an option.
    #[error(
        "`{0}` cannot be the name of a {1}: use letters, digits, `.`, `_` and `-`, and begin with a letter or a digit"
    )]
    Name(String, &'static str),
    /// A template that nothing can be made from.
    #[error("template {template} cannot be used: {detail}")]
    Template {
        /// Which.
        template: TemplateName,
        /// Why.
        detail: &'static str,
    },
    /// A wait that never ends, or ends at once.
    #[error("a call may take 1 s to 10 min, not {0:?}")]
    CallLimit(Duration),
}

/// Linux's limit for the name of a network interface.
const BRIDGE_LIMIT: usize = 15;
const MEMORY_MIN: u64 = 16 << 20;
const CALL_LIMIT: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_mins(10);

impl Settings {
    /// Finds the first thing that cannot be.
    pub fn check(&self) -> Result<(), SettingsError> {
        let Self {
            cloud: _,
            deployment,
            hosts,
            pool,
            hypervisor: _,
            templates,
            management,
            suspend_by: _,
            consolidate: _,
            call_limit,
        } = self;
        let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if deployment.is_empty() || deployment.len() > 32 || !deployment.chars().all(is_fit) {
            return Err(SettingsError::Deployment(deployment.clone()));
        }
        if hosts.is_empty() {
            return Err(SettingsError::NoHost);
        }
        let mut seen = BTreeSet::new();
        for HostSettings { uri, .. } in hosts {
            if !["qemu:///", "qemu+"]
                .iter()
                .any(|begin| uri.starts_with(begin))
                || uri.chars().any(|c| c.is_whitespace() || c.is_control())
            {
                return Err(SettingsError::Uri(uri.clone()));
            }
            if !seen.insert(uri) {
                return Err(SettingsError::HostTwice(uri.clone()));
            }
        }
        check_name(pool, "storage pool")?;
        if let Some(bridge) = management {
            check_name(bridge, "bridge")?;
            if bridge.len() > BRIDGE_LIMIT {
                return Err(SettingsError::Name(bridge.clone(), "bridge"));
            }
        }
        for (name, template) in templates {
            template.check(name)?;
        }
        if !CALL_LIMIT.contains(call_limit) {
            return Err(SettingsError::CallLimit(*call_limit));
        }
        Ok(())
    }
}

fn check_name(name: &str, what: &'static str) -> Result<(), SettingsError> {
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(is_fit) {
        return Ok(());
    }
    Err(SettingsError::Name(name.to_owned(), what))
}

impl Template {
    fn check(&self, name: &TemplateName) -> Result<(), SettingsError> {
        let Self {
            vcpus,
            memory_bytes,
            image,
            kernel,
            seed: _,
        } = self;
        let refuse = |detail| {
            Err(SettingsError::Template {
                template: name.clone(),
                detail,
            })
        };
        if *vcpus == 0 {
            return refuse("it has no processor");
        }
        if *memory_bytes < MEMORY_MIN {
            return refuse("16 MiB of memory is the least");
        }
        if image.is_none() && kernel.is_none() {
            return refuse("it has neither an image nor a kernel to boot from");
        }
        if let Some(Image { volume, .. }) = image {
            check_name(volume, "volume")?;
        }
        let paths = kernel
            .iter()
            .flat_map(|kernel| std::iter::once(&kernel.kernel).chain(kernel.initrd.iter()));
        if paths.into_iter().any(|path| !path.starts_with('/')) {
            return refuse("the path of its kernel or of its initial root is not absolute");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let template = Template {
            vcpus: 1,
            memory_bytes: 96 << 20,
            image: None,
            kernel: Some(Kernel {
                kernel: "/boot/vmlinuz".to_owned(),
                initrd: None,
                cmdline: String::new(),
            }),
            seed: None,
        };
        Settings {
            cloud: "kvm-a".parse().unwrap(),
            deployment: "d1".to_owned(),
            hosts: vec![HostSettings {
                uri: "qemu:///system".to_owned(),
                capacity: 3,
            }],
            pool: "asaas".to_owned(),
            hypervisor: Hypervisor::Auto,
            templates: [("web".parse().unwrap(), template)].into(),
            management: None,
            suspend_by: SuspendBy::Save,
            consolidate: false,
            call_limit: Duration::from_secs(30),
        }
    }

    #[test]
    fn settings_that_make_sense_are_taken() {
        assert_eq!(settings().check(), Ok(()));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        type Change = fn(&mut Settings);
        let changes: [(Change, &str); 10] = [
            (|s| s.deployment = "A b".to_owned(), "deployment"),
            (|s| s.hosts.clear(), "needs a host"),
            (|s| s.hosts.push(s.hosts[0].clone()), "twice"),
            (|s| s.hosts[0].uri = "lxc:///".to_owned(), "no address"),
            (|s| s.pool = "../x".to_owned(), "storage pool"),
            (|s| s.management = Some("b/r".to_owned()), "bridge"),
            (
                |s| s.templates.values_mut().for_each(|t| t.vcpus = 0),
                "processor",
            ),
            (
                |s| s.templates.values_mut().for_each(|t| t.memory_bytes = 1),
                "16 MiB",
            ),
            (
                |s| s.templates.values_mut().for_each(|t| t.kernel = None),
                "neither",
            ),
            (|s| s.call_limit = Duration::ZERO, "1 s"),
        ];
        for (change, word) in changes {
            let mut wrong = settings();
            change(&mut wrong);
            let refused = wrong.check().unwrap_err().to_string();
            assert!(refused.contains(word), "{refused}");
        }
    }
}
