//! One instance in any phase, and what its cloud and the network show of it.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

use super::offers::{MACHINES, ZONES};
use super::situations::{CLOUDS, ages, cloud, limits};
use crate::example;
use crate::id::ProviderId;
use crate::instance::{Cause, Drain, Instance, Missing, Phase};
use crate::network::{EndpointSeen, Health};
use crate::offering::Offering;
use crate::ports::CloudState;
use crate::time::later;

/// An instance, what its cloud and the network show of it, and whether it was found to be removed.
pub(super) type Member = (Instance, Option<CloudState>, Option<EndpointSeen>, bool);

const PHASES: [Phase; 9] = [
    Phase::Intent,
    Phase::Launching,
    Phase::Booting,
    Phase::Standby,
    Phase::InService,
    Phase::InService,
    Phase::InService,
    Phase::Draining,
    Phase::Terminating,
];
const CAUSES: [Cause; 5] = [
    Cause::ScaleIn,
    Cause::Replaced,
    Cause::Unhealthy,
    Cause::Died,
    Cause::NeverHealthy,
];
const STATES: [CloudState; 3] = [
    CloudState::Running,
    CloudState::Starting,
    CloudState::Stopped,
];
const HEALTHS: [Health; 4] = [
    Health::Unknown,
    Health::Healthy,
    Health::Healthy,
    Health::Unhealthy,
];

/// How far it has come, where, whether it is of the pool, since when, how it leaves, and since when it is missing.
type Life = (
    (Phase, &'static str, bool),
    (SignedDuration, SignedDuration),
    (Cause, SignedDuration, Option<u32>),
    Option<(SignedDuration, u32)>,
    Making,
);

type Making = (
    Option<&'static str>,
    Option<&'static str>,
    bool,
    bool,
    Option<&'static str>,
);

fn lives() -> impl Strategy<Value = Life> {
    let phases = (
        select(PHASES.to_vec()),
        select(CLOUDS.to_vec()),
        any::<bool>(),
    );
    let leaving = (
        select(CAUSES.to_vec()),
        limits(),
        proptest::option::of(0_u32..3),
    );
    let missing = proptest::option::weighted(0.3, (ages(), 0_u32..5));
    (phases, (ages(), ages()), leaving, missing, makings())
}

/// Of which zone and machine type, whether spot, and whether of an older template or another making.
fn makings() -> impl Strategy<Value = Making> {
    (
        proptest::option::of(select(ZONES.to_vec())),
        proptest::option::of(select(MACHINES.to_vec())),
        any::<bool>(),
        proptest::bool::weighted(0.2),
        proptest::option::of(select(vec!["old", "new"])),
    )
}

fn endpoints() -> impl Strategy<Value = EndpointSeen> {
    let flows = prop_oneof![Just(0), Just(u32::MAX), 0_u32..9];
    let seen = (
        select(HEALTHS.to_vec()),
        any::<bool>(),
        proptest::option::of(flows),
    );
    seen.prop_map(|(health, is_routed, flows)| EndpointSeen {
        health,
        is_routed,
        flows,
    })
}

/// The instance at `slot`.
pub(super) fn members(now: Timestamp, slot: u32) -> impl Strategy<Value = Member> {
    let states = proptest::option::weighted(0.8, select(STATES.to_vec()));
    let seen = proptest::option::weighted(0.8, endpoints());
    (lives(), states, seen, any::<bool>()).prop_map(move |(life, state, seen, is_removed)| {
        let instance = instance(now, slot, life);
        let phase = instance.phase;
        // Only who serves, or did, is ever in the rules.
        let is_served = matches!(phase, Phase::InService | Phase::Draining);
        let seen = seen.map(|seen| EndpointSeen {
            is_routed: seen.is_routed && is_served,
            ..seen
        });
        let is_removed = is_removed && phase == Phase::Terminating;
        (instance, state, seen, is_removed)
    })
}

fn instance(now: Timestamp, slot: u32, life: Life) -> Instance {
    let ((phase, home, pool), (age, in_service), (cause, limit, flows), missing, making) = life;
    let (zone, machine, is_spot, is_old, fingerprint) = making;
    let ago = |age: SignedDuration| later(now, age.checked_neg().unwrap_or(SignedDuration::MAX));
    let is_leaving = matches!(phase, Phase::Draining | Phase::Terminating);
    Instance {
        cloud: cloud(home),
        phase,
        is_pooled: phase == Phase::Standby || phase.is_coming() && pool,
        since: ago(age),
        created: ago(age),
        provider: (phase != Phase::Intent).then(|| ProviderId(slot.to_string())),
        in_service: (phase == Phase::InService).then(|| ago(in_service)),
        drain: is_leaving.then(|| Drain {
            cause,
            started: ago(age),
            limit,
            flows_at_start: flows,
            flows_at_end: flows,
        }),
        missing: missing.map(|(since, listings)| Missing {
            since: ago(since),
            listings,
        }),
        template: if is_old { "old" } else { "web" }.parse().unwrap(),
        offering: Offering {
            zone: zone.map(str::to_owned),
            machine: machine.map(str::to_owned),
            is_spot,
        },
        fingerprint: fingerprint.map(str::to_owned),
        ..example::instance(slot)
    }
}
