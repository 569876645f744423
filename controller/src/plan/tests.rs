//! What holds for any plan, whatever has happened and whatever was seen: a second opinion in the words of what is promised, which
//! knows nothing of how a plan is made.

mod members;
mod offers;
mod placement;
mod situations;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::example;
use crate::history::History;
use crate::network::Health;
use crate::observe::Sight;
use crate::ports::CloudState;
use situations::{Case, cases};

/// What was there, what was seen of it, and what is to be done.
struct Planned<'a> {
    case: &'a Case,
    plan: Plan,
}

fn planned(case: &Case) -> Planned<'_> {
    let situation = case.situation();
    let mut history = case.history.clone();
    let survey = survey(&situation, &history);
    history.read(&case.wish.spec.policy, &survey.readings, case.now);
    let plan = plan(
        &situation,
        &survey,
        &history,
        &mut fastrand::Rng::with_seed(case.seed),
    );
    Planned { case, plan }
}

impl Planned<'_> {
    fn max(&self) -> usize {
        self.case.wish.spec.instances.max as usize
    }

    fn before(&self, id: InstanceId) -> Option<&Instance> {
        self.case.instances.get(&id)
    }

    /// Those that did not exist.
    fn wished(&self) -> Vec<&Instance> {
        let all = self.plan.instances.values();
        all.filter(|instance| self.before(instance.id).is_none())
            .collect()
    }

    /// Those that begin to leave for this reason.
    fn leaving(&self, is_meant: impl Fn(Cause) -> bool) -> Vec<&Instance> {
        let all = self.plan.instances.values();
        all.filter(|instance| {
            let before = self.before(instance.id);
            before.is_some_and(|before| before.drain.is_none())
                && instance.drain.as_ref().is_some_and(|d| is_meant(d.cause))
        })
        .collect()
    }

    fn chosen(&self) -> Vec<&Instance> {
        self.leaving(Cause::is_choice)
    }

    fn health(&self, id: InstanceId) -> Health {
        let seen = self.case.observed.endpoint(id);
        seen.map_or(Health::Unknown, |seen| seen.health)
    }

    fn has_stopped(&self, instance: &Instance) -> bool {
        let sight = self.case.observed.sight(instance);
        matches!(sight, Sight::Seen(seen) if seen.state == CloudState::Stopped)
    }

    /// In service, and nothing is known against it.
    fn ready(&self) -> BTreeSet<InstanceId> {
        let all = self.case.instances.values();
        all.filter(|instance| {
            instance.phase == Phase::InService
                && self.health(instance.id) != Health::Unhealthy
                && !self.has_stopped(instance)
        })
        .map(|instance| instance.id)
        .collect()
    }

    fn backends(&self) -> BTreeSet<InstanceId> {
        let endpoints = self.plan.network.endpoints.iter();
        let backends = endpoints.filter(|endpoint| endpoint.is_backend);
        backends.map(|endpoint| endpoint.instance).collect()
    }
}

proptest! {
    // I1
    #[test]
    fn there_are_never_more_than_the_maximum_and_the_surge(case in cases()) {
        let told = planned(&case);
        let (before, after) = (case.instances.len(), told.plan.instances.len());
        let ceiling = told.max() + case.wish.spec.instances.surge as usize;
        prop_assert!(after <= ceiling.max(before), "{before}, {after} of {ceiling}");
        prop_assert!(told.wished().is_empty() || after <= ceiling);
        let is_for_pool = told.wished().iter().any(|instance| instance.is_pooled);
        prop_assert!(!is_for_pool || after <= told.max());
        for preference in &case.wish.spec.clouds {
            let there = |all: &BTreeMap<_, Instance>| {
                all.values().filter(|one| one.cloud == preference.name).count()
            };
            let (before, after) = (there(&case.instances), there(&told.plan.instances));
            let limit = preference.max.map_or(usize::MAX, |max| max as usize);
            prop_assert!(after <= limit.max(before), "{}", preference.name);
        }
    }

    // I2, I11
    #[test]
    fn nothing_by_choice_makes_fewer_ready_than_the_minimum(case in cases()) {
        let told = planned(&case);
        let ready = told.ready();
        let chosen: BTreeSet<_> = told.chosen().iter().map(|instance| instance.id).collect();
        let left = ready.difference(&chosen).count();
        let floor = ready.len().min(case.wish.spec.instances.min as usize);
        prop_assert!(chosen.is_empty() || left >= floor, "{left} for {floor}: {}", case.told());

        let serves = told.plan.instances.values().any(|one| one.phase == Phase::InService);
        let is_open = !case.wish.orders.is_destroyed;
        prop_assert!(!serves || !is_open || !told.backends().is_empty());
    }

    // I26
    #[test]
    fn while_it_is_paused_nothing_is_launched_and_nothing_replaced(case in cases()) {
        let mut case = case;
        (case.wish.orders.is_paused, case.wish.orders.is_destroyed) = (true, false);
        let told = planned(&case);
        prop_assert!(told.wished().is_empty());
        prop_assert!(told.chosen().is_empty());
        let in_service = |all: &BTreeMap<_, Instance>| -> BTreeSet<InstanceId> {
            all.values().filter(|one| one.phase == Phase::InService).map(|one| one.id).collect()
        };
        let (before, after) = (in_service(&case.instances), in_service(&told.plan.instances));
        prop_assert!(before.is_subset(&after));
    }

    // I5
    #[test]
    fn where_many_are_unwell_at_once_one_at_a_time_is_replaced(case in cases()) {
        let told = planned(&case);
        let up: Vec<_> = case.instances.values().filter(|one| one.phase.is_up()).collect();
        let unwell = up.iter().filter(|one| told.health(one.id) == Health::Unhealthy).count();
        let leaving = told.leaving(|cause| cause == Cause::Unhealthy).len();
        prop_assert!(unwell <= 1 || unwell * 5 <= up.len() || leaving <= 1, "{leaving} of {unwell}");
    }

    // I6
    #[test]
    fn who_is_not_seen_is_not_dead(case in cases()) {
        let told = planned(&case);
        for before in case.instances.values() {
            let Some(after) = told.plan.instances.get(&before.id) else {
                prop_assert!(before.phase == Phase::Terminating && case.removed.contains(&before.id));
                continue;
            };
            if before.drain.is_some() || after.drain.as_ref().is_none_or(|d| d.cause != Cause::Died) {
                continue;
            }
            let long = before.missing.is_some_and(|missing| {
                missing.listings >= 2 && case.now.since(missing.since) >= SignedDuration::from_secs(60)
            });
            let is_absent = matches!(case.observed.sight(before), Sight::Absent);
            prop_assert!(told.has_stopped(before) || is_absent && long && !before.phase.is_up());
        }
    }

    // I10, I16
    #[test]
    fn who_serves_is_drained_before_it_is_removed(case in cases()) {
        let told = planned(&case);
        for after in told.plan.instances.values() {
            let Some(before) = told.before(after.id) else { continue };
            if after.phase != Phase::Terminating || before.phase == Phase::Terminating {
                continue;
            }
            let Some(drain) = &after.drain else { panic!("{after:?}") };
            let is_over = case.now.since(drain.started) >= drain.limit;
            match before.phase {
                Phase::InService => prop_assert!(told.has_stopped(before), "{before:?}"),
                Phase::Draining => {
                    let is_idle = drain.flows_at_end == Some(0);
                    prop_assert!(is_idle || is_over || told.has_stopped(before), "{before:?}");
                }
                _ => {}
            }
        }
        let is_well = |one: &&Instance| {
            one.phase == Phase::InService && told.health(one.id) != Health::Unhealthy
        };
        let well = told.plan.instances.values().filter(is_well).count();
        let is_short = well < case.wish.spec.instances.min.max(1) as usize;
        for id in told.backends() {
            let phase = told.plan.instances[&id].phase;
            prop_assert!(phase == Phase::InService || is_short && phase == Phase::Draining);
        }
    }

    // I17
    #[test]
    fn every_removal_names_its_instance_and_every_launch_its_intent(case in cases()) {
        let told = planned(&case);
        let (instances, backends) = (&told.plan.instances, told.backends());
        for id in &told.plan.terminations {
            let instance = &instances[id];
            prop_assert_eq!(instance.phase, Phase::Terminating);
            prop_assert!(instance.provider.is_some() && !backends.contains(id), "{:?}", instance);
        }
        for launch in &told.plan.launches {
            prop_assert_eq!(&launch.instance, &instances[&launch.instance.id]);
            prop_assert_eq!(launch.instance.phase, Phase::Intent);
        }
        let addresses: BTreeSet<_> = instances.values().map(|one| one.address).collect();
        prop_assert_eq!(addresses.len(), instances.len());
        let subnet = &case.wish.spec.network.subnets[0];
        for one in told.wished() {
            prop_assert!((subnet.dhcp_start..=subnet.dhcp_end).contains(&one.address));
            prop_assert_ne!(one.address, subnet.gateway);
        }
    }

    // I20
    #[test]
    fn nothing_is_launched_where_the_cloud_is_left_alone(case in cases()) {
        let told = planned(&case);
        let is_left_alone = |cloud: &CloudName| {
            let refusals = case.history.refusals.get(cloud);
            refusals.is_some_and(|refusals| refusals.now(case.now.steady).is_some())
                || matches!(case.observed.clouds.get(cloud), Some(Err(_)))
        };
        for launch in &told.plan.launches {
            prop_assert!(!is_left_alone(&launch.instance.cloud));
        }
        for one in told.wished() {
            prop_assert!(!is_left_alone(&one.cloud));
        }
    }

    #[test]
    fn every_step_is_a_legal_one_and_no_plan_is_objected_to(case in cases()) {
        let told = planned(&case);
        let mut phases: BTreeMap<InstanceId, Phase> =
            case.instances.values().map(|one| (one.id, one.phase)).collect();
        for change in &told.plan.changes {
            let after = &change.instance;
            match (phases.insert(after.id, after.phase), &change.step) {
                (Some(before), Some(step)) => {
                    prop_assert_eq!((step.from, step.to), (Some(before), after.phase));
                    prop_assert!(before.may_become(after.phase), "{before} to {}", after.phase);
                }
                (Some(before), None) => prop_assert_eq!(before, after.phase),
                (None, _) => prop_assert_eq!(after.phase, Phase::Intent),
            }
        }
        for alarm in &told.plan.alarms {
            prop_assert!(!alarm.contains("a fault of asaas"), "{alarm}: {}", case.told());
        }
    }

    // I3
    #[test]
    fn without_any_reading_the_number_does_not_fall(case in cases()) {
        let mut case = case;
        case.observed.samples = Ok(Vec::new());
        case.history = History::new(SignedDuration::from_secs(10));
        let before = case.in_force.clamp(case.wish.spec.instances.min, case.wish.spec.instances.max);
        case.history.in_force = Some(before);
        case.wish.orders = crate::ports::Orders::default();
        let told = planned(&case);
        prop_assert!(told.plan.decision.desired >= before, "{:#?}", told.plan.decision);
    }

    #[test]
    fn equal_situations_give_equal_plans(case in cases()) {
        prop_assert_eq!(format!("{:?}", planned(&case).plan), format!("{:?}", planned(&case).plan));
    }
}

// The positive control: a plan that breaks a promise is seen to break it.
#[test]
fn the_second_opinion_of_the_planner_objects_to_what_is_promised_not_to_happen() {
    let case = Case::quiet(3);
    let mut told = planned(&case);
    assert_eq!(check(&case.situation(), &told.plan), Vec::<String>::new());

    told.plan.network.endpoints.clear();
    for change in (0..4).map(|slot| {
        settle::drain(
            &example::instance(slot),
            Cause::ScaleIn,
            SignedDuration::ZERO,
            "a test",
            case.now,
        )
    }) {
        told.plan.changes.push(change);
    }

    let objections = check(&case.situation(), &told.plan).join("; ");
    assert!(
        objections.contains("ready instances would be removed"),
        "{objections}"
    );
    assert!(
        objections.contains("no instance would be reached"),
        "{objections}"
    );
}
