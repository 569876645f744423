//! `make chaos`: the real service, on the real kernel, is killed and stopped at every crash point of every workflow that passes
//! it, and everything is as it should be afterwards: no double, no leak, no request lost.
//!
//! The list of points is the build's; which workflow passes which is found out first, by running each undisturbed. A point that
//! no workflow passes fails the run. Several services run side by side, each with a deployment, a directory and an edge of its
//! own, so that they share nothing but the machine.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(clippy::print_stdout, reason = "a person waits for it")]

mod case;
mod control;
#[path = "../given/exec.rs"]
mod exec;
mod fault;
#[path = "../local/host.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod host;
mod outside;
#[path = "../local/remains.rs"]
mod remains;
#[path = "exec.rs"]
mod tools;
#[path = "../local/traffic.rs"]
#[expect(dead_code, reason = "other tests need more of it")]
mod traffic;
#[path = "../given/trickle.rs"]
mod trickle;
mod workflow;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use clap::Parser;
use northbound::crash::POINTS;

use case::{Blow, Case, Lane, Shown};
use fault::Fault;
use workflow::Workflow;

/// A service that was killed answers again after this long.
const RECOVERY_LIMIT: Duration = Duration::from_secs(2);

/// Kill and stop the service at every crash point.
#[derive(Debug, Parser)]
struct Args {
    /// Only this point or fault, or all whose names begin like this.
    #[arg(default_value = "")]
    point: String,
    /// Only in the middle of this: create, out, in, replace, narrow, widen, start or destroy.
    #[arg(long, env = "WORKFLOW")]
    workflow: Option<String>,
    /// So many services side by side.
    #[arg(long, default_value_t = 4, env = "LANES")]
    lanes: usize,
}

/// By workflow, how often each point is passed.
type Passages = BTreeMap<Workflow, BTreeMap<String, u64>>;

/// What has become of the cases.
#[derive(Debug, Default)]
struct Outcome {
    passed: usize,
    failed: Vec<String>,
    recoveries: Vec<Duration>,
    requests: usize,
    hole: Duration,
    /// In instances that were killed.
    lost_in_dead: usize,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let began = Instant::now();
    let is_wanted = |point: &&&str| point.starts_with(&args.point);
    let wanted: Vec<&str> = POINTS.iter().filter(is_wanted).copied().collect();
    let is_asked = |fault: &Fault| fault.name().starts_with(&args.point) && args.workflow.is_none();
    let mut faults = Fault::BESIDE.iter().chain([&Fault::ConnectionsFull]);
    if wanted.is_empty() && !faults.any(is_asked) {
        println!(
            "no crash point's name begins with `{}`: {}",
            args.point,
            POINTS.join(" ")
        );
        return ExitCode::FAILURE;
    }
    let passages = if wanted.is_empty() {
        Passages::new()
    } else {
        control::looks_can_fail();
        discover(&args)
    };
    let reached: BTreeSet<&str> = passages
        .values()
        .flat_map(|points| points.keys().map(String::as_str))
        .collect();
    let missed: Vec<&str> = wanted
        .iter()
        .filter(|point| !reached.contains(*point) && args.workflow.is_none())
        .copied()
        .collect();
    let queue = Mutex::new(in_pairs(cases(&passages, &wanted)));
    let count: usize = queue.lock().unwrap().iter().map(Vec::len).sum();
    println!("{} points, {count} cases", wanted.len());
    let outcome = Mutex::new(Outcome::default());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let faults = Fault::BESIDE.into_iter().filter(is_asked);
            faults.for_each(|fault| go_wrong(fault, &outcome));
        });
        for _ in 0..args.lanes.min(count) {
            scope.spawn(|| work(&queue, &outcome, count));
        }
    });
    // It is the whole machine's, so it comes last and alone.
    if is_asked(&Fault::ConnectionsFull) {
        go_wrong(Fault::ConnectionsFull, &outcome);
    }
    let outcome = outcome.into_inner().unwrap();
    tell(&outcome, &missed, began.elapsed())
}

/// Runs every workflow once, with nobody disturbing it, and writes down which points it passes.
fn discover(args: &Args) -> Passages {
    // Each of these ends where the next one begins.
    let tours: [&[Workflow]; 2] = [
        &[
            Workflow::Create,
            Workflow::Out,
            Workflow::In,
            Workflow::Destroy,
        ],
        &[
            Workflow::Narrow,
            Workflow::Widen,
            Workflow::Replace,
            Workflow::Start,
        ],
    ];
    let is_wanted = |workflow: &Workflow| {
        let wanted = args.workflow.as_deref();
        wanted.is_none_or(|wanted| workflow.to_string() == wanted)
    };
    let tour = |workflows: &[Workflow]| -> Passages {
        let mut lane = Lane::new();
        let wanted = workflows.iter().copied().filter(is_wanted);
        let passages = wanted.map(|workflow| {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for point in lane.points(workflow) {
                *counts.entry(point).or_default() += 1;
            }
            (workflow, counts)
        });
        passages.collect()
    };
    std::thread::scope(|scope| {
        let tours = tours.map(|workflows| scope.spawn(move || tour(workflows)));
        let passages = tours.map(|tour| tour.join().unwrap());
        passages.into_iter().flatten().collect()
    })
}

/// Every blow at the first passage of every point in every workflow; where a whole network comes or goes, one thing after the
/// other, also in the middle of it.
fn cases(passages: &Passages, wanted: &[&str]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (&workflow, points) in passages {
        for (point, &count) in points
            .iter()
            .filter(|(point, _)| wanted.contains(&point.as_str()))
        {
            let mut add = |passage, blow| {
                cases.push(Case {
                    workflow,
                    point: point.clone(),
                    passage,
                    blow,
                });
            };
            add(1, Blow::Kill);
            add(1, Blow::Stop);
            if count > 2 && !workflow.serves() {
                add(count.div_ceil(2), Blow::Kill);
            }
        }
    }
    cases
}

/// Cases one after the other so that one leads to where the next one begins.
fn in_pairs(cases: Vec<Case>) -> VecDeque<Vec<Case>> {
    let mut of: BTreeMap<Workflow, VecDeque<Case>> = BTreeMap::new();
    for case in cases {
        of.entry(case.workflow).or_default().push_back(case);
    }
    let mut pairs = VecDeque::new();
    for workflow in Workflow::ALL {
        while let Some(case) = of.get_mut(&workflow).and_then(VecDeque::pop_front) {
            let back = workflow
                .back()
                .and_then(|back| of.get_mut(&back)?.pop_front());
            pairs.push_back([Some(case), back].into_iter().flatten().collect());
        }
    }
    pairs
}

/// One lane: takes cases until there are none. A case that fails costs the lane its world, and the next case has a new one.
fn work(queue: &Mutex<VecDeque<Vec<Case>>>, outcome: &Mutex<Outcome>, count: usize) {
    let mut lane = Lane::new();
    loop {
        let Some(pair) = queue.lock().unwrap().pop_front() else {
            return;
        };
        for case in pair {
            let began = Instant::now();
            let ran = catch_unwind(AssertUnwindSafe(|| lane.run(&case)));
            let mut outcome = outcome.lock().unwrap();
            let number = outcome.passed + outcome.failed.len() + 1;
            let took = began.elapsed().as_secs_f64();
            if let Ok(shown) = ran {
                let told = told(&shown);
                println!("{number:3}/{count} ok   {case} {took:5.1} s{told}");
                outcome.add(&case, &shown);
            } else {
                println!("{number:3}/{count} FAIL {case} {took:5.1} s");
                println!("{}\n{}", lane.log(), lane.status());
                outcome.failed.push(case.to_string());
                drop(outcome);
                lane = Lane::new();
            }
        }
    }
}

/// Lets one thing go wrong, in a world of its own.
fn go_wrong(fault: Fault, outcome: &Mutex<Outcome>) {
    let began = Instant::now();
    let ran = catch_unwind(|| fault.run());
    let took = began.elapsed().as_secs_f64();
    let mut outcome = outcome.lock().unwrap();
    let name = fault.name();
    if let Ok(told) = ran {
        println!("        ok   {name:43} {took:5.1} s{told}");
        outcome.passed += 1;
    } else {
        println!("        FAIL {name:43} {took:5.1} s");
        outcome.failed.push(name.to_owned());
    }
}

impl Outcome {
    fn add(&mut self, case: &Case, shown: &Shown) {
        self.passed += 1;
        self.recoveries.extend(shown.recovery);
        self.requests += shown.flow.sent;
        self.hole = self.hole.max(shown.flow.hole);
        if !case.workflow.loses_nothing() {
            self.lost_in_dead += shown.flow.lost.len();
        }
    }
}

fn told(shown: &Shown) -> String {
    let recovery = shown.recovery.map_or(String::new(), |recovery| {
        format!(", back after {} ms", recovery.as_millis())
    });
    let flow = &shown.flow;
    let traffic = match flow.sent {
        0 => String::new(),
        sent => format!(
            ", {sent} requests, {} lost, longest hole {} ms",
            flow.lost.len(),
            flow.hole.as_millis()
        ),
    };
    format!("{recovery}{traffic}")
}

fn tell(outcome: &Outcome, missed: &[&str], took: Duration) -> ExitCode {
    let is_quick = tell_recoveries(outcome.recoveries.clone());
    println!(
        "{} requests, {} of them lost in instances that were killed, none elsewhere; longest hole {} ms",
        outcome.requests,
        outcome.lost_in_dead,
        outcome.hole.as_millis()
    );
    for point in missed {
        println!("MISSED {point}: no workflow passes it; remove it, or give it a workflow");
    }
    for case in &outcome.failed {
        println!("FAILED {case}");
    }
    println!(
        "{} passed, {} failed, {} points missed, {:.0} s",
        outcome.passed,
        outcome.failed.len(),
        missed.len(),
        took.as_secs_f64()
    );
    if outcome.failed.is_empty() && missed.is_empty() && outcome.passed > 0 && is_quick {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Tells how soon the API answered again; whether that is soon enough. One that was held up by a busy machine is no offence.
fn tell_recoveries(mut recoveries: Vec<Duration>) -> bool {
    recoveries.sort();
    let of_hundred = |part| recoveries.get(recoveries.len() * part / 100).copied();
    let (Some(middle), Some(most), Some(last)) =
        (of_hundred(50), of_hundred(95), recoveries.last())
    else {
        return true;
    };
    println!(
        "the API answered {} ms after a kill in the middle of {} cases, {} ms in 95 of 100, {} ms at the latest",
        middle.as_millis(),
        recoveries.len(),
        most.as_millis(),
        last.as_millis()
    );
    most <= RECOVERY_LIMIT
}
