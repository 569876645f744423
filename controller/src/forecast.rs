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
mod recent;
mod regression;
mod season;
pub mod turns;

use std::collections::VecDeque;
use std::fmt;

use errors::{Chances, Count};
use price::Price;
use recent::Recent;
use regression::{Regression, Signs};
use season::Season;

/// How long the errors and what the signs tell are remembered, in seconds. A day and a half costs half a percent.
const MEMORY_S: f64 = 7.0 * 86_400.0;
/// Unrest is the mean of the mean errors of lately, of hours and of days. Without days the first burst after a quiet spell is seen in
/// units that are too small (a nightly job: 1.3 % missed, not 0.6 %); lately alone costs 2 %.
const LATELY_S: f64 = 900.0;
const HOURS_S: f64 = 4.0 * 3_600.0;
const DAYS_S: f64 = 2.0 * 86_400.0;
/// Errors are counted apart by how unrest of lately compares to that of days, and by whether the load just rose by more than is
/// usual. Without, cost is 5 to 9 % higher.
const UNREST: [f64; 7] = [0.25, 0.5, 0.75, 1.0, 1.5, 2.5, 5.0];
/// The count of all errors stands in for as much time where a place or a state has seen little. A fifth of it, or three times as
/// much, costs 1 %.
const DOUBT_S: f64 = 6_000.0;
/// So many errors have to be known before they are believed; until then the load is taken to be off by this share of it.
const FIRST: f64 = 30.0;
const UNKNOWN: f64 = 0.1;
/// Errors smaller than this share of the load are no unit to count in: a load that stood still will move some time.
const LEAST: f64 = 0.002;
/// Errors larger than this many units count as this large when the level is learned, so that one spike does not bend it.
const OUTLIER: f64 = 3.0;
/// Seasons that are looked for, and the length of a place in each, in seconds. Hours of the week lowered no score.
const HOUR_S: i64 = 3_600;
const MINUTE_S: i64 = 60;
const DAY_S: i64 = 86_400;
const QUARTER_S: i64 = 900;
/// Above this a load is a mistake, and its square might be infinite.
const LARGEST: f64 = 1e15;
const SMALLEST: f64 = 1e-9;
/// A season or a trend spoke where it moved what is asked for by more than this share.
const HEARD: f64 = 0.05;
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

/// What the outlook goes by most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expert {
    /// Too little is known: the present load and a fixed headroom.
    Start,
    /// The load of lately and its errors.
    Lately,
    /// The slope of the load.
    Trend,
    /// The errors at this place in a season of so many seconds.
    Season(i64),
}

impl fmt::Display for Expert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("start"),
            Self::Lately => f.write_str("lately"),
            Self::Trend => f.write_str("trend"),
            Self::Season(HOUR_S) => f.write_str("hour"),
            Self::Season(DAY_S) => f.write_str("day"),
            Self::Season(period) => write!(f, "season of {period} s"),
        }
    }
}

/// What is coming.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outlook {
    /// What spoke.
    pub expert: Expert,
    /// The first bin that was heard, Unix seconds.
    pub since: i64,
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
    first_at: Option<i64>,
    recent: Recent,
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
        // A goal that is no number is taken as the lowest.
        let goal = setup.goal.clamp(0.5, 0.999_99).max(0.5);
        let memory = MEMORY_S / step_s;
        let states = 2 * (UNREST.len() + 1);
        let seasons = if setup.mode.seasons {
            vec![
                Season::new(HOUR_S, MINUTE_S.max(i64::from(setup.step_s)), step_s),
                Season::new(DAY_S, QUARTER_S, step_s),
            ]
        } else {
            Vec::new()
        };
        Self {
            setup: Setup {
                step_s: setup.step_s.max(1),
                horizon: setup.horizon.min(FARTHEST),
                goal,
                capacity: setup.capacity.filter(|c| (SMALLEST..=LARGEST).contains(c)),
                ..setup
            },
            last_at: None,
            first_at: None,
            recent: Recent::default(),
            level: Regression::new(memory),
            known: 0.0,
            lately: 0.0,
            hours: 0.0,
            days: 0.0,
            all: Count::prior(memory, 50.0),
            states: vec![Count::new(memory / states as f64); states],
            seasons,
            price: Price::new(goal, step_s),
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
        if self
            .last_at
            .is_some_and(|last| at.saturating_sub(last) > step)
        {
            self.fall_silent();
        }
        self.last_at = Some(at);
        self.first_at.get_or_insert(at);
        while self.open.front().is_some_and(|open| open.at < at) {
            self.open.pop_front();
        }
        let due = self.open.pop_front_if(|open| open.at == at);
        let Some(load) = load.filter(|load| (0.0..=LARGEST).contains(load)) else {
            self.fall_silent();
            return;
        };
        if let Some(due) = due {
            let carried = carried
                .filter(|carried| *carried >= 0.0)
                .unwrap_or(due.upper);
            self.price.spend(load, load > carried * (1.0 + 1e-9));
            self.learn(&due, load);
        }
        self.recent.push(load);
        let ahead = step * (i64::from(self.setup.horizon) + 1);
        self.look(at.saturating_add(ahead));
    }

    /// What is coming, as of the last load heard; `None` before the first one and while loads are missing.
    pub fn outlook(&self) -> Option<Outlook> {
        self.outlook
    }

    /// The periods of the seasons that foretell errors, in seconds.
    pub fn seasons(&self) -> impl Iterator<Item = i64> {
        self.seasons
            .iter()
            .filter(|season| season.is_found_somewhere())
            .map(|season| season.period)
    }

    fn fall_silent(&mut self) {
        self.recent.forget();
        self.outlook = None;
    }

    /// What is usual to be wrong by.
    fn scale(&self, level: f64) -> f64 {
        let typical = self.recent.mean();
        let usual = if self.known < FIRST {
            UNKNOWN * (level + 0.5 * typical)
        } else {
            let mean = (self.lately + self.hours + self.days) / 3.0;
            mean.max(LEAST * typical)
        };
        usual.max(SMALLEST)
    }

    fn state(&self, scale: f64) -> usize {
        let is_above = |part: &&f64| self.lately > **part * self.days;
        let unrest = UNREST.iter().filter(is_above).count();
        2 * unrest + usize::from(self.recent.slope() > scale)
    }

    fn look(&mut self, at: i64) {
        let base = self.recent.last();
        let usual = OUTLIER * self.scale(base);
        let signs = self.recent.signs(self.setup.mode.trend, usual);
        let level = (base + self.level.predict(&signs)).max(0.0);
        let scale = self.scale(level);
        let state = self.state(scale);
        let all = self.all.shares();
        let doubt = DOUBT_S / f64::from(self.setup.step_s);
        let mut lately = all;
        self.states[state].weigh(&all, doubt, &mut lately);
        let mut shares = lately;
        for season in self.seasons.iter().filter(|season| season.is_found(at)) {
            season.weigh(at, &all, doubt, &mut shares);
        }
        let price = self.price.now();
        let width = self.all.last_width();
        let ask =
            |shares| Chances::new(level, scale, shares, width).cheapest(price, self.setup.capacity);
        let upper = ask(&shares);
        let expert = self.expert(at, (level - base).abs() / upper, || {
            (upper - ask(&lately)).abs() / upper
        });
        let between = self.open.iter().map(|open| open.upper);
        self.outlook = Some(Outlook {
            expert,
            since: self.first_at.unwrap_or(at),
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

    /// Who moved what is asked for: `trend` and `season` are the shares by which each did.
    fn expert(&self, at: i64, trend: f64, season: impl Fn() -> f64) -> Expert {
        let found = self.seasons.iter().filter(|season| season.is_found(at));
        let best = found.max_by(|a, b| a.gain.total_cmp(&b.gain));
        match best {
            _ if self.known < FIRST => Expert::Start,
            Some(best) if season() > HEARD => Expert::Season(best.period),
            _ if self.setup.mode.trend && trend > HEARD => Expert::Trend,
            _ => Expert::Lately,
        }
    }

    fn learn(&mut self, open: &Open, load: f64) {
        let step = f64::from(self.setup.step_s);
        let miss = load - open.level;
        let error = miss / open.scale;
        let all = self.all.shares();
        for season in &mut self.seasons {
            season.add(open.at, error, &all, DOUBT_S / step);
        }
        self.all.add(error);
        self.states[open.state].add(error);
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

#[cfg(test)]
mod tests;
