//! Joins instances to their site, and parts them again.

use std::path::PathBuf;

use controller::crashpoint;
use controller::id::{CloudName, InstanceId, TenantName};
use controller::spec::Subnet;

use super::{Detail, Host, Known, said};
use crate::link::Netlink;
use crate::namespace;
use crate::rules::deny_site;
use crate::topology::{Plug, bare_site, host_bridge, instance};

impl Host {
    pub(super) async fn plug(&self, plug: &Plug) -> Result<PathBuf, Detail> {
        let tunnel = self.tunnel().await?;
        let tenant = self.tenant(&plug.tenant);
        let known = tenant.known.lock().await;
        let wish = instance(&self.names, plug, tunnel);
        self.ensure_bare_site(&known, &plug.tenant, &plug.cloud, &plug.subnet)
            .await?;
        self.create_namespaces(vec![wish.name.clone()]).await?;
        crashpoint!("plug.named");
        self.ensure(&wish).await?;
        crashpoint!("plug.joined");
        Ok(namespace::path(&wish.name))
    }

    /// An instance may be launched before its tenant's plan is applied for the first time.
    async fn ensure_bare_site(
        &self,
        known: &Known,
        tenant: &TenantName,
        cloud: &CloudName,
        subnet: &Subnet,
    ) -> Result<(), Detail> {
        let site = self.names.site(tenant, cloud);
        if known.rules.contains_key(&site) && namespace::exists(&site) {
            return Ok(());
        }
        self.create_namespaces(vec![site.clone()]).await?;
        self.guard(&site, &deny_site()).await?;
        let tunnel = self.tunnel().await?;
        self.ensure(&bare_site(&self.names, tenant, cloud, subnet, tunnel))
            .await
    }

    pub(super) async fn host_bridge(
        &self,
        tenant: &TenantName,
        cloud: &CloudName,
        subnet: &Subnet,
    ) -> Result<String, Detail> {
        let tunnel = self.tunnel().await?;
        let state = self.tenant(tenant);
        let known = state.known.lock().await;
        self.ensure_bare_site(&known, tenant, cloud, subnet).await?;
        self.ensure(&host_bridge(&self.names, tenant, cloud, subnet, tunnel))
            .await?;
        Ok(self.names.host_bridge(tenant, cloud))
    }

    pub(super) async fn unplug(
        &self,
        tenant: &TenantName,
        cloud: &CloudName,
        instance: InstanceId,
    ) -> Result<(), Detail> {
        let state = self.tenant(tenant);
        let _alone = state.known.lock().await;
        let site = self.names.site(tenant, cloud);
        // The cable is cut here and now; its namespace may live on as long as somebody is in it.
        let cut = if namespace::exists(&site) {
            let port = self.names.instance_port(tenant, instance);
            match Netlink::connect(&self.workers, &site).await {
                Ok(netlink) => netlink.remove(&port).await.map_err(said),
                Err(error) => Err(said(error)),
            }
        } else {
            Ok(())
        };
        crashpoint!("unplug.cut");
        namespace::delete(&self.names.instance(tenant, instance)).map_err(said)?;
        crashpoint!("unplug.done");
        cut
    }
}
