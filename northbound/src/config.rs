//! `asaas.yml`: what the operator sets. Read with the same care as a tenant's file, and every key has a default: without a
//! file the service runs on two local clouds, with the demo app as its only template.

mod cloud;
mod clouds;
mod images;
mod keys;
mod market;
mod metrics;
mod read;
mod store;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use controller::amount::Amount;
use controller::id::{TemplateName, TenantName};
use ipnet::Ipv4Net;
use jiff::SignedDuration;
use netsetup::TunnelChoice;

use crate::meter::{AccessLog, PrometheusSettings};
use crate::problem::{Notes, Problems};
use crate::reader::Section;
use crate::store::StoreSettings;
use crate::tenant_file::{Defaults, Known};
use crate::yaml;

pub use cloud::{
    AwsCloud, AwsImage, AwsNetwork, Cloud, CloudKind, Gateway, GcpCloud, GcpCredentials, GcpImage,
    Hypervisor, Images, LibvirtCloud, LibvirtHost, LibvirtImage, Machine, SuspendBy,
};

/// What the operator sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where the service remembers.
    pub state: PathBuf,
    /// With whom it shares what it remembers.
    pub store: StoreSettings,
    /// Where local clouds keep their instances.
    pub local: PathBuf,
    /// Where the `asaas` command finds it.
    pub socket: PathBuf,
    /// Where `asaas apply demo` looks for `demo.yml`.
    pub tenants: PathBuf,
    /// What is written down for people.
    pub logs: LogSettings,
    /// From one look at a tenant to the next.
    pub tick: SignedDuration,
    /// What joins a tenant's sites.
    pub tunnel: TunnelChoice,
    /// The OCI runtime of local clouds: a path, or a bare name that is looked up in `PATH`.
    pub runtime: PathBuf,
    /// Every cloud, in the order that tenants get who name none. Not empty, no name twice.
    pub clouds: Vec<Cloud>,
    /// What instances can be made from, in the order of the file. Not empty.
    pub templates: Vec<Template>,
    /// Where requests of single tenants are counted; the file's path is whole.
    pub access_logs: BTreeMap<TenantName, AccessLog>,
    /// Who answers the queries of policies; `None` for nobody.
    pub prometheus: Option<PrometheusSettings>,
    /// Taken where a tenant's file leaves a key out.
    pub defaults: Defaults,
    /// Where tenants' public addresses may come from; empty for anywhere.
    pub public_ips: Vec<Ipv4Net>,
    /// Where clients on this machine get their addresses.
    pub edge: Edge,
}

/// What is written down for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// A directory with one below it for each tenant.
    pub directory: PathBuf,
    /// Older files are removed.
    pub keep: SignedDuration,
}

/// What an instance is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its name in the tenants' files.
    pub name: TemplateName,
    /// Its root file system.
    pub root: Root,
    /// What it runs, program first; empty for what the root itself says (only the demo's does).
    pub command: Vec<String>,
    /// How many cores it may use.
    pub cpu: Amount,
    /// How much memory it may use, in bytes.
    pub memory_bytes: u64,
    /// How many processes and threads it may have.
    pub pids: u32,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// Where in the instance the directory is that all instances of the tenant share.
    pub shared: PathBuf,
    /// How long it may take to end when it is told to.
    pub stop_grace: SignedDuration,
    /// Where its instances write down their requests; the file's name in `shared`.
    pub access_log: Option<AccessLog>,
    /// What it is made from in clouds whose instances are virtual machines.
    pub images: Images,
}

/// A root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// The demo app, put together by the service itself.
    Demo,
    /// A directory, or a tarball that ends in `.tar`.
    Path(PathBuf),
    /// None: local clouds cannot make it.
    None,
}

/// Where clients on this machine get their addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// `asaas load` takes addresses from here.
    pub clients: Ipv4Net,
}

impl Config {
    /// The configuration without a file: relative paths are relative to `directory`.
    pub fn embedded(directory: &Path) -> Self {
        Self::read("{}", "asaas.yml", directory)
            .expect("every key has a default")
            .0
    }

    /// Reads `asaas.yml`. `file` is its name as people know it; relative paths in it are relative to `directory`. Answers
    /// with warnings beside it.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of its lines.
    pub fn read(text: &str, file: &str, directory: &Path) -> Result<(Self, Problems), Problems> {
        let notes = Notes::new(file);
        let read = if yaml::is_blank(text) { "{}" } else { text };
        let config = yaml::parse(read, &notes).and_then(|node| {
            let root = Section::root(&node, keys::CONFIG, &notes, &|_| None)?;
            read::config(&root, directory)
        });
        notes.conclude(text, config)
    }

    /// What tenants' files are held against.
    pub fn known(&self) -> Known {
        Known {
            clouds: self.clouds.iter().map(|cloud| cloud.name.clone()).collect(),
            templates: self
                .templates
                .iter()
                .map(|template| template.name.clone())
                .collect(),
            defaults: self.defaults.clone(),
            public_ips: self.public_ips.clone(),
            market: self.market(),
            clients: self.edge.clients,
        }
    }
}

impl Template {
    /// As a local cloud takes it; `None` where it cannot. `demo` is the demo app's template, which gives what this one leaves open.
    pub fn to_local(
        &self,
        demo: &southbound::local::Template,
    ) -> Option<southbound::local::Template> {
        let is_demo = self.root == Root::Demo;
        let root = match &self.root {
            Root::Demo => demo.root.clone(),
            Root::Path(path) => path.clone(),
            Root::None => return None,
        };
        Some(southbound::local::Template {
            root,
            command: if is_demo && self.command.is_empty() {
                demo.command.clone()
            } else {
                self.command.clone()
            },
            env: if is_demo && self.env.is_empty() {
                demo.env.clone()
            } else {
                self.env.clone()
            },
            cpu: self.cpu,
            memory_bytes: self.memory_bytes,
            pids: self.pids,
            shared: self.shared.clone(),
            stop_grace: self.stop_grace,
        })
    }
}
