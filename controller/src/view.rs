//! From what a tick knows to what a person is shown.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::amount::Amount;
use crate::decide::bounds;
use crate::decision::Decision;
use crate::history::History;
use crate::id::{CloudName, InstanceId};
use crate::instance::{Instance, Phase};
use crate::load::Metric;
use crate::market::Market;
use crate::network::Health;
use crate::observe::Observed;
use crate::place::{Ground, count, hourly, outdated, pool};
use crate::ports::Wish;
use crate::status::{CloudStatus, InstanceStatus, MetricStatus, Status};
use crate::time::Now;

/// What a tick knows.
pub(crate) struct View<'a> {
    pub(crate) wish: &'a Wish,
    pub(crate) instances: &'a BTreeMap<InstanceId, Instance>,
    pub(crate) observed: &'a Observed,
    pub(crate) history: &'a History,
    pub(crate) market: &'a Market,
    pub(crate) now: Now,
    pub(crate) stale: SignedDuration,
}

impl View<'_> {
    fn ground(&self) -> Ground<'_> {
        Ground {
            spec: &self.wish.spec,
            instances: self.instances,
            observed: self.observed,
            history: self.history,
            market: self.market,
            now: self.now,
        }
    }
}

/// What a person is shown.
pub(crate) fn status(view: &View<'_>, decision: Decision, alarms: Vec<String>) -> Status {
    let View {
        wish,
        instances,
        observed,
        now,
        ..
    } = view;
    let (min, max) = bounds(&wish.spec, now.wall);
    let mut shown: Vec<InstanceStatus> = instances
        .values()
        .map(|i| instance_status(view, i))
        .collect();
    shown.sort_by_key(|shown| (shown.instance.slot, shown.instance.id));
    // One that stands by is as ready, and not reached.
    let is_in_order = |shown: &InstanceStatus| {
        shown.instance.phase.is_up()
            && shown.health == Health::Healthy
            && shown.is_routed == (shown.instance.phase == Phase::InService)
    };
    let pooled = count(shown.iter().filter(|shown| shown.instance.is_pooled));
    let is_settled = count(shown.iter()) - pooled == decision.desired
        && pooled == pool::size(wish, decision.desired)
        && shown.iter().all(is_in_order)
        && shown.iter().all(|shown| shown.outdated.is_none())
        && decision.desired == decision.before
        && !wish.orders.is_destroyed;
    Status {
        tenant: wish.spec.tenant.clone(),
        at: now.wall,
        generation: wish.generation,
        orders: wish.orders,
        is_settled,
        min,
        max,
        metric: metric_status(view, &decision),
        decision: Some(decision),
        instances: shown,
        clouds: cloud_statuses(view),
        cost: hourly(&view.ground()),
        tunnel: observed
            .network
            .as_ref()
            .map(|seen| seen.tunnel.clone())
            .unwrap_or_default(),
        alarms,
    }
}

fn instance_status(view: &View<'_>, instance: &Instance) -> InstanceStatus {
    let endpoint = view
        .observed
        .endpoint(instance.id)
        .cloned()
        .unwrap_or_default();
    let fresh = |metric| {
        let sample = view
            .history
            .fresh(Some(instance.id), &metric, view.now, view.stale)?;
        Some((metric, sample.value))
    };
    InstanceStatus {
        instance: instance.clone(),
        health: endpoint.health,
        is_routed: endpoint.is_routed,
        flows: endpoint.flows,
        outdated: outdated(&view.ground(), instance),
        metrics: Metric::NAMED.into_iter().filter_map(fresh).collect(),
    }
}

fn metric_status(view: &View<'_>, decision: &Decision) -> Option<MetricStatus> {
    let signal = view.wish.spec.policy.signals.first()?;
    let monitor = &signal.monitor;
    let reading = decision.readings.get(&monitor.metric)?;
    let from = view.now.steady.saturating_sub(monitor.window).ok()?;
    let of_window = view
        .history
        .readings
        .iter()
        .filter(|(at, _)| *at > from)
        .filter_map(|(_, readings)| readings.get(&monitor.metric));
    let (mut sum, mut measured) = (Amount::ZERO, 0);
    for reading in of_window {
        sum = sum + reading.sum;
        measured += reading.fresh;
    }
    Some(MetricStatus {
        metric: monitor.metric.clone(),
        average: (measured > 0).then(|| sum.over(measured as usize)),
        threshold: signal.threshold(),
        fresh: reading.fresh,
        expected: reading.expected,
    })
}

fn cloud_statuses(view: &View<'_>) -> Vec<CloudStatus> {
    let ground = view.ground();
    let refused = |name: &CloudName| -> Vec<String> {
        let offerings = view.history.offerings.iter();
        offerings
            .filter(|((cloud, _), _)| cloud == name)
            .filter_map(|((_, offering), refusals)| {
                let why = refusals.now(view.now.steady)?;
                Some(format!("{offering}: {why}"))
            })
            .collect()
    };
    let instances = || view.instances.values();
    ground
        .clouds()
        .into_iter()
        .map(|preference| CloudStatus {
            name: preference.name.clone(),
            instances: count(instances().filter(|i| i.cloud == preference.name)),
            max: preference.max,
            refuses: ground.refusal(&preference.name),
            refused_offerings: refused(&preference.name),
        })
        .collect()
}
