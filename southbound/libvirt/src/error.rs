//! From what libvirt says to what the caller does next.

use std::fmt::Display;

use controller::id::CloudName;
use controller::ports::{CloudError, CloudErrorKind};
use virt::error::{Error, ErrorNumber};

use crate::cable::CableError;

/// Something did not work; the cloud and the operation that it belonged to are added at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: CloudErrorKind,
    pub(crate) detail: String,
    /// The connection that it came by is of no use any more.
    pub(crate) is_cut: bool,
}

/// What libvirt, QEMU and the kernel say when there is no room, in whichever error they wrap it.
const FULL: [&str; 5] = [
    "No space left on device",
    "Cannot allocate memory",
    "cannot set up guest memory",
    "Disk quota exceeded",
    "Not enough free space",
];

/// What the client library says once it has lost the other end, under several codes.
const CUT: [&str; 7] = [
    "client socket is closed",
    "End of file while reading data",
    "connection closed due to keepalive timeout",
    "Cannot write data",
    "Cannot recv data",
    "Broken pipe",
    "Connection reset by peer",
];

impl Trouble {
    pub(crate) fn new(kind: CloudErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            is_cut: false,
        }
    }

    /// `what` was tried, and libvirt answered with an error.
    pub(crate) fn said(what: impl Display, cause: &Error) -> Self {
        Self::from_code(what, cause.code(), cause.message())
    }

    /// A domain could not be started: where libvirt has no word for why, it is what QEMU was asked, not whether it was heard.
    pub(crate) fn not_started(cause: &Error) -> Self {
        let trouble = Self::said("starting it", cause);
        let is_answer = matches!(
            cause.code(),
            ErrorNumber::InternalError | ErrorNumber::SystemError | ErrorNumber::OperationFailed
        );
        if trouble.kind != CloudErrorKind::Unreachable || trouble.is_cut || !is_answer {
            return trouble;
        }
        Self {
            kind: CloudErrorKind::Rejected,
            detail: format!(
                "{}; hint: see the template, and the log of QEMU on the host",
                trouble.detail
            ),
            ..trouble
        }
    }

    fn from_code(what: impl Display, code: ErrorNumber, message: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        let (kind, hint) = if says(&FULL) {
            (
                CloudErrorKind::NoCapacity,
                "; hint: free memory or disk space on the host",
            )
        } else if code == ErrorNumber::SystemError && says(&["Permission denied"]) {
            (
                CloudErrorKind::Denied,
                "; hint: the service has to be in the group `libvirt`, or root",
            )
        } else {
            kind(code)
        };
        let is_cut = is_cut(code) || says(&CUT);
        let hint = if is_cut && hint.is_empty() {
            "; hint: see whether libvirtd runs there"
        } else {
            hint
        };
        Self {
            kind,
            detail: format!("{what}: {}{hint}", one_line(message)),
            is_cut,
        }
    }

    /// No connection could be opened.
    pub(crate) fn unopened(host: &str, cause: &Error) -> Self {
        let said = Self::said("it cannot be reached", cause);
        let mut trouble = match said.kind {
            CloudErrorKind::Unreachable
                if !matches!(cause.code(), ErrorNumber::Ssh | ErrorNumber::Libssh) =>
            {
                return Self::silent(host, format_args!("cannot be reached: {}", cause.message()));
            }
            _ => said.on(host),
        };
        trouble.is_cut = true;
        trouble
    }

    /// No answer within the time that one may take.
    pub(crate) fn silent(host: &str, detail: impl Display) -> Self {
        let mut trouble = Self::new(
            CloudErrorKind::Unreachable,
            format!(
                "{host} {detail}; hint: see whether libvirtd runs there; a host that is gone for good has to be taken out of the \
                 cloud's hosts"
            ),
        );
        trouble.is_cut = true;
        trouble
    }

    /// The same, said of a host.
    #[must_use]
    pub(crate) fn on(mut self, host: &str) -> Self {
        if !self.detail.starts_with(host) {
            self.detail = format!("{host}: {}", self.detail);
        }
        self
    }

    /// Whether the host has answered, so that what was asked has surely not happened, and another host may be asked.
    pub(crate) fn is_refusal(&self) -> bool {
        match self.kind {
            CloudErrorKind::NoCapacity | CloudErrorKind::Denied | CloudErrorKind::Rejected => true,
            CloudErrorKind::NotFound | CloudErrorKind::Throttled | CloudErrorKind::Unreachable => {
                false
            }
        }
    }

    pub(crate) fn at(self, cloud: &CloudName, operation: String) -> CloudError {
        CloudError {
            cloud: cloud.clone(),
            kind: self.kind,
            operation,
            detail: self.detail,
        }
    }
}

impl From<CableError> for Trouble {
    /// Whether the cable is there now, nobody knows; asking again finds out.
    fn from(error: CableError) -> Self {
        Self::new(CloudErrorKind::Unreachable, error.to_string())
    }
}

fn kind(code: ErrorNumber) -> (CloudErrorKind, &'static str) {
    use CloudErrorKind::{Denied, NoCapacity, NotFound, Rejected, Throttled, Unreachable};
    match code {
        ErrorNumber::NoDomain => (NotFound, ""),
        ErrorNumber::NoMemory => (NoCapacity, "; hint: free memory on the host"),
        ErrorNumber::NoStoragePool => (
            Rejected,
            "; hint: define and start a storage pool of this name on the host",
        ),
        ErrorNumber::NoStorageVolume => (
            Rejected,
            "; hint: put the image into the host's storage pool and refresh the pool",
        ),
        ErrorNumber::AuthFailed
        | ErrorNumber::AuthCancelled
        | ErrorNumber::AuthUnavailable
        | ErrorNumber::AccessDenied
        | ErrorNumber::OperationDenied => (
            Denied,
            "; hint: let the service's user manage libvirt on the host: keys, certificates, or the group `libvirt`",
        ),
        ErrorNumber::Ssh | ErrorNumber::Libssh => (
            Unreachable,
            "; hint: see whether `ssh` to the host works without a question for the service's user",
        ),
        ErrorNumber::XmlError
        | ErrorNumber::XmlDetail
        | ErrorNumber::XmlInvalidSchema
        | ErrorNumber::ConfigUnsupported
        | ErrorNumber::CpuIncompatible
        | ErrorNumber::OsType
        | ErrorNumber::NoOs
        | ErrorNumber::NoKernel
        | ErrorNumber::InvalidArg
        | ErrorNumber::NoSupport
        | ErrorNumber::OperationUnsupported
        | ErrorNumber::ArgumentUnsupported => (
            Rejected,
            "; hint: see the template, and the versions on the host",
        ),
        ErrorNumber::ResourceBusy | ErrorNumber::OperationTimeout => (Throttled, ""),
        _ => (Unreachable, ""),
    }
}

/// What QEMU says has several lines at times.
pub(crate) fn one_line(message: &str) -> String {
    let lines: Vec<&str> = message
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines.join("; ")
}

fn is_cut(code: ErrorNumber) -> bool {
    matches!(
        code,
        ErrorNumber::Rpc | ErrorNumber::NoConnect | ErrorNumber::InvalidConn
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use CloudErrorKind::{Denied, NoCapacity, NotFound, Rejected, Throttled, Unreachable};

    #[test]
    fn every_answer_says_what_to_do_next() {
        let table = [
            (ErrorNumber::NoDomain, "Domain not found", NotFound, false),
            (
                ErrorNumber::InternalError,
                "qemu: cannot set up guest memory 'pc.ram': Cannot allocate memory",
                NoCapacity,
                false,
            ),
            (
                ErrorNumber::SystemError,
                "cannot extend file '/x': No space left on device",
                NoCapacity,
                false,
            ),
            (
                ErrorNumber::NoStoragePool,
                "Storage pool not found",
                Rejected,
                false,
            ),
            (
                ErrorNumber::NoStorageVolume,
                "Storage volume not found",
                Rejected,
                false,
            ),
            (
                ErrorNumber::AuthFailed,
                "authentication failed",
                Denied,
                false,
            ),
            (
                ErrorNumber::SystemError,
                "Failed to connect socket to '/run/libvirt/libvirt-sock': Permission denied",
                Denied,
                false,
            ),
            (
                ErrorNumber::SystemError,
                "Failed to connect socket to '/run/libvirt/libvirt-sock': No such file or directory",
                Unreachable,
                false,
            ),
            (ErrorNumber::XmlError, "missing element", Rejected, false),
            (
                ErrorNumber::ConfigUnsupported,
                "unsupported configuration",
                Rejected,
                false,
            ),
            (
                ErrorNumber::OperationTimeout,
                "cannot acquire state change lock",
                Throttled,
                false,
            ),
            (
                ErrorNumber::Rpc,
                "received hangup event on socket",
                Unreachable,
                true,
            ),
            (
                ErrorNumber::InternalError,
                "client socket is closed",
                Unreachable,
                true,
            ),
            (
                ErrorNumber::SystemError,
                "Cannot recv data: Connection reset by peer",
                Unreachable,
                true,
            ),
            (
                ErrorNumber::InternalError,
                "some garbage \u{fffd}",
                Unreachable,
                false,
            ),
        ];
        for (code, message, kind, is_cut) in table {
            let trouble = Trouble::from_code("asking", code, message);
            assert_eq!((trouble.kind, trouble.is_cut), (kind, is_cut), "{message}");
            assert!(trouble.detail.contains(message), "{trouble:?}");
        }
    }

    #[test]
    fn what_is_told_has_one_line() {
        assert_eq!(one_line("qemu ended: a\n  b\n"), "qemu ended: a; b");
    }

    #[test]
    fn only_an_answer_lets_another_host_be_asked() {
        assert!(Trouble::new(NoCapacity, "full").is_refusal());
        assert!(!Trouble::silent("qemu:///system", "did not answer").is_refusal());
    }
}
