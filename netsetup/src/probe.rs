//! Asks instances how they are, from inside their site. One task for each endpoint that is to be asked; what it finds is
//! read at any time, and a change of it wakes the tenant at once.
//!
//! ```text
//!            healthy_after answers in a row
//!  Unknown ────────────────────────────────► Healthy
//!     │  ▲                                     │  ▲
//!     │  └── nobody asks any more              │  │ healthy_after answers in a row
//!     ▼                                        ▼  │
//!  unhealthy_after failures in a row ────► Unhealthy
//! ```
//!
//! An endpoint that has not answered yet is asked more often than the tenant set, so that it is in service soon after it can
//! be; a failure of such an extra question is not counted.

mod ask;

use std::collections::BTreeMap;
use std::net::SocketAddrV4;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use controller::id::{InstanceId, TenantName};
use controller::network::{Health, NetworkPlan};
use controller::spec::{HealthCheck, Probe};
use jiff::SignedDuration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::name::{Names, NamespaceName};
use crate::namespace::Workers;
use crate::settings::Wake;

use ask::ask;
#[cfg(fuzzing)]
pub(crate) use ask::is_success;

/// So many questions of one service may be under way: each holds a socket.
pub(crate) const AT_ONCE: usize = 256;
/// From one extra question to the next, at first.
const EAGER: Duration = Duration::from_millis(25);
/// Each extra question waits a quarter longer than the one before: about 25 questions until it is once a second.
const GROWTH: (u32, u32) = (5, 4);
/// Nobody is asked more often than this, whatever was set.
const SHORTEST: Duration = Duration::from_millis(10);
/// How long the counters of a question are worth something: nothing was set that is longer than a day.
const LONGEST: Duration = Duration::from_hours(24);

/// What a question's task works with; whoever changes any of it starts a new task.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    namespace: NamespaceName,
    address: SocketAddrV4,
    check: HealthCheck,
}

#[derive(Debug)]
struct Asked {
    target: Target,
    health: Arc<Mutex<Health>>,
    task: JoinHandle<()>,
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The questions to the endpoints of one tenant. They end when this is dropped.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    asked: BTreeMap<InstanceId, Asked>,
}

/// What every question needs.
#[derive(Clone)]
pub(crate) struct Prober {
    pub(crate) workers: Workers,
    pub(crate) wake: Wake,
    pub(crate) permits: Arc<Semaphore>,
}

impl Probes {
    /// Asks exactly the endpoints that are to be asked. A verdict is kept where only the manner of asking changes.
    pub(crate) fn set(&mut self, prober: &Prober, names: &Names, plan: &NetworkPlan) {
        let is_wanted = |id: &InstanceId| {
            let mut wanted = plan.endpoints.iter().filter(|e| e.is_probed);
            wanted.any(|endpoint| endpoint.instance == *id)
        };
        self.asked.retain(|id, _| is_wanted(id));
        let port = match plan.health.probe {
            Probe::Http { port, .. } | Probe::Tcp { port } => port,
        };
        for endpoint in plan.endpoints.iter().filter(|e| e.is_probed) {
            let target = Target {
                namespace: names.site(&plan.tenant, &endpoint.cloud),
                address: SocketAddrV4::new(endpoint.address, port),
                check: plan.health.clone(),
            };
            let old = self.asked.get(&endpoint.instance);
            if old.is_some_and(|old| old.target == target && !old.task.is_finished()) {
                continue;
            }
            let before = old.map_or(Health::Unknown, |old| read(&old.health));
            let health = Arc::new(Mutex::new(before));
            let task = tokio::spawn(watch(
                prober.clone(),
                plan.tenant.clone(),
                target.clone(),
                Arc::clone(&health),
            ));
            let asked = Asked {
                target,
                health,
                task,
            };
            self.asked.insert(endpoint.instance, asked);
        }
    }

    /// How this endpoint answers.
    pub(crate) fn health(&self, instance: InstanceId) -> Health {
        self.asked
            .get(&instance)
            .map_or(Health::Unknown, |asked| read(&asked.health))
    }
}

fn read(health: &Mutex<Health>) -> Health {
    *health.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A wish's duration as the runtime wants it.
fn duration(wish: SignedDuration) -> Duration {
    Duration::try_from(wish)
        .unwrap_or(SHORTEST)
        .clamp(SHORTEST, LONGEST)
}

/// What follows from answers and failures in a row: pure, so that it can be tested without a network.
#[derive(Debug)]
struct Verdict {
    health: Health,
    answers: u32,
    failures: u32,
    healthy_after: u32,
    unhealthy_after: u32,
    every: Duration,
    /// Since when no failure has been counted.
    counted: Option<Instant>,
    pause: Duration,
}

impl Verdict {
    fn new(health: Health, check: &HealthCheck) -> Self {
        Self {
            health,
            answers: 0,
            failures: 0,
            healthy_after: check.healthy_after.max(1),
            unhealthy_after: check.unhealthy_after.max(1),
            every: duration(check.every),
            counted: None,
            pause: EAGER.min(duration(check.every)),
        }
    }

    /// Takes an answer, or the lack of one, and returns how long to wait before the next question.
    fn take(&mut self, is_answered: bool, now: Instant) -> Duration {
        if is_answered {
            self.failures = 0;
            self.answers = self.answers.saturating_add(1);
            if self.answers >= self.healthy_after {
                self.health = Health::Healthy;
            }
        } else {
            self.answers = 0;
            // While questions come faster than was set, a failure counts only once in the time that was set.
            let is_due = self
                .counted
                .is_none_or(|counted| now.saturating_duration_since(counted) >= self.every);
            if is_due || self.health == Health::Healthy {
                self.counted = Some(now);
                self.failures = self.failures.saturating_add(1);
            }
            if self.failures >= self.unhealthy_after {
                self.health = Health::Unhealthy;
            }
        }
        match self.health {
            Health::Healthy => {
                self.pause = EAGER.min(self.every);
                self.every
            }
            // On the way to being healthy, there is no reason to wait.
            _ if is_answered => EAGER.min(self.every),
            Health::Unknown | Health::Unhealthy => {
                let pause = self.pause;
                self.pause = (pause * GROWTH.0 / GROWTH.1).min(self.every);
                pause
            }
        }
    }

    /// Whether one that was well has failed to answer for the first time.
    fn has_just_failed(&self) -> bool {
        self.health == Health::Healthy && self.failures == 1
    }
}

/// Asks one endpoint for ever.
async fn watch(prober: Prober, tenant: TenantName, target: Target, health: Arc<Mutex<Health>>) {
    let mut verdict = Verdict::new(read(&health), &target.check);
    let timeout = duration(target.check.timeout);
    loop {
        let is_answered = {
            // The semaphore is never closed; if it were, asking without a permit is the lesser evil.
            let _permit = prober.permits.acquire().await;
            let question = ask(
                &prober.workers,
                &target.namespace,
                target.address,
                &target.check.probe,
            );
            matches!(tokio::time::timeout(timeout, question).await, Ok(Ok(true)))
        };
        let before = verdict.health;
        let pause = verdict.take(is_answered, Instant::now());
        if verdict.health != before {
            *health.lock().unwrap_or_else(PoisonError::into_inner) = verdict.health;
            tracing::info!(%tenant, address = %target.address, health = ?verdict.health, "health changed");
        }
        // The first failure changes nothing yet; but the tick that it wakes hears from the cloud whether the instance still
        // runs, which is sooner than the failures that the tenant allows.
        if verdict.health != before || verdict.has_just_failed() {
            (prober.wake)(&tenant);
        }
        tokio::time::sleep(pause).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(every: i64, unhealthy_after: u32, healthy_after: u32) -> HealthCheck {
        HealthCheck {
            probe: Probe::Tcp { port: 1 },
            every: SignedDuration::from_secs(every),
            timeout: SignedDuration::from_secs(1),
            unhealthy_after,
            healthy_after,
        }
    }

    #[test]
    fn so_many_answers_in_a_row_make_it_healthy() {
        let now = Instant::now();
        let mut verdict = Verdict::new(Health::Unknown, &check(1, 3, 2));

        verdict.take(true, now);
        verdict.take(false, now);
        verdict.take(true, now);
        assert_eq!(verdict.health, Health::Unknown);
        verdict.take(true, now);
        assert_eq!(verdict.health, Health::Healthy);
    }

    #[test]
    fn so_many_failures_in_a_row_make_a_healthy_one_unhealthy() {
        let now = Instant::now();
        let mut verdict = Verdict::new(Health::Healthy, &check(1, 3, 1));

        for has_just_failed in [true, false] {
            verdict.take(false, now);
            assert_eq!(verdict.health, Health::Healthy);
            assert_eq!(verdict.has_just_failed(), has_just_failed);
        }
        verdict.take(false, now);
        assert_eq!(verdict.health, Health::Unhealthy);
    }

    #[test]
    fn extra_questions_to_one_that_boots_do_not_make_it_unhealthy_early() {
        let start = Instant::now();
        let mut verdict = Verdict::new(Health::Unknown, &check(1, 3, 1));
        let mut now = start;

        while verdict.health == Health::Unknown {
            now += verdict.take(false, now);
        }

        let took = now.duration_since(start);
        assert_eq!(verdict.health, Health::Unhealthy);
        assert!(took >= Duration::from_secs(2), "{took:?}");
    }

    #[test]
    fn one_that_boots_is_asked_soon_and_then_less_and_less_often() {
        let now = Instant::now();
        let mut verdict = Verdict::new(Health::Unknown, &check(1, u32::MAX, 1));

        let pauses: Vec<_> = (0..30).map(|_| verdict.take(false, now)).collect();

        assert!(pauses[0] <= Duration::from_millis(100));
        assert!(pauses.is_sorted());
        assert_eq!(pauses.last(), Some(&Duration::from_secs(1)));
    }
}
