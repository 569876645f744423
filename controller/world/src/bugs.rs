//! The test of the test: each bug of [`controller::seeded`] is switched on by itself, and seeds are run until a rule is broken. A
//! bug that no seed shows tells of a fault, a workload or a rule that the world lacks.
//!
//! Each seed is run without a bug too: one that breaks a rule by itself tells nothing of any bug.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use controller::seeded::{Bug, with};

use crate::fleet::examine;
use crate::run::Options;

/// How bugs are looked for.
#[derive(Debug, Clone)]
pub struct Hunt {
    /// Each for no longer than this.
    pub limit: Duration,
    /// How many bugs at once.
    pub threads: usize,
    /// How each world is run.
    pub options: Options,
}

/// What became of one bug.
#[derive(Debug, Clone)]
pub struct Trail {
    /// Which.
    pub bug: Bug,
    /// How many seeds were run with it, from the first.
    pub seeds: u64,
    /// How long that took.
    pub took: Duration,
    /// The last seed, and what it broke; `None` where none did.
    pub found: Option<(u64, Breach)>,
}

/// A rule that a world broke.
#[derive(Debug, Clone)]
pub struct Breach {
    /// The rule's id; `panic` where the controller met a contradiction of its own.
    pub rule: String,
    /// What has happened.
    pub what: String,
}

/// What became of all bugs, and of the control.
#[derive(Debug, Clone)]
pub struct Catch {
    /// Of each bug, in their order.
    pub trails: Vec<Trail>,
    /// What each seed broke with no bug on: nothing, if all is well.
    pub control: BTreeMap<u64, Option<Breach>>,
}

impl Hunt {
    /// Looks for each of these bugs; `on_trail` hears of each once.
    pub fn run(&self, bugs: &[Bug], on_trail: impl Fn(&Trail) + Sync) -> Catch {
        let next = AtomicUsize::new(0);
        let trails = Mutex::new(Vec::new());
        let control = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(|| {
                    while let Some(bug) = bugs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let trail = self.follow(*bug, &control);
                        on_trail(&trail);
                        let Ok(mut trails) = trails.lock() else {
                            return;
                        };
                        trails.push(trail);
                    }
                });
            }
        });
        let mut trails = inner(trails);
        trails.sort_by_key(|trail: &Trail| trail.bug);
        Catch {
            trails,
            control: inner(control),
        }
    }

    fn follow(&self, bug: Bug, control: &Mutex<BTreeMap<u64, Option<Breach>>>) -> Trail {
        let mut trail = Trail {
            bug,
            seeds: 0,
            took: Duration::ZERO,
            found: None,
        };
        let mut seed = 0;
        while trail.found.is_none() && trail.took < self.limit {
            seed += 1;
            if !self.is_clean(seed, control) {
                continue;
            }
            let began = Instant::now();
            trail.found = self.breach(seed, Some(bug)).map(|breach| (seed, breach));
            trail.took += began.elapsed();
            trail.seeds += 1;
        }
        trail
    }

    fn is_clean(&self, seed: u64, control: &Mutex<BTreeMap<u64, Option<Breach>>>) -> bool {
        let known = |breach: &Option<Breach>| breach.is_none();
        if let Some(is_clean) = control.lock().ok().and_then(|c| c.get(&seed).map(known)) {
            return is_clean;
        }
        let breach = self.breach(seed, None);
        let is_clean = breach.is_none();
        if let Ok(mut control) = control.lock() {
            control.insert(seed, breach);
        }
        is_clean
    }

    /// What a world breaks first.
    fn breach(&self, seed: u64, bug: Option<Bug>) -> Option<Breach> {
        let world = || with(bug, || examine(seed, &self.options));
        match catch_unwind(AssertUnwindSafe(world)) {
            Ok(report) => report
                .violations
                .into_iter()
                .next()
                .map(|violation| Breach {
                    rule: violation.rule.name().to_owned(),
                    what: violation.what,
                }),
            Err(panic) => Some(Breach {
                rule: "panic".to_owned(),
                what: panic.downcast_ref::<String>().cloned().unwrap_or_default(),
            }),
        }
    }
}

fn inner<T>(mutex: Mutex<T>) -> T {
    mutex
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Catch {
    /// Those that no seed has shown.
    pub fn missed(&self) -> Vec<Bug> {
        let missed = self.trails.iter().filter(|trail| trail.found.is_none());
        missed.map(|trail| trail.bug).collect()
    }

    /// The seeds that break a rule with no bug on.
    pub fn unclean(&self) -> Vec<(u64, &Breach)> {
        let control = self.control.iter();
        control
            .filter_map(|(seed, breach)| Some((*seed, breach.as_ref()?)))
            .collect()
    }

    /// All of it, as a table for people.
    pub fn table(&self) -> String {
        let mut text = "| story | what is broken | should tell | told | seed | seeds | seconds |\n\
                        |---|---|---|---|---:|---:|---:|\n"
            .to_owned();
        for Trail {
            bug,
            seeds,
            took,
            found,
        } in &self.trails
        {
            let (told, seed) = match found {
                Some((seed, breach)) => (breach.rule.as_str(), seed.to_string()),
                None => ("**nobody**", String::new()),
            };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {told} | {seed} | {seeds} | {:.1} |",
                bug.story(),
                bug.breaks(),
                bug.guards(),
                took.as_secs_f64(),
            );
        }
        let _ = writeln!(
            text,
            "\nFound: {} of {}. The control: with no bug on, {} of the same {} seeds break a rule.",
            self.trails.len() - self.missed().len(),
            self.trails.len(),
            self.unclean().len(),
            self.control.len(),
        );
        text
    }
}
