//! One pass over a tenant: look, think, write down, act. It takes no input and looks at everything each time, so that there
//! is one code path, used every day; after a crash it is the same pass that finishes what was half done.
//!
//! The order of effects: 1 the record, durable · 2 the network · 3 launches · 4 removals, only if 2 succeeded. The network
//! comes before launches since an instance is plugged into its site.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::answers::take_up;
use crate::calls::Calls;
use crate::crashpoint;
use crate::history::{self, History};
use crate::id::{Epoch, InstanceId, TenantName};
use crate::instance::Instance;
use crate::journal::Event;
use crate::network::NetworkPlan;
use crate::observe::{Observed, look};
use crate::pace::Pace;
use crate::plan::{Plan, Situation, plan, survey};
use crate::ports::Ports;
use crate::ports::{Footing, StoreError, StoreErrorKind, Wish};
#[cfg(feature = "seeded-bugs")]
use crate::seeded;
use crate::settle::{Change, adopt};
use crate::status::Status;
use crate::strays::{Stray, Strays};
use crate::time::Now;
use crate::view;

mod act;
mod farewell;

/// One tenant's controller, between ticks.
#[derive(Debug)]
pub struct Controller {
    tenant: TenantName,
    epoch: Epoch,
    ports: Ports,
    pace: Pace,
    instances: BTreeMap<InstanceId, Instance>,
    history: History,
    chance: fastrand::Rng,
    calls: Calls,
    /// Whose removal its cloud has accepted; after a restart it is asked again.
    removing: BTreeSet<InstanceId>,
    strays: Strays,
    alarms: Vec<String>,
    status: Option<Status>,
    /// Something was measured that could not be written down, or it is not known what was.
    is_adrift: bool,
    /// What is remembered is what the journal tells, and no decision that was written down says so yet.
    is_first: bool,
}

/// What a tick has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The next tick is due after this long, if nothing wakes it before.
    Next(SignedDuration),
    /// The tenant is gone, with nothing left.
    Destroyed,
}

impl Controller {
    /// Takes up a tenant where the store left it; `None` for one that is not known.
    pub async fn load(
        tenant: TenantName,
        ports: Ports,
        pace: Pace,
        seed: u64,
    ) -> Result<Option<Self>, StoreError> {
        let Some(state) = ports.store.load(&tenant, history::SPAN).await? else {
            return Ok(None);
        };
        Ok(Some(Self {
            tenant,
            epoch: state.epoch,
            ports,
            pace,
            instances: by_id(state.instances),
            history: History::rebuild(&state.journal, &state.wish.spec.policy, pace.tick),
            chance: fastrand::Rng::with_seed(seed),
            calls: Calls::default(),
            removing: BTreeSet::new(),
            strays: Strays::default(),
            alarms: Vec::new(),
            status: None,
            is_adrift: false,
            is_first: true,
        }))
    }

    /// What the tenant looked like after the last tick.
    pub fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }

    /// Returns once a call to a cloud has been answered; never, where none is under way.
    pub async fn answered(&mut self) {
        self.calls.answered().await;
    }

    /// One pass.
    pub async fn tick(&mut self) -> Result<Outcome, StoreError> {
        let now = self.ports.clock.now();
        let Some(wish) = self.ports.store.wish(&self.tenant).await? else {
            return Ok(Outcome::Destroyed);
        };
        if self.is_adrift || self.history.is_too_short_for(&wish.spec.policy) {
            self.recall(&wish).await?;
        }
        let answers = self.calls.take().await;
        let observed = look(&self.ports, &wish, &self.instances, now).await;
        let removed = self.farewell(&observed, now).await;
        let (answered, mut events) = take_up(
            &answers,
            &self.instances,
            &mut self.history,
            &mut self.removing,
            now,
        );
        let mut instances = self.instances.clone();
        adopt(&mut instances, &answered);
        self.history
            .measure(observed.samples.as_deref().unwrap_or_default());
        let situation = Situation {
            wish: &wish,
            instances: &instances,
            observed: &observed,
            removed: &removed,
            now,
            stale: self.pace.stale(),
            market: &self.ports.market,
        };
        let survey = survey(&situation, &self.history);
        let is_due = self.history.read(&wish.spec.policy, &survey.readings, now);
        let mut plan = plan(&situation, &survey, &self.history, &mut self.chance);
        plan.decision.is_first = self.is_first;

        let changes: Vec<&Change> = answered.iter().chain(&plan.changes).collect();
        let moves = changes.iter().filter_map(|change| change.step.clone());
        events.extend(moves.map(Event::Moved));
        let strays = self.strays.count(&self.instances, &observed, now);
        plan.alarms.extend(strays.iter().map(Stray::alarm));
        let is_written = is_due || plan.decision.desired != plan.decision.before;
        if is_written {
            events.push(Event::Decided(plan.decision.clone()));
        }
        if is_due {
            events.extend(self.measured(&wish, &observed));
        }
        events.extend(self.raised(&plan));
        seeded!(F9 => self.launch(&plan));
        let written = self.write_down(&wish, now, &changes, &events).await;
        let may_differ = |error: &StoreError| is_due || error.kind == StoreErrorKind::Failed;
        self.is_adrift = written.as_ref().is_err_and(may_differ);
        written?;

        self.history.note(&changes, now);
        self.commit(&plan, is_written, now);
        let is_routed = self.route(&plan.network, &mut plan.alarms).await;
        crashpoint!("tick.routed", !changes.is_empty());
        if is_routed && self.may_act() {
            self.launch(&plan);
            self.remove(&plan);
            self.remove_strays(strays);
        }
        if self.is_over(&wish, &observed) {
            return self.close(now, plan.alarms, &wish, &observed).await;
        }
        Ok(self.conclude(plan, &wish, &observed, now))
    }

    /// Makes durable what has changed. Where it fails, nothing may be done.
    async fn write_down(
        &self,
        wish: &Wish,
        now: Now,
        changes: &[&Change],
        events: &[Event],
    ) -> Result<(), StoreError> {
        let (store, records) = (&self.ports.store, last_of_each(changes));
        crashpoint!("tick.thought", !records.is_empty());
        let written = store.record(&self.tenant, self.footing(wish), now, &records, events);
        let written = written.await;
        crashpoint!("tick.recorded", !records.is_empty());
        match written {
            Err(error) if seeded!(F11) && error.kind == StoreErrorKind::Failed => Ok(()),
            Err(error) if seeded!(F32) && error.kind == StoreErrorKind::Deposed => Ok(()),
            written => written.map(drop),
        }
    }

    /// Shows how the tick has ended, and tells when the next one is due.
    fn conclude(&mut self, plan: Plan, wish: &Wish, observed: &Observed, now: Now) -> Outcome {
        self.alarms.clone_from(&plan.alarms);
        let is_at_rest = self.is_at_rest(&plan.network, observed);
        self.status = Some(view::status(
            &self.view(wish, observed, now),
            plan.decision,
            plan.alarms,
        ));
        Outcome::Next(self.pace.until_next(is_at_rest))
    }

    /// The last tick could not write down what it had measured or was not told that it had, or a new policy looks further back
    /// than the last one did: the tenant is taken up anew, but for what the journal does not tell, such as which clouds refuse.
    /// What the store knows counts: an instance that it was not said to know is one of ours all the same (I1).
    async fn recall(&mut self, wish: &Wish) -> Result<(), StoreError> {
        if let Some(state) = self.ports.store.load(&self.tenant, history::SPAN).await? {
            self.epoch = state.epoch;
            self.instances = by_id(state.instances);
            self.history
                .forget_unwritten(&state.journal, &wish.spec.policy);
        }
        (self.is_adrift, self.is_first) = (false, true);
        Ok(())
    }

    /// The store does not work: says so in the status, since it cannot be said in the journal.
    pub(crate) fn complain(&mut self, error: &StoreError) {
        if let Some(status) = &mut self.status {
            status.alarms = vec![format!("nothing is done until this is mended: {error}")];
        }
    }

    /// What was measured, where it is to be written down.
    fn measured(&mut self, wish: &Wish, observed: &Observed) -> Vec<Event> {
        let samples = observed.samples.as_ref().ok();
        let samples = samples.filter(|samples| wish.spec.logs.metrics && !samples.is_empty());
        let loads = self.history.take_unwritten().into_iter().map(Event::Load);
        samples
            .map(|samples| Event::Measured {
                samples: samples.clone(),
            })
            .into_iter()
            .chain(loads)
            .collect()
    }

    /// The alarms that are new.
    fn raised(&self, plan: &Plan) -> Vec<Event> {
        let fresh = plan
            .alarms
            .iter()
            .filter(|alarm| !self.alarms.contains(alarm));
        fresh
            .map(|alarm| Event::Alarm {
                what: alarm.clone(),
            })
            .collect()
    }

    /// What is written down is true from now on. A decision that is not written down changed nothing and is forgotten: after a
    /// restart, and when the journal is decided again, there is the same to remember.
    fn commit(&mut self, plan: &Plan, is_written: bool, now: Now) {
        self.instances.clone_from(&plan.instances);
        let instances = &self.instances;
        self.removing.retain(|id| instances.contains_key(id));
        self.history.keep(|id| instances.contains_key(&id));
        if is_written {
            self.history.remember(&plan.decision, now.steady);
            self.is_first = false;
        }
    }

    /// What a record stands on that is made now.
    fn footing(&self, wish: &Wish) -> Footing {
        Footing {
            epoch: self.epoch,
            generation: wish.generation,
            orders: wish.orders,
        }
    }

    /// Asked right before every effect: a record that was written is not enough, since time has passed.
    fn may_act(&self) -> bool {
        seeded!(F8 | F32 => return true);
        self.ports.store.holds(&self.tenant, self.epoch)
    }

    /// Under which effects are ordered.
    fn epoch(&self) -> Epoch {
        seeded!(F8 | F32 => return seeded::highest(&self.tenant, self.epoch));
        self.epoch
    }

    /// Whether nothing is on its way, and the rules were seen as they are planned.
    fn is_at_rest(&self, network: &NetworkPlan, observed: &Observed) -> bool {
        let is_routed = |id| observed.endpoint(id).is_some_and(|seen| seen.is_routed);
        self.instances
            .values()
            .all(|instance| instance.phase.is_up())
            && network
                .endpoints
                .iter()
                .all(|endpoint| endpoint.is_backend == is_routed(endpoint.instance))
    }

    fn view<'a>(&'a self, wish: &'a Wish, observed: &'a Observed, now: Now) -> view::View<'a> {
        view::View {
            wish,
            instances: &self.instances,
            observed,
            history: &self.history,
            market: &self.ports.market,
            now,
            stale: self.pace.stale(),
        }
    }
}

fn by_id(instances: Vec<Instance>) -> BTreeMap<InstanceId, Instance> {
    let named = instances
        .into_iter()
        .map(|instance| (instance.id, instance));
    named.collect()
}

/// Each changed instance as it is in the end.
fn last_of_each(changes: &[&Change]) -> Vec<Instance> {
    let last: BTreeMap<InstanceId, &Instance> = changes
        .iter()
        .map(|change| (change.instance.id, &change.instance))
        .collect();
    last.into_values().cloned().collect()
}
