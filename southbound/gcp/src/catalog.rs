//! The calls about what there is to choose from, which only a checkup asks: like those of [`crate::api`], one request each.

use google_cloud_compute_v1::client::{Images, MachineTypes, Projects, Regions, Zones};
use google_cloud_compute_v1::model::{
    Image, MachineType, Project, Region, TestPermissionsRequest, Zone,
};

use crate::api::{Compute, client};
use crate::error::Trouble;

#[derive(Debug)]
pub(crate) struct Catalog {
    projects: Projects,
    regions: Regions,
    zones: Zones,
    machine_types: MachineTypes,
    images: Images,
}

impl Compute {
    async fn catalog(&self) -> Result<&Catalog, Trouble> {
        let (settings, credentials) = (&self.settings, &self.identity.credentials);
        let open = async || {
            Ok(Catalog {
                projects: client!(Projects, credentials, settings),
                regions: client!(Regions, credentials, settings),
                zones: client!(Zones, credentials, settings),
                machine_types: client!(MachineTypes, credentials, settings),
                images: client!(Images, credentials, settings),
            })
        };
        self.catalog.get_or_try_init(open).await
    }

    pub(crate) async fn project(&self) -> Result<Project, Trouble> {
        self.call(
            self.catalog()
                .await?
                .projects
                .get()
                .set_project(&self.project)
                .send(),
        )
        .await
    }

    pub(crate) async fn region(&self) -> Result<Region, Trouble> {
        self.call(
            self.catalog()
                .await?
                .regions
                .get()
                .set_project(&self.project)
                .set_region(&self.region)
                .send(),
        )
        .await
    }

    pub(crate) async fn zone(&self, zone: &str) -> Result<Zone, Trouble> {
        self.call(
            self.catalog()
                .await?
                .zones
                .get()
                .set_project(&self.project)
                .set_zone(zone)
                .send(),
        )
        .await
    }

    pub(crate) async fn machine_type(
        &self,
        zone: &str,
        name: &str,
    ) -> Result<MachineType, Trouble> {
        let request = self
            .catalog()
            .await?
            .machine_types
            .get()
            .set_project(&self.project)
            .set_zone(zone);
        self.call(request.set_machine_type(name).send()).await
    }

    /// The image behind a path, or the newest of the family behind it. `None` for a path that is neither.
    pub(crate) async fn image(&self, path: &str) -> Result<Option<Image>, Trouble> {
        let images = &self.catalog().await?.images;
        let words: Vec<&str> = path.split('/').collect();
        let found = match words.as_slice() {
            ["projects", project, "global", "images", "family", family] => {
                let request = images.get_from_family().set_project(*project);
                self.call(request.set_family(*family).send()).await
            }
            ["projects", project, "global", "images", image] => {
                let request = images.get().set_project(*project);
                self.call(request.set_image(*image).send()).await
            }
            _ => return Ok(None),
        };
        found.map(Some)
    }

    /// Which of these permissions we have on a subnetwork of the region.
    pub(crate) async fn subnetwork_permissions(
        &self,
        name: &str,
        wanted: &[&str],
    ) -> Result<Vec<String>, Trouble> {
        let body = TestPermissionsRequest::new().set_permissions(wanted.iter().copied());
        let request = self
            .networks()
            .await?
            .subnetworks
            .test_iam_permissions()
            .set_project(&self.project)
            .set_region(&self.region);
        let answer = self
            .call(request.set_resource(name).set_body(body).send())
            .await?;
        Ok(answer.permissions)
    }
}
