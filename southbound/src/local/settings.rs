//! What the operator sets of a local cloud, and what he cannot have set.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use controller::amount::Amount;
use controller::id::{CloudName, TemplateName};
use jiff::SignedDuration;

/// One local cloud.
#[derive(Debug, Clone)]
pub struct LocalSettings {
    /// Its name in the tenants' files.
    pub cloud: CloudName,
    /// The deployment that it belongs to: 1 to 32 lower-case letters, digits and dashes. Salts every name in the kernel.
    pub deployment: String,
    /// Where it keeps what it needs; the same for all local clouds of a deployment. On ext4, xfs or tmpfs: the kernel lets no
    /// overlay lie on another.
    pub state: PathBuf,
    /// The OCI runtime: `/usr/sbin/runc`, or a bare name that is looked up in `PATH`.
    pub runtime: PathBuf,
    /// So many instances exist at most, of all tenants together.
    pub capacity: u32,
    /// What an instance can be made from.
    pub templates: BTreeMap<TemplateName, Template>,
}

/// What an instance is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// Its root file system: a directory, or a tarball that ends in `.tar`. Never written to.
    pub root: PathBuf,
    /// What it runs, program first.
    pub command: Vec<String>,
    /// Its environment, on top of `PATH` and the `ASAAS_…` that every instance has.
    pub env: BTreeMap<String, String>,
    /// How many cores it may use: 0.01 at least.
    pub cpu: Amount,
    /// How much memory it may use, in bytes: 6 MiB at least.
    pub memory_bytes: u64,
    /// How many processes and threads it may have.
    pub pids: u32,
    /// Where in the instance the directory is that all instances of the tenant share.
    pub shared: PathBuf,
    /// How long it may take to end after SIGTERM; then it is killed.
    pub stop_grace: SignedDuration,
}

impl Template {
    /// A small instance that runs `command` on `root`: half a core, 128 MiB, 256 processes, `/shared`, a second to stop.
    pub fn new(root: impl Into<PathBuf>, command: &[&str]) -> Self {
        Self {
            root: root.into(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            env: BTreeMap::new(),
            cpu: Amount::from_millionths(500_000),
            memory_bytes: 128 << 20,
            pids: 256,
            shared: PathBuf::from("/shared"),
            stop_grace: SignedDuration::from_secs(1),
        }
    }
}

/// Why a local cloud cannot be as it was set.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The deployment's id cannot be a name in the kernel.
    #[error(
        "`{deployment}` cannot be a deployment's id: use 1 to 32 lower-case letters, digits and dashes"
    )]
    Deployment {
        /// What was given.
        deployment: String,
    },
    /// A path that cannot be used in an overlay mount.
    #[error("`{path}` cannot be used: its path must be absolute, without `,`, `:`, `\\` and `\"`")]
    Path {
        /// What was given.
        path: PathBuf,
    },
    /// A template that no instance can be made from.
    #[error("template `{template}` of cloud {cloud}: {detail}")]
    Template {
        /// In which cloud.
        cloud: CloudName,
        /// Which template.
        template: TemplateName,
        /// What is wrong, and what would be right.
        detail: String,
    },
    /// The state directory cannot be made or read.
    #[error("`{path}` could not be prepared for cloud {cloud}")]
    State {
        /// In which cloud.
        cloud: CloudName,
        /// Which directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The control groups of this machine are mounted in no way that we know.
    #[error("the control groups of this machine cannot be used: {0}")]
    Cgroups(String),
}

/// The kernel grants no less time than a millisecond in each period; see `convert::CPU_PERIOD_US`.
const CPU_MIN: Amount = Amount::from_millionths(10_000);
/// Less than this and the runtime itself cannot start in the group.
const MEMORY_MIN: u64 = 6 << 20;
/// Longest deployment id: it becomes a directory name among others.
const DEPLOYMENT_LIMIT: usize = 32;

/// Refuses a deployment id that would not do as a name in the kernel.
pub(crate) fn check_deployment(deployment: &str) -> Result<(), SettingsError> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=DEPLOYMENT_LIMIT).contains(&deployment.len())
        && deployment.chars().all(is_allowed)
        && !deployment.starts_with('-')
    {
        return Ok(());
    }
    Err(SettingsError::Deployment {
        deployment: deployment.to_owned(),
    })
}

/// Overlay options are one text with commas and colons in it.
fn check_path(path: &Path) -> Result<(), SettingsError> {
    let is_plain = path
        .to_str()
        .is_some_and(|text| !text.contains([',', ':', '\\', '"', '\n']));
    if path.is_absolute() && is_plain {
        return Ok(());
    }
    Err(SettingsError::Path {
        path: path.to_owned(),
    })
}

impl LocalSettings {
    /// All that can be known to be wrong before the first instance is asked for; what is on the disk is not looked at.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let Self {
            cloud,
            deployment,
            state,
            runtime: _,
            capacity: _,
            templates,
        } = self;
        check_deployment(deployment)?;
        check_path(state)?;
        for (name, template) in templates {
            check_path(&template.root)?;
            template.check().map_err(|detail| SettingsError::Template {
                cloud: cloud.clone(),
                template: name.clone(),
                detail,
            })?;
        }
        Ok(())
    }
}

impl Template {
    fn check(&self) -> Result<(), String> {
        let Self {
            root: _,
            command,
            env,
            cpu,
            memory_bytes,
            pids,
            shared,
            stop_grace,
        } = self;
        if command.first().is_none_or(String::is_empty) {
            return Err("it has no command; name at least a program".to_owned());
        }
        if let Some(name) = env
            .keys()
            .find(|name| name.is_empty() || name.contains(['=', '\0']))
        {
            return Err(format!("`{name}` cannot be the name of a variable"));
        }
        if *cpu < CPU_MIN {
            return Err(format!(
                "cpu {cpu} is too little; give at least {CPU_MIN} cores"
            ));
        }
        if *memory_bytes < MEMORY_MIN {
            return Err(format!(
                "{memory_bytes} bytes of memory are too little; give at least {MEMORY_MIN}"
            ));
        }
        if *pids == 0 {
            return Err("pids 0 lets nothing start; give at least 1".to_owned());
        }
        let is_below_root = shared.is_absolute()
            && shared != Path::new("/")
            && !shared
                .components()
                .any(|part| part == std::path::Component::ParentDir);
        if !is_below_root {
            return Err(format!(
                "shared `{}` is not a directory below the root; write it as `/shared`",
                shared.display()
            ));
        }
        if stop_grace.is_negative() || *stop_grace > STOP_GRACE_MAX {
            return Err(format!(
                "stop grace {stop_grace:#} is not between 0 and {STOP_GRACE_MAX:#}"
            ));
        }
        Ok(())
    }
}

/// A tick waits for a terminate: the drain is where a stop takes its time, not here.
const STOP_GRACE_MAX: SignedDuration = SignedDuration::from_secs(30);
