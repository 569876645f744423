//! What load is coming, and how much capacity it deserves: a forecast that sets its headroom by its own errors.
//!
//! ```text
//! hear(bin) → level (where the load will be) → errors so far (how far off that may be) → price (what missed load is worth)
//!           → outlook: the capacity for which capacity plus price × expected missed load is least
//! ```
//!
//! One [`Forecast`] serves one group. It hears one load a bin, is asked for an [`Outlook`] at the time when an instance that is launched now
//! would serve, and later hears how that came out. Nothing is set but the goal: the share of load that is to meet enough
//! capacity. All is plain arithmetic on what was heard: equal loads give equal bytes. [`turns`] makes instances of it.

#![expect(
    clippy::cast_precision_loss,
    reason = "counts and seconds stay far below 2^52"
)]

mod errors;
mod price;
mod regression;
mod season;
pub mod turns;

use std::collections::VecDeque;

use errors::{Chances, Count};
use price::Price;
use regression::{Regression, SIGNS, Signs};
use season::Season;

/// How long the errors and what the signs tell are remembered, in seconds. A day costs 1 %.
const MEMORY_S: f64 = 7.0 * 86_400.0;
/// Unrest is the mean of the mean errors of lately, of hours and of days. Without days the first burst after a quiet spell is seen in
/// units that are too small (held-out nightly job: 1.3 % missed, not 0.5 %); lately alone costs 2 %.
const LATELY_S: f64 = 900.0;
const HOURS_S: f64 = 4.0 * 3_600.0;
const DAYS_S: f64 = 2.0 * 86_400.0;
/// Errors are counted apart by how unrest of lately compares to that of days.
const UNREST: [f64; 7] = [0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0];
/// The count of all errors stands in for as much time where a place or a state has seen little.
const DOUBT_S: f64 = 6_000.0;
/// So many errors have to be known before they are believed; until then the load may be a tenth off.
const FIRST: f64 = 30.0;
/// Errors larger than this many units count as this large when the level is learned, so that one spike does not bend it.
const OUTLIER: f64 = 3.0;
/// Loads that are averaged, in bins.
const FEW: usize = 5;
const SOME: usize = 30;
/// A load that keeps its slope to this part of it goes straight.
const STRAIGHT: f64 = 1e-3;
/// The longest horizon, in bins.
const FARTHEST: u32 = 1_440;

/// What a forecast may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// The slope of the load.
    pub trend: bool,
    /// The hour, the day and the week.
    pub seasons: bool,
}

impl Mode {
    /// Only the load of the last hours and its errors.
    pub const REACTIVE: Self = Self {
        trend: false,
        seasons: false,
    };
    /// Everything.
    pub const PROACTIVE: Self = Self {
        trend: true,
        seasons: true,
    };
}

/// What a forecast is made for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Setup {
    /// The share of load that is to meet enough capacity, such as 0.99.
    pub goal: f64,
    /// The length of a bin, seconds.
    pub step_s: u32,
    /// Whole bins between the end of a bin and the start of the one in which an instance launched at that end would serve.
    pub horizon: u32,
    /// What one instance carries, in load, so that headroom comes in whole instances. `None` where it is not known.
    pub capacity: Option<f64>,
    /// What may be used.
    pub mode: Mode,
}

/// What is coming.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// The load to expect at the horizon.
    pub expected: f64,
    /// The load to be able to carry then; in whole instances where their capacity is known.
    pub upper: f64,
    /// The load to keep capacity for until then: the largest that was, is or will be, by forecasts for the bins in between.
    pub keep: f64,
    /// What missed load is worth, in units of capacity.
    pub price: f64,
    /// The share of the goal's budget of missed load that is spent.
    pub spent: f64,
}

/// The forecast of one group.
#[derive(Debug, Clone)]
pub struct Forecast {
    setup: Setup,
    /// When the last bin began, and what came before it.
    last_at: Option<i64>,
    recent: VecDeque<f64>,
    /// Bins for which the load has gone straight on.
    straight: usize,
    level: Regression,
    known: f64,
    lately: f64,
    hours: f64,
    days: f64,
    all: Count,
    states: Vec<Count>,
    seasons: Vec<Season>,
    price: Price,
    /// Forecasts whose bins are not over.
    open: VecDeque<Open>,
    outlook: Option<Outlook>,
}

/// A forecast that was made.
#[derive(Debug, Clone)]
struct Open {
    at: i64,
    signs: Signs,
    base: f64,
    level: f64,
    scale: f64,
    state: usize,
    upper: f64,
}

impl Forecast {
    /// Knows nothing yet. A goal out of 0.5 to 0.999 99 is taken as the nearest of these.
    pub fn new(setup: Setup) -> Self {
        let step_s = f64::from(setup.step_s.max(1));
        let memory = MEMORY_S / step_s;
        let states = 2 * (UNREST.len() + 1);
        let seasons = if setup.mode.seasons {
            vec![
                Season::new(3_600, i64::from(setup.step_s).max(60), step_s),
                Season::new(86_400, 900, step_s),
            ]
        } else {
            Vec::new()
        };
        Self {
            setup: Setup {
                step_s: setup.step_s.max(1),
                horizon: setup.horizon.min(FARTHEST),
                goal: setup.goal.clamp(0.5, 0.999_99),
                ..setup
            },
            last_at: None,
            recent: VecDeque::with_capacity(SOME + 1),
            straight: 0,
            level: Regression::new(memory),
            known: 0.0,
            lately: 0.0,
            hours: 0.0,
            days: 0.0,
            all: Count::prior(memory, 50.0),
            states: vec![Count::new(memory / states as f64); states],
            seasons,
            price: Price::new(setup.goal.clamp(0.5, 0.999_99), step_s),
            open: VecDeque::new(),
            outlook: None,
        }
    }

    /// A bin that began at `at` (Unix seconds) is over. `load` is the mean over it, `None` if it is not known; what is not a number, infinite
    /// or negative is not known either. `carried` is the load that the instances in service could have carried, if known.
    /// A bin that is not younger than the last one is passed over.
    pub fn hear(&mut self, at: i64, load: Option<f64>, carried: Option<f64>) {
        if self.last_at.is_some_and(|last| at <= last) {
            return;
        }
        let step = i64::from(self.setup.step_s);
        if self.last_at.is_some_and(|last| at - last > step) {
            self.forget_slope();
        }
        self.last_at = Some(at);
        while self.open.front().is_some_and(|open| open.at < at) {
            self.open.pop_front();
        }
        let due = self.open.pop_front_if(|open| open.at == at);
        let Some(load) = load.filter(|load| load.is_finite() && *load >= 0.0) else {
            self.forget_slope();
            return;
        };
        if let Some(due) = due {
            let carried = carried.filter(|c| c.is_finite()).unwrap_or(due.upper);
            self.price.spend(load, load > carried * (1.0 + 1e-9));
            self.learn(&due, load);
        }
        self.remember(load);
        self.look(at + step * (i64::from(self.setup.horizon) + 1));
    }

    /// What is coming, as of the last load heard; `None` before the first one and while loads are missing.
    pub fn outlook(&self) -> Option<Outlook> {
        self.outlook
    }

    fn forget_slope(&mut self) {
        self.recent.clear();
        self.straight = 0;
        self.outlook = None;
    }

    fn remember(&mut self, load: f64) {
        if self.recent.len() > 1 {
            let [before, last] = self.last_two();
            let (was, is) = (last - before, load - last);
            let same = (is - was).abs() <= STRAIGHT * is.abs().max(was.abs());
            self.straight = if same && is != 0.0 {
                self.straight + 1
            } else {
                0
            };
        }
        self.recent.push_back(load);
        if self.recent.len() > SOME {
            self.recent.pop_front();
        }
    }

    /// The last two loads; the same twice where only one is known.
    fn last_two(&self) -> [f64; 2] {
        let n = self.recent.len();
        let last = self.recent.back().copied().unwrap_or(0.0);
        [if n > 1 { self.recent[n - 2] } else { last }, last]
    }

    fn mean(&self, bins: usize) -> f64 {
        let n = self.recent.len().min(bins);
        self.recent.iter().rev().take(n).sum::<f64>() / n.max(1) as f64
    }

    fn signs(&self) -> Signs {
        let [before, last] = self.last_two();
        let mut signs = [0.0; SIGNS];
        signs[0] = self.mean(FEW) - last;
        signs[1] = self.mean(SOME) - last;
        if self.setup.mode.trend {
            signs[2 + self.straight.min(SIGNS - 3)] = last - before;
        }
        signs
    }

    /// What is usual to be wrong by.
    fn scale(&self, level: f64) -> f64 {
        let typical = self.mean(SOME);
        if self.known < FIRST {
            return (0.1 * level + 0.05 * typical).max(f64::MIN_POSITIVE);
        }
        let floor = 0.25 * self.hours.min(self.days) + 0.002 * typical;
        ((self.lately + self.hours + self.days) / 3.0)
            .max(floor)
            .max(1e-9)
    }

    fn state(&self, scale: f64) -> usize {
        let [before, last] = self.last_two();
        let unrest = UNREST
            .iter()
            .filter(|u| self.lately > **u * self.days)
            .count();
        2 * unrest + usize::from(last - before > scale)
    }

    fn look(&mut self, at: i64) {
        let [_, base] = self.last_two();
        let signs = self.signs();
        let level = (base + self.level.predict(&signs)).max(0.0);
        let scale = self.scale(level);
        let state = self.state(scale);
        let all = self.all.shares();
        let doubt = DOUBT_S / f64::from(self.setup.step_s);
        let mut shares = all;
        self.states[state].weigh(&all, doubt, &mut shares);
        for season in &self.seasons {
            season.weigh(at, &all, doubt, &mut shares);
        }
        let chances = Chances::new(level, scale, &shares);
        let price = self.price.now();
        let upper = chances.cheapest(price, self.setup.capacity);
        let between = self.open.iter().map(|open| open.upper);
        self.outlook = Some(Outlook {
            expected: level,
            upper,
            keep: between.fold(base.max(upper), f64::max),
            price,
            spent: self.price.spent(),
        });
        self.open.push_back(Open {
            at,
            signs,
            base,
            level,
            scale,
            state,
            upper,
        });
    }

    fn learn(&mut self, open: &Open, load: f64) {
        let step = f64::from(self.setup.step_s);
        let miss = load - open.level;
        let error = miss / open.scale;
        self.all.add(error);
        self.states[open.state].add(error);
        for season in &mut self.seasons {
            season.add(open.at, error);
        }
        let trust = (OUTLIER / error.abs().max(OUTLIER)) / (open.scale * open.scale);
        self.level.learn(&open.signs, load - open.base, trust);
        self.known += 1.0;
        for (unrest, span) in [
            (&mut self.lately, LATELY_S),
            (&mut self.hours, HOURS_S),
            (&mut self.days, DAYS_S),
        ] {
            *unrest += (miss.abs() - *unrest) / self.known.min((span / step).max(3.0));
        }
    }
}
