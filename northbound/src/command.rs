//! What each command does: one file each. `cli` has their flags.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory;
use serde::Serialize;
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Command, Global};
use crate::client::Client;
use crate::config::Config;
use crate::exit::{CommandError, Exit};
use crate::problem::{Problems, Style};

mod apply;
mod backtest;
mod clouds;
mod convert;
#[cfg(feature = "crashpoints")]
mod crashpoints;
mod destroy;
mod document;
mod edge;
mod explain;
mod logs;
mod nodes;
mod past;
mod pause;
mod plan;
mod push;
mod replay;
mod scale;
mod schema;
mod serve;
mod status;
mod tenants;
mod tune;
mod validate;
mod wait;

/// Where the operator's configuration is looked for, beside the folder that the command runs in.
const SYSTEM_CONFIG: &str = "/etc/asaas/asaas.yml";

/// Does what was asked. The exit code is 0, but for `load` and `chart`, which have their own.
pub fn run(cli: Cli) -> Result<ExitCode, CommandError> {
    let Cli { global, command } = cli;
    let is_service = matches!(command, Command::Serve(_));
    let is_json = matches!(&command, Command::Serve(args) if args.log_json);
    start_log(&global, is_service, is_json);
    let exit = match command {
        Command::Load(args) => {
            let failed = |error| CommandError::new(Exit::BadInput, error);
            return crate::load::command(&args).map_err(failed);
        }
        Command::Chart(args) => {
            let failed = |error| CommandError::new(Exit::Failed, error);
            let configured = configuration(&global)?.logs.directory;
            return crate::chart::command(&args, &configured).map_err(failed);
        }
        Command::Demo(args) => {
            let failed = |error| CommandError::new(Exit::Failed, error);
            return crate::demo::command(&args).map_err(failed);
        }
        Command::Edge(args) => return edge::run(&global, &args),
        Command::Serve(_) => serve::run(&global)?,
        Command::Validate(args) => validate::run(&global, &args)?,
        Command::Convert(args) => convert::run(&global, &args)?,
        Command::Schema => schema::run()?,
        Command::Plan(args) => wait_for(plan::run(&global, &args))?,
        Command::Backtest(args) => backtest::run(&global, &args)?,
        Command::Apply(args) => wait_for(apply::run(&global, &args))?,
        Command::Status(args) => wait_for(status::run(&global, &args))?,
        Command::Explain(args) => wait_for(explain::run(&global, &args))?,
        Command::Replay(args) => wait_for(replay::run(&global, &args))?,
        Command::Tune(args) => wait_for(tune::run(&global, &args))?,
        Command::Scale(args) => wait_for(scale::run(&global, &args))?,
        Command::Pause(args) => wait_for(pause::pause(&global, &args))?,
        Command::Resume(args) => wait_for(pause::resume(&global, &args))?,
        Command::Push(args) => wait_for(push::run(&global, &args))?,
        Command::Logs(args) => wait_for(logs::run(&global, &args))?,
        Command::Clouds(args) => wait_for(clouds::run(&global, &args))?,
        Command::Nodes(args) => wait_for(nodes::run(&global, &args))?,
        Command::Destroy(args) => wait_for(destroy::run(&global, &args))?,
        Command::Tenants(args) => wait_for(tenants::run(&global, &args))?,
        #[cfg(feature = "crashpoints")]
        Command::Crashpoints { json } => crashpoints::run(json)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "asaas", &mut script);
            io::stdout().write_all(&script)?;
            Exit::Ok
        }
    };
    Ok(exit.into())
}

/// Runs a command that asks the service, until it is done or Ctrl-C is pressed.
fn wait_for(
    command: impl Future<Output = Result<Exit, CommandError>>,
) -> Result<Exit, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        tokio::select! {
            done = command => done,
            _ = tokio::signal::ctrl_c() => Ok(Exit::Interrupted),
        }
    })
}

/// What the program tells of itself goes to stderr: the service's doings, a command's only when something is odd.
fn start_log(global: &Global, is_service: bool, is_json: bool) {
    let usual = if is_service { "info" } else { "warn" };
    let asked = global.log.clone().or_else(|| env::var("RUST_LOG").ok());
    let filter = EnvFilter::try_new(asked.as_deref().unwrap_or(usual))
        .unwrap_or_else(|_| EnvFilter::new(usual));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(Style::of(&io::stderr()) == Style::Coloured);
    if is_json {
        log.json().init();
    } else {
        log.with_target(false).init();
    }
}

/// The operator's configuration: the one that was named, or the first that is found, or the embedded one.
fn configuration(global: &Global) -> Result<Config, CommandError> {
    let here = env::current_dir()?;
    let named = global.config.clone();
    let found = named.or_else(|| {
        [here.join("asaas.yml"), PathBuf::from(SYSTEM_CONFIG)]
            .into_iter()
            .find(|path| path.is_file())
    });
    let Some(path) = found else {
        return Ok(Config::embedded(&here));
    };
    let file = document::shown(&path, &here);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        CommandError::new(
            Exit::BadInput,
            format!("could not read the configuration {file}: {error}"),
        )
    })?;
    let directory = here.join(path.parent().unwrap_or(Path::new("")));
    let (config, warnings) = Config::read(&text, &file, &directory).map_err(|problems| {
        tell(&problems);
        CommandError::new(
            Exit::BadInput,
            format!("the configuration {file} cannot be used"),
        )
    })?;
    tell(&warnings);
    Ok(config)
}

/// Where the service listens; and what else the configuration says, for a command that needs it.
fn socket(global: &Global) -> Result<PathBuf, CommandError> {
    match &global.socket {
        Some(socket) => Ok(socket.clone()),
        None => Ok(configuration(global)?.socket),
    }
}

fn client(global: &Global) -> Result<Client, CommandError> {
    Ok(Client::new(&socket(global)?))
}

/// Problems of a text that a person wrote, on stderr.
fn tell(problems: &Problems) {
    let stderr = io::stderr();
    let text = problems.render(Style::of(&stderr));
    // Nobody reads: the exit code still tells.
    let _ = stderr.lock().write_all(text.as_bytes());
}

/// A line of talk, on stderr.
fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Data, on stdout: indented JSON.
fn print_json(value: &impl Serialize) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Data, on stdout: text.
fn print(text: &str) -> Result<(), CommandError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}
