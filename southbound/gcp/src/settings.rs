//! What an operator says about this cloud.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use controller::id::{CloudName, TemplateName};

use crate::convert;

/// One project and region of Compute Engine, as a cloud.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in the tenants' files.
    pub cloud: CloudName,
    /// What salts all names, so that two deployments share a project; of what labels may hold: lower-case letters, digits, `-`, `_`.
    pub deployment: String,
    /// The project's id: `my-project-1`.
    pub project: String,
    /// The region: `europe-west1`.
    pub region: String,
    /// Zones of the region in which instances may be, best first: `europe-west1-b`. An intent that names none gets the first.
    pub zones: Vec<String>,
    /// Machine types that instances may have, best first: `e2-small`. An intent that names none gets the first.
    pub machines: Vec<String>,
    /// Where instances are plugged in.
    pub network: Network,
    /// What instances can be made from.
    pub templates: BTreeMap<TemplateName, Template>,
    /// What a site's gateway is.
    pub gateway: Gateway,
    /// How instances come to rest.
    pub rest: Rest,
    /// Who we are.
    pub credentials: Credentials,
    /// Where the API is, scheme included; `None` is Google's own.
    pub endpoint: Option<String>,
    /// How long everything may take.
    pub bounds: Bounds,
}

/// Where instances are plugged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// Each tenant has a VPC network of its own, made and removed by [`southbound::site::Site`].
    PerTenant,
    /// All tenants share this subnetwork of the region, which the operator made.
    Shared(String),
}

/// What an instance is made from.
#[derive(Debug, Clone, Default)]
pub struct Template {
    /// The image or the instance template.
    pub source: Source,
    /// Cloud-init user data; at most 256 KiB.
    pub user_data: Option<String>,
    /// More metadata, by key.
    pub metadata: BTreeMap<String, String>,
    /// Network tags, which the operator's firewall rules go by.
    pub tags: Vec<String>,
    /// The account that the instance acts as, by e-mail; `None` is nobody.
    pub service_account: Option<String>,
}

/// The image or the instance template that an instance is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An image or a family's newest: `projects/debian-cloud/global/images/family/debian-12`.
    Image {
        /// From `projects/` on.
        path: String,
        /// The size of the disk; `None` is the image's own.
        disk_gib: Option<u32>,
    },
    /// An instance template, whose machine, network and labels are replaced by ours: `projects/p/global/instanceTemplates/web`.
    Template(String),
}

impl Default for Source {
    fn default() -> Self {
        Self::Image {
            path: "projects/debian-cloud/global/images/family/debian-12".to_owned(),
            disk_gib: None,
        }
    }
}

/// What a site's gateway is.
#[derive(Debug, Clone)]
pub struct Gateway {
    /// Its machine type.
    pub machine: String,
    /// Its image, from `projects/` on.
    pub image: String,
}

impl Default for Gateway {
    fn default() -> Self {
        Self {
            machine: "e2-small".to_owned(),
            image: "projects/debian-cloud/global/images/family/debian-12".to_owned(),
        }
    }
}

/// How an instance comes to rest and back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rest {
    /// Its memory is kept (suspend). Google refuses it for GPUs, local disks and some large machines, and ends it after 60 days.
    #[default]
    Suspend,
    /// Its memory is lost and it boots anew (stop), which every machine can.
    Stop,
}

/// Who we are, to Google.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Application Default Credentials: `GOOGLE_APPLICATION_CREDENTIALS`, `gcloud auth application-default login`, the machine's account.
    #[default]
    Default,
    /// This file: a service account's key, or what `gcloud` writes.
    File(PathBuf),
    /// Nobody: for an emulator.
    Anonymous,
}

/// How long everything may take. Nothing here is tried again: who called decides that.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// One call.
    pub call: Duration,
    /// One operation, from its acceptance to its end. What has not ended by then may still do so.
    pub operation: Duration,
    /// Between the first two looks at an operation; each later pause is longer, up to ten times this.
    pub poll: Duration,
}

impl Default for Bounds {
    /// The core gives a launch two minutes: three calls and an operation have to be given up before that.
    fn default() -> Self {
        Self {
            call: Duration::from_secs(15),
            operation: Duration::from_mins(1),
            poll: Duration::from_millis(500),
        }
    }
}

/// The most that a metadata value may hold.
const METADATA_LIMIT: usize = 256 * 1024;

impl Settings {
    /// What is wrong with these settings, each thing with what to do; empty where nothing is. Asks nobody.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        if !convert::is_label(&self.deployment) || self.deployment.is_empty() {
            let deployment = &self.deployment;
            wrong.push(format!("the deployment `{deployment}` cannot be a label: use lower-case letters, digits, `-` and `_`, at most 63"));
        }
        for (what, name) in [("project", &self.project), ("region", &self.region)] {
            if !convert::is_name(name) {
                wrong.push(format!(
                    "`{name}` is no {what}: use its id as Google shows it"
                ));
            }
        }
        if self.zones.is_empty() {
            wrong.push(format!("name at least one zone of {}", self.region));
        }
        for zone in &self.zones {
            if !convert::is_name(zone)
                || zone.rsplit_once('-').map(|(region, _)| region) != Some(&*self.region)
            {
                wrong.push(format!("`{zone}` is no zone of {}", self.region));
            }
        }
        if self.machines.is_empty() {
            wrong.push("name at least one machine type, `e2-small` for example".to_owned());
        }
        for machine in self.machines.iter().chain([&self.gateway.machine]) {
            if !convert::is_name(machine) {
                wrong.push(format!("`{machine}` is no machine type"));
            }
        }
        for (name, template) in &self.templates {
            wrong.extend(
                template
                    .check()
                    .map(|what| format!("template {name}: {what}")),
            );
        }
        wrong
    }
}

impl Template {
    fn check(&self) -> impl Iterator<Item = String> {
        let path = match &self.source {
            Source::Image { path, .. } | Source::Template(path) => path,
        };
        let malformed = (!path.starts_with("projects/"))
            .then(|| format!("`{path}` has to be written from `projects/` on"));
        let long = self
            .metadata
            .values()
            .chain(&self.user_data)
            .any(|value| value.len() > METADATA_LIMIT);
        let long = long.then(|| "a metadata value is longer than 256 KiB".to_owned());
        let taken = self.metadata.contains_key(convert::USER_DATA) && self.user_data.is_some();
        let taken = taken.then(|| "user data is given twice".to_owned());
        malformed.into_iter().chain(long).chain(taken)
    }
}
