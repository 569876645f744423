//! What a local cloud is made of, and what can be seen in it. Changes nothing but its own books; see [`making`](super::making).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use controller::id::{CloudName, InstanceId, ProviderId, TemplateName, TenantName};
use controller::ports::{Checkup, CloudErrorKind, CloudState, InstanceSeen, Room, Verdict};

use super::api::Runtime;
use super::bundle::{self, Bundle};
use super::cable::Cable;
use super::cgroup::Hierarchies;
use super::convert;
use super::error::Trouble;
use super::settings::{LocalSettings, SettingsError, Template};
use super::stray;
use super::tombstone::Tombstones;
use super::turn::{Turn, Turns};
use crate::tag;

/// The turn of whoever counts the places and takes one; no instance has this name.
const CLAIMING: &str = "places";

/// A local cloud's directories, settings and tools.
pub(super) struct Place {
    cloud: CloudName,
    deployment: String,
    capacity: u32,
    templates: BTreeMap<TemplateName, Template>,
    instances: PathBuf,
    pub(super) tombstones: Arc<Tombstones>,
    shared: PathBuf,
    pub(super) images: PathBuf,
    pub(super) open_files_max: u64,
    pub(super) runtime: Runtime,
    pub(super) hierarchies: Hierarchies,
    pub(super) cable: Arc<dyn Cable>,
    /// Whose turn it is to do something to an instance, or to take a place.
    turns: Arc<Turns>,
    /// Instances that are being made at this moment, by this process.
    starting: Mutex<BTreeSet<String>>,
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Place")
            .field("cloud", &self.cloud)
            .field("capacity", &self.capacity)
            .field("instances", &self.instances)
            .finish_non_exhaustive()
    }
}

/// Nothing that is done under these locks can panic halfway.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that an instance is being made, until it is dropped.
pub(super) struct Starting<'a> {
    place: &'a Place,
    name: String,
}

impl Drop for Starting<'_> {
    fn drop(&mut self) {
        locked(&self.place.starting).remove(&self.name);
    }
}

impl Place {
    pub(super) fn new(
        settings: LocalSettings,
        cable: Arc<dyn Cable>,
    ) -> Result<Self, SettingsError> {
        let LocalSettings {
            cloud,
            deployment,
            state,
            runtime,
            capacity,
            templates,
        } = settings;
        let instances = bundle::instances(&state, &cloud);
        let containers = instances.with_file_name("runtime");
        let prepared = |path: &Path| {
            fs::create_dir_all(path).map_err(|cause| SettingsError::State {
                cloud: cloud.clone(),
                path: path.to_owned(),
                cause,
            })
        };
        prepared(&instances)?;
        prepared(&containers)?;
        let gone = instances.with_file_name("gone");
        let opened = bundle::sweep(&instances).and_then(|()| {
            let turns = Turns::open(&instances.with_file_name("turns"))?;
            Ok((Tombstones::open(gone)?, turns))
        });
        let (tombstones, turns) = opened.map_err(|cause| SettingsError::State {
            cloud: cloud.clone(),
            path: instances.clone(),
            cause,
        })?;
        Ok(Self {
            deployment,
            capacity,
            templates,
            instances,
            tombstones: Arc::new(tombstones),
            shared: state.join("shared"),
            images: state.join("images"),
            open_files_max: convert::open_files_max(
                &fs::read_to_string("/proc/self/limits").unwrap_or_default(),
            ),
            runtime: Runtime::new(runtime, containers),
            hierarchies: Hierarchies::of_machine().map_err(SettingsError::Cgroups)?,
            cable,
            turns: Arc::new(turns),
            starting: Mutex::default(),
            cloud,
        })
    }

    pub(super) fn cloud(&self) -> &CloudName {
        &self.cloud
    }

    pub(super) fn deployment(&self) -> &str {
        &self.deployment
    }

    pub(super) fn template(&self, name: &TemplateName) -> Result<&Template, Trouble> {
        self.templates.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.templates.keys().map(TemplateName::as_str).collect();
            let detail = format!(
                "there is no template `{name}`; hint: it has {}",
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            );
            Trouble::new(CloudErrorKind::Rejected, detail)
        })
    }

    /// The directory that a tenant's instances share, the same in all local clouds of the deployment.
    pub(super) fn shared(&self, tenant: &TenantName) -> PathBuf {
        self.shared.join(tag::tenant(&self.deployment, tenant))
    }

    pub(super) fn bundle(&self, name: &str) -> Bundle {
        Bundle::new(&self.instances, name)
    }

    pub(super) fn provider(&self, tenant: &TenantName, id: InstanceId) -> ProviderId {
        tag::provider(&self.deployment, &self.cloud, tenant, id)
    }

    /// The instance behind a name, where it is one of this tenant's here.
    pub(super) fn instance(&self, tenant: &TenantName, name: &str) -> Option<InstanceId> {
        tag::instance(&self.deployment, &self.cloud, tenant, name)
    }

    pub(super) fn group(&self, name: &str) -> PathBuf {
        convert::cgroup(&self.deployment, name)
    }

    /// Takes a place for this instance, unless it has one already: true where it is new. `NoCapacity` where all are taken,
    /// `NotFound` where it was terminated.
    pub(super) async fn claim(&self, bundle: &Bundle) -> Result<bool, Trouble> {
        let _alone = self.turns.take(CLAIMING).await?;
        if bundle.exists() {
            return Ok(false);
        }
        if self.tombstones.has(bundle.name()) {
            let detail = "it was terminated, and what was terminated is not made again";
            return Err(Trouble::new(CloudErrorKind::NotFound, detail));
        }
        let failed = |cause: io::Error| {
            Trouble::system(format_args!("`{}`", self.instances.display()), &cause)
        };
        let taken = self.names().map_err(failed)?.len();
        if taken >= self.capacity as usize {
            return Err(Trouble::new(
                CloudErrorKind::NoCapacity,
                format!("{taken} of {} places are taken", self.capacity),
            ));
        }
        fs::create_dir(bundle.directory()).map_err(failed)?;
        Ok(true)
    }

    /// Of all instances, whosesoever, in order.
    fn names(&self) -> io::Result<BTreeSet<String>> {
        let entries = fs::read_dir(&self.instances)?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let names: io::Result<BTreeSet<String>> = names.collect();
        Ok(names?
            .into_iter()
            .filter(|name| tag::is_provider(name))
            .collect())
    }

    /// Waits until nothing else is done to this instance; others wait until the turn is dropped.
    pub(super) async fn turn(&self, name: &str) -> Result<Turn, Trouble> {
        self.turns.take(name).await
    }

    /// The same without waiting: `None` while something is done to this instance.
    pub(super) fn turn_now(&self, name: &str) -> Result<Option<Turn>, Trouble> {
        self.turns.take_now(name)
    }

    pub(super) fn starting(&self, name: &str) -> Starting<'_> {
        locked(&self.starting).insert(name.to_owned());
        Starting {
            place: self,
            name: name.to_owned(),
        }
    }

    /// What an instance that has a directory does.
    pub(super) fn state(&self, bundle: &Bundle) -> io::Result<CloudState> {
        // Asked for first: it may be done with in the next moment, and then runs.
        let is_starting = locked(&self.starting).contains(bundle.name())
            || self.turns.is_anothers(bundle.name())?;
        let is_alive = !self
            .hierarchies
            .pids(&self.group(bundle.name()))?
            .is_empty();
        Ok(match (is_alive, bundle.has_started(), is_starting) {
            (true, true, _) if bundle.is_suspended() => CloudState::Suspended,
            (true, true, _) => CloudState::Running,
            // A runtime may still be at work that an earlier service has started.
            (true, false, _) | (false, _, true) => CloudState::Starting,
            (false, false, false) if stray::is_at_work(bundle)? => CloudState::Starting,
            // It may have come to its end, and the instance to life, since the first question.
            (false, false, false) if bundle.has_started() => CloudState::Running,
            (false, _, false) => CloudState::Stopped,
        })
    }

    /// Those of this tenant's that never came to run and that nobody is at work on: what launches have left that were cut
    /// short together with the service.
    pub(super) fn half_made(&self, tenant: &TenantName) -> io::Result<Vec<Bundle>> {
        let mut found = Vec::new();
        for name in self.names()? {
            let bundle = self.bundle(&name);
            if self.instance(tenant, &name).is_some() && self.is_half_made(&bundle)? {
                found.push(bundle);
            }
        }
        Ok(found)
    }

    pub(super) fn is_half_made(&self, bundle: &Bundle) -> io::Result<bool> {
        // The cheap question first: it is true of nearly all.
        Ok(!bundle.has_started()
            && bundle.exists()
            && self.state(bundle)? == CloudState::Stopped
            && !bundle.has_started())
    }

    pub(super) async fn list(
        self: &Arc<Self>,
        tenant: &TenantName,
    ) -> Result<Vec<InstanceSeen>, Trouble> {
        let (place, tenant) = (Arc::clone(self), tenant.clone());
        blocking(move || {
            let all = place.listing(&tenant);
            all.map_err(|cause| Trouble::system("reading the state directory", &cause))
        })
        .await
    }

    fn listing(&self, tenant: &TenantName) -> io::Result<Vec<InstanceSeen>> {
        let mut all = Vec::new();
        for name in self.names()? {
            let Some(id) = self.instance(tenant, &name) else {
                continue;
            };
            let bundle = self.bundle(&name);
            let state = self.state(&bundle)?;
            if let Err(cause) = bundle.trim_log() {
                tracing::warn!(instance = %id, cloud = %self.cloud, %cause, "cannot cut back its log");
            }
            // It may have been terminated in the meantime.
            if bundle.exists() {
                all.push(InstanceSeen {
                    provider: ProviderId(name),
                    id,
                    state,
                });
            }
        }
        Ok(all)
    }

    /// The bundle of an instance of this tenant's that exists.
    pub(super) fn own(&self, tenant: &TenantName, name: &str) -> Result<Bundle, Trouble> {
        let bundle = self.bundle(name);
        if !tag::is_provider(name) || !bundle.exists() {
            return Err(Trouble::new(CloudErrorKind::NotFound, "it does not exist"));
        }
        match self.instance(tenant, name) {
            Some(_) => Ok(bundle),
            None => Err(Trouble::foreign()),
        }
    }

    /// What there is, and what there is not, to make instances.
    pub(super) fn checkup(&self) -> Checkup {
        let mut checkup = Checkup::default();
        checkup = match self.runtime.find() {
            Some(path) => checkup.and("runtime", Verdict::Ok, path.display().to_string()),
            None => checkup.and("runtime", Verdict::Missing, self.runtime.missing()),
        };
        for (name, template) in &self.templates {
            let subject = format!("image of {name}");
            checkup = match fs::metadata(&template.root) {
                Ok(_) => checkup.and(subject, Verdict::Ok, template.root.display().to_string()),
                Err(cause) => checkup.and(
                    subject,
                    Verdict::Missing,
                    format!(
                        "`{}`: {cause}; hint: put the root file system there, or change the template's `root`",
                        template.root.display()
                    ),
                ),
            };
        }
        let taken = self.names().ok().map(|names| names.len());
        checkup.room = taken.map(|taken| Room {
            taken: u32::try_from(taken).unwrap_or(u32::MAX),
            limit: self.capacity,
        });
        checkup
    }

    pub(super) fn log_tail(&self, tenant: &TenantName, id: &ProviderId, limit: usize) -> String {
        match self.instance(tenant, &id.0) {
            Some(_) => self.bundle(&id.0).log_tail(limit),
            None => String::new(),
        }
    }

    pub(super) async fn remove_shared(
        self: &Arc<Self>,
        tenant: &TenantName,
    ) -> Result<(), Trouble> {
        let left = self.list(tenant).await?.len();
        if left > 0 {
            let detail = format!("{left} instances of the tenant still use it");
            return Err(Trouble::new(CloudErrorKind::Rejected, detail));
        }
        let directory = self.shared(tenant);
        blocking(move || match fs::remove_dir_all(&directory) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(Trouble::system(
                format_args!("removing `{}`", directory.display()),
                &cause,
            )),
            _ => Ok(()),
        })
        .await
    }
}

/// Does what may take its time on a thread that may wait.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Trouble> + Send + 'static,
) -> Result<T, Trouble> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|cause| Err(Trouble::cut_short(&cause)))
}
