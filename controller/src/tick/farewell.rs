//! Taking leave: of instances that are removed, and in the end of the tenant.

use super::{Controller, Outcome};
use crate::crashpoint;
use crate::decision::Decision;
use crate::id::InstanceId;
use crate::instance::Phase;
use crate::observe::{Observed, Sight};
use crate::ports::{StoreError, Wish};
use crate::settle::MISSING_LIMIT;
use crate::time::Now;
use crate::view;

impl Controller {
    /// Those that are removed: asked for, shown no more, and their flows forgotten, so that the address can be given away.
    pub(super) async fn farewell(&mut self, observed: &Observed, now: Now) -> Vec<InstanceId> {
        let mut removed = Vec::new();
        for instance in self.instances.values() {
            // One that was given up since its cloud did not show it has to be missing for as long again; and so has, whenever
            // it was given up, one that no listing has shown yet (I6).
            let was_shown = instance.missing.is_none_or(|missing| {
                now.since(instance.since) >= MISSING_LIMIT
                    && now.since(missing.since) >= MISSING_LIMIT * 2
            });
            let is_gone = self.removing.contains(&instance.id)
                && matches!(observed.sight(instance), Sight::Absent);
            let is_going = instance.phase == Phase::Terminating;
            if !is_going || !is_gone || !was_shown || !self.may_act() {
                continue;
            }
            if seeded!(F17) {
                removed.push(instance.id);
                continue;
            }
            crashpoint!("farewell.seen");
            match self
                .ports
                .dataplane
                .forget(
                    self.epoch(),
                    &self.tenant,
                    &instance.cloud,
                    instance.address,
                )
                .await
            {
                Ok(()) => {
                    crashpoint!("farewell.forgotten");
                    removed.push(instance.id);
                }
                Err(error) => {
                    tracing::warn!(tenant = %self.tenant, %error, "flows not forgotten yet");
                }
            }
        }
        removed
    }

    /// Whether nothing is left of a tenant that is to go but its network and its spec.
    pub(super) fn is_over(&self, wish: &Wish, observed: &Observed) -> bool {
        let is_empty = self.instances.is_empty() && observed.shows_nobody();
        wish.orders.is_destroyed && is_empty && self.may_act()
    }

    /// Nothing is left but the network and the spec: they go too.
    pub(super) async fn close(
        &mut self,
        now: Now,
        mut alarms: Vec<String>,
        wish: &Wish,
        observed: &Observed,
    ) -> Result<Outcome, StoreError> {
        crashpoint!("close.empty");
        let destroyed = self.ports.dataplane.destroy(self.epoch(), &self.tenant);
        match destroyed.await {
            Ok(()) => {
                crashpoint!("close.network_gone");
                let footing = self.footing(wish);
                self.ports.store.close(&self.tenant, footing, now).await?;
                crashpoint!("close.closed");
                Ok(Outcome::Destroyed)
            }
            Err(error) => {
                alarms.push(error.to_string());
                let decision = Decision::default();
                self.status = Some(view::status(
                    &self.view(wish, observed, now),
                    decision,
                    alarms,
                ));
                Ok(Outcome::Next(self.pace.busy()))
            }
        }
    }
}
