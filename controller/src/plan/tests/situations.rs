//! Any situation that a tick can be in: any mix of phases, sights, healths, refusals and orders, at any time.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

use super::members::{Member, members};
use super::offers::{offers, rules};
use crate::amount::Amount;
use crate::example;
use crate::history::History;
use crate::id::{CloudName, Generation, InstanceId, ProviderId};
use crate::instance::Instance;
use crate::load::{Metric, Sample};
use crate::market::Market;
use crate::network::{EndpointSeen, Health, NetworkSeen};
use crate::observe::Observed;
use crate::plan::Situation;
use crate::ports::{
    CloudError, CloudErrorKind, CloudState, DataplaneError, InstanceSeen, MeterError, Orders, Wish,
};
use crate::spec::CloudPreference;
use crate::time::Now;

/// All that a plan is made from.
#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) wish: Wish,
    pub(super) market: Market,
    pub(super) instances: BTreeMap<InstanceId, Instance>,
    pub(super) observed: Observed,
    pub(super) removed: Vec<InstanceId>,
    pub(super) now: Now,
    pub(super) history: History,
    pub(super) in_force: u32,
    pub(super) seed: u64,
}

impl Case {
    pub(super) fn situation(&self) -> Situation<'_> {
        Situation {
            wish: &self.wish,
            instances: &self.instances,
            observed: &self.observed,
            removed: &self.removed,
            now: self.now,
            stale: SignedDuration::from_secs(30),
            market: &self.market,
        }
    }

    /// In a few lines, for a case that breaks a promise.
    pub(super) fn told(&self) -> String {
        let spec = &self.wish.spec;
        let mut lines = vec![format!(
            "{:?} pool {} clouds {:?} {:?} in force {:?}",
            spec.instances,
            spec.policy.warm_pool,
            spec.clouds,
            self.wish.orders,
            self.history.in_force
        )];
        for one in self.instances.values() {
            lines.push(format!(
                "{} {} in {} pooled {} sight {:?} network {:?}",
                one.id,
                one.phase,
                one.cloud,
                one.is_pooled,
                self.observed.sight(one),
                self.observed.endpoint(one.id)
            ));
        }
        lines.join("\n")
    }

    /// So many in service, seen and well.
    pub(super) fn quiet(count: u32) -> Self {
        let instances: Vec<Instance> = (0..count).map(example::instance).collect();
        let seen = instances.iter().map(|one| shown(one, CloudState::Running));
        let endpoints = instances.iter().map(|one| {
            let seen = EndpointSeen {
                health: Health::Healthy,
                is_routed: true,
                flows: Some(1),
            };
            (one.id, seen)
        });
        let network = NetworkSeen {
            tunnel: "vxlan".to_owned(),
            endpoints: endpoints.collect(),
        };
        Self {
            wish: Wish {
                spec: example::spec(),
                generation: Generation(1),
                orders: Orders::default(),
            },
            observed: Observed {
                clouds: [
                    (cloud("a"), Ok(seen.collect())),
                    (cloud("b"), Ok(Vec::new())),
                ]
                .into(),
                network: Ok(network),
                samples: Ok(Vec::new()),
            },
            market: Market::default(),
            instances: instances.into_iter().map(|one| (one.id, one)).collect(),
            removed: Vec::new(),
            now: example::now(),
            history: History::new(SignedDuration::from_secs(10)),
            in_force: count,
            seed: 0,
        }
    }
}

pub(super) fn cloud(name: &str) -> CloudName {
    name.parse().unwrap()
}

fn shown(instance: &Instance, state: CloudState) -> InstanceSeen {
    InstanceSeen {
        provider: ProviderId(instance.id.to_string()),
        id: instance.id,
        state,
    }
}

/// `c` may be taken away by the spec, and then still has instances.
pub(super) const CLOUDS: [&str; 3] = ["a", "b", "c"];

fn moments() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        8 => Just(example::now().steady),
        1 => Just(Timestamp::MIN),
        1 => Just(Timestamp::MAX),
        1 => Just(Timestamp::UNIX_EPOCH),
    ]
}

fn nows() -> impl Strategy<Value = Now> {
    (moments(), moments()).prop_map(|(steady, wall)| Now { steady, wall })
}

/// How long ago something was; also a moment that is still to come, and one that no clock shows.
pub(super) fn ages() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        8 => (-5_i64..400).prop_map(SignedDuration::from_secs),
        1 => Just(SignedDuration::MAX),
        1 => Just(SignedDuration::MIN),
    ]
}

pub(super) fn limits() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        Just(SignedDuration::ZERO),
        Just(SignedDuration::from_secs(30)),
        Just(SignedDuration::from_hours(24)),
    ]
}

fn wishes() -> impl Strategy<Value = Wish> {
    let numbers = (0_u32..5, 1_u32..9, 0_u32..3, 0_u32..4);
    let preferences = (
        1_usize..4,
        proptest::collection::vec(proptest::option::of(0_u32..6), 3),
    );
    let orders = (
        proptest::bool::weighted(0.15),
        proptest::option::weighted(0.2, 0_u32..14),
        proptest::bool::weighted(0.1),
    );
    (numbers, preferences, orders, limits(), limits(), 4_u8..255).prop_map(
        |((min, more, surge, warm_pool), (count, limits), orders, drain, min_lifetime, last)| {
            let mut spec = example::spec();
            spec.instances.min = min;
            spec.instances.max = min + more;
            spec.instances.surge = surge;
            spec.policy.warm_pool = warm_pool;
            spec.policy.drain = drain;
            spec.policy.min_lifetime = min_lifetime;
            spec.network.subnets[0].dhcp_end = [19, 0, 0, last].into();
            let limited = CLOUDS.iter().take(count).zip(limits);
            spec.clouds = limited
                .map(|(name, max)| CloudPreference {
                    name: cloud(name),
                    max,
                })
                .collect();
            let (is_paused, desired, is_destroyed) = orders;
            Wish {
                spec,
                generation: Generation(3),
                orders: Orders {
                    is_paused,
                    desired,
                    is_destroyed,
                },
            }
        },
    )
}

fn kinds() -> impl Strategy<Value = CloudErrorKind> {
    select(vec![
        CloudErrorKind::NoCapacity,
        CloudErrorKind::Unreachable,
        CloudErrorKind::Denied,
    ])
}

/// What went wrong beside the instances: clouds that gave no answer, a network or a meter that was not seen, refusals.
type Faults = (
    Vec<Option<CloudErrorKind>>,
    bool,
    bool,
    Vec<(usize, CloudErrorKind, u8)>,
);

fn faults() -> impl Strategy<Value = Faults> {
    (
        proptest::collection::vec(proptest::option::weighted(0.15, kinds()), 3),
        proptest::bool::weighted(0.1),
        proptest::bool::weighted(0.1),
        proptest::collection::vec((0_usize..3, kinds(), 0_u8..5), 0..3),
    )
}

fn values() -> impl Strategy<Value = Amount> {
    prop_oneof![
        Just(Amount::ZERO),
        (0_u64..2_000_000).prop_map(Amount::from_millionths),
        Just(Amount::from_millionths(u64::MAX)),
    ]
}

/// Any situation.
pub(super) fn cases() -> impl Strategy<Value = Case> {
    nows().prop_flat_map(|now| {
        let count = 0_u32..12;
        let everybody = count.prop_flat_map(move |count| {
            (0..count)
                .map(|slot| members(now.steady, slot).boxed())
                .collect::<Vec<_>>()
        });
        let in_force = proptest::option::weighted(0.8, 0_u32..14);
        let measured = proptest::collection::vec(values(), 12);
        (
            Just(now),
            (wishes(), rules(), offers()),
            everybody,
            faults(),
            (in_force, measured, any::<u64>()),
        )
            .prop_map(
                |(now, (wish, rules, offers), members, faults, (in_force, measured, seed))| {
                    let mut case = case(now, wish, members, faults, in_force, &measured, seed);
                    let spec = &mut case.wish.spec;
                    (spec.placement, spec.budget) = rules;
                    case.offer(offers);
                    case
                },
            )
    })
}

fn case(
    now: Now,
    wish: Wish,
    members: Vec<Member>,
    (silent, no_network, no_samples, refusals): Faults,
    in_force: Option<u32>,
    measured: &[Amount],
    seed: u64,
) -> Case {
    let mut clouds = answers(silent);
    let mut network = NetworkSeen::default();
    let (mut instances, mut removed, mut samples) = (BTreeMap::new(), Vec::new(), Vec::new());
    for ((instance, state, seen, is_removed), value) in members.into_iter().zip(measured) {
        if let (Some(state), Some(Ok(list))) = (state, clouds.get_mut(&instance.cloud)) {
            list.push(shown(&instance, state));
        }
        if let Some(seen) = seen {
            network.endpoints.insert(instance.id, seen);
        }
        if is_removed {
            removed.push(instance.id);
        }
        samples.push(Sample {
            instance: Some(instance.id),
            metric: Metric::Cpu,
            value: *value,
            at: now.steady,
        });
        instances.insert(instance.id, instance);
    }
    let mut history = refused(refusals, now);
    history.in_force = in_force;
    if !no_samples {
        history.measure(&samples);
    }
    Case {
        observed: Observed {
            clouds,
            network: (!no_network)
                .then_some(network)
                .ok_or_else(|| DataplaneError {
                    tenant: wish.spec.tenant.clone(),
                    operation: "observed",
                    detail: "a test".to_owned(),
                }),
            samples: (!no_samples).then_some(samples).ok_or_else(|| MeterError {
                meter: "instance",
                detail: "a test".to_owned(),
            }),
        },
        wish,
        market: Market::default(),
        instances,
        removed,
        now,
        history,
        in_force: in_force.unwrap_or(2),
        seed,
    }
}

/// What each cloud shows, before anybody is in it.
fn answers(
    silent: Vec<Option<CloudErrorKind>>,
) -> BTreeMap<CloudName, Result<Vec<InstanceSeen>, CloudError>> {
    let mut clouds: BTreeMap<CloudName, Result<Vec<InstanceSeen>, CloudError>> = BTreeMap::new();
    for (name, silent) in CLOUDS.iter().zip(silent) {
        let answer = silent.map_or(Ok(Vec::new()), |kind| {
            Err(CloudError {
                cloud: cloud(name),
                kind,
                operation: "list instances".to_owned(),
                detail: "a test".to_owned(),
            })
        });
        clouds.insert(cloud(name), answer);
    }
    clouds
}

fn refused(refusals: Vec<(usize, CloudErrorKind, u8)>, now: Now) -> History {
    let mut history = History::new(SignedDuration::from_secs(10));
    for (index, kind, times) in refusals {
        for _ in 0..times {
            let refusals = history.refusals_of(&cloud(CLOUDS[index]));
            refusals.refused(kind, "a test", now.steady);
            refusals.never_healthy(now.steady);
        }
    }
    history
}
