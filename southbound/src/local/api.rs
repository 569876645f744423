//! The four calls that we need of an OCI runtime. Everything else we know of a container the kernel tells, cheaper and of any
//! runtime: see [`cgroup`](super::cgroup).

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use controller::ports::CloudErrorKind;

use super::bundle::Bundle;
use super::error::Trouble;
use super::exec;

/// A runtime takes some 40 ms; what has not ended after this long hangs.
const RUN_LIMIT: Duration = Duration::from_secs(20);

/// An OCI runtime, with the directory in which it keeps what it knows of this cloud's containers.
#[derive(Debug)]
pub(super) struct Runtime {
    program: PathBuf,
    root: PathBuf,
}

impl Runtime {
    pub(super) fn new(program: PathBuf, root: PathBuf) -> Self {
        Self { program, root }
    }

    /// Where the program is, if it is there: at its path, or the first in `PATH`.
    pub(super) fn find(&self) -> Option<PathBuf> {
        if self.program.components().count() > 1 {
            return self.program.is_file().then(|| self.program.clone());
        }
        let path = std::env::var_os("PATH")?;
        let mut places = std::env::split_paths(&path).map(|place| place.join(&self.program));
        places.find(|place| place.is_file())
    }

    /// What to do where it is not.
    pub(super) fn missing(&self) -> String {
        format!(
            "there is no `{}`; hint: install runc, or set the runtime's path",
            self.program.display()
        )
    }

    /// Starts the container of this bundle and returns once its program runs. Its output goes to the bundle's log.
    pub(super) async fn run(&self, bundle: &Bundle) -> Result<(), Trouble> {
        let log = bundle.open_log().map_err(|cause| {
            Trouble::system(format_args!("opening `{}`", bundle.log().display()), &cause)
        })?;
        let (directory, pid_file) = (bundle.directory(), bundle.pid_file());
        let arguments: [&OsStr; 6] = [
            "--bundle".as_ref(),
            directory.as_ref(),
            "--pid-file".as_ref(),
            pid_file.as_ref(),
            "--detach".as_ref(),
            bundle.name().as_ref(),
        ];
        self.call("run", &arguments, bundle, log).await
    }

    /// Lets every process of the container stand still.
    pub(super) async fn pause(&self, bundle: &Bundle) -> Result<(), Trouble> {
        self.call("pause", &[bundle.name().as_ref()], bundle, nowhere()?)
            .await
    }

    /// Lets them go on.
    pub(super) async fn resume(&self, bundle: &Bundle) -> Result<(), Trouble> {
        self.call("resume", &[bundle.name().as_ref()], bundle, nowhere()?)
            .await
    }

    /// Kills the container of this bundle, if it has one, and forgets it.
    pub(super) async fn delete(&self, bundle: &Bundle) -> Result<(), Trouble> {
        if !self.root.join(bundle.name()).exists() {
            return Ok(());
        }
        let arguments: [&OsStr; 2] = ["--force".as_ref(), bundle.name().as_ref()];
        self.call("delete", &arguments, bundle, nowhere()?).await
    }

    async fn call(
        &self,
        operation: &'static str,
        arguments: &[&OsStr],
        bundle: &Bundle,
        output: File,
    ) -> Result<(), Trouble> {
        let log = bundle.runtime_log();
        // Where it cannot be removed, the last line is still the newest.
        drop(fs::remove_file(&log));
        let mut all: Vec<&OsStr> = vec![
            "--root".as_ref(),
            self.root.as_ref(),
            "--log".as_ref(),
            log.as_ref(),
            "--log-format".as_ref(),
            "json".as_ref(),
            operation.as_ref(),
        ];
        all.extend(arguments);
        match exec::run(&self.program, &all, output, RUN_LIMIT).await {
            Ok(status) if status.success() => Ok(()),
            Ok(_) => Err(Trouble::runtime(operation, &last_error(&log))),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                Err(Trouble::new(CloudErrorKind::Rejected, self.missing()))
            }
            Err(cause) if cause.kind() == io::ErrorKind::TimedOut => Err(Trouble::new(
                CloudErrorKind::Unreachable,
                format!("the runtime did not {operation} within {RUN_LIMIT:?}"),
            )),
            Err(cause) => Err(Trouble::system(
                format_args!("running `{}`", self.program.display()),
                &cause,
            )),
        }
    }
}

/// For what prints nothing that we want.
fn nowhere() -> Result<File, Trouble> {
    let opened = File::options().write(true).open("/dev/null");
    opened.map_err(|cause| Trouble::system("opening /dev/null", &cause))
}

/// What a runtime's log of JSON lines says of a failure; the last line where it is none of those.
fn last_error(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    message(&text)
}

/// The last error, and after it the first thing that was fatal: where the container's first steps fail, the error tells only
/// that they did, and the cause stands before it.
fn message(log: &str) -> String {
    let of_level = |level: &str, line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let is_it = line.get("level")?.as_str()? == level;
        is_it.then_some(line.get("msg")?.as_str()?.to_owned())
    };
    let error = log.lines().rev().find_map(|line| of_level("error", line));
    let fatal = log.lines().find_map(|line| of_level("fatal", line));
    let said: Vec<String> = error.into_iter().chain(fatal).collect();
    if said.is_empty() {
        return log.lines().last().unwrap_or_default().to_owned();
    }
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn the_last_error_of_a_log_is_its_reason() {
        let log = concat!(
            "{\"level\":\"error\",\"msg\":\"old\",\"time\":\"t\"}\n",
            "{\"level\":\"error\",\"msg\":\"new\",\"time\":\"t\"}\n",
            "{\"level\":\"warning\",\"msg\":\"chatter\",\"time\":\"t\"}\n",
        );

        assert_eq!(message(log), "new");
        assert_eq!(message("plain\nwords\n"), "words");
        assert_eq!(message(""), "");
    }

    #[test]
    fn what_was_fatal_to_a_container_s_first_steps_is_told_with_the_error() {
        let log = concat!(
            "{\"level\":\"fatal\",\"msg\":\"no such namespace\",\"time\":\"t\"}\n",
            "{\"level\":\"fatal\",\"msg\":\"lost the other\",\"time\":\"t\"}\n",
            "{\"level\":\"error\",\"msg\":\"run failed\",\"time\":\"t\"}\n",
        );

        assert_eq!(message(log), "run failed: no such namespace");
    }
}
