//! `asaas backtest`

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::Path;

use controller::backtest::{Curve, Options, OptionsError, Simulation};
use controller::load::Metric;
use controller::spec::TenantSpec;
use jiff::Timestamp;

use super::document;
use crate::backtest::{self, BacktestArgs, Report, Run, SamplesError, Trace, World};
use crate::cli::Global;
use crate::exit::{CommandError, Exit};
use crate::tenant_file;

mod outputs;
pub(super) mod progress;

use outputs::Named;
use progress::Progress;

/// Where nobody says when a trace began: a Monday, at midnight.
pub(super) const MONDAY: Timestamp = Timestamp::constant(1_767_571_200, 0);
/// So many ticks are worked out between two looks at the clock.
const TICKS_AT_ONCE: u64 = 512;

pub(super) fn run(global: &Global, args: &BacktestArgs) -> Result<Exit, CommandError> {
    let (file, spec) = policy(global, &args.file)?;
    let against = match &args.against {
        Some(other) => Some(policy(global, other)?),
        None => None,
    };
    let other_file = against.as_ref().map(|(file, _)| file.as_str());
    check_outputs(args, &file, other_file)?;
    let trace = trace(args, &spec)?;
    let options = options(args, &spec, &trace)?;

    if spec.policy.warm_pool > 0 {
        super::say("warning: a warm pool is not tried: every instance takes its boot to serve");
    }
    let mut world = World::new(&args.trace.display().to_string(), &trace, &options);
    let curve = simulate(&spec, &trace, &options);
    let run = Run::new(&file, &trace, &curve, &options);
    let mut notes = backtest::notes(&spec, &curve);
    let against = against.map(|(other, spec)| {
        let curve = simulate(&spec, &trace, &options);
        let of = |name: &str, note: String| format!("{name}: {note}");
        notes = notes.drain(..).map(|note| of(&file, note)).collect();
        notes.extend(
            backtest::notes(&spec, &curve)
                .into_iter()
                .map(|note| of(&other, note)),
        );
        Run::new(&other, &trace, &curve, &options)
    });
    world.notes.extend(notes);
    if let Some(path) = &args.supply {
        write(path, &supply(&curve, &options))?;
    }
    if let Some(path) = &args.chart {
        let svg = backtest::chart(&trace, &curve, &options)
            .map_err(|error| CommandError::new(Exit::Failed, format!("no chart: {error}")))?;
        write(path, &svg)?;
    }
    let report = Report::new(world, &trace, &options, (run, &curve.supply), against);
    if args.json {
        super::print_json(&report)?;
    } else {
        super::print(&report.text())?;
    }
    Ok(Exit::Ok)
}

/// A policy, and its file as the person named it.
pub(super) fn policy(global: &Global, wanted: &str) -> Result<(String, TenantSpec), CommandError> {
    let config = super::configuration(global)?;
    let document = document::read(&config, wanted)?;
    let defaults = config.known().defaults;
    let reading = tenant_file::read_policy(&document.text, &document.file, &defaults)
        .map_err(|problems| document::refused(&problems, &document.file))?;
    super::tell(&reading.warnings);
    Ok((document.file, reading.spec))
}

/// A load that cannot be used.
pub(super) fn unreadable(error: SamplesError) -> CommandError {
    let hint = error.hint().map(str::to_owned);
    let error = CommandError::new(Exit::BadInput, error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn trace(args: &BacktestArgs, spec: &TenantSpec) -> Result<Trace, CommandError> {
    let file = args.trace.display().to_string();
    let metric = spec
        .policy
        .signals
        .first()
        .map(|signal| &signal.monitor.metric);
    let metric = metric.map(Metric::name);
    if let Err(error) = Options::new(1.0, args.pace.boot, args.pace.tick, MONDAY) {
        return Err(impossible(error));
    }
    let input: Box<dyn BufRead> = if args.trace == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        let opened = File::open(&args.trace).map_err(|cause| SamplesError::Read {
            file: file.clone(),
            cause,
        });
        Box::new(BufReader::new(opened.map_err(unreadable)?))
    };
    backtest::read(input, &file, metric, args.pace.tick).map_err(unreadable)
}

/// The world, as it was asked for. When it begins only matters to windows, so that nothing else looks at it.
fn options(args: &BacktestArgs, spec: &TenantSpec, trace: &Trace) -> Result<Options, CommandError> {
    let told = trace.start.filter(|_| !spec.policy.windows.is_empty());
    let asked = args.start.map(|moment| moment.from(Timestamp::now()));
    let start = asked.or(told).unwrap_or(MONDAY);
    let Some(capacity) = args.capacity else {
        let error = CommandError::new(
            Exit::BadInput,
            "what one instance carries is not known: give `--capacity`, in the unit of the load",
        );
        return Err(match trace.capacity_told() {
            Some(told) => error.hint(format!("the trace itself speaks of `vm_capacity: {told}`")),
            None => error.hint(
                "where instances carry 250 requests per second while their users are content, and the load is in these: `--capacity 250`",
            ),
        });
    };
    Options::new(capacity, args.pace.boot, args.pace.tick, start).map_err(impossible)
}

pub(super) fn impossible(error: OptionsError) -> CommandError {
    let flag = match error {
        OptionsError::Capacity => {
            "give `--capacity` in the unit of the load, such as `--capacity 250`"
        }
        OptionsError::Boot => "give `--boot` as people time it, such as `--boot 90s`",
        OptionsError::Tick => "give `--tick` as the time between decisions, such as `--tick 60s`",
    };
    CommandError::new(Exit::BadInput, error).hint(flag)
}

/// Nothing that is read may be written over.
fn check_outputs(
    args: &BacktestArgs,
    file: &str,
    against: Option<&str>,
) -> Result<(), CommandError> {
    let outputs: Vec<Named<'_>> = [("--supply", &args.supply), ("--chart", &args.chart)]
        .into_iter()
        .filter_map(|(flag, path)| Some((flag, path.as_deref()?)))
        .collect();
    let mut inputs = vec![
        ("the trace", args.trace.as_path()),
        ("the policy's file", Path::new(file)),
    ];
    inputs.extend(against.map(|file| ("the file it is compared with", Path::new(file))));
    outputs::check(&outputs, &inputs)
}

/// Tries the policy; where that takes long, says how far it is.
fn simulate(spec: &TenantSpec, trace: &Trace, options: &Options) -> Curve {
    let mut simulation = Simulation::new(spec, &trace.measured, options);
    let mut progress = Progress::begin(trace.measured.len() as u64, "ticks");
    let mut is_going = true;
    while is_going {
        for _ in 0..TICKS_AT_ONCE {
            is_going = is_going && simulation.step();
        }
        progress.tell(simulation.done() as u64);
    }
    progress.end();
    simulation.into_curve()
}

/// The instances in service: a line for each change, the first at 0.
fn supply(curve: &Curve, options: &Options) -> String {
    let mut text = String::from("t_seconds,vms\n");
    let mut last = None;
    for (tick, there) in (0_u32..).zip(&curve.supply) {
        if last.replace(*there) != Some(*there) {
            let t = options.tick().as_secs_f64() * f64::from(tick);
            // A text takes all that is written to it.
            let _ = writeln!(text, "{t},{there}");
        }
    }
    text
}

fn write(path: &Path, text: &str) -> Result<(), CommandError> {
    let failed = |error: io::Error| {
        let shown = path.display();
        CommandError::new(
            Exit::Failed,
            format!("`{shown}` cannot be written: {error}"),
        )
    };
    if path == Path::new("-") {
        return Ok(io::stdout().write_all(text.as_bytes())?);
    }
    std::fs::write(path, text).map_err(failed)
}
