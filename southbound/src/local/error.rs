//! From what the system and the runtime say to what the caller does next.

use std::fmt::Display;
use std::io;

use controller::id::CloudName;
use controller::ports::{CloudError, CloudErrorKind};
use nix::errno::Errno;

use super::cable::CableError;

/// Something did not work; the operation that it belonged to is added at the edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) kind: CloudErrorKind,
    pub(super) detail: String,
}

impl Trouble {
    pub(super) fn new(kind: CloudErrorKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
        }
    }

    /// `what` was tried with a file, a mount or a process, and the system refused.
    pub(super) fn system(what: impl Display, cause: &io::Error) -> Self {
        let (kind, hint) = match cause.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOSPC | Errno::EDQUOT) => {
                (CloudErrorKind::NoCapacity, "; hint: free disk space")
            }
            Some(Errno::ENOMEM) => (CloudErrorKind::NoCapacity, "; hint: free memory"),
            Some(Errno::EMFILE | Errno::ENFILE | Errno::EAGAIN) => (CloudErrorKind::Throttled, ""),
            Some(Errno::EPERM | Errno::EACCES) => (
                CloudErrorKind::Denied,
                "; hint: the service has to run as root",
            ),
            _ => (CloudErrorKind::Unreachable, ""),
        };
        Self::new(kind, format!("{what}: {cause}{hint}"))
    }

    /// The runtime ended with an error and left `message` in its log.
    pub(super) fn runtime(operation: &str, message: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
        let kind = if says(&["no space left", "cannot allocate memory"]) {
            CloudErrorKind::NoCapacity
        } else if says(&[
            "executable file not found",
            "exec format error",
            "exec: ",
            "not a directory",
            "invalid argument",
        ]) {
            CloudErrorKind::Rejected
        } else if says(&["operation not permitted", "permission denied"]) {
            CloudErrorKind::Denied
        } else {
            CloudErrorKind::Unreachable
        };
        let message = if message.is_empty() {
            "it gave no reason"
        } else {
            message
        };
        Self::new(
            kind,
            format!("the runtime could not {operation}: {message}"),
        )
    }

    /// It is not this tenant's.
    pub(super) fn foreign() -> Self {
        let detail = "it belongs to another tenant; hint: name it as that tenant's";
        Self::new(CloudErrorKind::Denied, detail)
    }

    /// A task of ours did not come to its end.
    pub(super) fn cut_short(cause: &tokio::task::JoinError) -> Self {
        let detail = format!("the service is shutting down or has a bug: {cause}");
        Self::new(CloudErrorKind::Unreachable, detail)
    }

    /// Several things went wrong while something was cleared away; the first tells the kind.
    pub(super) fn all(troubles: Vec<Self>) -> Result<(), Self> {
        let Some(kind) = troubles.first().map(|trouble| trouble.kind) else {
            return Ok(());
        };
        let details: Vec<String> = troubles.into_iter().map(|each| each.detail).collect();
        Err(Self::new(kind, details.join("; ")))
    }

    pub(super) fn at(self, cloud: &CloudName, operation: String) -> CloudError {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_no_capacity_and_a_missing_program_is_for_a_person() {
        let full = Trouble::system(
            "writing",
            &io::Error::from_raw_os_error(Errno::ENOSPC as i32),
        );
        let missing = Trouble::runtime("run", r#"exec: "/x": stat /x: no such file or directory"#);

        assert_eq!(full.kind, CloudErrorKind::NoCapacity);
        assert_eq!(missing.kind, CloudErrorKind::Rejected);
    }

    #[test]
    fn nothing_is_lost_of_several_troubles() {
        let first = Trouble::new(CloudErrorKind::Denied, "one");
        let second = Trouble::new(CloudErrorKind::Throttled, "two");

        let all = Trouble::all(vec![first, second]).unwrap_err();

        assert_eq!(all, Trouble::new(CloudErrorKind::Denied, "one; two"));
        assert_eq!(Trouble::all(Vec::new()), Ok(()));
    }
}
