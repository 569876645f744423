//! The little that is remembered between ticks. All of it can be rebuilt from the journal, so a restart forgets nothing.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::amount::Amount;
use crate::decision::{Decision, Readings};
use crate::forecast::turns::Need;
use crate::id::{CloudName, InstanceId};
use crate::instance::{Cause, Phase};
use crate::journal::{Entry, Event, Loads};
use crate::load::{Metric, Sample};
use crate::offering::Offering;
use crate::policy::{Goal, Policy};
use crate::ports::CloudErrorKind;
use crate::prospect::{FULL_SHARE, Prospect, learned_capacity};
use crate::recall::Recall;
use crate::refusal::Refusals;
use crate::reliability::Reliability;
use crate::settle::Change;
use crate::time::Now;

/// How far back a decision looks, forecasts aside: as long as the longest window or stabilization that a tenant may ask for.
/// Longer than the piece of load that is not written down yet.
pub const SPAN: SignedDuration = SignedDuration::from_hours(1);
/// At a tick a second, an hour of readings.
const READINGS: usize = 3_600;
/// So many boots are averaged to learn how long one takes.
const BOOTS: usize = 10;
/// How long a boot takes before one was seen.
const DEFAULT_BOOT: SignedDuration = SignedDuration::from_secs(60);
/// A value that falls to exactly zero from more than this share of the threshold may come from a broken meter (I3).
pub(crate) const SUSPECT_SHARE: Amount = Amount::from_millionths(100_000);

/// What is remembered of one tenant.
#[derive(Debug, Clone)]
pub struct History {
    /// From one reading to the next.
    tick: SignedDuration,
    /// What is known of each metric that is forecast, and what is coming.
    prospects: BTreeMap<Metric, Prospect>,
    /// The number decided last; `None` before the first decision.
    pub in_force: Option<u32>,
    /// What the load asked for, at each tick.
    pub wanted: VecDeque<(Timestamp, u32)>,
    /// What was measured, at each tick of the policy's longest window.
    pub readings: VecDeque<(Timestamp, Readings)>,
    /// How long that is.
    window: SignedDuration,
    /// When the number was last raised by the policy.
    pub last_out: Option<Timestamp>,
    /// When the number was last lowered by the policy.
    pub last_in: Option<Timestamp>,
    /// By how much the policy changed the number, whenever it did.
    pub changes: VecDeque<(Timestamp, i64)>,
    /// Which clouds are left alone for a while, and why.
    pub refusals: BTreeMap<CloudName, Refusals>,
    /// Which of their offerings are not asked for for a while, and why; as many as the operator lists.
    pub offerings: BTreeMap<(CloudName, Offering), Refusals>,
    /// Which clouds have failed least.
    pub reliability: Reliability,
    /// The last reading of each instance and metric, and the last one that was not zero.
    latest: BTreeMap<(Metric, Option<InstanceId>), Latest>,
    boots: VecDeque<SignedDuration>,
}

#[derive(Debug, Clone)]
struct Latest {
    sample: Sample,
    /// The value before it fell to zero, and since when it has been zero.
    fell: Option<(Amount, Timestamp)>,
}

impl History {
    /// Nothing yet, of a tenant that is looked at this often.
    pub fn new(tick: SignedDuration) -> Self {
        Self {
            tick,
            prospects: BTreeMap::new(),
            in_force: None,
            wanted: VecDeque::new(),
            readings: VecDeque::new(),
            window: SignedDuration::ZERO,
            last_out: None,
            last_in: None,
            changes: VecDeque::new(),
            refusals: BTreeMap::new(),
            offerings: BTreeMap::new(),
            reliability: Reliability::default(),
            latest: BTreeMap::new(),
            boots: VecDeque::new(),
        }
    }

    /// What the journal tells, as it matters to `policy`.
    pub fn rebuild(journal: &[Entry], policy: &Policy, tick: SignedDuration) -> Self {
        let mut history = Self::new(tick);
        history.window = policy.longest_window();
        for entry in journal {
            if let Event::Load(loads) = &entry.event {
                history.learn(policy, loads);
            }
        }
        let mut recall = Recall::of(history);
        for entry in journal {
            recall.hear(entry, policy);
        }
        recall.history
    }

    /// Forgets what was measured and could not be written down: all is as the journal tells, but for what it does not tell.
    pub(crate) fn forget_unwritten(&mut self, journal: &[Entry], policy: &Policy) {
        let told = Self::rebuild(journal, policy, self.tick);
        let mut refusals = std::mem::take(&mut self.refusals);
        for (cloud, told) in &told.refusals {
            refusals.entry(cloud.clone()).or_default().learn(told);
        }
        *self = Self {
            refusals,
            offerings: std::mem::take(&mut self.offerings),
            latest: std::mem::take(&mut self.latest),
            ..told
        };
    }

    /// Remembers a decision.
    pub fn remember(&mut self, decision: &Decision, at: Timestamp) {
        let change = decision.by_choice();
        if change != 0 {
            let last = if change > 0 {
                &mut self.last_out
            } else {
                &mut self.last_in
            };
            *last = Some(at);
            push(&mut self.changes, (at, change));
        }
        if let Some(forecast) = &decision.forecast
            && let (Some(need), Some(keep)) = (forecast.need, forecast.keep)
            && let Some(prospect) = self.prospects.get_mut(&forecast.metric)
        {
            prospect.turn(at, decision.before, Need { need, keep });
        }
        self.in_force = Some(decision.desired);
        push(&mut self.wanted, (at, decision.wanted));
    }

    /// Remembers what was measured at a tick, before it decides. A tick that was woken early adds nothing, so that every
    /// reading stands for about the same time; whether it was taken.
    pub fn read(&mut self, policy: &Policy, readings: &Readings, now: Now) -> bool {
        let last = self.readings.back().map(|(last, _)| *last);
        if last.is_some_and(|last| now.since(last) < self.tick / 2) {
            return false;
        }
        push(&mut self.readings, (now.steady, readings.clone()));
        self.reliability.judge(now.steady);
        self.window = policy.longest_window();
        self.drop_readings(now);
        let forecast = policy.forecast();
        self.prospects.retain(|metric, _| forecast.contains(metric));
        let horizon = self.time_to_service();
        for metric in forecast {
            let wanted = policy.wanted_forecast(&metric);
            let capacity = policy
                .goal_for(&metric)
                .and_then(|goal| self.capacity(&metric, goal));
            let tick = self.tick;
            let prospect = self
                .prospects
                .entry(metric.clone())
                .or_insert_with(|| Prospect::new(tick));
            prospect.prepare(wanted, horizon);
            prospect.read(now.wall, readings.get(&metric), capacity, horizon);
        }
        true
    }

    /// Whether the policy looks further back than readings were kept for the policy before: the journal has them.
    pub(crate) fn is_too_short_for(&self, policy: &Policy) -> bool {
        policy.longest_window() > self.window
    }

    /// Drops the readings that no window reaches, but for the last of them, which tells when the one after it began.
    fn drop_readings(&mut self, now: Now) {
        let from = now.steady.saturating_sub(self.window);
        let from = from.unwrap_or(Timestamp::MIN);
        while self.readings.get(1).is_some_and(|(at, _)| *at <= from) {
            self.readings.pop_front();
        }
    }

    /// What one instance carries of a metric, with a goal for it: as it was given, or as it was learned.
    pub(crate) fn capacity(&self, metric: &Metric, goal: &Goal) -> Option<Amount> {
        if let Some(given) = goal.capacity {
            return Some(given);
        }
        if metric.is_share() {
            return Some(FULL_SHARE);
        }
        let load = self.prospects.get(metric)?;
        let cpu = self.prospects.get(&Metric::Cpu)?;
        learned_capacity(load.series(), cpu.series())
    }

    /// What is known of a metric that is forecast.
    pub fn prospect(&self, metric: &Metric) -> Option<&Prospect> {
        self.prospects.get(metric)
    }

    /// Takes loads that were written down.
    pub(crate) fn learn(&mut self, policy: &Policy, loads: &Loads) {
        if policy.forecast().contains(&loads.metric) {
            let tick = self.tick;
            let horizon = self.time_to_service();
            self.prospects
                .entry(loads.metric.clone())
                .or_insert_with(|| Prospect::new(tick))
                .learn(loads, horizon);
        }
    }

    /// The loads that are to be written down now.
    pub(crate) fn take_unwritten(&mut self) -> Vec<Loads> {
        self.prospects
            .iter_mut()
            .filter_map(|(metric, prospect)| prospect.take_unwritten(metric))
            .collect()
    }

    /// Remembers what changed about instances that matters to their clouds: who has booted, who never did.
    pub(crate) fn note(&mut self, changes: &[&Change], now: Now) {
        for Change { instance, step } in changes {
            let Some(step) = step else { continue };
            self.reliability.hear(step, now.steady);
            let cause = step.drain.as_ref().map(|drain| drain.cause);
            match step.to {
                // One that stood by had booted when it came to that.
                Phase::InService if step.from == Some(Phase::Standby) => {}
                Phase::Standby | Phase::InService => {
                    let took = now.steady.duration_since(instance.created);
                    self.booted(&instance.cloud, took);
                }
                Phase::Terminating if cause == Some(Cause::NeverHealthy) => {
                    self.refusals_of(&instance.cloud).never_healthy(now.steady);
                }
                _ => {}
            }
        }
    }

    /// Remembers samples.
    pub fn measure(&mut self, samples: &[Sample]) {
        for sample in samples {
            let key = (sample.metric.clone(), sample.instance);
            let fell = match self.latest.get(&key) {
                Some(last) if sample.value == Amount::ZERO && last.sample.value > Amount::ZERO => {
                    Some((last.sample.value, sample.at))
                }
                Some(last) if sample.value == Amount::ZERO => last.fell,
                _ => None,
            };
            self.latest.insert(
                key,
                Latest {
                    sample: sample.clone(),
                    fell,
                },
            );
        }
    }

    /// Forgets the samples of instances that are over.
    pub fn keep(&mut self, is_alive: impl Fn(InstanceId) -> bool) {
        self.latest
            .retain(|(_, instance), _| instance.is_none_or(&is_alive));
    }

    /// Whether a metric was ever measured of the whole group.
    pub(crate) fn is_of_group(&self, metric: &Metric) -> bool {
        self.latest.contains_key(&(metric.clone(), None))
    }

    /// The last sample of an instance, or of the whole group, if it is younger than `stale`.
    pub fn fresh(
        &self,
        instance: Option<InstanceId>,
        metric: &Metric,
        now: Now,
        stale: SignedDuration,
    ) -> Option<&Sample> {
        let latest = self.latest.get(&(metric.clone(), instance))?;
        (now.since(latest.sample.at) <= stale).then_some(&latest.sample)
    }

    /// Whether an instance's value fell to exactly zero from well above within the last `stale`.
    pub fn is_suspect(
        &self,
        instance: Option<InstanceId>,
        metric: &Metric,
        threshold: Amount,
        now: Now,
        stale: SignedDuration,
    ) -> bool {
        seeded!(F4 => return false);
        self.latest
            .get(&(metric.clone(), instance))
            .and_then(|latest| latest.fell)
            .is_some_and(|(from, at)| {
                from > threshold.share(SUSPECT_SHARE) && now.since(at) <= stale
            })
    }

    /// An instance has come into service, or to stand by, so long after it was wished for.
    pub fn booted(&mut self, cloud: &CloudName, took: SignedDuration) {
        if self.boots.len() == BOOTS {
            self.boots.pop_front();
        }
        self.boots.push_back(took);
        self.refusals_of(cloud).healthy();
    }

    /// How long it takes from the wish to service: the longest of the last boots.
    pub fn time_to_service(&self) -> SignedDuration {
        self.boots.iter().max().copied().unwrap_or(DEFAULT_BOOT)
    }

    /// A cloud was asked for an instance of this offering.
    pub(crate) fn launched(
        &mut self,
        cloud: &CloudName,
        offering: &Offering,
        answer: Result<(), (CloudErrorKind, &str)>,
        now: Timestamp,
    ) {
        let of_offering = if offering.is_default() {
            None
        } else {
            let key = (cloud.clone(), offering.clone());
            Some(self.offerings.entry(key).or_default())
        };
        let of_cloud = self.refusals.entry(cloud.clone()).or_default();
        match (answer, of_offering) {
            // That there is no room for one offering says nothing of the cloud's others.
            (Err((kind @ CloudErrorKind::NoCapacity, why)), Some(of_offering)) => {
                of_offering.refused(kind, why, now);
            }
            // That this very instance is gone for good says nothing of the next one.
            (Err((CloudErrorKind::NotFound, _)), _) => {}
            (Err((kind, why)), _) => of_cloud.refused(kind, why, now),
            (Ok(()), of_offering) => {
                of_cloud.accepted();
                if let Some(of_offering) = of_offering {
                    of_offering.accepted();
                }
            }
        }
    }

    /// What is remembered of a cloud's refusals.
    pub fn refusals_of(&mut self, cloud: &CloudName) -> &mut Refusals {
        self.refusals.entry(cloud.clone()).or_default()
    }
}

fn push<T>(queue: &mut VecDeque<(Timestamp, T)>, item: (Timestamp, T)) {
    let from = item.0.saturating_sub(SPAN).unwrap_or(Timestamp::MIN);
    while queue.front().is_some_and(|(at, _)| *at < from) || queue.len() >= READINGS {
        queue.pop_front();
    }
    queue.push_back(item);
}
