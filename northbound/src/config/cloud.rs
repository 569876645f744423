//! Clouds, as the operator sets them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use controller::amount::Amount;
use controller::id::CloudName;
use jiff::SignedDuration;

/// A place where instances can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cloud {
    /// Its name in the tenants' files.
    pub name: CloudName,
    /// What it is.
    pub kind: CloudKind,
    /// What an instance costs for an hour, in the operator's money; `None` where nobody has said.
    pub price: Option<Amount>,
    /// Where in it instances may be, best first; empty where it has no zones.
    pub zones: Vec<String>,
    /// On what they may run, best first; empty where its settings say.
    pub machines: Vec<Machine>,
}

/// A machine type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// As its cloud calls it: `t3.micro`.
    pub name: String,
    /// For an hour on demand; `None` for the cloud's own price.
    pub price: Option<Amount>,
    /// For an hour as spot; `None` where it is not to be had so.
    pub spot_price: Option<Amount>,
}

/// What a cloud is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CloudKind {
    /// Containers on this machine.
    Local {
        /// So many instances of all tenants together.
        capacity: u32,
    },
    /// Nothing but memory, to try policies with.
    Sim {
        /// So many instances of all tenants together.
        capacity: u32,
        /// From launch to running.
        boot: SignedDuration,
        /// So long every call takes.
        reply_time: SignedDuration,
    },
    /// Virtual machines on hosts that run libvirt.
    Libvirt(LibvirtCloud),
    /// EC2.
    Aws(AwsCloud),
    /// Compute Engine.
    Gcp(GcpCloud),
}

/// Hosts that run libvirt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibvirtCloud {
    /// In order of preference.
    pub hosts: Vec<LibvirtHost>,
    /// The storage pool for disks, of the same name on all hosts.
    pub pool: String,
    /// How the hosts run instances.
    pub hypervisor: Hypervisor,
    /// A bridge that every instance gets a second interface on.
    pub management: Option<String>,
    /// How an instance is suspended.
    pub suspend_by: SuspendBy,
    /// Fill the fullest host first, so that others become empty.
    pub consolidate: bool,
    /// How long one call to a host may take.
    pub call_limit: SignedDuration,
}

/// A host that runs libvirt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibvirtHost {
    /// `qemu:///system`, `qemu+ssh://root@kvm-1/system`.
    pub uri: String,
    /// So many instances of all tenants together.
    pub capacity: u32,
}

/// How a host runs virtual machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hypervisor {
    /// KVM where it works, emulation elsewhere.
    Auto,
    /// KVM.
    Kvm,
    /// Emulation.
    Qemu,
}

/// How an instance is suspended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SuspendBy {
    /// Its memory is kept on a disk.
    Save,
    /// It stands still in memory.
    Pause,
    /// Its memory is lost, and it boots anew.
    Stop,
}

/// A region of EC2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsCloud {
    /// `eu-central-1`.
    pub region: String,
    /// Where its API is, where that is not AWS's own.
    pub endpoint: Option<String>,
    /// A profile of the credentials file; otherwise as every AWS tool finds them.
    pub profile: Option<String>,
    /// The credentials file of the profile.
    pub credentials: Option<PathBuf>,
    /// Whether instances are protected against removal by other hands.
    pub is_protected: bool,
    /// How an instance is suspended: `Save` is hibernation.
    pub suspend_by: SuspendBy,
    /// Whose networks instances are in.
    pub network: AwsNetwork,
}

/// Whose networks instances at EC2 are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwsNetwork {
    /// Each tenant's own, which the service makes and removes.
    Ours(Gateway),
    /// The operator's.
    Existing {
        /// `subnet-…`, by zone.
        subnets: BTreeMap<String, String>,
        /// `sg-…`.
        groups: Vec<String>,
    },
}

/// What a tenant's gateway is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Its image.
    pub image: String,
    /// Its machine type.
    pub machine: String,
}

/// A region of Compute Engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcpCloud {
    /// The project's id.
    pub project: String,
    /// `europe-west3`.
    pub region: String,
    /// Where its API is, where that is not Google's own.
    pub endpoint: Option<String>,
    /// Who we are.
    pub credentials: GcpCredentials,
    /// How an instance is suspended: `Save` is Google's suspend.
    pub suspend_by: SuspendBy,
    /// The operator's subnetwork for all tenants; otherwise each has a network that the service makes.
    pub subnetwork: Option<String>,
    /// What a tenant's gateway is made from.
    pub gateway: Gateway,
}

/// Who we are, to Google.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GcpCredentials {
    /// As every tool of Google finds them.
    Default,
    /// This file.
    File(PathBuf),
    /// Nobody: for an emulator.
    Anonymous,
}

/// What an instance is made from in clouds whose instances are virtual machines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Images {
    /// On hosts that run libvirt.
    pub libvirt: Option<LibvirtImage>,
    /// At EC2.
    pub aws: Option<AwsImage>,
    /// At Compute Engine.
    pub gcp: Option<GcpImage>,
}

/// What an instance is made from on hosts that run libvirt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibvirtImage {
    /// The volume in the pool that it gets a copy of.
    pub image: Option<String>,
    /// How large its disk is; as large as the image where it is `None`.
    pub disk_bytes: Option<u64>,
    /// The path of a kernel on the host, where it is booted directly.
    pub kernel: Option<String>,
    /// The path of the initial root on the host.
    pub initrd: Option<String>,
    /// How the kernel's command line begins.
    pub cmdline: String,
    /// A file that cloud-init is given at the first boot.
    pub user_data: Option<PathBuf>,
    /// Who may log in, as lines of `authorized_keys`.
    pub ssh_keys: Vec<String>,
    /// How much memory, in bytes.
    pub memory_bytes: u64,
    /// How many virtual processors.
    pub cpus: u32,
}

/// What an instance is made from at EC2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsImage {
    /// `ami-…`, or a launch template with its version: `lt-…:7`.
    pub source: String,
    /// A file that cloud-init is given at the first boot.
    pub user_data: Option<PathBuf>,
    /// The name of a key pair.
    pub key: Option<String>,
    /// The name of an instance profile.
    pub profile: Option<String>,
}

/// What an instance is made from at Compute Engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcpImage {
    /// `projects/…/global/images/…`, or `projects/…/global/instanceTemplates/…`.
    pub source: String,
    /// The size of its disk; the image's own where it is `None`.
    pub disk_bytes: Option<u64>,
    /// A file that cloud-init is given at the first boot.
    pub user_data: Option<PathBuf>,
    /// Network tags.
    pub tags: Vec<String>,
    /// The account that it acts as.
    pub service_account: Option<String>,
}

impl CloudKind {
    /// The word in the file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Local { .. } => "local",
            Self::Sim { .. } => "sim",
            Self::Libvirt(_) => "libvirt",
            Self::Aws(_) => "aws",
            Self::Gcp(_) => "gcp",
        }
    }

    /// So many instances of all tenants together; `None` where the cloud itself says when it is full.
    pub fn capacity(&self) -> Option<u32> {
        match self {
            Self::Local { capacity } | Self::Sim { capacity, .. } => Some(*capacity),
            Self::Libvirt(cloud) => {
                let hosts = cloud.hosts.iter().map(|host| host.capacity);
                Some(hosts.fold(0, u32::saturating_add))
            }
            Self::Aws(_) | Self::Gcp(_) => None,
        }
    }
}
