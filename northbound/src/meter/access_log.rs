//! Requests per second and response time from an access log: one that a load splitter writes for a tenant, or that the
//! instances write in the directory that they share (S1-15).
//!
//! Where the lines say who answered, the samples are of single instances; else of the group. A log that is there, is written
//! to, and holds no request since the last reading says that there were none; one that is away, is not written to any more,
//! or holds only what is no request says nothing.

mod follow;
mod format;
mod tally;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use controller::id::{TemplateName, TenantName};
use controller::load::{Metric, Sample};
use controller::ports::{Measurement, Meter, MeterError};
use jiff::SignedDuration;

use super::Troubles;
pub use format::{Format, FormatError};
use tally::{SPAN_MAX, Tally};

/// Doors for the fuzz targets.
#[cfg(fuzzing)]
pub(super) mod fuzzing {
    pub(crate) use super::follow::lines;
    pub(crate) use super::tally::told;
}

/// An access log, as the operator has named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// A file of this machine; of a template, the name of a file in the directory that a tenant's instances share.
    pub file: PathBuf,
    /// What its lines look like.
    pub format: Format,
    /// Not written to for so long, it says nothing.
    pub stale_after: SignedDuration,
}

/// Which logs there are.
pub(crate) struct Sources {
    pub(crate) of_tenants: BTreeMap<TenantName, AccessLog>,
    pub(crate) of_templates: BTreeMap<TemplateName, AccessLog>,
    /// Where those of templates are.
    pub(crate) shared: Shared,
}

/// The directory that a tenant's instances share; `None` where there are no instances of ours.
pub(crate) type Shared = Box<dyn Fn(&TenantName) -> Option<PathBuf> + Send + Sync>;

/// Reads access logs, of those tenants only whose policy follows what is in them.
pub(crate) struct AccessLogMeter {
    sources: Sources,
    troubles: Troubles,
    followed: Mutex<BTreeMap<(TenantName, PathBuf), Followed>>,
}

struct Followed {
    tally: Arc<Mutex<Tally>>,
    asked: Instant,
}

impl fmt::Debug for AccessLogMeter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLogMeter").finish_non_exhaustive()
    }
}

const NAME: &str = "access log";

impl AccessLogMeter {
    pub(crate) fn new(sources: Sources, troubles: Troubles) -> Self {
        Self {
            sources,
            troubles,
            followed: Mutex::default(),
        }
    }

    /// Where the tenant's log is: its own, else the one of the template that its newest instance is made from, so that a
    /// tenant never has two.
    fn source(&self, asked: &Measurement<'_>) -> Result<(PathBuf, &AccessLog), String> {
        let Sources {
            of_tenants,
            of_templates,
            shared,
        } = &self.sources;
        if let Some(log) = of_tenants.get(asked.tenant) {
            return Ok((log.file.clone(), log));
        }
        let newest = asked.instances.iter().max_by_key(|instance| instance.id);
        let of_template = newest.and_then(|instance| of_templates.get(&instance.template));
        if let (Some(log), Some(shared)) = (of_template, shared(asked.tenant)) {
            return Ok((shared.join(&log.file), log));
        }
        Err(format!(
            "no access log is known for tenant `{}`; hint: name one under `access_logs` in asaas.yml, \
             or as `access_log` of its template",
            asked.tenant
        ))
    }

    fn tally(&self, tenant: &TenantName, path: &Path) -> Arc<Mutex<Tally>> {
        let now = Instant::now();
        let mut all = self.followed.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, followed| now.saturating_duration_since(followed.asked) < SPAN_MAX);
        let followed = all
            .entry((tenant.clone(), path.to_owned()))
            .or_insert_with(|| Followed {
                tally: Arc::new(Mutex::new(Tally::new(path.to_owned()))),
                asked: now,
            });
        followed.asked = now;
        Arc::clone(&followed.tally)
    }
}

#[async_trait]
impl Meter for AccessLogMeter {
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError> {
        let is_ours =
            |metric: &Metric| matches!(metric, Metric::RequestsPerSecond | Metric::ResponseTime);
        if !asked.metrics.iter().any(is_ours) || asked.instances.is_empty() {
            self.troubles.set(asked.tenant, NAME, Vec::new());
            return Ok(Vec::new());
        }
        let (path, log) = match self.source(asked) {
            Ok(source) => source,
            Err(trouble) => {
                self.troubles.set(asked.tenant, NAME, vec![trouble]);
                return Ok(Vec::new());
            }
        };
        let tally = self.tally(asked.tenant, &path);
        let (log, instances, now) = (log.clone(), asked.instances.to_vec(), asked.now);
        let read = tokio::task::spawn_blocking(move || {
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.read(&log, &instances, now, Instant::now())
        });
        let read = read.await.map_err(|cause| MeterError {
            meter: NAME,
            detail: cause.to_string(),
        })?;
        let told = |trouble: &String| format!("the access log {}: {trouble}", path.display());
        let troubles = read.as_ref().err().map(told).into_iter().collect();
        self.troubles.set(asked.tenant, NAME, troubles);
        Ok(read.unwrap_or_default())
    }
}
