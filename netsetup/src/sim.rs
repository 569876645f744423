//! A data plane in memory, and a meter with scripted loads: for the core's tests, the simulator and `plan`. They keep the
//! ports' contracts, remember what they were told, and fail when told to.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use controller::amount::Amount;
use controller::id::{CloudName, Epoch, InstanceId, TenantName};
use controller::load::{Metric, Sample};
use controller::network::{EndpointSeen, Health, NetworkPlan, NetworkSeen};
use controller::ports::{Dataplane, DataplaneError, Measurement, Meter, MeterError};

/// A call of the data plane that can be told to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SimCall {
    /// [`Dataplane::apply`].
    Apply,
    /// [`Dataplane::observe`].
    Observe,
    /// [`Dataplane::forget`].
    Forget,
    /// [`Dataplane::destroy`].
    Destroy,
}

#[derive(Debug, Default)]
struct SimState {
    plans: BTreeMap<TenantName, NetworkPlan>,
    epochs: BTreeMap<TenantName, Epoch>,
    default_health: Health,
    health: BTreeMap<InstanceId, Health>,
    flows: BTreeMap<InstanceId, Option<u32>>,
    failing: BTreeSet<SimCall>,
    forgotten: Vec<(TenantName, CloudName, Ipv4Addr)>,
    applied: u64,
}

/// A data plane in memory. What is not scripted is well: a probed endpoint has the default health ([`Health::Healthy`] until
/// told otherwise), and nobody has a flow.
#[derive(Debug)]
pub struct SimDataplane {
    state: Mutex<SimState>,
}

impl Default for SimDataplane {
    fn default() -> Self {
        Self::new()
    }
}

impl SimDataplane {
    /// One without any network.
    pub fn new() -> Self {
        Self {
            state: Mutex::new(SimState {
                default_health: Health::Healthy,
                ..SimState::default()
            }),
        }
    }

    /// A panic elsewhere leaves the state whole: every change is one assignment.
    fn state(&self) -> MutexGuard<'_, SimState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this call fails, until [`Self::heal`].
    pub fn fail(&self, call: SimCall) {
        self.state().failing.insert(call);
    }

    /// No call fails any more.
    pub fn heal(&self) {
        self.state().failing.clear();
    }

    /// How this instance answers from now on.
    pub fn set_health(&self, instance: InstanceId, health: Health) {
        self.state().health.insert(instance, health);
    }

    /// How every instance answers that nothing was said of.
    pub fn set_default_health(&self, health: Health) {
        self.state().default_health = health;
    }

    /// How many flows this instance has from now on; `None` where they cannot be counted.
    pub fn set_flows(&self, instance: InstanceId, flows: Option<u32>) {
        self.state().flows.insert(instance, flows);
    }

    /// What the network is, as last applied; `None` where there is none.
    pub fn plan(&self, tenant: &TenantName) -> Option<NetworkPlan> {
        self.state().plans.get(tenant).cloned()
    }

    /// Every address whose flows were forgotten, oldest first.
    pub fn forgotten(&self) -> Vec<(TenantName, CloudName, Ipv4Addr)> {
        self.state().forgotten.clone()
    }

    /// How often a network was really changed.
    pub fn changes(&self) -> u64 {
        self.state().applied
    }

    fn enter(
        &self,
        call: SimCall,
        tenant: &TenantName,
        operation: &'static str,
    ) -> Result<MutexGuard<'_, SimState>, DataplaneError> {
        let state = self.state();
        if state.failing.contains(&call) {
            return Err(DataplaneError {
                tenant: tenant.clone(),
                operation,
                detail: "the simulated kernel was told to fail".to_owned(),
            });
        }
        Ok(state)
    }

    /// As [`Self::enter`], for whoever changes something: refused under a lower epoch than the last.
    fn change(
        &self,
        call: SimCall,
        epoch: Epoch,
        tenant: &TenantName,
        operation: &'static str,
    ) -> Result<MutexGuard<'_, SimState>, DataplaneError> {
        let mut state = self.enter(call, tenant, operation)?;
        let last = state.epochs.entry(tenant.clone()).or_default();
        if epoch < *last {
            return Err(DataplaneError {
                tenant: tenant.clone(),
                operation,
                detail: format!("it was changed under epoch {last}, this is {epoch}"),
            });
        }
        *last = epoch;
        Ok(state)
    }
}

#[async_trait]
impl Dataplane for SimDataplane {
    async fn apply(&self, epoch: Epoch, plan: &NetworkPlan) -> Result<(), DataplaneError> {
        let mut state = self.change(SimCall::Apply, epoch, &plan.tenant, "applied")?;
        if state.plans.get(&plan.tenant) != Some(plan) {
            state.plans.insert(plan.tenant.clone(), plan.clone());
            state.applied += 1;
        }
        Ok(())
    }

    async fn observe(&self, tenant: &TenantName) -> Result<NetworkSeen, DataplaneError> {
        let state = self.enter(SimCall::Observe, tenant, "observed")?;
        let Some(plan) = state.plans.get(tenant) else {
            return Ok(NetworkSeen::default());
        };
        let endpoints = plan.endpoints.iter().map(|endpoint| {
            let id = endpoint.instance;
            let health = if endpoint.is_probed {
                *state.health.get(&id).unwrap_or(&state.default_health)
            } else {
                Health::Unknown
            };
            let seen = EndpointSeen {
                health,
                is_routed: endpoint.is_backend && plan.is_open,
                flows: state.flows.get(&id).copied().unwrap_or(Some(0)),
            };
            (id, seen)
        });
        Ok(NetworkSeen {
            tunnel: "sim".to_owned(),
            endpoints: endpoints.collect(),
        })
    }

    async fn forget(
        &self,
        epoch: Epoch,
        tenant: &TenantName,
        cloud: &CloudName,
        address: Ipv4Addr,
    ) -> Result<(), DataplaneError> {
        let mut state = self.change(SimCall::Forget, epoch, tenant, "cleared of old flows")?;
        state
            .forgotten
            .push((tenant.clone(), cloud.clone(), address));
        Ok(())
    }

    async fn destroy(&self, epoch: Epoch, tenant: &TenantName) -> Result<(), DataplaneError> {
        let mut state = self.change(SimCall::Destroy, epoch, tenant, "removed")?;
        state.plans.remove(tenant);
        Ok(())
    }
}

#[derive(Debug, Default)]
struct SimLoads {
    everyone: BTreeMap<Metric, Amount>,
    instances: BTreeMap<(InstanceId, Metric), Amount>,
    silent: BTreeSet<InstanceId>,
    is_broken: bool,
}

/// A meter that reads what it was told.
#[derive(Debug, Default)]
pub struct SimMeter {
    loads: Mutex<SimLoads>,
}

impl SimMeter {
    /// One that reads nothing.
    pub fn new() -> Self {
        Self::default()
    }

    fn loads(&self) -> MutexGuard<'_, SimLoads> {
        self.loads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What every instance shows that nothing else was said of.
    pub fn set_everyone(&self, metric: Metric, value: Amount) {
        self.loads().everyone.insert(metric, value);
    }

    /// What this instance shows.
    pub fn set(&self, instance: InstanceId, metric: Metric, value: Amount) {
        self.loads().instances.insert((instance, metric), value);
    }

    /// This instance shows nothing any more, or again.
    pub fn set_silent(&self, instance: InstanceId, is_silent: bool) {
        let mut loads = self.loads();
        if is_silent {
            loads.silent.insert(instance);
        } else {
            loads.silent.remove(&instance);
        }
    }

    /// The meter as a whole does not work, or works again.
    pub fn set_broken(&self, is_broken: bool) {
        self.loads().is_broken = is_broken;
    }
}

#[async_trait]
impl Meter for SimMeter {
    async fn sample(&self, asked: &Measurement<'_>) -> Result<Vec<Sample>, MeterError> {
        let Measurement { instances, now, .. } = *asked;
        let loads = self.loads();
        if loads.is_broken {
            return Err(MeterError {
                meter: "simulated",
                detail: "it was told to fail".to_owned(),
            });
        }
        let mut samples = Vec::new();
        for instance in instances {
            if loads.silent.contains(&instance.id) {
                continue;
            }
            for metric in Metric::NAMED {
                let own = loads.instances.get(&(instance.id, metric.clone()));
                if let Some(&value) = own.or_else(|| loads.everyone.get(&metric)) {
                    samples.push(Sample {
                        instance: Some(instance.id),
                        metric,
                        value,
                        at: now.steady,
                    });
                }
            }
        }
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenant() -> TenantName {
        "demo".parse().unwrap()
    }

    #[tokio::test]
    async fn a_tenant_without_a_network_is_seen_as_nothing_and_destroyed_at_no_cost() {
        let sim = SimDataplane::new();

        assert_eq!(
            sim.observe(&tenant()).await.unwrap(),
            NetworkSeen::default()
        );
        assert!(sim.destroy(Epoch(1), &tenant()).await.is_ok());
    }

    #[tokio::test]
    async fn a_call_fails_until_it_is_healed() {
        let sim = SimDataplane::new();
        sim.fail(SimCall::Observe);

        assert!(sim.observe(&tenant()).await.is_err());
        sim.heal();
        assert!(sim.observe(&tenant()).await.is_ok());
    }
}
