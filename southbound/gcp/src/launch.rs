//! Making an instance at most once, and removing it.

use controller::id::{ProviderId, TenantName};
use controller::ports::{CloudErrorKind, InstanceSeen, Launch};
use google_cloud_compute_v1::model::Instance;

use crate::GcpCloud;
use crate::api::{Compute, Scope};
use crate::convert::{self, Past, Place};
use crate::error::Trouble;
use crate::settings::Source;

/// Between two looks whether an instance that somebody removes has gone, as a multiple of the pause between looks at operations.
const LOOKS: u32 = 40;

impl GcpCloud {
    pub(crate) async fn make(&self, launch: &Launch) -> Result<InstanceSeen, Trouble> {
        let settings = &*self.settings;
        let name = &launch.instance.template;
        let template = settings.templates.get(name).ok_or_else(|| {
            rejected(format!(
                "there is no template `{name}` in this cloud; hint: add it to the settings"
            ))
        })?;
        let place = Place::of(settings, launch)
            .ok_or_else(|| rejected("the offering's zone is no zone".to_owned()))?;
        let body = convert::instance(settings, template, &place, launch)
            .ok_or_else(|| rejected("the offering's machine type is none".to_owned()))?;
        let compute = self.compute().await?;

        let scope = Scope::Zone(place.zone.clone());
        match convert::past(
            compute
                .insertions(&place)
                .await
                .map_err(Trouble::in_asking)?,
        ) {
            Past::Made => {}
            Past::UnderWay(accepted) => compute.finished(&scope, *accepted).await?,
            Past::Failed(tries) => {
                let request_id = convert::request_id(&place.name, tries);
                let from = match &template.source {
                    Source::Template(path) => Some(path.as_str()),
                    Source::Image { .. } => None,
                };
                match compute.insert(&place.zone, &request_id, from, body).await {
                    Ok(accepted) => compute.finished(&scope, accepted).await?,
                    // It is there, and the list of operations did not show it yet.
                    Err(trouble) if trouble.is_conflict() => {}
                    Err(trouble) => return Err(trouble.in_asking()),
                }
            }
        }
        // From here on one was made, for all we know: not to see it says nothing else.
        let found = compute
            .instance(&place)
            .await
            .map_err(Trouble::after_acceptance)?;
        let found =
            found.ok_or_else(|| Trouble::new(CloudErrorKind::NotFound, "it was terminated"))?;
        convert::seen(settings, &launch.tenant, &found).ok_or_else(|| {
            Trouble::new(
                CloudErrorKind::Unreachable,
                "its answer has no name or zone",
            )
        })
    }

    /// The instance, where it is there and this tenant's.
    pub(crate) async fn owned(
        &self,
        compute: &Compute,
        tenant: &TenantName,
        place: &Place,
    ) -> Result<Option<Instance>, Trouble> {
        let Some(found) = compute.instance(place).await? else {
            return Ok(None);
        };
        // The name alone says whose it is, and cannot be changed; labels can.
        if convert::intent(&self.settings, tenant, &place.name).is_none() {
            let detail =
                "it belongs to another tenant, or was not made by this service; it is left alone";
            return Err(Trouble::new(CloudErrorKind::Denied, detail));
        }
        Ok(Some(found))
    }

    pub(crate) async fn unmake(&self, tenant: &TenantName, id: &ProviderId) -> Result<(), Trouble> {
        let Some(place) = Place::parse(id) else {
            // Nothing here was ever called so.
            return Ok(());
        };
        let compute = self.compute().await?;
        if self.owned(compute, tenant, &place).await?.is_none() {
            return Ok(());
        }
        match compute.delete(&place).await {
            Ok(Some(accepted)) => {
                let ended = compute
                    .finished(&Scope::Zone(place.zone.clone()), accepted)
                    .await;
                ended.map_err(Trouble::after_acceptance)
            }
            Ok(None) => Ok(()),
            Err(trouble) if trouble.is_busy() => self.gone(compute, &place, trouble).await,
            Err(trouble) => Err(trouble),
        }
    }

    /// Returns once the instance has gone, which somebody else is removing, it seems; where it does not go, says why not.
    async fn gone(&self, compute: &Compute, place: &Place, busy: Trouble) -> Result<(), Trouble> {
        for _ in 0..LOOKS {
            tokio::time::sleep(self.settings.bounds.poll).await;
            if compute.instance(place).await?.is_none() {
                return Ok(());
            }
        }
        Err(busy)
    }
}

fn rejected(detail: String) -> Trouble {
    Trouble::new(CloudErrorKind::Rejected, detail)
}
