//! Joins instances to their site, and parts them again.

use std::path::PathBuf;

use controller::crashpoint;
use controller::id::{CloudName, InstanceId, TenantName};

use super::{Detail, Host, said};
use crate::link::Netlink;
use crate::namespace;
use crate::rules::deny_site;
use crate::topology::{Plug, bare_site, instance};

impl Host {
    pub(super) async fn plug(&self, plug: &Plug) -> Result<PathBuf, Detail> {
        let tunnel = self.tunnel().await?;
        let tenant = self.tenant(&plug.tenant);
        let known = tenant.known.lock().await;
        let site = self.names.site(&plug.tenant, &plug.cloud);
        let wish = instance(&self.names, plug, tunnel);
        // An instance may be launched before its tenant's plan is applied for the first time.
        if !known.rules.contains_key(&site) || !namespace::exists(&site) {
            self.create_namespaces(vec![site.clone()]).await?;
            self.guard(&site, &deny_site()).await?;
            let (names, subnet) = (&self.names, &plug.subnet);
            let bare = bare_site(names, &plug.tenant, &plug.cloud, subnet, tunnel);
            self.ensure(&bare).await?;
        }
        self.create_namespaces(vec![wish.name.clone()]).await?;
        crashpoint!("plug.named");
        self.ensure(&wish).await?;
        crashpoint!("plug.joined");
        Ok(namespace::path(&wish.name))
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
