//! What the operator sets of a place at EC2, and what he cannot have set.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use controller::id::{CloudName, TemplateName};

/// One cloud at EC2: a region, seen with the eyes of one account.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name in the tenants' files.
    pub cloud: CloudName,
    /// The deployment that it belongs to; it goes into every tag.
    pub deployment: String,
    /// `eu-central-1`.
    pub region: String,
    /// The zones that instances may be in, in order; the first is taken where an intent names none.
    pub zones: Vec<String>,
    /// The machine types that instances may be, in order; the first is taken where an intent names none. May be empty where
    /// every template is a launch template that names one.
    pub machines: Vec<String>,
    /// What an instance can be made from.
    pub templates: BTreeMap<TemplateName, Template>,
    /// Whose networks instances are in.
    pub network: Network,
    /// Who we are.
    pub credentials: Credentials,
    /// Another endpoint than AWS's own: `http://127.0.0.1:5000`.
    pub endpoint: Option<String>,
    /// Whether instances are protected against removal by other hands than ours (`DisableApiTermination`).
    pub is_protected: bool,
    /// Whether a suspended instance keeps its memory. The image, the machine type and an encrypted disk have to allow it.
    pub hibernates: bool,
    /// How long and how much at most.
    pub bounds: Bounds,
}

/// What an instance is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its image, and perhaps more.
    pub source: Source,
    /// Cloud-init user data, in clear; 16 KiB at most.
    pub user_data: Option<String>,
    /// The name of a key pair.
    pub key: Option<String>,
    /// The name of an instance profile: what the instance itself may do at AWS.
    pub profile: Option<String>,
}

/// Where the image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `ami-…`.
    Image(String),
    /// A launch template of the account, in a fixed version: `$Latest` could change between a launch and its repetition.
    LaunchTemplate {
        /// `lt-…`.
        id: String,
        /// `7`.
        version: String,
    },
}

/// Whose networks instances are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Network {
    /// Each tenant has a VPC that we make and remove.
    Site(Gateway),
    /// All tenants are in subnets that the operator has made; an instance's address has to lie in its zone's subnet.
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
    /// `ami-…`: a Linux with cloud-init, iptables and GRE or VXLAN.
    pub image: String,
    /// `t3.micro`.
    pub machine: String,
}

/// Who we are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// As every AWS tool finds it out: environment, `~/.aws`, web identity, container, instance metadata.
    #[default]
    Chain,
    /// A profile of a credentials file, and nothing else.
    Profile {
        /// The file; `None` for `~/.aws/credentials`.
        file: Option<PathBuf>,
        /// `default`.
        name: String,
    },
}

/// How long and how much at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// For one call, credentials and connection included.
    pub call: Duration,
    /// For an instance to be gone after it was told to, or to be stopped: a minute, mostly. Less than the two minutes that the
    /// core waits for a call.
    pub settle: Duration,
    /// Between two looks at one that is on its way.
    pub look: Duration,
    /// How many entries a page of a listing has: 5 to 1,000.
    pub page: i32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            call: Duration::from_secs(20),
            settle: Duration::from_secs(90),
            look: Duration::from_secs(3),
            page: 500,
        }
    }
}

/// Why a cloud cannot be as it was set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cloud {cloud}: {problem}")]
pub struct SettingsError {
    /// Which.
    pub cloud: CloudName,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// EC2 takes no more user data than this.
const USER_DATA_LIMIT: usize = 16 << 10;
/// EC2's own bounds of a page.
const PAGES: std::ops::RangeInclusive<i32> = 5..=1000;

impl Settings {
    /// What is wrong with them, if anything; asks nobody.
    pub fn check(&self) -> Result<(), SettingsError> {
        match self.problem() {
            None => Ok(()),
            Some(problem) => Err(SettingsError {
                cloud: self.cloud.clone(),
                problem,
            }),
        }
    }

    fn problem(&self) -> Option<String> {
        if self.region.is_empty() {
            return Some("it has no region; hint: `region: eu-central-1`".to_owned());
        }
        let zones: BTreeSet<&String> = self.zones.iter().collect();
        if zones.is_empty() || zones.len() < self.zones.len() {
            return Some("it needs zones, each named once; hint: `zones: [eu-central-1a]`".into());
        }
        if let Some(zone) = zones.iter().find(|zone| !zone.starts_with(&self.region)) {
            return Some(format!(
                "zone `{zone}` is not one of region `{}`",
                self.region
            ));
        }
        if let Network::Existing { subnets, .. } = &self.network
            && let Some(zone) = zones.iter().find(|zone| !subnets.contains_key(**zone))
        {
            return Some(format!("zone `{zone}` has no subnet; hint: name one"));
        }
        if !PAGES.contains(&self.bounds.page) {
            return Some("a page has 5 to 1,000 entries".to_owned());
        }
        self.templates.iter().find_map(|(name, template)| {
            let problem = self.template_problem(template)?;
            Some(format!("template `{name}`: {problem}"))
        })
    }

    fn template_problem(&self, template: &Template) -> Option<String> {
        let user_data = template.user_data.as_ref().map_or(0, String::len);
        if user_data > USER_DATA_LIMIT {
            return Some(format!(
                "its user data has {user_data} bytes, EC2 takes {USER_DATA_LIMIT}"
            ));
        }
        match &template.source {
            Source::Image(image) if !image.starts_with("ami-") => {
                Some(format!("`{image}` is no image; hint: `ami-…`"))
            }
            Source::Image(_) if self.machines.is_empty() => {
                Some("no machine type is named; hint: `machines: [t3.micro]`".to_owned())
            }
            Source::LaunchTemplate { id, .. } if !id.starts_with("lt-") => {
                Some(format!("`{id}` is no launch template; hint: `lt-…`"))
            }
            Source::LaunchTemplate { version, .. } if version.parse::<u64>().is_err() => Some(
                format!("version `{version}` may change its meaning; hint: name a number"),
            ),
            Source::Image(_) | Source::LaunchTemplate { .. } => None,
        }
    }
}
