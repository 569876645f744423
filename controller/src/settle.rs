//! What became of each instance: the sights of one tick, turned into at most one step for each. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::id::InstanceId;
use crate::instance::{Cause, Drain, Instance, Missing, Phase};
use crate::journal::Move;
use crate::network::Health;
use crate::observe::{Observed, Sight};
use crate::ports::{CloudState, InstanceSeen, Wish};
use crate::time::Now;

mod draining;

use draining::draining;

/// A cloud that has accepted a launch and shows nothing running after this long has failed.
const LAUNCH_LIMIT: SignedDuration = SignedDuration::from_mins(5);
/// Absence is not death: only after so many complete listings …
const MISSING_LISTINGS: u32 = 3;
/// … over at least this long (I6).
pub(crate) const MISSING_LIMIT: SignedDuration = SignedDuration::from_secs(60);
/// With more than this share of instances unwell at once, the fault is probably not theirs (I5) …
const BRAKE_PERCENT: usize = 20;
/// … so they are then replaced one at a time.
const BRAKE_AT_A_TIME: usize = 1;

/// An instance after a step, and the step for the journal.
#[derive(Debug, Clone)]
pub struct Change {
    /// The instance after it.
    pub instance: Instance,
    /// The step; `None` where only a count was noted.
    pub step: Option<Move>,
}

impl Change {
    /// `instance` moves on to `phase`.
    pub(crate) fn enter(
        instance: &Instance,
        phase: Phase,
        why: impl Into<String>,
        now: Now,
    ) -> Self {
        let mut after = instance.clone();
        after.enter(phase, now.steady);
        let step = Move {
            instance: after.id,
            cloud: after.cloud.clone(),
            address: after.address,
            from: Some(instance.phase),
            to: phase,
            why: why.into(),
            drain: after.drain.clone(),
        };
        Self {
            instance: after,
            step: Some(step),
        }
    }

    pub(crate) fn noted(instance: Instance) -> Self {
        Self {
            instance,
            step: None,
        }
    }
}

/// The instances as they are after the changes; one that is over is no more among them.
pub(crate) fn adopt(instances: &mut BTreeMap<InstanceId, Instance>, changes: &[Change]) {
    for Change { instance, .. } in changes {
        if instance.phase.is_over() {
            instances.remove(&instance.id);
        } else {
            instances.insert(instance.id, instance.clone());
        }
    }
}

/// The cloud has accepted the launch. No listing has shown the instance yet, so that the next one without it says little: it may
/// lag behind (I6).
pub(crate) fn answered(instance: &Instance, seen: &InstanceSeen, now: Now) -> Change {
    let unlisted = Instance {
        missing: Some(Missing {
            since: now.steady,
            listings: 0,
        }),
        ..instance.clone()
    };
    accepted(&unlisted, seen, "its cloud has accepted it", now)
}

/// Its cloud shows an instance that we had asked for, perhaps before a crash.
fn accepted(instance: &Instance, seen: &InstanceSeen, why: &str, now: Now) -> Change {
    let mut named = instance.clone();
    named.provider = Some(seen.provider.clone());
    let phase = match seen.state {
        CloudState::Starting => Phase::Launching,
        CloudState::Running | CloudState::Suspended | CloudState::Stopped => Phase::Booting,
    };
    Change::enter(&named, phase, why, now)
}

/// The instance has to go: it may finish its connections for as long as `limit`.
pub(crate) fn drain(
    instance: &Instance,
    cause: Cause,
    limit: SignedDuration,
    why: &str,
    now: Now,
) -> Change {
    let leaving = leaving(instance, cause, limit, now);
    let phase = match instance.phase {
        Phase::InService if !seeded!(F22) => Phase::Draining,
        _ => Phase::Terminating,
    };
    Change::enter(&leaving, phase, why, now)
}

fn leaving(instance: &Instance, cause: Cause, limit: SignedDuration, now: Now) -> Instance {
    let mut leaving = instance.clone();
    leaving.drain.get_or_insert(Drain {
        cause,
        started: now.steady,
        limit,
        flows_at_start: None,
        flows_at_end: None,
    });
    leaving
}

/// What became of each.
pub(crate) fn settle(
    instances: &BTreeMap<InstanceId, Instance>,
    observed: &Observed,
    wish: &Wish,
    removed: &[InstanceId],
    now: Now,
) -> Vec<Change> {
    let mut allowed = replaceable(instances, observed);
    let step = |recorded| {
        let shown = shown(recorded, observed);
        let instance = &*shown;
        let step = match instance.phase {
            Phase::Intent => match observed.sight(instance) {
                // One that was half made when we were killed is no instance yet: its launch is repeated.
                Sight::Seen(seen) if seen.state != CloudState::Stopped => {
                    Some(accepted(instance, seen, "its cloud shows it", now))
                }
                Sight::Absent if seeded!(F10) => {
                    Some(Change::enter(instance, Phase::Failed, "not listed", now))
                }
                Sight::Seen(_) | Sight::Absent | Sight::Unknown => None,
            },
            Phase::Launching | Phase::Booting => coming(instance, observed, wish, now),
            Phase::Standby => up(instance, observed, wish, &mut allowed.pooled, now),
            Phase::InService => up(instance, observed, wish, &mut allowed.serving, now),
            Phase::Draining => draining(instance, instances, observed, wish, removed, now),
            Phase::Terminating => removed
                .contains(&instance.id)
                .then(|| Change::enter(instance, Phase::Gone, "removed", now)),
            Phase::Gone | Phase::Failed => None,
        };
        step.or(match shown {
            Cow::Owned(found) => Some(Change::noted(found)),
            Cow::Borrowed(_) => None,
        })
    };
    instances.values().filter_map(step).collect()
}

/// The instance, which is not missing any more where its cloud shows it.
fn shown<'a>(instance: &'a Instance, observed: &Observed) -> Cow<'a, Instance> {
    if instance.missing.is_some() && matches!(observed.sight(instance), Sight::Seen(_)) {
        return Cow::Owned(Instance {
            missing: None,
            ..instance.clone()
        });
    }
    Cow::Borrowed(instance)
}

fn coming(instance: &Instance, observed: &Observed, wish: &Wish, now: Now) -> Option<Change> {
    let give_up = |cause, why: &str| {
        Some(Change::enter(
            &leaving(instance, cause, SignedDuration::ZERO, now),
            Phase::Terminating,
            why,
            now,
        ))
    };
    let boot_timeout = wish.spec.instances.boot_timeout;
    match (observed.sight(instance), instance.phase) {
        (Sight::Seen(seen), _) if seen.state == CloudState::Stopped => {
            return give_up(Cause::NeverHealthy, "it stopped before it was ever healthy");
        }
        (Sight::Seen(seen), Phase::Launching) if seen.state == CloudState::Running => {
            return Some(Change::enter(instance, Phase::Booting, "it runs", now));
        }
        (Sight::Absent, _) => match missing(instance, now) {
            Absence::Noted(missing) => {
                return Some(Change::noted(Instance {
                    missing: Some(missing),
                    ..instance.clone()
                }));
            }
            Absence::Lost => {
                return give_up(Cause::Died, "its cloud has not shown it for a minute");
            }
            Absence::Early => {}
        },
        (Sight::Unknown | Sight::Seen(_), _) => {}
    }
    if instance.phase == Phase::Launching {
        return (now.since(instance.since) > LAUNCH_LIMIT)
            .then(|| {
                give_up(
                    Cause::NeverHealthy,
                    "its cloud accepted it and did not start it",
                )
            })
            .flatten();
    }
    if observed
        .endpoint(instance.id)
        .is_some_and(|seen| seen.health == Health::Healthy)
    {
        let phase = if instance.is_pooled {
            Phase::Standby
        } else {
            Phase::InService
        };
        return Some(Change::enter(instance, phase, "it is healthy", now));
    }
    (now.since(instance.created) > boot_timeout)
        .then(|| {
            let why = format!("not healthy {boot_timeout:#} after its launch");
            give_up(Cause::NeverHealthy, &why)
        })
        .flatten()
}

/// What one more listing without an instance means.
enum Absence {
    /// It is to be noted.
    Noted(Missing),
    /// It has been noted, and it is too early to say more.
    Early,
    /// It has been missing for too long.
    Lost,
}

fn missing(instance: &Instance, now: Now) -> Absence {
    seeded!(F1 => return Absence::Lost);
    let before = instance.missing.unwrap_or(Missing {
        since: now.steady,
        listings: 0,
    });
    let counted = Missing {
        listings: before.listings.saturating_add(1),
        ..before
    };
    if counted.listings < MISSING_LISTINGS {
        return Absence::Noted(counted);
    }
    if now.since(counted.since) >= MISSING_LIMIT {
        Absence::Lost
    } else {
        Absence::Early
    }
}

fn up(
    instance: &Instance,
    observed: &Observed,
    wish: &Wish,
    unwell_allowed: &mut usize,
    now: Now,
) -> Option<Change> {
    let has_stopped = match observed.sight(instance) {
        Sight::Seen(seen) => seen.state == CloudState::Stopped,
        Sight::Absent => seeded!(F1),
        Sight::Unknown => false,
    };
    if has_stopped && !wish.orders.is_paused {
        let leaving = leaving(instance, Cause::Died, SignedDuration::ZERO, now);
        return Some(Change::enter(
            &leaving,
            Phase::Terminating,
            "its cloud says that it has stopped",
            now,
        ));
    }
    let is_unwell = observed
        .endpoint(instance.id)
        .is_some_and(|seen| seen.health == Health::Unhealthy);
    if is_unwell && *unwell_allowed > 0 && !wish.orders.is_paused {
        *unwell_allowed -= 1;
        let limit = wish.spec.policy.drain;
        return Some(drain(
            instance,
            Cause::Unhealthy,
            limit,
            "it does not answer its health check",
            now,
        ));
    }
    None
}

/// How many unwell instances may be replaced at one tick.
struct Replaceable {
    serving: usize,
    pooled: usize,
}

/// How many unwell instances may be replaced at this tick (I5); those that serve go before the warm pool.
fn replaceable(instances: &BTreeMap<InstanceId, Instance>, observed: &Observed) -> Replaceable {
    let serving = unwell(instances, observed);
    let allowed = all_replaceable(instances, observed);
    Replaceable {
        serving: allowed,
        pooled: allowed.saturating_sub(serving),
    }
}

fn all_replaceable(instances: &BTreeMap<InstanceId, Instance>, observed: &Observed) -> usize {
    if brake(instances, observed).is_none() {
        return unwell_of(instances, observed, Phase::is_up);
    }
    let in_hand = instances
        .values()
        .filter(|instance| match instance.phase {
            // One that may never come must not keep others waiting.
            Phase::Intent => !instance.is_pooled,
            Phase::Launching | Phase::Booting | Phase::Terminating => true,
            Phase::Draining => instance
                .drain
                .as_ref()
                .is_some_and(|drain| drain.cause == Cause::Unhealthy),
            Phase::Standby | Phase::InService | Phase::Gone | Phase::Failed => false,
        })
        .count();
    BRAKE_AT_A_TIME.saturating_sub(in_hand)
}

/// How many in service do not answer their health check.
pub(crate) fn unwell(instances: &BTreeMap<InstanceId, Instance>, observed: &Observed) -> usize {
    unwell_of(instances, observed, |phase| phase == Phase::InService)
}

fn unwell_of(
    instances: &BTreeMap<InstanceId, Instance>,
    observed: &Observed,
    is_meant: impl Fn(Phase) -> bool,
) -> usize {
    instances
        .values()
        .filter(|instance| is_meant(instance.phase))
        .filter(|instance| {
            observed
                .endpoint(instance.id)
                .is_some_and(|seen| seen.health == Health::Unhealthy)
        })
        .count()
}

/// How many of how many are unwell, in service or standing by, where these are so many that the fault is probably elsewhere.
pub(crate) fn brake(
    instances: &BTreeMap<InstanceId, Instance>,
    observed: &Observed,
) -> Option<(usize, usize)> {
    let up = instances.values().filter(|instance| instance.phase.is_up());
    let up = up.count();
    let unwell = unwell_of(instances, observed, Phase::is_up);
    (unwell > 1 && unwell * 100 > up * BRAKE_PERCENT).then_some((unwell, up))
}
