//! The calls about VPC networks and what belongs to them: like those of [`crate::api`], one request each, and no retries.

use google_cloud_compute_v1::client::{
    Addresses, Firewalls, GlobalOperations, Networks as NetworkClient, RegionOperations, Routes,
    Subnetworks,
};
use google_cloud_compute_v1::model::{Address, Firewall, Network, Operation, Route, Subnetwork};

use crate::api::{Compute, Scope, client};
use crate::error::Trouble;

#[expect(
    clippy::struct_field_names,
    reason = "Google calls one of its resources as we call all of them together"
)]
#[derive(Debug)]
pub(crate) struct Networks {
    networks: NetworkClient,
    pub(crate) subnetworks: Subnetworks,
    firewalls: Firewalls,
    routes: Routes,
    addresses: Addresses,
    region_operations: RegionOperations,
    global_operations: GlobalOperations,
}

impl Compute {
    pub(crate) async fn networks(&self) -> Result<&Networks, Trouble> {
        let (settings, credentials) = (&self.settings, &self.identity.credentials);
        let open = async || {
            Ok(Networks {
                networks: client!(NetworkClient, credentials, settings),
                subnetworks: client!(Subnetworks, credentials, settings),
                firewalls: client!(Firewalls, credentials, settings),
                routes: client!(Routes, credentials, settings),
                addresses: client!(Addresses, credentials, settings),
                region_operations: client!(RegionOperations, credentials, settings),
                global_operations: client!(GlobalOperations, credentials, settings),
            })
        };
        self.networks.get_or_try_init(open).await
    }

    /// An operation upon what lies in no zone.
    pub(crate) async fn network_operation(
        &self,
        scope: &Scope,
        name: &str,
    ) -> Result<Operation, Trouble> {
        let networks = self.networks().await?;
        if *scope == Scope::Region {
            let request = networks
                .region_operations
                .get()
                .set_project(&self.project)
                .set_region(&self.region);
            return self.call(request.set_operation(name).send()).await;
        }
        let request = networks.global_operations.get().set_project(&self.project);
        self.call(request.set_operation(name).send()).await
    }
}

/// To find, make and remove one kind of resource; a last word, `region`, where it lies in one.
macro_rules! resource {
    ($model:ident, $client:ident, $set_name:ident: $get:ident, $insert:ident, $delete:ident $(, $set_region:ident)?) => {
        impl Compute {
            pub(crate) async fn $get(&self, name: &str) -> Result<Option<$model>, Trouble> {
                let request = self.networks().await?.$client.get().set_project(&self.project).$set_name(name);
                $(let request = request.$set_region(&self.region);)?
                Self::found(self.call(request.send()).await)
            }

            pub(crate) async fn $insert(&self, body: $model) -> Result<Operation, Trouble> {
                let request = self.networks().await?.$client.insert().set_project(&self.project).set_body(body);
                $(let request = request.$set_region(&self.region);)?
                self.call(request.send()).await
            }

            pub(crate) async fn $delete(&self, name: &str) -> Result<Option<Operation>, Trouble> {
                let request = self.networks().await?.$client.delete().set_project(&self.project).$set_name(name);
                $(let request = request.$set_region(&self.region);)?
                Self::found(self.call(request.send()).await)
            }
        }
    };
}

resource!(Network, networks, set_network: network, insert_network, delete_network);
resource!(Firewall, firewalls, set_firewall: firewall, insert_firewall, delete_firewall);
resource!(Route, routes, set_route: route, insert_route, delete_route);
resource!(Subnetwork, subnetworks, set_subnetwork: subnetwork, insert_subnetwork, delete_subnetwork, set_region);
resource!(Address, addresses, set_address: address, insert_address, delete_address, set_region);

impl Compute {
    pub(crate) async fn patch_firewall(
        &self,
        name: &str,
        body: Firewall,
    ) -> Result<Operation, Trouble> {
        let request = self
            .networks()
            .await?
            .firewalls
            .patch()
            .set_project(&self.project)
            .set_firewall(name);
        self.call(request.set_body(body).send()).await
    }
}
