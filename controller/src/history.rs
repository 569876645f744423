//! The little that is remembered between ticks. All of it can be rebuilt from the journal, so a restart forgets nothing.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::amount::Amount;
use crate::decision::{Decision, Readings};
use crate::id::{CloudName, InstanceId};
use crate::instance::{Cause, Instance, Phase};
use crate::journal::{Entry, Event, Loads};
use crate::load::{Metric, Sample};
use crate::policy::Policy;
use crate::refusal::Refusals;
use crate::series::{self, Series};
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
    /// The load of each metric that is forecast, over the weeks.
    series: BTreeMap<Metric, Series>,
    /// The number decided last; `None` before the first decision.
    pub in_force: Option<u32>,
    /// What the load asked for, at each tick.
    pub wanted: VecDeque<(Timestamp, u32)>,
    /// What was measured, at each tick.
    pub readings: VecDeque<(Timestamp, Readings)>,
    /// When the number was last raised by the policy.
    pub last_out: Option<Timestamp>,
    /// When the number was last lowered by the policy.
    pub last_in: Option<Timestamp>,
    /// By how much the policy changed the number, whenever it did.
    pub changes: VecDeque<(Timestamp, i64)>,
    /// Which clouds are left alone for a while, and why.
    pub refusals: BTreeMap<CloudName, Refusals>,
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
            series: BTreeMap::new(),
            in_force: None,
            wanted: VecDeque::new(),
            readings: VecDeque::new(),
            last_out: None,
            last_in: None,
            changes: VecDeque::new(),
            refusals: BTreeMap::new(),
            latest: BTreeMap::new(),
            boots: VecDeque::new(),
        }
    }

    /// What the journal tells, as it matters to `policy`.
    pub fn rebuild(journal: &[Entry], policy: &Policy, tick: SignedDuration) -> Self {
        let mut history = Self::new(tick);
        for entry in journal {
            if let Event::Load(loads) = &entry.event {
                history.learn(policy, loads);
            }
        }
        let mut wished: BTreeMap<InstanceId, Timestamp> = BTreeMap::new();
        for Entry {
            at, steady, event, ..
        } in journal
        {
            let now = Now {
                steady: *steady,
                wall: *at,
            };
            match event {
                Event::Decided(decision) => {
                    history.read(policy, &decision.readings, now);
                    history.remember(decision, *steady);
                }
                Event::Measured { samples } => history.measure(samples),
                Event::Moved(step) => {
                    if step.to == Phase::Intent {
                        wished.insert(step.instance, *steady);
                    }
                    if step.to == Phase::InService
                        && let Some(from) = wished.remove(&step.instance)
                    {
                        history.booted(&step.cloud, steady.duration_since(from));
                    }
                    let cause = step.drain.as_ref().map(|drain| drain.cause);
                    if step.to == Phase::Terminating && cause == Some(Cause::NeverHealthy) {
                        history.refusals_of(&step.cloud).never_healthy(*steady);
                    }
                }
                Event::Load(_)
                | Event::Refused { .. }
                | Event::Ordered { .. }
                | Event::Alarm { .. } => {}
            }
        }
        history
    }

    /// Remembers a decision.
    pub fn remember(&mut self, decision: &Decision, at: Timestamp) {
        let change = decision.by_choice();
        if self.in_force.is_some() && change != 0 {
            let last = if change > 0 {
                &mut self.last_out
            } else {
                &mut self.last_in
            };
            *last = Some(at);
            push(&mut self.changes, (at, change));
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
        let forecast = policy.forecast();
        self.series.retain(|metric, _| forecast.contains(metric));
        for metric in forecast {
            let load = readings.get(&metric).and_then(series::total);
            let tick = self.tick;
            let series = self
                .series
                .entry(metric)
                .or_insert_with(|| Series::new(tick));
            series.read(now.wall, load, |_, _| {});
        }
        true
    }

    /// Takes loads that were written down.
    fn learn(&mut self, policy: &Policy, loads: &Loads) {
        if policy.forecast().contains(&loads.metric) {
            let tick = self.tick;
            self.series
                .entry(loads.metric.clone())
                .or_insert_with(|| Series::new(tick))
                .learn(loads, |_, _| {});
        }
    }

    /// The loads that are to be written down now.
    pub(crate) fn to_write(&mut self) -> Vec<Loads> {
        self.series
            .iter_mut()
            .filter_map(|(metric, series)| series.to_write(metric))
            .collect()
    }

    /// Remembers what changed about instances that matters to their clouds: who has come into service, who never did.
    pub(crate) fn note(
        &mut self,
        before: &BTreeMap<InstanceId, Instance>,
        changed: &[Instance],
        now: Now,
    ) {
        for instance in changed {
            let was = before.get(&instance.id).map(|before| before.phase);
            if was == Some(instance.phase) {
                continue;
            }
            let never_healthy = instance
                .drain
                .as_ref()
                .is_some_and(|drain| drain.cause == Cause::NeverHealthy);
            match instance.phase {
                Phase::InService => {
                    let took = instance.since.duration_since(instance.created);
                    self.booted(&instance.cloud, took);
                }
                Phase::Terminating if never_healthy => {
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
    pub fn is_of_group(&self, metric: &Metric) -> bool {
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
        self.latest
            .get(&(metric.clone(), instance))
            .and_then(|latest| latest.fell)
            .is_some_and(|(from, at)| {
                from > threshold.share(SUSPECT_SHARE) && now.since(at) <= stale
            })
    }

    /// An instance has come into service, so long after it was wished for.
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
