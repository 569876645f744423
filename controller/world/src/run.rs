//! One world, from its seed to the last rule.

use crate::chaos;
use crate::clients;
use crate::coverage::Coverage;
use crate::draw::{Drawn, draw};
use crate::executor::{Executor, WORLD};
use crate::fault::{Fault, KINDS};
use crate::heal;
use crate::moment::{At, HOUR, MINUTE, SECOND, Span};
use crate::node;
use crate::operator;
use crate::oracle::{Rule, Violation};
use crate::seat::World;
use crate::truth::Truth;
use crate::watch;

/// A world that has found something is not run on.
const SLICE: Span = MINUTE;

/// How a seed is run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Show what happens, line by line.
    pub is_told: bool,
    /// Recorded loads, as shares of their peaks, a minute each.
    pub traces: Vec<Vec<f64>>,
    /// What is left out, to see whether it makes a difference.
    pub without: Without,
}

/// What is left out of a world, to see whether it makes a difference to what is left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Without {
    /// Nothing.
    #[default]
    Nothing,
    /// What tenants share: room in the clouds, and jumping clocks.
    Sharing,
    /// The same, and all tenants but the first.
    Others,
    /// Restarts, after which the steady clock begins anew.
    Restarts,
    /// The same, and clocks that jump.
    Jumps,
}

/// What has become of a world.
#[derive(Debug, Clone)]
pub struct Report {
    /// Which.
    pub seed: u64,
    /// How much time has passed in it, in microseconds, times its tenants.
    pub tenant_time: u64,
    /// How often each kind of fault struck.
    pub faults: [u64; KINDS],
    /// How often a rule was asked.
    pub evaluated: u64,
    /// How many instances were made.
    pub launches: u64,
    /// How many intents made more than one.
    pub duplicates: u64,
    /// How many instances were left in the end that nobody knew of.
    pub leaks: u64,
    /// How many connections were served, and how many found nobody.
    pub connections: (u64, u64),
    /// What must not have happened.
    pub violations: Vec<Violation>,
    /// What has happened at all.
    pub coverage: Coverage,
    /// All events, as one number.
    pub hash: u64,
    /// The events of the first tenant's instances, as one number.
    pub first: u64,
    /// The first tenant has followed a forecast, which goes by the clocks of people.
    pub has_forecast: bool,
}

/// Runs the world of a seed.
pub fn run(seed: u64, options: &Options) -> Report {
    let mut drawn = draw(seed, &options.traces);
    leave_out(&mut drawn, options.without);
    let chaos = drawn.chaos;
    let specs: Vec<_> = drawn
        .tenants
        .iter()
        .map(|tenant| tenant.spec.clone())
        .collect();
    let nodes = drawn.nodes;
    let mut truth = Truth::new(seed, drawn, options.is_told);
    truth.has_brinks = options.without == Without::Nothing;
    let mut executor = Executor::default();
    let world = World::new(seed, executor.handle(), truth);

    for (tenant, spec) in specs.iter().enumerate() {
        operator::create(&mut world.truth(), tenant, spec.clone());
        let own = world.clone();
        executor
            .handle()
            .spawn(WORLD, move || clients::run(own, tenant));
        for admin in 0..2 {
            let own = world.clone();
            executor
                .handle()
                .spawn(WORLD, move || operator::run(own, seed, tenant, admin));
        }
    }
    for index in 0..nodes {
        node::start(&world, seed, index);
    }
    chaos::unleash(&world, seed);
    let own = world.clone();
    executor.handle().spawn(WORLD, move || watch::run(own));

    if pass(&mut executor, &world, chaos) {
        heal::begin(&world, seed);
        recover(&mut executor, &world, chaos);
    }
    report(seed, &world)
}

fn leave_out(drawn: &mut Drawn, without: Without) {
    let kinds: &[Fault] = match without {
        Without::Nothing => return,
        Without::Sharing | Without::Others => &[Fault::WallDay, Fault::WallSecond],
        Without::Restarts => &[Fault::Kill, Fault::Upgrade],
        Without::Jumps => &[
            Fault::Kill,
            Fault::Upgrade,
            Fault::WallDay,
            Fault::WallSecond,
        ],
    };
    for kind in kinds {
        drawn.faults.leave_out(*kind);
    }
    if matches!(without, Without::Sharing | Without::Others) {
        for cloud in &mut drawn.clouds {
            cloud.capacity = usize::MAX;
            cloud.rooms.clear();
        }
    }
    if without == Without::Others {
        drawn.tenants.truncate(1);
    }
}

/// Lets time pass until `end`; false once something is found.
fn pass(executor: &mut Executor, world: &World, end: At) -> bool {
    loop {
        let now = executor.handle().now();
        if !world.truth().oracle.violations.is_empty() {
            return false;
        }
        if now >= end {
            return true;
        }
        executor.run_until(end.min(now + SLICE));
    }
}

fn recover(executor: &mut Executor, world: &World, chaos: Span) {
    let end = chaos + heal::HEALING;
    let flushed = end - heal::LAST - 2 * MINUTE;
    if !pass(executor, world, flushed) {
        return;
    }
    heal::flush(&mut world.truth());
    if !pass(executor, world, flushed + MINUTE) {
        return;
    }
    heal::judge_rules(&mut world.truth());
    if !pass(executor, world, end - heal::LAST) {
        return;
    }
    let tenants = world.truth().tenants.len();
    let mut wrong: Vec<Option<(Rule, String)>> = vec![None; tenants];
    let mut is_right = vec![false; tenants];
    let mut at = end - heal::LAST;
    while at < end && is_right.contains(&false) {
        at += 10 * SECOND;
        executor.run_until(at);
        for tenant in (0..tenants)
            .filter(|tenant| !is_right[*tenant])
            .collect::<Vec<_>>()
        {
            wrong[tenant] = heal::wrong(&world.truth(), tenant);
            is_right[tenant] = wrong[tenant].is_none();
        }
    }
    for (tenant, wrong) in wrong.into_iter().enumerate() {
        let (rule, what) = match wrong {
            Some((rule, what)) => (rule, Some(format!("tenant {tenant}: {what}"))),
            None => (Rule::L1, None),
        };
        world.truth().oracle.judge(rule, at, what);
    }
    heal::judge_silent(&mut world.truth());
    heal::judge_strangers(&mut world.truth());
}

fn report(seed: u64, world: &World) -> Report {
    let truth = &mut *world.truth();
    let tenants = 0..truth.tenants.len();
    let leaks = tenants
        .flat_map(|tenant| truth.reals(tenant).map(move |real| (tenant, real)))
        .filter(|(tenant, real)| !truth.tenants[*tenant].kept.records.contains_key(&real.id))
        .count();
    let made = truth
        .tenants
        .iter()
        .flat_map(|tenant| tenant.deeds.made.values());
    let clients = || truth.tenants.iter().map(|tenant| &tenant.clients);
    Report {
        seed,
        tenant_time: truth.now * truth.tenants.len() as u64,
        faults: truth.faults.counts(),
        evaluated: truth.oracle.evaluated,
        launches: truth.launches,
        duplicates: made.filter(|made| **made > 1).count() as u64,
        // A world that was left before its end has not had the time to find them.
        leaks: if truth.oracle.violations.is_empty() {
            leaks as u64
        } else {
            0
        },
        connections: (
            clients().map(|clients| clients.served).sum(),
            clients().map(|clients| clients.refused).sum(),
        ),
        violations: std::mem::take(&mut truth.oracle.violations),
        coverage: truth.coverage.clone(),
        hash: truth.log.hash(),
        first: truth.log.of.first().copied().unwrap_or(0),
        has_forecast: truth
            .tenants
            .first()
            .is_some_and(|first| first.kept.has_forecast),
    }
}

/// How many hours so many microseconds are.
#[expect(clippy::cast_precision_loss, reason = "told to people")]
pub fn hours(time: u64) -> f64 {
    time as f64 / HOUR as f64
}
