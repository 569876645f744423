//! From an entry of the journal to rows. Pure: the same entries give the same bytes, whenever they are written.

use std::collections::BTreeMap;

use controller::amount::Amount;
use controller::decide;
use controller::decision::Decision;
use controller::id::{CloudName, InstanceId, TenantName};
use controller::instance::{Instance, Phase};
use controller::journal::{Entry, Event, Move};
use controller::spec::TenantSpec;

use super::columns::{Action, ActionRow, DecisionRow, IN_SERVICE, MetricRow, Verdict};

/// The rows of one entry, by file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    pub(super) actions: Vec<ActionRow>,
    pub(super) metrics: Vec<MetricRow>,
    pub(super) decisions: Vec<DecisionRow>,
}

/// Which instances are in service, and where: known at one entry, and carried along from there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct InService(BTreeMap<InstanceId, CloudName>);

impl InService {
    /// As it was before `since` was written, given how it is after it.
    pub(super) fn before(now: &[Instance], since: &[Entry]) -> Self {
        let mut in_service: BTreeMap<InstanceId, CloudName> = now
            .iter()
            .filter(|instance| instance.phase == Phase::InService)
            .map(|instance| (instance.id, instance.cloud.clone()))
            .collect();
        for entry in since.iter().rev() {
            let Event::Moved(step) = &entry.event else {
                continue;
            };
            if step.to == Phase::InService {
                in_service.remove(&step.instance);
            } else if step.from == Some(Phase::InService) {
                in_service.insert(step.instance, step.cloud.clone());
            }
        }
        Self(in_service)
    }

    fn follow(&mut self, step: &Move) {
        if step.to == Phase::InService {
            self.0.insert(step.instance, step.cloud.clone());
        } else if step.from == Some(Phase::InService) {
            self.0.remove(&step.instance);
        }
    }

    fn count(&self, cloud: &CloudName) -> u32 {
        let count = self.0.values().filter(|used| *used == cloud).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// The rows of the next entry. `spec` is what was in force when it was written, where that is still known.
pub(super) fn rows(
    tenant: &TenantName,
    spec: Option<&TenantSpec>,
    in_service: &mut InService,
    entry: &Entry,
) -> Rows {
    let mut rows = Rows::default();
    match &entry.event {
        Event::Decided(decision) => {
            rows.decisions.push(decided(tenant, spec, entry, decision));
            if let Some(spec) = spec.filter(|spec| spec.logs.metrics) {
                rows.metrics = totals(tenant, spec, in_service, entry);
            }
        }
        Event::Moved(step) => {
            in_service.follow(step);
            rows.actions.push(moved(tenant, entry, step));
        }
        Event::Refused { cloud, why } => rows.actions.push(ActionRow {
            cloud: Some(cloud.clone()),
            ..action(tenant, entry, Action::Refusal, why.clone())
        }),
        Event::Measured { samples } => {
            if spec.is_none_or(|spec| spec.logs.metrics) {
                rows.metrics = samples
                    .iter()
                    .map(|sample| MetricRow {
                        seq: entry.seq,
                        time: entry.at,
                        tenant: tenant.clone(),
                        instance: sample.instance,
                        cloud: sample
                            .instance
                            .and_then(|instance| in_service.0.get(&instance).cloned()),
                        metric: sample.metric.clone().into(),
                        value: sample.value,
                    })
                    .collect();
            }
        }
        Event::Load(_) => {}
        Event::Ordered {
            order,
            generation,
            detail,
        } => rows.actions.push(ActionRow {
            generation: Some(*generation),
            ..action(tenant, entry, Action::Order, format!("{order}: {detail}"))
        }),
        Event::Alarm { what } => {
            rows.actions
                .push(action(tenant, entry, Action::Alarm, what.clone()));
        }
    }
    rows
}

fn action(tenant: &TenantName, entry: &Entry, action: Action, why: String) -> ActionRow {
    ActionRow {
        seq: entry.seq,
        time: entry.at,
        tenant: tenant.clone(),
        action,
        instance: None,
        cloud: None,
        address: None,
        from: None,
        to: None,
        why,
        cause: None,
        flows_at_start: None,
        flows_at_end: None,
        waited_s: None,
        forced: None,
        generation: None,
    }
}

fn moved(tenant: &TenantName, entry: &Entry, step: &Move) -> ActionRow {
    let kind = match step.to {
        Phase::Intent => Action::Launch,
        Phase::Launching | Phase::Booting | Phase::Standby | Phase::InService => Action::Advance,
        Phase::Draining | Phase::Terminating | Phase::Gone => Action::Remove,
        Phase::Failed => Action::Fail,
    };
    let drain = step.drain.as_ref();
    let has_ended = matches!(step.to, Phase::Terminating | Phase::Gone);
    let waited = drain.map(|drain| entry.steady.duration_since(drain.started));
    ActionRow {
        instance: Some(step.instance),
        cloud: Some(step.cloud.clone()),
        address: Some(step.address),
        from: step.from,
        to: Some(step.to),
        cause: drain.map(|drain| drain.cause),
        flows_at_start: drain.and_then(|drain| drain.flows_at_start),
        flows_at_end: drain.and_then(|drain| drain.flows_at_end),
        waited_s: waited.and_then(|waited| Amount::measured(waited.as_secs_f64())),
        forced: drain
            .filter(|_| has_ended)
            .and_then(|drain| drain.flows_at_end)
            .map(|flows| flows > 0),
        ..action(tenant, entry, kind, step.why.clone())
    }
}

fn totals(
    tenant: &TenantName,
    spec: &TenantSpec,
    in_service: &InService,
    entry: &Entry,
) -> Vec<MetricRow> {
    let wanted = spec.clouds.iter().map(|preference| &preference.name);
    let mut clouds: Vec<&CloudName> = wanted.chain(in_service.0.values()).collect();
    clouds.sort();
    clouds.dedup();
    clouds
        .into_iter()
        .map(|cloud| MetricRow {
            seq: entry.seq,
            time: entry.at,
            tenant: tenant.clone(),
            instance: None,
            cloud: Some(cloud.clone()),
            metric: IN_SERVICE.to_owned(),
            value: Amount::whole(in_service.count(cloud)),
        })
        .collect()
}

fn decided(
    tenant: &TenantName,
    spec: Option<&TenantSpec>,
    entry: &Entry,
    decision: &Decision,
) -> DecisionRow {
    let signal = spec.and_then(|spec| spec.policy.signals.first());
    let metric = signal.map(|signal| &signal.monitor.metric);
    let reading = metric.and_then(|metric| decision.readings.get(metric));
    let bounds = spec.map(|spec| decide::bounds(spec, entry.at));
    let mut number = decision.before;
    let mut guard = decision.steps.first().map(|step| step.guard.name());
    for step in &decision.steps {
        if step.number != number {
            number = step.number;
            guard = Some(step.guard.name());
        }
    }
    let steps: Vec<String> = decision
        .steps
        .iter()
        .map(|step| format!("{} → {}: {}", step.guard.name(), step.number, step.note))
        .collect();
    DecisionRow {
        seq: entry.seq,
        time: entry.at,
        tenant: tenant.clone(),
        current: decision.current,
        before: decision.before,
        desired: decision.desired,
        verdict: match decision.desired.cmp(&decision.before) {
            std::cmp::Ordering::Greater => Verdict::ScaleOut,
            std::cmp::Ordering::Less => Verdict::ScaleIn,
            std::cmp::Ordering::Equal => Verdict::Hold,
        },
        metric: metric.cloned(),
        average: reading
            .filter(|reading| reading.fresh > 0)
            .map(|reading| reading.sum.over(reading.fresh as usize)),
        threshold: signal.and_then(controller::policy::Signal::threshold),
        fresh: reading.map(|reading| reading.fresh),
        expected: reading.map(|reading| reading.expected),
        guard: guard.unwrap_or_default().to_owned(),
        reason: decision.reason().to_owned(),
        steps: steps.join(" | "),
        min: bounds.map(|(min, _)| min),
        max: bounds.map(|(_, max)| max),
    }
}
