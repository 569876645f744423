//! What must hold when something becomes durable: decisions, and what they make of instances.

use std::collections::BTreeMap;

use controller::amount::Amount;
use controller::decision::Decision;
use controller::id::InstanceId;
use controller::instance::{Cause, Instance, Phase};
use controller::journal::{Event, Move};
use controller::load::Metric;
use controller::network::Health;
use controller::ports::CloudState;

use super::{TICKING, launching};
use crate::fault::Fault;
use crate::kernel;
use crate::moment::{MINUTE, SECOND, Span, span};
use crate::oracle::Rule;
use crate::truth::Truth;

/// A record is about to become durable.
pub(crate) fn judge(truth: &mut Truth, tenant: usize, instances: &[Instance], events: &[Event]) {
    let now = truth.now;
    let mut found = vec![
        (Rule::I1, ceiling(truth, tenant, instances)),
        (Rule::I22, continuous(truth, tenant, instances, events)),
        (Rule::I5, one_at_a_time(truth, tenant, events)),
        (Rule::I6, dead(truth, tenant, instances)),
        (Rule::I6, buried(truth, tenant, events)),
        (Rule::I26, paused(truth, tenant, events)),
    ];
    for event in events {
        match event {
            Event::Decided(decision) => {
                found.push((Rule::I3, silence(truth, tenant, decision)));
                found.push((Rule::I3, zero(truth, tenant, decision)));
                found.push((Rule::I4, step(truth, tenant, decision)));
                found.push((Rule::I4, rate(truth, tenant, decision)));
            }
            Event::Moved(step) if step.to == Phase::Intent => {
                let cloud = truth
                    .clouds
                    .iter()
                    .position(|cloud| cloud.drawn.name == step.cloud);
                if let Some(cloud) = cloud {
                    found.push((Rule::I20, launching::breaker(truth, cloud, tenant)));
                }
            }
            _ => {}
        }
    }
    for (rule, found) in found {
        truth.oracle.judge(rule, now, found);
    }
    for event in events {
        match event {
            Event::Decided(decision) => {
                let change = decision.by_choice();
                if change != 0 {
                    truth.tenants[tenant].deeds.changes.push((now, change));
                }
                truth.tenants[tenant].deeds.desired = decision.desired;
            }
            Event::Moved(step) => remember(truth, tenant, step),
            _ => {}
        }
    }
}

fn remember(truth: &mut Truth, tenant: usize, step: &Move) {
    let now = truth.now;
    truth
        .log
        .note(now, step.to.name(), tenant, step.instance, &step.why);
    if let Some(from) = step.from {
        truth.coverage.moved(from, step.to);
        cover(truth, tenant, from, step);
    }
    let place = truth
        .clouds
        .iter()
        .position(|cloud| cloud.drawn.name == step.cloud);
    let cause = step.drain.as_ref().map(|drain| drain.cause);
    let deeds = &mut truth.tenants[tenant].deeds;
    if step.to.is_over() {
        deeds.over.insert(step.instance);
    }
    let Some(place) = place else { return };
    match step.to {
        Phase::Standby | Phase::InService if step.from == Some(Phase::Booting) => {
            deeds.duds.remove(&place);
        }
        Phase::Terminating if cause == Some(Cause::NeverHealthy) => {
            deeds.duds.entry(place).or_default().push(now);
        }
        _ => {}
    }
}

fn cover(truth: &mut Truth, tenant: usize, from: Phase, step: &Move) {
    let is_answered = truth.answered.contains(&step.instance);
    let cause = step.drain.as_ref().map(|drain| drain.cause);
    let is_there = truth.real(tenant, step.instance).is_some();
    let row = match (from, step.to) {
        (Phase::Intent, Phase::Launching | Phase::Booting) if !is_answered => {
            "an instance is adopted that no answer told of"
        }
        (_, Phase::Failed) => "a launch is refused and has failed",
        (_, Phase::Terminating) if cause == Some(Cause::NeverHealthy) => {
            "an instance is given up that was never healthy"
        }
        (Phase::Launching | Phase::Booting, Phase::Terminating)
            if cause == Some(Cause::Died) && !is_there =>
        {
            "an instance is given up that its cloud does not show"
        }
        _ => return,
    };
    truth.coverage.row(row);
}

/// I1: the records never grow beyond the ceiling in force.
pub(crate) fn ceiling(truth: &Truth, tenant: usize, instances: &[Instance]) -> Option<String> {
    let kept = &truth.tenants[tenant].kept;
    let before = kept.records.len();
    let is_new = |one: &&Instance| !one.phase.is_over() && !kept.records.contains_key(&one.id);
    let is_over = |one: &&Instance| one.phase.is_over() && kept.records.contains_key(&one.id);
    let new = instances.iter().filter(is_new).count();
    let after = before + new - instances.iter().filter(is_over).count();
    let ceiling = kept.ceiling_since(truth.now) as usize;
    (new > 0 && after > ceiling)
        .then(|| format!("{after} instances are recorded, at most {ceiling} may"))
}

/// I22: every move goes on from where the record was, and leads to where it is then.
pub(crate) fn continuous(
    truth: &Truth,
    tenant: usize,
    instances: &[Instance],
    events: &[Event],
) -> Option<String> {
    let records = &truth.tenants[tenant].kept.records;
    let mut phases: BTreeMap<InstanceId, Phase> = BTreeMap::new();
    for event in events {
        let Event::Moved(step) = event else { continue };
        let recorded = records.get(&step.instance).map(|record| record.phase);
        let before = phases.get(&step.instance).copied().or(recorded);
        if before != step.from {
            return Some(format!(
                "{} moves from {:?} to {}, and was {before:?}",
                step.instance, step.from, step.to
            ));
        }
        phases.insert(step.instance, step.to);
    }
    let silent = instances.iter().find(|instance| {
        let told = phases.get(&instance.id).copied();
        let recorded = records.get(&instance.id).map(|record| record.phase);
        told.or(recorded) != Some(instance.phase)
    })?;
    Some(format!(
        "{} became {} and no entry says so",
        silent.id, silent.phase
    ))
}

/// I5: with more than one in five unwell, one is replaced at a time.
pub(crate) fn one_at_a_time(truth: &Truth, tenant: usize, events: &[Event]) -> Option<String> {
    let is_replaced = |event: &&Event| match event {
        Event::Moved(step) => {
            let cause = step.drain.as_ref().map(|drain| drain.cause);
            step.from == Some(Phase::InService)
                && step.to == Phase::Draining
                && cause == Some(Cause::Unhealthy)
        }
        _ => false,
    };
    let replaced = events.iter().filter(is_replaced).count();
    if replaced < 2 {
        return None;
    }
    let records = truth.tenants[tenant].kept.records.values();
    let up: Vec<InstanceId> = records
        .filter(|one| one.phase.is_up())
        .map(|one| one.id)
        .collect();
    let is_unwell = |id: &&InstanceId| kernel::health(truth, tenant, **id) == Health::Unhealthy;
    let unwell = up.iter().filter(is_unwell).count().max(replaced);
    (unwell * 100 > up.len() * 20).then(|| {
        format!(
            "{replaced} are replaced at once with {unwell} of {} unwell",
            up.len()
        )
    })
}

/// I6: what exists and was not removed is not over.
pub(crate) fn dead(truth: &Truth, tenant: usize, instances: &[Instance]) -> Option<String> {
    let over = instances.iter().filter(|instance| instance.phase.is_over());
    let alive = over
        .filter_map(|instance| truth.real(tenant, instance.id).map(|real| (instance, real)))
        .find(|(_, real)| real.exists(truth.now) && truth.now < real.leaves_from)?;
    Some(format!("{} is {}, and exists", alive.0.id, alive.0.phase))
}

/// I6: who was in service or stood by, and runs, is not said to have died, whatever listings do not show.
pub(crate) fn buried(truth: &Truth, tenant: usize, events: &[Event]) -> Option<String> {
    let is_said_dead = |step: &&Move| {
        let cause = step.drain.as_ref().map(|drain| drain.cause);
        step.from.is_some_and(Phase::is_up) && cause == Some(Cause::Died)
    };
    let runs = |step: &&Move| {
        let real = truth.real(tenant, step.instance);
        real.is_some_and(|real| {
            real.exists(truth.now) && real.state(truth.now) == CloudState::Running
        })
    };
    let moves = events.iter().filter_map(|event| match event {
        Event::Moved(step) => Some(step),
        _ => None,
    });
    let step = moves.filter(is_said_dead).find(runs)?;
    Some(format!("{} is said to have died, and runs", step.instance))
}

/// I26: nothing is launched and nobody removed by choice while paused.
pub(crate) fn paused(truth: &Truth, tenant: usize, events: &[Event]) -> Option<String> {
    let since = truth.tenants[tenant].kept.paused?;
    if truth.now - since < TICKING {
        return None;
    }
    let chosen = events.iter().find_map(|event| match event {
        Event::Moved(step) => {
            let cause = step.drain.as_ref().map(|drain| drain.cause);
            let is_chosen = step.to == Phase::Intent
                || step.to == Phase::Draining && cause.is_some_and(Cause::is_choice);
            is_chosen.then_some(step)
        }
        _ => None,
    })?;
    let seconds = (truth.now - since) / SECOND;
    Some(format!(
        "{} is {} {seconds} s into a pause",
        chosen.instance, chosen.to
    ))
}

/// How old a reading may be, by the shipped pace.
fn stale(truth: &Truth) -> Span {
    (span(truth.pace.tick) * 3).max(5 * SECOND)
}

/// I3: nobody is taken for idle because nobody says anything.
pub(crate) fn silence(truth: &Truth, tenant: usize, decision: &Decision) -> Option<String> {
    if decision.by_choice() >= 0 {
        return None;
    }
    let here = &truth.tenants[tenant];
    // A policy that was changed may not ask for the metric that is silent.
    let is_asked = |metric: &Metric| here.followed().contains(metric);
    let is_meant = |kind: &Fault| {
        *kind != Fault::SilentMetric || here.silent_metric.as_ref().is_some_and(is_asked)
    };
    let silent = [
        Fault::SilentAll,
        Fault::SilentMetric,
        Fault::NotANumber,
        Fault::MeterFails,
    ]
    .into_iter()
    .filter(is_meant)
    .filter_map(|kind| here.moods.since(kind, truth.now))
    .min()?;
    let lasts = truth.now - silent;
    (lasts > stale(truth) + span(truth.pace.tick) + TICKING).then(|| {
        format!(
            "{} to {} after {} s of silence",
            decision.before,
            decision.desired,
            lasts / SECOND
        )
    })
}

/// I3: a fall to exactly zero is not believed at once. Of connections there may have been so few that it is no fall.
pub(crate) fn zero(truth: &Truth, tenant: usize, decision: &Decision) -> Option<String> {
    let here = &truth.tenants[tenant];
    // A leap of the clock ends the wait.
    let (first, before) = here.zeroed.filter(|(first, _)| here.leapt < *first)?;
    let lasts = truth.now - first;
    let signals = &here.kept.wish.as_ref()?.spec.policy.signals;
    let is_of_cpu = signals
        .iter()
        .all(|signal| signal.monitor.metric == Metric::Cpu);
    let is_fall = is_of_cpu && before > Amount::from_millionths(150_000);
    let is_believed = decision.by_choice() < 0 && lasts < stale(truth);
    (is_fall && is_believed).then(|| {
        format!(
            "{} to {} {} s after all fell to zero",
            decision.before,
            decision.desired,
            lasts / SECOND
        )
    })
}

/// I4: no further at a time than the policy allows.
pub(crate) fn step(truth: &Truth, tenant: usize, decision: &Decision) -> Option<String> {
    let policy = &truth.tenants[tenant].kept.wish.as_ref()?.spec.policy;
    let limit = policy.step_limit(decision.before);
    let change = decision.by_choice();
    let limit = if change > 0 {
        limit.scale_out
    } else {
        limit.scale_in
    };
    let is_too_far = change.unsigned_abs() > u64::from(limit);
    is_too_far.then(|| format!("{change} at a time, at most {limit} may"))
}

/// I4: no more within a time than the policy allows.
pub(crate) fn rate(truth: &Truth, tenant: usize, decision: &Decision) -> Option<String> {
    let here = &truth.tenants[tenant];
    let policy = &here.kept.wish.as_ref()?.spec.policy;
    let change = decision.by_choice();
    let is_out = change > 0;
    let limit = if is_out {
        policy.max_rate.scale_out
    } else {
        policy.max_rate.scale_in
    }?;
    let from = truth
        .now
        .saturating_sub(span(limit.per).saturating_sub(TICKING))
        .max(here.leapt);
    let of_late = here
        .deeds
        .changes
        .iter()
        .filter(|(at, by)| *at > from && (*by > 0) == is_out);
    let before: u64 = of_late.map(|(_, by)| by.unsigned_abs()).sum();
    let after = before + change.unsigned_abs();
    (change != 0 && after > u64::from(limit.instances)).then(|| {
        format!(
            "{after} within {} s, at most {} may",
            span(limit.per) / SECOND,
            limit.instances
        )
    })
}

/// I7: nothing is left of a tenant when it is closed.
pub(crate) fn judge_end(truth: &mut Truth, tenant: usize) {
    let now = truth.now;
    let left = truth
        .reals(tenant)
        .find(|real| now < real.leaves_from && now - real.made > 3 * MINUTE);
    let found = left
        .filter(|real| !truth.late.contains(&real.id))
        .map(|real| format!("the tenant is closed and {} exists", real.id));
    truth.oracle.judge(Rule::I7, now, found);
}
