//! All hosts of a cloud and what is on them: listing, ending, suspending, resuming. Nothing is kept in memory that matters.

use std::sync::Arc;

use controller::id::{InstanceId, ProviderId, TenantName};
use controller::ports::{CloudErrorKind, InstanceSeen};
use jiff::Timestamp;
use southbound::tag;

use crate::api::{self, Life};
use crate::cable::Cable;
use crate::convert::{self, Tag};
use crate::error::Trouble;
use crate::hosts::Hosts;
use crate::link::Link;
use crate::making;
use crate::pool::Pool;
use crate::settings::{Settings, SuspendBy};
use crate::turn::Turns;
use crate::{VendorData, Wake};

/// Everything that calls need.
pub(crate) struct Fleet {
    pub(crate) settings: Arc<Settings>,
    pub(crate) hosts: Hosts,
    pub(crate) cable: Arc<dyn Cable>,
    pub(crate) vendor_data: VendorData,
    pub(crate) turns: Turns,
}

/// What a host knows of one instance, and how full it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// How far the instance's domain is; `None` where the host has none.
    pub(crate) life: Option<Life>,
    /// It was terminated here.
    pub(crate) is_buried: bool,
    /// How many instances of the cloud exist here.
    pub(crate) taken: u32,
}

/// What a host has of a tenant: name, intent, life.
type Held = Vec<(String, InstanceId, Life)>;

impl Fleet {
    pub(crate) fn new(
        settings: Settings,
        cable: Arc<dyn Cable>,
        vendor_data: VendorData,
        wake: &Wake,
    ) -> Self {
        Self {
            hosts: Hosts::new(&settings, wake),
            settings: Arc::new(settings),
            cable,
            vendor_data,
            turns: Turns::default(),
        }
    }

    /// Asks every host about an instance.
    pub(crate) async fn look(&self, name: &str) -> Vec<Result<Look, Trouble>> {
        let (settings, name) = (Arc::clone(&self.settings), name.to_owned());
        self.hosts
            .ask(move |link| look(link, &settings, &name))
            .await
    }

    pub(crate) async fn list(&self, tenant: &TenantName) -> Result<Vec<InstanceSeen>, Trouble> {
        let (settings, asked) = (Arc::clone(&self.settings), tenant.clone());
        let held = self
            .hosts
            .ask_all(move |link| held(link, &settings, &asked))
            .await?;
        let mut seen = Vec::new();
        for (index, (name, id, life)) in held
            .into_iter()
            .enumerate()
            .flat_map(|(index, held)| held.into_iter().map(move |one| (index, one)))
        {
            // Whoever made it has broken off, unless it is one of us, at this moment.
            if life == Life::Unfinished
                && let Some(_turn) = self.turns.try_take(&name)
                && making::take_back(self, index, tenant, id, &name).await?
            {
                continue;
            }
            seen.push(InstanceSeen {
                provider: ProviderId(name),
                id,
                state: life.state(),
            });
        }
        Ok(seen)
    }

    pub(crate) async fn terminate(&self, tenant: &TenantName, name: &str) -> Result<(), Trouble> {
        let Some(id) = self.ours(tenant, name) else {
            return match self.stranger(name).await {
                Err(trouble) if trouble.kind == CloudErrorKind::NotFound => Ok(()),
                answer => answer,
            };
        };
        let _turn = self.turns.take(name).await;
        let (settings, ended) = (Arc::clone(&self.settings), name.to_owned());
        let answers = self
            .hosts
            .ask(move |link| end(link, &settings, &ended))
            .await;
        let was_there = answers.iter().any(|answer| matches!(answer, Ok(true)));
        for (index, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(true) => {
                    // The domain stands for all that belongs to it, so it goes last.
                    let host = self.hosts.at(index);
                    let cloud = &self.settings.cloud;
                    self.cable.unplug(&host.uri, tenant, cloud, id).await?;
                    let forgotten = name.to_owned();
                    host.call(move |link| api::undefine(link, &forgotten))
                        .await?;
                }
                // It is nowhere twice: a host that is silent cannot have what another had.
                Err(trouble) if !was_there => return Err(trouble),
                Ok(false) | Err(_) => {}
            }
        }
        Ok(())
    }

    pub(crate) async fn suspend(&self, tenant: &TenantName, name: &str) -> Result<(), Trouble> {
        let Some((index, life)) = self.locate(tenant, name).await? else {
            return Ok(());
        };
        match life {
            Life::Suspended => Ok(()),
            Life::Running => {
                let (by, name) = (self.settings.suspend_by, name.to_owned());
                let suspend = move |link: &Link| match by {
                    SuspendBy::Save => api::save(link, &name),
                    SuspendBy::Pause => api::pause(link, &name),
                };
                self.hosts.at(index).call(suspend).await
            }
            Life::Unfinished | Life::Starting | Life::Stopped => Err(Trouble::new(
                CloudErrorKind::Rejected,
                "only an instance that runs can be suspended",
            )),
        }
    }

    pub(crate) async fn resume(&self, tenant: &TenantName, name: &str) -> Result<(), Trouble> {
        let Some((index, life)) = self.locate(tenant, name).await? else {
            return Ok(());
        };
        match life {
            Life::Running | Life::Starting => Ok(()),
            Life::Suspended => {
                let name = name.to_owned();
                self.hosts
                    .at(index)
                    .call(move |link| api::go_on(link, &name))
                    .await
            }
            Life::Unfinished | Life::Stopped => Err(Trouble::new(
                CloudErrorKind::Rejected,
                "it has stopped, and was not suspended; it can only be replaced",
            )),
        }
    }

    /// Those of the tenant's instances that are on the host with the fewest instances, of those with any: with them gone, the host
    /// is empty, or nearer to it (S3-25). Fails where a host does not answer.
    pub(crate) async fn on_emptiest(
        &self,
        tenant: &TenantName,
    ) -> Result<Vec<InstanceId>, Trouble> {
        let (settings, asked) = (Arc::clone(&self.settings), tenant.clone());
        let load = move |link: &Link| {
            let all = api::domains(link, &settings.deployment, settings.cloud.as_str())?;
            Ok((all.len(), held(link, &settings, &asked)?))
        };
        let loads = self.hosts.ask_all(load).await?;
        let with_some = loads.into_iter().filter(|(_, held)| !held.is_empty());
        let emptiest = with_some.min_by_key(|(taken, _)| *taken);
        let held = emptiest.map(|(_, held)| held).unwrap_or_default();
        Ok(held.into_iter().map(|(_, id, _)| id).collect())
    }

    /// The intent behind a name, where it is one of this tenant's here.
    fn ours(&self, tenant: &TenantName, name: &str) -> Option<InstanceId> {
        tag::instance(
            &self.settings.deployment,
            &self.settings.cloud,
            tenant,
            name,
        )
    }

    /// Of a name that is not this tenant's: `Denied` where a domain is called so, `NotFound` where none is.
    async fn stranger(&self, name: &str) -> Result<(), Trouble> {
        let gone = Trouble::new(CloudErrorKind::NotFound, format!("there is no `{name}`"));
        // Names of this kind are the only ones that we ever gave away, and libvirt need not be asked about the empty one.
        if name.is_empty() || name.contains('\0') {
            return Err(gone);
        }
        let asked = name.to_owned();
        let found = self
            .hosts
            .ask_all(move |link| api::find(link, &asked).map(|found| found.is_some()))
            .await?;
        if found.contains(&true) {
            let detail = format!("`{name}` is not an instance of this tenant");
            return Err(Trouble::new(CloudErrorKind::Denied, detail));
        }
        Err(gone)
    }

    /// On which host an instance is, and how far it is; an error where it is on none.
    async fn locate(
        &self,
        tenant: &TenantName,
        name: &str,
    ) -> Result<Option<(usize, Life)>, Trouble> {
        if self.ours(tenant, name).is_none() {
            return self.stranger(name).await.map(|()| None);
        }
        let looks = self.look(name).await;
        let life = |look: &Result<Look, Trouble>| look.as_ref().ok().and_then(|look| look.life);
        let found = looks
            .iter()
            .enumerate()
            .find_map(|(index, look)| Some((index, life(look)?)));
        if found.is_some() {
            return Ok(found);
        }
        for look in looks {
            look?;
        }
        let detail = format!("there is no `{name}`");
        Err(Trouble::new(CloudErrorKind::NotFound, detail))
    }
}

fn look(link: &Link, settings: &Settings, name: &str) -> Result<Look, Trouble> {
    let all = api::domains(link, &settings.deployment, settings.cloud.as_str())?;
    let life = match all.iter().find(|found| found.name == name) {
        Some(found) => api::life(link, found)?,
        None => None,
    };
    Ok(Look {
        life,
        is_buried: Pool::open(link, &settings.pool)?.is_buried(name)?,
        taken: u32::try_from(all.len()).unwrap_or(u32::MAX),
    })
}

fn held(link: &Link, settings: &Settings, tenant: &TenantName) -> Result<Held, Trouble> {
    let mut held = Vec::new();
    for found in api::domains(link, &settings.deployment, settings.cloud.as_str())? {
        // Both the name and what the domain says of itself have to be ours.
        let Tag {
            tenant: of,
            instance,
            ..
        } = &found.tag;
        let id = tag::instance(&settings.deployment, &settings.cloud, tenant, &found.name);
        let Some(id) = id.filter(|id| of == tenant.as_str() && *instance == id.to_string()) else {
            continue;
        };
        if let Some(life) = api::life(link, &found)? {
            held.push((found.name, id, life));
        }
    }
    Ok(held)
}

/// Ends an instance on one host, but for its domain, which stands for what is left; whether there was one.
fn end(link: &Link, settings: &Settings, name: &str) -> Result<bool, Trouble> {
    if api::find(link, name)?.is_none() {
        return Ok(false);
    }
    let all = api::domains(link, &settings.deployment, settings.cloud.as_str())?;
    if !all.iter().any(|found| found.name == name) {
        let detail = format!("`{name}` says that it is somebody else's");
        return Err(Trouble::new(CloudErrorKind::Denied, detail));
    }
    let pool = Pool::open(link, &settings.pool)?;
    pool.bury(name)?;
    api::destroy(link, name)?;
    remove_volumes(&pool, name)?;
    pool.sweep(u64::try_from(Timestamp::now().as_second()).unwrap_or(0));
    Ok(true)
}

/// Removes what an instance has in the pool, but for its tombstone.
pub(crate) fn remove_volumes(pool: &Pool<'_>, name: &str) -> Result<(), Trouble> {
    pool.delete(&convert::disk(name))?;
    pool.delete(&convert::seed(name))
}
