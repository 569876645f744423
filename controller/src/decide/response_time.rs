//! The fewest instances that answer within a time (S1-08).
//!
//! An instance shares its time evenly among the requests that it has: with λ requests a second on n instances, each of which
//! needs S seconds alone, an answer takes R = S ÷ (1 − λS ÷ n). So S is learned from what was measured, `S = R ÷ (1 + λR ÷ n)`,
//! and the fewest that answer within T are `n = λST ÷ (T − S)`. That holds for fewer instances than there are, too: what would
//! breach the target is known before it is tried. Instances with several cores are faster than that near their limit and never
//! slower, so for them it keeps rather one too many.
//!
//! What is counted are answers. While requests pile up or a pile is worked off, those that come are more or fewer: λR of them are
//! there at any time (Little's law), and so many more than before must have come without having been answered.
//!
//! The target is a promise: no tolerance is taken from it, neither above nor below.

use jiff::SignedDuration;

use super::advice::Advice;
use super::measured::{Measured, measured, silence};
use super::trend::trend;
use super::window::ticks;
use super::{Question, short};
use crate::amount::Amount;
use crate::decision::{Guard, Reading};
use crate::load::Metric;
use crate::policy::{Aggregation, Monitor, Proactive, Target};
use crate::time::later;

/// Less than this part of an instance is the error of the arithmetic.
const ARITHMETIC_ERROR: f64 = 0.001;

/// Requests pile up, or a pile is worked off, where so large a share of them is more or less than before in each second: when
/// answers only take a little longer, a few more are there, too.
const PILE_SHARE: f64 = 0.05;

/// What a target for the response time asks for.
pub(super) fn advise(
    question: &Question<'_>,
    monitor: &Monitor,
    target: &Target,
    before: u32,
) -> Advice {
    let requests = Monitor {
        metric: Metric::RequestsPerSecond,
        aggregation: Aggregation::Average,
        window: monitor.window,
    };
    let rate = measured(question, &requests);
    let time = measured(question, monitor);
    match (time, rate) {
        (time, Some(rate)) if rate.most(rate.reading.highest) == Amount::ZERO => {
            let doubt = rate.doubt.or(time.and_then(|time| time.doubt));
            unasked(question, monitor, doubt, before)
        }
        (None, _) => Advice::silent(silence(question, &monitor.metric), before),
        (Some(time), None) => in_proportion(monitor, target, &time, before),
        (Some(time), Some(rate)) => {
            let Some(queue) = Queue::of(question, monitor) else {
                return in_proportion(monitor, target, &time, before);
            };
            let mut advice = by_queue(monitor, target, &time, &rate, &queue, before);
            if target.proactive.forecasts() {
                anticipate(&mut advice, question, &requests, target, &queue);
            }
            advice
        }
    }
}

/// There were no requests: any number answers them in time. Where no request rate says so, silence would not mean it.
fn unasked(
    question: &Question<'_>,
    monitor: &Monitor,
    doubt: Option<String>,
    before: u32,
) -> Advice {
    let owed = question.readings.get(&monitor.metric);
    if owed.is_none_or(|reading| reading.expected > reading.fresh) {
        return Advice::silent(silence(question, &monitor.metric), before);
    }
    let note = format!(
        "no request within {}: none is too late",
        short(monitor.window)
    );
    let mut advice = Advice::of(0).because(Guard::Target, note);
    advice.doubt = doubt;
    advice
}

/// As many as the queue needs.
fn by_queue(
    monitor: &Monitor,
    target: &Target,
    time: &Measured,
    rate: &Measured,
    queue: &Queue,
    before: u32,
) -> Advice {
    let limit = target.threshold.as_f64();
    let alone = queue.alone;
    let figures = format!(
        "{} {} over {} at {} requests a second on {}",
        monitor.metric,
        time.value,
        short(monitor.window),
        rate.total,
        time.reading.served(),
    );
    let shown = Amount::measured(alone).unwrap_or_default();
    if alone >= limit {
        let note = format!(
            "{figures}: alone a request takes {shown}, not less than {}, so more instances would not help: {before} stays",
            target.threshold,
        );
        return Advice::silent(note, before);
    }
    // A pile that is being worked off is no reason to grow further, nor to shrink already.
    let asked = rate.total.as_f64() + queue.growth;
    let most = rate.most(rate.reading.highest).as_f64().max(asked);
    let (up, down) = (queue.needed(asked, limit), queue.needed(most, limit));
    let wanted = if up > before { up } else { down.min(before) };
    let asked = Amount::measured(if wanted > before { asked } else { most }).unwrap_or_default();
    let note = format!(
        "{figures}: alone a request takes {shown}; {asked} × {shown} × {limit} ÷ ({limit} − {shown}) = {wanted}"
    );
    let mut advice = Advice::of(wanted).because(Guard::Target, note);
    advice.enough = down;
    advice.doubt = time.doubt.clone().or_else(|| rate.doubt.clone());
    advice
}

/// Goes by the requests to which a clear rise leads, or only says what it would lead to.
fn anticipate(
    advice: &mut Advice,
    question: &Question<'_>,
    requests: &Monitor,
    target: &Target,
    queue: &Queue,
) {
    let limit = target.threshold.as_f64();
    let rise = trend(question, requests, target).filter(|trend| trend.rises);
    let Some(rise) = rise.filter(|_| queue.alone < limit) else {
        return;
    };
    let coming = queue.needed(rise.ahead.as_f64(), limit);
    let note = format!("{}: {coming} for these", rise.line(&requests.metric));
    let wanted = advice.wanted;
    if target.proactive == Proactive::ForecastOnly {
        advice.set(Guard::Trend, wanted, format!("forecast only: {note}"));
        return;
    }
    advice.enough = advice.enough.max(coming);
    if coming > wanted {
        advice.set(Guard::Trend, coming, note);
    }
}

/// Without a request rate nobody knows what fewer would do: it only grows, in proportion.
fn in_proportion(monitor: &Monitor, target: &Target, time: &Measured, before: u32) -> Advice {
    let served = match time.reading.served() {
        0 => before,
        served => served,
    };
    let value = time.value.least;
    let wanted = value
        .times(served)
        .divided_up(target.threshold)
        .unwrap_or(u32::MAX)
        .max(before);
    let note = format!(
        "{} {value} over {} × {served} ÷ {} = {wanted}; the requests per second are not known, so it only grows",
        monitor.metric,
        short(monitor.window),
        target.threshold,
    );
    let mut advice = Advice::of(wanted).because(Guard::Target, note);
    advice.enough = before;
    advice.doubt.clone_from(&time.doubt);
    advice
}

/// What the window tells of how requests are served.
struct Queue {
    /// How long an instance needs for a request alone: S, the mean over the requests.
    alone: f64,
    /// How many more are there than before, in each second.
    growth: f64,
}

impl Queue {
    /// `None` where the window has no tick with both a response time and a rate.
    fn of(question: &Question<'_>, monitor: &Monitor) -> Option<Self> {
        let (mut time, mut requests) = (0.0, 0.0);
        let middle = later(question.now.steady, -monitor.window / 2);
        let (mut early, mut late) = (Pile::default(), Pile::default());
        for tick in ticks(question, monitor.window) {
            let fresh = |metric| tick.readings.get(metric).filter(|one| one.fresh > 0);
            let (Some(took), Some(rate)) =
                (fresh(&monitor.metric), fresh(&Metric::RequestsPerSecond))
            else {
                continue;
            };
            let served = f64::from(took.served().max(rate.served()).max(1));
            let response = response(took, monitor.aggregation);
            // Those of whom no rate is known answer as many as the others.
            let all = f64::from(rate.fresh + rate.missing());
            let rate = rate.sum.as_f64() * all / f64::from(rate.fresh);
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of an hour")]
            let weight = rate * tick.millis as f64;
            time += weight * response / (1.0 + rate * response / served);
            requests += weight;
            let half = if tick.at <= middle {
                &mut early
            } else {
                &mut late
            };
            half.add(question.now.since(tick.at), rate, response);
        }
        let growth = early
            .growth_to(&late)
            .filter(|growth| growth.abs() > late.answered() * PILE_SHARE);
        (requests > 0.0).then(|| Self {
            alone: time / requests,
            growth: growth.unwrap_or(0.0),
        })
    }

    /// The fewest instances on which so many requests a second are answered within the limit, which is more than one takes alone.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a cast from a float saturates, and what is no number becomes zero, which the bounds raise"
    )]
    fn needed(&self, rate: f64, limit: f64) -> u32 {
        let instances = rate * self.alone * limit / (limit - self.alone);
        (instances - ARITHMETIC_ERROR).ceil() as u32
    }
}

/// How many requests there are at once in half a window: a whole half, so that a spike of seconds is no growth.
#[derive(Default)]
struct Pile {
    ticks: f64,
    rates: f64,
    requests: f64,
    seconds_ago: f64,
}

impl Pile {
    fn add(&mut self, ago: SignedDuration, rate: f64, response: f64) {
        self.ticks += 1.0;
        self.rates += rate;
        self.requests += rate * response;
        self.seconds_ago += ago.as_secs_f64();
    }

    /// How many are answered in a second.
    fn answered(&self) -> f64 {
        self.rates / self.ticks
    }

    /// By how many a second it grows to what it is later; `None` where one has no ticks.
    fn growth_to(&self, later: &Self) -> Option<f64> {
        let grown = later.requests / later.ticks - self.requests / self.ticks;
        let within = self.seconds_ago / self.ticks - later.seconds_ago / later.ticks;
        let growth = grown / within;
        growth.is_finite().then_some(growth)
    }
}

/// The response time of one tick, as the aggregation has it.
fn response(reading: &Reading, aggregation: Aggregation) -> f64 {
    match aggregation {
        Aggregation::Minimum => reading.lowest.as_f64(),
        Aggregation::Maximum => reading.highest.as_f64(),
        Aggregation::Average | Aggregation::Total | Aggregation::Last | Aggregation::Count => {
            reading.sum.as_f64() / f64::from(reading.fresh)
        }
    }
}
