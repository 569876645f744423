//! A tenant's VPC: made, made again, and removed.
//!
//! ```text
//!            elastic address                                  VPC: the tenant's range, and one small range of its own
//!  internet ─────────────────► gateway's interface ──────────► zone a  zone b  zone c      a slice of the range each
//!            table `outside`:   in 100.64.0.0/28               table `inside`: everything to the gateway's interface
//!            to the internet    no source/destination check
//! ```
//!
//! The interface is the site, not the instance behind it: address and routes stay with it when the gateway is replaced, and since
//! it takes one instance only, no crash can make two gateways. Everything is tagged in the call that makes it, and found by its
//! tags. Of things that a lost answer has doubled, the one in use is kept and the others are removed.
//!
//! `layout` says what should be, `look` what is, `make` and `calls` change it; here is the order.

mod calls;
mod layout;
mod look;
mod make;

use async_trait::async_trait;
use aws_sdk_ec2::types::{Instance, InstanceStateName};
use controller::id::TenantName;
use controller::ports::{CloudError, CloudErrorKind, Launch};

use southbound::site::{Site, SiteRemoval, SiteSeen, SiteWish};

use crate::AwsCloud;
use crate::convert::{self, Place};
use crate::error::Trouble;
use crate::settings::{Gateway, Network};

use calls::Calls;
use layout::{Layout, Role};
use look::Look;

/// EC2 refuses what exists already, and does not show it yet.
const NOT_SHOWN: [&str; 6] = [
    "InvalidSubnet.Conflict",
    "InvalidGroup.Duplicate",
    "InvalidIPAddress.InUse",
    "InvalidNetworkInterface.InUse",
    "RouteAlreadyExists",
    "Resource.AlreadyAssociated",
];
/// EC2 is not done yet with what was removed before; the last one is what it says of an interface that is attached.
const IN_USE: [&str; 4] = [
    "DependencyViolation",
    "InvalidNetworkInterface.InUse",
    "InvalidIPAddress.InUse",
    "InvalidParameterValue",
];

impl AwsCloud {
    /// Where in the tenant's own VPC an instance goes.
    pub(crate) async fn site_place(&self, launch: &Launch) -> Result<Place, Trouble> {
        let calls = Calls::new(&self.settings, &self.api, &launch.tenant).await;
        let zone = convert::zone(&self.settings, launch);
        let subnets = calls.subnets(Role::Zone).await?;
        let subnet = subnets
            .into_iter()
            .find(|each| each.availability_zone() == Some(zone));
        let subnet = subnet.and_then(|each| each.subnet_id);
        let group = calls
            .groups(Role::Instances)
            .await?
            .pop()
            .and_then(|each| each.group_id);
        let not_yet = || {
            let detail = format!("the tenant's network is not ready in {zone}; it is being made");
            Trouble::new(CloudErrorKind::Unreachable, detail)
        };
        Ok(Place {
            subnet: subnet.ok_or_else(not_yet)?,
            groups: vec![group.ok_or_else(not_yet)?],
        })
    }

    fn gateway(&self) -> Result<&Gateway, Trouble> {
        match &self.settings.network {
            Network::Site(gateway) => Ok(gateway),
            Network::Existing { .. } => Err(Trouble::new(
                CloudErrorKind::Rejected,
                "this cloud is set to use networks that exist; hint: set a gateway instead",
            )),
        }
    }

    async fn make_site(&self, wish: &SiteWish) -> Result<SiteSeen, Trouble> {
        let gateway = self.gateway()?;
        let layout = Layout::of(wish, &self.settings.zones)?;
        let calls = Calls::new(&self.settings, &self.api, &wish.tenant).await;
        let look = Look::around(&calls).await?;
        look.clear_doubles(&calls).await?;

        let vpc = calls.vpc(&look, &layout).await?;
        let outside = calls.internet_gateway(&look, &vpc).await?;
        let (first, zones) = calls.make_subnets(&look, &layout, &vpc).await?;
        let table = calls
            .table(&look, &vpc, Role::Outside, std::slice::from_ref(&first))
            .await?;
        calls.route_out(&table, &outside).await?;
        let group = calls
            .group(&look, &vpc, Role::Gateway, &layout.gateway_rules)
            .await?;
        calls
            .group(&look, &vpc, Role::Instances, &layout.instance_rules)
            .await?;
        let card = calls.interface(&look, &layout, &first, &group).await?;
        let public = calls.address(&look, &card).await?;
        let table = calls.table(&look, &vpc, Role::Inside, &zones).await?;
        calls.route_in(&table, &card).await?;
        let waits_for = self.boot(&calls, &look, gateway, &card, wish).await?;
        Ok(SiteSeen {
            public: Some(public),
            inside: Some(layout.gateway_address),
            waits_for,
        })
    }

    /// The instance behind the gateway's interface; answers with what is still to come.
    async fn boot(
        &self,
        calls: &Calls<'_>,
        look: &Look,
        gateway: &Gateway,
        card: &str,
        wish: &SiteWish,
    ) -> Result<Option<String>, Trouble> {
        use InstanceStateName::{Running, Stopped};
        let found = look.gateways.iter().find(|each| !convert::is_leaving(each));
        let starts = Some("the gateway to start".to_owned());
        match found.map(|each| (each, convert::state_name(each))) {
            Some((_, Some(Running))) => Ok(None),
            Some((instance, Some(Stopped))) => {
                calls
                    .start(instance.instance_id().unwrap_or_default())
                    .await?;
                Ok(starts)
            }
            Some(_) => Ok(starts),
            None => {
                calls.run_gateway(gateway, card, &wish.first_boot).await?;
                Ok(starts)
            }
        }
    }

    async fn unmake_site(&self, tenant: &TenantName) -> Result<SiteRemoval, Trouble> {
        let calls = Calls::new(&self.settings, &self.api, tenant).await;
        let look = Look::around(&calls).await?;
        let theirs = look.instances.iter().filter(|each| !is_gone(each)).count();
        if theirs > 0 {
            let detail = format!("{theirs} instances of the tenant are in it");
            return Err(Trouble::new(CloudErrorKind::Rejected, detail));
        }
        for gateway in look
            .gateways
            .iter()
            .filter(|each| !convert::is_leaving(each))
        {
            calls
                .end_gateway(gateway.instance_id().unwrap_or_default())
                .await?;
        }
        if look.gateways.iter().any(|each| !is_gone(each)) {
            let what = "the gateway to shut down";
            return Ok(SiteRemoval::Waits(what.to_owned()));
        }
        look.remove_all(&calls).await?;
        Ok(SiteRemoval::Done)
    }
}

fn is_gone(instance: &Instance) -> bool {
    convert::state_name(instance) == Some(&InstanceStateName::Terminated)
}

fn has_code(trouble: &Trouble, codes: &[&str]) -> bool {
    codes.iter().any(|code| trouble.is(code))
}

#[async_trait]
impl Site for AwsCloud {
    async fn ensure(&self, wish: &SiteWish) -> Result<SiteSeen, CloudError> {
        match Box::pin(self.make_site(wish)).await {
            Err(trouble) if has_code(&trouble, &NOT_SHOWN) => Ok(SiteSeen {
                waits_for: Some(format!("EC2 to show what was made: {}", trouble.detail)),
                ..SiteSeen::default()
            }),
            made => made.map_err(|trouble| {
                self.error(
                    trouble,
                    format!("make the network of tenant {}", wish.tenant),
                )
            }),
        }
    }

    async fn remove(&self, tenant: &TenantName) -> Result<SiteRemoval, CloudError> {
        match Box::pin(self.unmake_site(tenant)).await {
            Err(trouble) if has_code(&trouble, &IN_USE) => Ok(SiteRemoval::Waits(format!(
                "EC2 to be done with what was removed: {}",
                trouble.detail
            ))),
            removed => removed.map_err(|trouble| {
                self.error(trouble, format!("remove the network of tenant {tenant}"))
            }),
        }
    }
}
