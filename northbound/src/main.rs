//! `asaas`: parse, run, tell what went wrong.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use northbound::cli::Cli;
use northbound::command;
use northbound::exit::Exit;

fn main() -> ExitCode {
    match command::run(Cli::parse()) {
        Ok(exit) => exit,
        Err(error) if error.is_broken_pipe() => Exit::Ok.into(),
        Err(error) => {
            // Nobody reads: the exit code still tells.
            let _ = writeln!(std::io::stderr(), "{error}");
            error.exit.into()
        }
    }
}
