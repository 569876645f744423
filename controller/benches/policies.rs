//! Our policies beside everybody else's, on a folder of load traces: `POLICIES.md` is what this prints.
//!
//! ```text
//! ASAAS_TRACES  a folder of traces, `t_seconds,load` with `# vm_capacity: …`; without it nothing is done
//! ASAAS_SCORER  a folder with `shared_runs.csv` and `shared_sweep.csv`: what the others reach on the same traces
//! ```
//!
//! One setting for all traces, a decision every 60 s, 120 s from the wish for an instance to its service.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on panics")]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "it prints what it is for"
)]
#![expect(
    clippy::cast_precision_loss,
    reason = "no table shows the fifteenth digit"
)]

#[path = "policies/ours.rs"]
mod ours;
#[path = "policies/table.rs"]
mod table;
#[path = "policies/trace.rs"]
mod trace;

use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use controller::backtest::{Options, Score, most_turns, score, simulate};
use jiff::{SignedDuration, Timestamp};

use ours::Ours;
use trace::Trace;

/// From one decision to the next.
const TICK: SignedDuration = SignedDuration::from_secs(60);
/// From the wish for an instance to its service.
const BOOT: SignedDuration = SignedDuration::from_secs(120);

/// What a policy reaches on a trace.
#[derive(Debug, Clone)]
struct Run {
    policy: &'static str,
    /// The knob that was turned; `None` for the policy as it is.
    knob: Option<f64>,
    trace: String,
    score: Score,
    turns: u32,
    seconds: f64,
}

fn main() {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let Some(traces) = folder("ASAAS_TRACES") else {
        eprintln!("policies: skipped, no folder of traces is named by ASAAS_TRACES");
        return;
    };
    let traces = trace::all(&traces, TICK);
    let runs = runs(&traces);
    let others = folder("ASAAS_SCORER").map(|folder| table::Others::read(&folder));
    print!("{}", table::page(&runs, others.as_ref()));
    for kind in &ours::KINDS {
        let of_kind = runs.iter().filter(|run| run.policy == kind.name);
        let slowest = of_kind.max_by(|a, b| a.seconds.total_cmp(&b.seconds));
        if let Some(Run { trace, seconds, .. }) = slowest {
            eprintln!("{}: at most {seconds:.2} s, for {trace}", kind.name);
        }
    }
}

/// Every policy, and every setting of the swept ones, on every trace; as many at a time as there are cores.
fn runs(traces: &[Trace]) -> Vec<Run> {
    let work: Vec<(Ours, &Trace)> = ours::all()
        .into_iter()
        .flat_map(|ours| traces.iter().map(move |trace| (ours.clone(), trace)))
        .collect();
    let next = Mutex::new(0..work.len());
    let done = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(index) = { next.lock().unwrap().next() } {
                    let (ours, trace) = &work[index];
                    let run = run(ours, trace);
                    done.lock().unwrap().push((index, run));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, run)| run).collect()
}

fn run(ours: &Ours, trace: &Trace) -> Run {
    let monday = Timestamp::constant(1_767_571_200, 0);
    let options = Options::new(trace.capacity, BOOT, TICK, monday).unwrap();
    let began = Instant::now();
    let curve = simulate(&ours.spec, &trace.load, &options);
    let seconds = began.elapsed().as_secs_f64();
    let score = score(&trace.load, &curve.supply, &options);
    Run {
        policy: ours.name,
        knob: ours.knob,
        trace: trace.name.clone(),
        turns: score.turns.max(most_turns(&curve.decided, TICK)),
        score,
        seconds,
    }
}
