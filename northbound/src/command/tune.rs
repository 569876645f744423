//! `asaas tune`

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor};
use std::thread;

use controller::amount::Amount;
use controller::backtest::Options;
use controller::policy::Response;
use controller::prospect::FULL_SHARE;
use controller::spec::TenantSpec;
use controller::tune::{TRIALS, Task, Tuned, tune};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use super::backtest::progress::Progress;
use super::backtest::{MONDAY, impossible, policy, unreadable};
use crate::backtest::{self, SamplesError, Trace};
use crate::cli::Global;
use crate::exit::{CommandError, Exit};
use crate::tune::{Report, TuneArgs};

/// Where nobody says which.
const GOAL: Amount = Amount::from_millionths(990_000);
/// A day to choose on and one to prove on.
const LEAST_DAYS: usize = 2;
/// The tenant's own log is looked back so far.
const OWN: SignedDuration = SignedDuration::from_hours(28 * 24);

pub(super) async fn run(global: &Global, args: &TuneArgs) -> Result<Exit, CommandError> {
    let (file, spec) = policy(global, &args.file)?;
    if spec.policy.signals.is_empty() {
        let error =
            format!("{file} follows no metric: there is nothing to tune in a static policy");
        return Err(CommandError::new(Exit::BadInput, error)
            .hint("add `policy: { dynamic: { goal: 99% } }`, and try again"));
    }
    let pace = args.pace;
    // What cannot be is refused before a long trace is read.
    Options::new(1.0, pace.boot, pace.tick, MONDAY).map_err(impossible)?;
    let (name, trace) = trace(global, args, &spec).await?;
    let goal = args.goal.or_else(|| own_goal(&spec)).unwrap_or(GOAL);
    let capacity = capacity(args, &spec, &trace)?;
    let told = trace.start.filter(|_| !spec.policy.windows.is_empty());
    let options =
        Options::new(capacity, pace.boot, pace.tick, told.unwrap_or(MONDAY)).map_err(impossible)?;
    let day = day(pace.tick);
    let split = split(trace.load.len(), day, &name)?;
    let ticks = trace.load.len();
    let tuned = search(spec.clone(), goal, trace, options, split).await?;
    #[expect(clippy::cast_precision_loss, reason = "days of ticks")]
    let days = |ticks: usize| ticks as f64 / day as f64;
    let days = (days(split), days(ticks - split));
    let report = Report::new((&file, &name), &spec, goal, capacity, days, &tuned);
    if args.json {
        super::print_json(&report)?;
    } else {
        super::print(&report.text())?;
    }
    Ok(Exit::Ok)
}

/// Searches on a thread of its own: whoever waits for it hears Ctrl-C, and the thread ends with the program.
async fn search(
    spec: TenantSpec,
    goal: Amount,
    trace: Trace,
    options: Options,
    split: usize,
) -> Result<Tuned, CommandError> {
    let (found, finding) = oneshot::channel();
    thread::Builder::new().spawn(move || {
        let task = Task {
            spec: &spec,
            goal,
            load: &trace.load,
            measured: &trace.measured,
            options: &options,
            split,
        };
        let mut progress = Progress::begin(u64::from(TRIALS), "backtests at most");
        let tuned = tune(&task, &mut |trials| progress.tell(u64::from(trials)));
        progress.end();
        // Nobody waits any more: it was interrupted.
        let _ = found.send(tuned);
    })?;
    finding
        .await
        .map_err(|_| CommandError::new(Exit::Failed, "the search broke off"))
}

/// The load, and where it is from: a file, or the tenant's own log.
async fn trace(
    global: &Global,
    args: &TuneArgs,
    spec: &TenantSpec,
) -> Result<(String, Trace), CommandError> {
    let metric = spec
        .policy
        .signals
        .first()
        .map(|signal| signal.monitor.metric.name());
    let (name, input): (String, Box<dyn BufRead>) = if let Some(path) = &args.trace {
        let name = path.display().to_string();
        let opened = File::open(path).map_err(|cause| {
            unreadable(SamplesError::Read {
                file: name.clone(),
                cause,
            })
        })?;
        (name, Box::new(BufReader::new(opened)))
    } else {
        let tenant = &spec.tenant;
        let since = controller::time::later(Timestamp::now(), -OWN);
        let path = format!("/v1/tenants/{tenant}/logs/decisions?since={since}");
        let mut log = Vec::new();
        super::client(global)?
            .copy(&path, &mut log)
            .await
            .map_err(|error| {
                error.hint(
                    "or give a load yourself: `--trace load.csv`, with a header `t_seconds,load`",
                )
            })?;
        (format!("{tenant}'s own log"), Box::new(Cursor::new(log)))
    };
    let trace = backtest::read(input, &name, metric, args.pace.tick).map_err(unreadable)?;
    Ok((name, trace))
}

fn own_goal(spec: &TenantSpec) -> Option<Amount> {
    spec.policy
        .signals
        .iter()
        .find_map(|signal| match &signal.response {
            Response::Goal(goal) => Some(goal.goal),
            Response::Target(_) | Response::Steps(_) | Response::Formula(_) => None,
        })
}

fn capacity(args: &TuneArgs, spec: &TenantSpec, trace: &Trace) -> Result<f64, CommandError> {
    let signal = spec.policy.signals.first();
    let own = signal.and_then(|signal| match &signal.response {
        Response::Goal(goal) => goal.capacity.map(Amount::as_f64),
        Response::Target(_) | Response::Steps(_) | Response::Formula(_) => None,
    });
    // A log of shares is in instances; any other load is in a unit of its own.
    let is_share = signal.is_some_and(|signal| signal.monitor.metric.is_share());
    let of_share = (is_share && args.trace.is_none()).then(|| FULL_SHARE.as_f64());
    args.capacity.or(own).or(of_share).ok_or_else(|| {
        let error = CommandError::new(
            Exit::BadInput,
            "what one instance carries is not known: give `--capacity`, in the unit of the load",
        );
        match trace.capacity_told() {
            Some(told) => error.hint(format!("the trace itself speaks of `vm_capacity: {told}`")),
            None => error.hint("where instances carry 250 requests per second while their users are content: `--capacity 250`"),
        }
    })
}

/// How many ticks a day has.
fn day(tick: SignedDuration) -> usize {
    let day = SignedDuration::from_hours(24).as_millis() / tick.as_millis().max(1);
    usize::try_from(day).unwrap_or(usize::MAX).max(1)
}

/// From which tick on the load is held out: the last third of its whole days, one at least.
fn split(ticks: usize, day: usize, name: &str) -> Result<usize, CommandError> {
    let days = ticks / day;
    if days < LEAST_DAYS {
        #[expect(clippy::cast_precision_loss, reason = "days of ticks")]
        let known = ticks as f64 / day as f64;
        let error = format!(
            "{name} has {known:.1} days: too few, {LEAST_DAYS} are needed at least, one to choose on and one to prove on"
        );
        return Err(CommandError::new(Exit::Failed, error)
            .hint("wait until more is in the log, or give a longer load with `--trace`"));
    }
    let held_out = ((days + 1) / 3).max(1);
    Ok(ticks - held_out * day)
}
