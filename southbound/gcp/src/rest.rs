//! Suspending and resuming: with the memory kept, or by a plain stop where the settings say so.
//!
//! A stopped instance looks like one that died. So a label is set before the stop, and goes when the instance runs again; a crash
//! anywhere in between leaves a running instance with the label, which the next call of either kind puts right.

use controller::id::{ProviderId, TenantName};
use controller::ports::{CloudErrorKind, CloudState};
use google_cloud_compute_v1::model::Instance;

use crate::GcpCloud;
use crate::api::{Compute, Power, Scope};
use crate::convert::{self, Place, RESTING};
use crate::error::Trouble;
use crate::settings::Rest;

impl GcpCloud {
    pub(crate) async fn lay_down(
        &self,
        tenant: &TenantName,
        id: &ProviderId,
    ) -> Result<(), Trouble> {
        let (compute, place, found) = self.known(tenant, id).await?;
        match convert::state(&found) {
            CloudState::Suspended => Ok(()),
            CloudState::Stopped => Err(Trouble::new(
                CloudErrorKind::Rejected,
                "it has come to its end: there is nothing to suspend",
            )),
            CloudState::Starting => Err(Trouble::new(
                CloudErrorKind::Throttled,
                "it is still starting; it can be suspended when it runs",
            )),
            CloudState::Running => match self.settings.rest {
                Rest::Suspend => power(compute, &place, Power::Suspend).await,
                Rest::Stop => {
                    label(compute, &place, &found, true).await?;
                    power(compute, &place, Power::Stop).await
                }
            },
        }
    }

    pub(crate) async fn wake_up(
        &self,
        tenant: &TenantName,
        id: &ProviderId,
    ) -> Result<(), Trouble> {
        let (compute, place, found) = self.known(tenant, id).await?;
        let status = found.status.as_ref().and_then(|status| status.name());
        match (convert::state(&found), status) {
            (CloudState::Running | CloudState::Starting, _) => {}
            (CloudState::Stopped, _) => {
                return Err(Trouble::new(
                    CloudErrorKind::Rejected,
                    "it has come to its end: it was not suspended",
                ));
            }
            (CloudState::Suspended, Some("SUSPENDED")) => {
                power(compute, &place, Power::Resume).await?;
            }
            (CloudState::Suspended, Some("TERMINATED")) => {
                power(compute, &place, Power::Start).await?;
            }
            (CloudState::Suspended, _) => {
                return Err(Trouble::new(
                    CloudErrorKind::Throttled,
                    "it is still being suspended; it can be resumed afterwards",
                ));
            }
        }
        if found.labels.contains_key(RESTING) {
            label(compute, &place, &found, false).await?;
        }
        Ok(())
    }

    async fn known(
        &self,
        tenant: &TenantName,
        id: &ProviderId,
    ) -> Result<(&Compute, Place, Instance), Trouble> {
        let gone = || Trouble::new(CloudErrorKind::NotFound, "there is no such instance");
        let place = Place::parse(id).ok_or_else(gone)?;
        let compute = self.compute().await?;
        let found = self
            .owned(compute, tenant, &place)
            .await?
            .ok_or_else(gone)?;
        Ok((compute, place, found))
    }
}

async fn power(compute: &Compute, place: &Place, power: Power) -> Result<(), Trouble> {
    let accepted = compute.set_power(place, power).await?;
    compute
        .finished(&Scope::Zone(place.zone.clone()), accepted)
        .await
}

/// Sets or removes the label that says that we stopped it.
async fn label(
    compute: &Compute,
    place: &Place,
    found: &Instance,
    is_resting: bool,
) -> Result<(), Trouble> {
    let others = found.labels.iter().filter(|(key, _)| *key != RESTING);
    let mut labels: Vec<(String, String)> = others
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    labels.extend(is_resting.then(|| (RESTING.to_owned(), "1".to_owned())));
    let accepted = compute.set_labels(place, found, labels).await?;
    compute
        .finished(&Scope::Zone(place.zone.clone()), accepted)
        .await
}
