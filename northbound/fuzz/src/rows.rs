//! Any rows of the log files, and what is left of them in a file.

use arbitrary::Arbitrary;
use controller::amount::Amount;
use controller::id::{CloudName, InstanceId, TenantName};
use controller::instance::{Cause, Phase};
use controller::load::Metric;
use jiff::Timestamp;
use northbound::logs::{Action, ActionRow, DecisionRow, MetricRow, Verdict};

/// A longer text is cut.
const TEXT_LIMIT: usize = 2_000;
/// Seconds from 1970 to 2200: what the store can hold.
const LATEST: i64 = 7_258_118_400;
/// What a meter can give, in millionths.
const MOST: u64 = 1_000_000_000_000_000;

/// What a row is made of.
#[derive(Debug, Clone, Arbitrary)]
pub struct Sketch {
    text: String,
    other: String,
    millis: i64,
    amount: u64,
    number: u32,
    bits: u8,
}

impl Sketch {
    /// When its group is of.
    pub fn time(&self) -> Timestamp {
        let millis = self.millis.rem_euclid(LATEST * 1_000);
        Timestamp::from_millisecond(millis).expect("a moment of these centuries")
    }

    fn is(&self, bit: u8) -> bool {
        self.bits & (1 << bit) != 0
    }

    fn amount(&self) -> Amount {
        Amount::from_millionths(self.amount % (MOST + 1))
    }

    fn instance(&self) -> Option<InstanceId> {
        self.is(0)
            .then(|| InstanceId::new(self.number, self.number))
    }

    fn cloud(&self) -> Option<CloudName> {
        self.is(1).then(|| "local-a".parse().expect("a name"))
    }

    /// A query is one line; whoever reads the tenant file makes sure of that.
    fn query(&self) -> Metric {
        Metric::Prometheus(kept(&self.text))
    }

    /// A row of `actions.csv`.
    pub fn action(&self, seq: u64, time: Timestamp) -> ActionRow {
        let phases = [
            Phase::Intent,
            Phase::InService,
            Phase::Draining,
            Phase::Gone,
        ];
        let actions = [Action::Launch, Action::Alarm, Action::Remove, Action::Order];
        ActionRow {
            seq,
            time,
            tenant: tenant(),
            action: actions[self.number as usize % 4],
            instance: self.instance(),
            cloud: self.cloud(),
            address: self.is(2).then(|| self.number.into()),
            from: self.is(3).then(|| phases[self.number as usize % 4]),
            to: self.is(4).then_some(Phase::Booting),
            why: self.text.clone(),
            cause: self.is(5).then_some(Cause::ScaleIn),
            flows_at_start: self.is(6).then_some(self.number),
            flows_at_end: self.is(7).then_some(self.number),
            waited_s: self.is(7).then(|| self.amount()),
            forced: self.is(6).then_some(self.is(5)),
            generation: None,
        }
    }

    /// A row of `metrics.csv`.
    pub fn metric(&self, seq: u64, time: Timestamp) -> MetricRow {
        let metric = match self.bits % 3 {
            0 => Metric::Cpu,
            1 => Metric::Pushed("queue".parse().expect("a name")),
            _ => self.query(),
        };
        MetricRow {
            seq,
            time,
            tenant: tenant(),
            instance: self.instance(),
            cloud: self.cloud(),
            metric: metric.into(),
            value: self.amount(),
        }
    }

    /// A row of `decisions.csv`.
    pub fn decision(&self, seq: u64, time: Timestamp) -> DecisionRow {
        DecisionRow {
            seq,
            time,
            tenant: tenant(),
            current: self.number,
            before: self.number,
            desired: self.number,
            verdict: [Verdict::ScaleOut, Verdict::ScaleIn, Verdict::Hold][self.number as usize % 3],
            metric: self.is(0).then(|| self.query()),
            average: self.is(1).then(|| self.amount()),
            threshold: self.is(2).then(|| self.amount()),
            fresh: self.is(3).then_some(self.number),
            expected: self.is(3).then_some(self.number),
            guard: "bounds".to_owned(),
            reason: self.text.clone(),
            steps: self.other.clone(),
            min: self.is(4).then_some(self.number),
            max: self.is(4).then_some(self.number),
        }
    }
}

/// Whose rows they are.
pub fn tenant() -> TenantName {
    "demo".parse().expect("a name")
}

/// What comes back of a text: one line of it, and not for ever.
pub fn kept(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(TEXT_LIMIT).map(plain).collect()
}
