//! How a command ends: its exit code, and what a person is told on stderr.

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::api::{Failure, FailureKind};

/// The exit codes. They are part of the interface: scripts rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// It did not work.
    Failed = 1,
    /// What was given makes no sense: arguments, a tenant file, a configuration.
    BadInput = 2,
    /// No service answers, or not in time.
    NoService = 3,
    /// Refused: no such tenant, another generation, an address that is taken, one that is being removed.
    Refused = 4,
    /// What was waited for did not happen in time.
    TimedOut = 5,
    /// Ctrl-C.
    Interrupted = 130,
}

impl Exit {
    /// For `--help`: every code with its meaning.
    pub const HELP: &str = "Exit codes:
  0  done
  1  it did not work
  2  what was given makes no sense (arguments, tenant file, configuration)
  3  no service answers, or not in time
  4  refused (no such tenant, another generation, an address that is taken)
  5  what was waited for did not happen in time
  130  interrupted (Ctrl-C)";
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command did not do what it should.
#[derive(Debug)]
pub struct CommandError {
    /// The code that it ends with.
    pub exit: Exit,
    /// What went wrong, with its causes.
    pub error: Box<dyn Error + Send + Sync>,
    /// What a person can do.
    pub hints: Vec<String>,
}

impl CommandError {
    /// An error that a person is shown as it is.
    pub fn new(exit: Exit, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            exit,
            error: error.into(),
            hints: Vec::new(),
        }
    }

    /// With what a person can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Whether it is only that nobody reads our output any more, as with `asaas logs demo | head`.
    pub fn is_broken_pipe(&self) -> bool {
        self.error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for CommandError {
    /// The chain of causes in one line, joined by `: `, then the hints.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.error)?;
        let mut cause = self.error.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        for hint in &self.hints {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        Self::new(Exit::Failed, error)
    }
}

impl From<serde_json::Error> for CommandError {
    fn from(error: serde_json::Error) -> Self {
        match error.io_error_kind() {
            Some(kind) => Self::new(Exit::Failed, io::Error::from(kind)),
            None => Self::new(Exit::Failed, error),
        }
    }
}

impl From<Failure> for CommandError {
    fn from(failure: Failure) -> Self {
        let exit = match failure.kind {
            FailureKind::BadInput => Exit::BadInput,
            FailureKind::Unknown | FailureKind::Conflict => Exit::Refused,
            FailureKind::NotNow | FailureKind::Broken => Exit::Failed,
        };
        let hints = failure.hint.iter().cloned().collect();
        Self {
            exit,
            error: failure.into(),
            hints,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_of_causes_is_one_line_and_the_hints_follow() {
        #[derive(Debug, thiserror::Error)]
        #[error("could not open the file")]
        struct Outer(#[source] io::Error);
        let cause = io::Error::other("it is locked");

        let error = CommandError::new(Exit::Failed, Outer(cause)).hint("unlock it");

        assert_eq!(
            error.to_string(),
            "error: could not open the file: it is locked\nhint: unlock it"
        );
    }
}
