//! A tenant's VPC network: made part by part, each found by its name, removed in reverse.
//!
//! ```text
//!   transit ══ tunnel ══► address ─► gateway ─► subnetwork ─► instances
//!                             ▲                                   │
//!                             └────────────── route ◄─────────────┘  replies go to clients the way they came
//! ```
//!
//! The gateway passes on packets of clients, with their addresses, so the packet filter lets the listeners' ports in from anywhere;
//! nothing but the gateway has a public address. The route holds for instances only, by their network tag: the gateway itself goes
//! out by the network's own default route.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use controller::id::TenantName;
use controller::ports::{CloudError, CloudErrorKind, CloudState};
use google_cloud_compute_v1::model::{Firewall, Instance, Operation};
use southbound::site::{Site, SiteRemoval, SiteSeen, SiteWish};

use crate::GcpCloud;
use crate::api::{Compute, Power, Scope};
use crate::convert::{self, Place};
use crate::error::Trouble;
use crate::settings::Settings;
use crate::site_convert::Parts;

/// What a site is made of, in the order in which it is made.
const PARTS: [Part; 7] = [
    Part::Network,
    Part::Subnetwork,
    Part::TunnelFilter,
    Part::ServiceFilter,
    Part::Address,
    Part::Gateway,
    Part::Route,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Network,
    Subnetwork,
    TunnelFilter,
    ServiceFilter,
    Address,
    Gateway,
    Route,
}

impl Part {
    /// What people call it.
    fn word(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Subnetwork => "subnetwork",
            Self::TunnelFilter => "firewall rule for the tunnel",
            Self::ServiceFilter => "firewall rule for the service",
            Self::Address => "address",
            Self::Gateway => "gateway",
            Self::Route => "route",
        }
    }
}

/// One tenant's site, and the calls about it.
struct Work<'a> {
    compute: &'a Compute,
    settings: &'a Settings,
    parts: Parts,
}

#[async_trait]
impl Site for GcpCloud {
    async fn ensure(&self, wish: &SiteWish) -> Result<SiteSeen, CloudError> {
        let done = async {
            let work = self.site(&wish.tenant).await?;
            work.ensure(wish).await
        };
        done.await.map_err(|trouble: Trouble| {
            trouble.at(
                &self.settings.cloud,
                format!("make the network of {}", wish.tenant),
            )
        })
    }

    async fn remove(&self, tenant: &TenantName) -> Result<SiteRemoval, CloudError> {
        let done = async {
            let work = self.site(tenant).await?;
            work.refuse_while_used(tenant).await?;
            work.remove().await
        };
        done.await.map_err(|trouble: Trouble| {
            trouble.at(
                &self.settings.cloud,
                format!("remove the network of {tenant}"),
            )
        })
    }
}

impl GcpCloud {
    async fn site(&self, tenant: &TenantName) -> Result<Work<'_>, Trouble> {
        Ok(Work {
            compute: self.compute().await?,
            settings: &self.settings,
            parts: Parts::of(&self.settings, tenant),
        })
    }
}

impl Work<'_> {
    async fn ensure(&self, wish: &SiteWish) -> Result<SiteSeen, Trouble> {
        for part in PARTS {
            if self.exists(part, wish).await? {
                continue;
            }
            let accepted = match self.insert(part, wish).await {
                Ok(accepted) => accepted,
                // Somebody made it since we looked: us, a moment ago, in a service that is no more.
                Err(trouble) if trouble.is_conflict() => continue,
                // What it stands on is not ready.
                Err(trouble) if trouble.is_busy() => return self.waiting(part).await,
                Err(trouble) => return Err(trouble),
            };
            if !self.compute.ends_soon(&self.scope(part), accepted).await? {
                return self.waiting(part).await;
            }
        }
        let gateway = self.compute.instance(&self.gateway()).await?;
        let waits_for = match gateway.as_ref().map(convert::state) {
            Some(CloudState::Running) => None,
            Some(CloudState::Starting) | None => Some("the gateway, which starts"),
            Some(CloudState::Stopped | CloudState::Suspended) => {
                Some("the gateway, which had stopped and starts again")
            }
        };
        Ok(SiteSeen {
            waits_for: waits_for.map(str::to_owned),
            ..self.seen(gateway.as_ref()).await?
        })
    }

    async fn waiting(&self, part: Part) -> Result<SiteSeen, Trouble> {
        let gateway = self.compute.instance(&self.gateway()).await?;
        Ok(SiteSeen {
            waits_for: Some(format!("the {}, which is being made", part.word())),
            ..self.seen(gateway.as_ref()).await?
        })
    }

    /// The addresses as far as they are known.
    async fn seen(&self, gateway: Option<&Instance>) -> Result<SiteSeen, Trouble> {
        let parse = |text: &str| text.parse::<Ipv4Addr>().ok();
        let address = self.compute.address(&self.parts.address).await?;
        let interface = gateway.and_then(|gateway| gateway.network_interfaces.first());
        Ok(SiteSeen {
            public: address.and_then(|address| parse(address.address.as_deref()?)),
            inside: interface.and_then(|interface| parse(interface.network_ip.as_deref()?)),
            waits_for: None,
        })
    }

    fn gateway(&self) -> Place {
        // The first zone, which the settings' check says there is.
        let zone = self.settings.zones.first().cloned().unwrap_or_default();
        Place {
            zone,
            name: self.parts.gateway.clone(),
        }
    }

    fn scope(&self, part: Part) -> Scope {
        match part {
            Part::Network | Part::TunnelFilter | Part::ServiceFilter | Part::Route => Scope::Global,
            Part::Subnetwork | Part::Address => Scope::Region,
            Part::Gateway => Scope::Zone(self.gateway().zone),
        }
    }

    /// Whether a part is there; what can be changed in place and is not as wished is changed.
    async fn exists(&self, part: Part, wish: &SiteWish) -> Result<bool, Trouble> {
        let (compute, parts) = (self.compute, &self.parts);
        Ok(match part {
            Part::Network => compute.network(&parts.network).await?.is_some(),
            Part::Subnetwork => match compute.subnetwork(&parts.subnetwork).await? {
                Some(found) => parts.is_same_range(&found, wish).map(|()| true)?,
                None => false,
            },
            Part::TunnelFilter => self.mend(parts.tunnel_filter(self.settings, wish)).await?,
            Part::ServiceFilter => self.mend(parts.service_filter(self.settings, wish)).await?,
            Part::Address => compute.address(&parts.address).await?.is_some(),
            Part::Gateway => match compute.instance(&self.gateway()).await? {
                Some(found) => {
                    self.wake(&found).await?;
                    true
                }
                None => false,
            },
            Part::Route => compute.route(&parts.route).await?.is_some(),
        })
    }

    async fn insert(&self, part: Part, wish: &SiteWish) -> Result<Operation, Trouble> {
        let (compute, settings, parts) = (self.compute, self.settings, &self.parts);
        match part {
            Part::Network => compute.insert_network(parts.network()).await,
            Part::Subnetwork => {
                compute
                    .insert_subnetwork(parts.subnetwork(settings, wish))
                    .await
            }
            Part::TunnelFilter => {
                compute
                    .insert_firewall(parts.tunnel_filter(settings, wish))
                    .await
            }
            Part::ServiceFilter => {
                compute
                    .insert_firewall(parts.service_filter(settings, wish))
                    .await
            }
            Part::Address => compute.insert_address(parts.address()).await,
            Part::Gateway => {
                let address = compute
                    .address(&parts.address)
                    .await?
                    .and_then(|found| found.address);
                let place = self.gateway();
                let body = parts.gateway(settings, wish, &place, &address.unwrap_or_default())?;
                // Which try this is tells how many have failed before, as with any instance.
                let tries = compute.insertions(&place).await?.len();
                let request_id = convert::request_id(&place.name, tries);
                compute.insert(&place.zone, &request_id, None, body).await
            }
            Part::Route => {
                compute
                    .insert_route(parts.route(settings, &self.gateway()))
                    .await
            }
        }
    }

    /// Makes a firewall rule that is there what it should be; false where it is not there.
    async fn mend(&self, wanted: Firewall) -> Result<bool, Trouble> {
        let name = wanted.name.clone().unwrap_or_default();
        let Some(found) = self.compute.firewall(&name).await? else {
            return Ok(false);
        };
        if !Parts::is_same_filter(&found, &wanted) {
            let accepted = self.compute.patch_firewall(&name, wanted).await?;
            self.compute.finished(&Scope::Global, accepted).await?;
        }
        Ok(true)
    }

    /// Starts a gateway that has stopped: the site is nothing without it, and its address and disk are still there.
    async fn wake(&self, found: &Instance) -> Result<(), Trouble> {
        let power = match found.status.as_ref().and_then(|status| status.name()) {
            Some("TERMINATED") => Power::Start,
            Some("SUSPENDED") => Power::Resume,
            _ => return Ok(()),
        };
        self.compute
            .set_power(&self.gateway(), power)
            .await
            .map(|_| ())
    }

    async fn refuse_while_used(&self, tenant: &TenantName) -> Result<(), Trouble> {
        let found = self
            .compute
            .instances(&convert::tenant_filter(self.settings, tenant))
            .await?;
        let ours = found
            .iter()
            .filter_map(|each| convert::seen(self.settings, tenant, each))
            .count();
        if ours == 0 {
            return Ok(());
        }
        let detail = format!("{ours} of its instances are still in it; hint: terminate them first");
        Err(Trouble::new(CloudErrorKind::Rejected, detail))
    }

    async fn remove(&self) -> Result<SiteRemoval, Trouble> {
        for part in PARTS.into_iter().rev() {
            let waits = || {
                Ok(SiteRemoval::Waits(format!(
                    "the {}, which is being removed",
                    part.word()
                )))
            };
            let accepted = match self.delete(part).await {
                Ok(Some(accepted)) => accepted,
                Ok(None) => continue,
                Err(trouble) if trouble.is_busy() => return waits(),
                Err(trouble) => return Err(trouble),
            };
            if !self.compute.ends_soon(&self.scope(part), accepted).await? {
                return waits();
            }
        }
        Ok(SiteRemoval::Done)
    }

    /// `None` where it is gone already.
    async fn delete(&self, part: Part) -> Result<Option<Operation>, Trouble> {
        let (compute, parts) = (self.compute, &self.parts);
        match part {
            Part::Network => compute.delete_network(&parts.network).await,
            Part::Subnetwork => compute.delete_subnetwork(&parts.subnetwork).await,
            Part::TunnelFilter => compute.delete_firewall(&parts.tunnel_filter).await,
            Part::ServiceFilter => compute.delete_firewall(&parts.service_filter).await,
            Part::Address => compute.delete_address(&parts.address).await,
            Part::Gateway => compute.delete(&self.gateway()).await,
            Part::Route => compute.delete_route(&parts.route).await,
        }
    }
}
