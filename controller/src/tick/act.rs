//! Makes a plan true: the network, launches, removals. Nothing is chosen here.

use jiff::SignedDuration;

use super::Controller;
use crate::network::NetworkPlan;
use crate::observe::within;
use crate::plan::Plan;
#[cfg(feature = "seeded-bugs")]
use crate::seeded;
use crate::strays::Stray;

/// The network is made within this long, or the tick goes on without.
const NETWORK_LIMIT: SignedDuration = SignedDuration::from_secs(30);

impl Controller {
    /// Makes the network as planned; whether it is.
    pub(super) async fn route(&self, network: &NetworkPlan, alarms: &mut Vec<String>) -> bool {
        seeded!(F18 if seeded::was_applied(self.epoch, network) => return true);
        seeded!(F19 if seeded::has_failed(self.epoch, network) => return false);
        if !self.may_act() {
            alarms.push(
                "the store has not been heard from for so long that another service may have taken over; nothing is done \
                 until it is"
                    .to_owned(),
            );
            return false;
        }
        let applied = within(
            &*self.ports.clock,
            NETWORK_LIMIT,
            self.ports.dataplane.apply(self.epoch(), network),
        )
        .await;
        match applied {
            Some(Ok(())) => {
                seeded!(F18 => seeded::remember_applied(self.epoch, network));
                true
            }
            Some(Err(error)) => {
                seeded!(F19 => seeded::remember_failed(self.epoch, network));
                alarms.push(error.to_string());
                seeded!(F7)
            }
            None => {
                alarms.push(format!(
                    "the network was not made within {NETWORK_LIMIT:#}; it is tried again"
                ));
                false
            }
        }
    }

    pub(super) fn launch(&mut self, plan: &Plan) {
        for launch in &plan.launches {
            if let Some(cloud) = self.ports.clouds.get(&launch.instance.cloud) {
                self.calls
                    .launch(cloud.clone(), self.ports.clock.clone(), launch.clone());
            }
        }
    }

    pub(super) fn remove(&mut self, plan: &Plan) {
        for id in plan
            .terminations
            .iter()
            .filter(|id| !self.removing.contains(id))
        {
            let victim = if seeded!(F14) {
                self.instances.values().next()
            } else {
                self.instances.get(id)
            };
            let Some(instance) = victim else {
                continue;
            };
            let (Some(cloud), Some(provider)) = (
                self.ports.clouds.get(&instance.cloud),
                instance.provider.clone(),
            ) else {
                continue;
            };
            let subject = (*id, instance.cloud.clone(), provider);
            self.calls.remove(
                cloud.clone(),
                self.ports.clock.clone(),
                self.tenant.clone(),
                subject,
            );
        }
    }

    /// Has the instances removed that are in no record.
    pub(super) fn remove_strays(&mut self, strays: Vec<Stray>) {
        for Stray {
            id,
            cloud,
            provider,
        } in strays
        {
            if let Some(port) = self.ports.clouds.get(&cloud) {
                let (port, clock) = (port.clone(), self.ports.clock.clone());
                let subject = (id, cloud, provider);
                self.calls.remove(port, clock, self.tenant.clone(), subject);
            }
        }
    }
}
