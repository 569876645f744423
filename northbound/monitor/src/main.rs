//! `asaas-monitor [--settings LINE] [--every 10s] [-- COMMAND …]`: see the library.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use monitor::{Settings, SettingsError, exec};

const USAGE: &str = "\
usage: asaas-monitor [--settings LINE] [--every 10s] [-- COMMAND …]
Tells the service how this instance is. With a COMMAND, becomes it and monitors beside it.
LINE is `<gateway>:9125,<instance>,<credential>`; without it the variable ASAAS_MONITOR, the file
/etc/asaas/monitor and the kernel's argument asaas.monitor= are looked at, in this order.";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (mut line, mut every, mut application) = (None, None, None);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().and_then(|value| value.into_string().ok());
        match argument.to_str() {
            Some("--settings") => line = value(),
            Some("--every") => every = value(),
            Some("--") => application = Some(arguments.by_ref().collect::<Vec<OsString>>()),
            Some("--help" | "-h") => return say(USAGE, ExitCode::SUCCESS),
            _ => return say(USAGE, ExitCode::from(2)),
        }
    }
    let found = Settings::find(line.as_deref()).and_then(|settings| match &every {
        Some(every) => settings.with_every(every),
        None => Ok(settings),
    });
    match (found, application) {
        // Not every instance is to be monitored; its application runs all the same.
        (found, Some(application)) => {
            if let Err(problem @ SettingsError::Malformed(_)) = &found {
                say(&format!("asaas-monitor: {problem}"), ExitCode::SUCCESS);
            }
            let error = exec::beside(found.ok().as_ref(), &application);
            say(
                &format!("asaas-monitor: cannot start the command: {error}"),
                ExitCode::from(127),
            )
        }
        (Ok(settings), None) => {
            monitor::run(&settings, || true);
            ExitCode::SUCCESS
        }
        (Err(problem), None) => say(&format!("asaas-monitor: {problem}"), ExitCode::from(2)),
    }
}

/// Says something to whoever started it; where nobody listens there is nobody to tell.
fn say(what: &str, exit: ExitCode) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{what}");
    exit
}
