//! Why a request has failed.

use std::error::Error;
use std::io;

use serde::Serialize;

/// Why a request has failed; the kinds that the summary counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Nobody listens there.
    Refused,
    /// The connection was cut before the answer began.
    Reset,
    /// There is no way there.
    Unreachable,
    /// No whole answer in time.
    Timeout,
    /// The answer has another status than the one that is expected.
    BadStatus,
    /// The answer was cut in its middle.
    ShortBody,
    /// What came back is no answer.
    BadAnswer,
    /// No client was free in time, so it was never sent.
    NotStarted,
    /// The generator's own machine gave no socket or port.
    Generator,
}

impl Failure {
    /// The word for it in summaries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::BadStatus => "bad_status",
            Self::ShortBody => "short_body",
            Self::BadAnswer => "bad_answer",
            Self::NotStarted => "not_started",
            Self::Generator => "generator",
        }
    }

    /// Whether the connection failed, so that another one may not.
    pub(super) fn is_of_connection(self) -> bool {
        match self {
            Self::Refused | Self::Reset | Self::Unreachable | Self::ShortBody => true,
            Self::Timeout
            | Self::BadStatus
            | Self::BadAnswer
            | Self::NotStarted
            | Self::Generator => false,
        }
    }

    pub(super) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown => Self::Unreachable,
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::NotConnected => Self::Reset,
            // No port, no descriptor, no memory, no permission.
            _ => Self::Generator,
        }
    }

    /// What became of an HTTP exchange, whose answer had begun or not.
    pub(super) fn of_http(error: &hyper::Error, has_begun: bool) -> Self {
        let cause = std::iter::successors(error.source(), |cause| (*cause).source())
            .find_map(|cause| cause.downcast_ref::<io::Error>());
        if let Some(cause) = cause {
            return match Self::of_io(cause) {
                Self::Reset if has_begun => Self::ShortBody,
                other => other,
            };
        }
        if error.is_parse() {
            return Self::BadAnswer;
        }
        // Closed, cancelled, incomplete: the other side went away.
        if has_begun {
            Self::ShortBody
        } else {
            Self::Reset
        }
    }
}
