//! Starts the monitor beside an application: `asaas-monitor -- /bin/app` is the application, with a monitor as its child. The one
//! place that starts processes.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use crate::settings::{Settings, VARIABLE};

/// Starts this program again as the monitor, and becomes the application: same process, so whoever started it sees and signals
/// the application as if there were no monitor. One that could not be started is no reason to have no application. Returns
/// only where the application cannot be started.
pub fn beside(settings: Option<&Settings>, application: &[OsString]) -> io::Error {
    let Some((program, arguments)) = application.split_first() else {
        return io::Error::other("there is no command after `--`");
    };
    if let Some(settings) = settings
        && let Err(error) = start(settings)
    {
        use io::Write as _;
        let _ = writeln!(io::stderr(), "asaas-monitor: could not be started: {error}");
    }
    // The secret is the monitor's.
    let mut application = Command::new(program);
    application.args(arguments).env_remove(VARIABLE).exec()
}

fn start(settings: &Settings) -> io::Result<()> {
    Command::new(std::env::current_exe()?)
        .env_clear()
        .env(VARIABLE, settings.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()?;
    Ok(())
}
