//! Instances on Amazon EC2.
//!
//! ```text
//!  launch      was it made before? ─► RunInstances, once: token, tags, address, offering ─► pending
//!  list        DescribeInstances by tags, every page
//!  suspend     mark it, StopInstances          resume      StartInstances, take the mark off
//!  terminate   whose is it? ─► TerminateInstances (its protection lifted where there is one) ─► wait until it is gone
//! ```
//!
//! Nothing is kept in memory that matters. EC2 itself knows by the token which intent an instance was made for, by the tags
//! whose it is, and by one more tag that it was us who stopped it. Tags can be copied, tokens cannot: ours has to have both.
//!
//! `api` has the calls, `convert` what they say, `error` what the answers mean, `wire` which answers are believed.

mod api;
mod checkup;
mod convert;
mod error;
mod fresh;
mod settings;
mod site;
mod wire;

use std::time::Instant;

use async_trait::async_trait;
use aws_sdk_ec2::types::{Instance, InstanceStateName};
use controller::id::{ProviderId, TenantName};
use controller::ports::{Checkup, CloudError, CloudErrorKind, InstanceSeen, Launch};
use southbound::Southbound;
use southbound::tag::label;

pub use settings::{
    Bounds, Credentials, Gateway, Network, Settings, SettingsError, Source, Template,
};

use api::Api;
use convert::{Place, filter};
use error::Trouble;
use fresh::Fresh;

/// States in which an instance exists. EC2 shows one that is gone for an hour more.
const PRESENT: [InstanceStateName; 5] = [
    InstanceStateName::Pending,
    InstanceStateName::Running,
    InstanceStateName::ShuttingDown,
    InstanceStateName::Stopping,
    InstanceStateName::Stopped,
];

/// A cloud at EC2. Its calls have to be made within a tokio runtime.
#[derive(Debug)]
pub struct AwsCloud {
    settings: Settings,
    api: Api,
    fresh: Fresh,
}

impl AwsCloud {
    /// A cloud as it is set; asks nobody yet.
    pub fn open(settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        Ok(Self {
            api: Api::new(settings.clone()),
            fresh: Fresh::default(),
            settings,
        })
    }

    async fn present_ones(&self, tenant: &TenantName) -> Result<Vec<InstanceSeen>, Trouble> {
        let mut filters = convert::filters_of(&convert::owner(&self.settings, tenant));
        let states = PRESENT.map(|state| state.as_str().to_owned());
        filters.push(filter("instance-state-name", states));
        let found = self.api.describe(filters).await?;
        let seen = found
            .iter()
            .map(|each| convert::seen(&self.settings, tenant, each));
        seen.filter_map(Result::transpose).collect()
    }

    /// Looks first: what was made before is shown as it is by now, which the answer to a repeated launch need not do, and it is
    /// found also after a day, when EC2 has forgotten the token, or after the template has changed. The token is for what is
    /// not shown yet.
    async fn make(&self, launch: &Launch) -> Result<InstanceSeen, Trouble> {
        let instance = if let Some(instance) = self.made_before(launch).await? {
            instance
        } else {
            let place = self.place(launch).await?;
            let input = convert::run(&self.settings, launch, &place)?;
            self.api.run(input).await.map_err(remembered)?
        };
        if let Some(id) = instance.instance_id() {
            self.fresh.note(ProviderId(id.to_owned()), Instant::now());
        }
        let seen = convert::seen(&self.settings, &launch.tenant, &instance)?;
        let is_leaving = convert::is_leaving(&instance);
        seen.filter(|_| !is_leaving).ok_or_else(|| {
            Trouble::new(
                CloudErrorKind::NotFound,
                "it was made, and terminated since",
            )
        })
    }

    /// The instance of an intent, as far as EC2 shows it; one that is gone only where there is no other.
    async fn made_before(&self, launch: &Launch) -> Result<Option<Instance>, Trouble> {
        let mut tags = convert::owner(&self.settings, &launch.tenant);
        tags.push(convert::tagged(
            label::INSTANCE,
            &launch.instance.id.to_string(),
        ));
        let mut found = self.api.describe(convert::filters_of(&tags)).await?;
        found.retain(|each| self.is_of(&launch.tenant, each));
        Ok(found.into_iter().min_by_key(convert::is_leaving))
    }

    /// Where a launch's instance goes.
    async fn place(&self, launch: &Launch) -> Result<Place, Trouble> {
        let zone = convert::zone(&self.settings, launch);
        match &self.settings.network {
            Network::Existing { subnets, groups } => {
                let subnet = subnets.get(zone).cloned().ok_or_else(|| {
                    let detail = format!("no subnet is set for zone `{zone}`; hint: name one");
                    Trouble::new(CloudErrorKind::Rejected, detail)
                })?;
                Ok(Place {
                    subnet,
                    groups: groups.clone(),
                })
            }
            Network::Site(_) => self.site_place(launch).await,
        }
    }

    /// Whether it was made for an intent of this tenant's, here.
    fn is_of(&self, tenant: &TenantName, instance: &Instance) -> bool {
        let owner = convert::owner(&self.settings, tenant);
        convert::carries(instance.tags(), &owner)
            && convert::intent(&self.settings, tenant, instance).is_some()
    }

    /// This very instance, also one that is gone, as long as EC2 shows it; `Denied` where it is not this tenant's.
    async fn own(&self, tenant: &TenantName, id: &ProviderId) -> Result<Option<Instance>, Trouble> {
        if !convert::is_instance_id(id) {
            return Ok(None);
        }
        // A filter finds nothing where a list of ids would be an error, as it is for one that was made a moment ago.
        let found = self
            .api
            .describe(vec![filter("instance-id", [&id.0])])
            .await?
            .pop();
        if let Some(instance) = &found
            && !self.is_of(tenant, instance)
        {
            let detail = "its tags and its token do not say that it is this tenant's";
            return Err(Trouble::new(CloudErrorKind::Denied, detail));
        }
        if found
            .as_ref()
            .is_some_and(|each| convert::state_name(each).is_none())
        {
            return Err(convert::nameless("a state"));
        }
        if found.is_none() && self.fresh.is_fresh(id, Instant::now()) {
            let detail = "EC2 has made it a moment ago and does not show it yet";
            return Err(Trouble::new(CloudErrorKind::Unreachable, detail));
        }
        Ok(found)
    }

    /// This very instance, where it exists.
    async fn present(&self, tenant: &TenantName, id: &ProviderId) -> Result<Instance, Trouble> {
        let found = self.own(tenant, id).await?;
        found
            .filter(|instance| !convert::is_leaving(instance))
            .ok_or_else(|| Trouble::new(CloudErrorKind::NotFound, "there is none of that name"))
    }

    /// Looks until it holds, for as long as an instance may take.
    async fn until(
        &self,
        tenant: &TenantName,
        id: &ProviderId,
        what: &str,
        holds: impl Fn(Option<&Instance>) -> bool,
    ) -> Result<(), Trouble> {
        let begun = Instant::now();
        loop {
            let found = self.own(tenant, id).await?;
            if holds(found.as_ref()) {
                return Ok(());
            }
            if begun.elapsed() >= self.settings.bounds.settle {
                let detail = format!("it is {what} and not done after {:?}", begun.elapsed());
                return Err(Trouble::new(CloudErrorKind::Unreachable, detail));
            }
            tokio::time::sleep(self.settings.bounds.look).await;
        }
    }

    async fn remove(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), Trouble> {
        let is_gone = |found: Option<&Instance>| {
            found.is_none_or(|instance| {
                convert::state_name(instance) == Some(&InstanceStateName::Terminated)
            })
        };
        let found = self.own(tenant, id).await?;
        if is_gone(found.as_ref()) {
            return Ok(());
        }
        let told = match self.api.terminate(id).await {
            Err(trouble) if trouble.is("OperationNotPermitted") => {
                self.api.unprotect(id).await?;
                self.api.terminate(id).await
            }
            answer => answer,
        };
        match told {
            Err(trouble) if trouble.kind != CloudErrorKind::NotFound => return Err(trouble),
            _ => {}
        }
        // Its address is free, and its disk gone, only then.
        self.until(tenant, id, "shutting down", is_gone).await
    }

    /// The mark goes first: an instance that stops without it has died.
    async fn put_to_sleep(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), Trouble> {
        use InstanceStateName::{Running, Stopped, Stopping};
        let instance = self.present(tenant, id).await?;
        match convert::state_name(&instance) {
            Some(Stopping | Stopped) if convert::is_marked(&instance) => Ok(()),
            Some(Running) => {
                let mark = convert::tagged(label::SUSPENDED, "yes");
                self.api.tag(&id.0, mark).await?;
                self.api.stop(id, self.settings.hibernates).await
            }
            state => Err(not_now(state, "only one that runs can be suspended")),
        }
    }

    /// The mark goes last: until it does, the call can be made again.
    async fn wake(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), Trouble> {
        use InstanceStateName::{Pending, Running, Stopped, Stopping};
        let instance = self.present(tenant, id).await?;
        let is_marked = convert::is_marked(&instance);
        match convert::state_name(&instance) {
            Some(Running | Pending) => {}
            Some(Stopping | Stopped) if is_marked => {
                let is_down = |found: Option<&Instance>| {
                    found.and_then(convert::state_name) != Some(&Stopping)
                };
                self.until(tenant, id, "stopping", is_down).await?;
                self.api.start(id).await?;
            }
            state => {
                return Err(not_now(
                    state,
                    "only one that we have suspended can be resumed",
                ));
            }
        }
        if is_marked {
            self.api.untag(&id.0, label::SUSPENDED).await?;
        }
        Ok(())
    }

    fn error(&self, trouble: Trouble, operation: String) -> CloudError {
        trouble.at(&self.settings.cloud, operation)
    }
}

/// EC2 remembers another launch with this token and does not show its instance yet: a template that was changed in between.
fn remembered(trouble: Trouble) -> Trouble {
    if trouble.is("IdempotentParameterMismatch") {
        Trouble {
            kind: CloudErrorKind::Unreachable,
            ..trouble
        }
    } else {
        trouble
    }
}

fn not_now(state: Option<&InstanceStateName>, what: &str) -> Trouble {
    let state = state.map_or("in no state", InstanceStateName::as_str);
    Trouble::new(CloudErrorKind::Rejected, format!("it is {state}; {what}"))
}

#[async_trait]
impl Southbound for AwsCloud {
    async fn list(&self, tenant: &TenantName) -> Result<Vec<InstanceSeen>, CloudError> {
        let listed = self.present_ones(tenant).await;
        listed.map_err(|trouble| self.error(trouble, "list instances".to_owned()))
    }

    async fn launch(&self, launch: &Launch) -> Result<InstanceSeen, CloudError> {
        let made = Box::pin(self.make(launch)).await;
        made.map_err(|trouble| self.error(trouble, format!("launch {}", launch.instance.id)))
    }

    async fn terminate(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let removed = self.remove(tenant, id).await;
        removed.map_err(|trouble| self.error(trouble, format!("terminate {id}")))
    }

    async fn suspend(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let done = self.put_to_sleep(tenant, id).await;
        done.map_err(|trouble| self.error(trouble, format!("suspend {id}")))
    }

    async fn resume(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), CloudError> {
        let done = self.wake(tenant, id).await;
        done.map_err(|trouble| self.error(trouble, format!("resume {id}")))
    }

    async fn checkup(&self) -> Checkup {
        Box::pin(checkup::checkup(&self.settings, &self.api)).await
    }
}
