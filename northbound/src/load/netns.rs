//! The network namespace that the sockets live in.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns};

/// Where `ip netns` keeps the namespaces that have a name.
const NAMED: &str = "/run/netns";
/// The one that the calling process is in.
const OWN: &str = "/proc/self/ns/net";

/// A network namespace that is not the one that we are in.
#[derive(Debug)]
pub(super) struct Namespace {
    file: File,
}

impl Namespace {
    /// Opens a namespace by its name or its path.
    ///
    /// # Errors
    /// Where there is none, or where it is our own: the guard on targets would mean nothing then.
    pub(super) fn open(name: &str) -> io::Result<Self> {
        let path = if name.contains('/') {
            PathBuf::from(name)
        } else {
            Path::new(NAMED).join(name)
        };
        let file = File::open(&path)?;
        let (there, here) = (file.metadata()?, std::fs::metadata(OWN)?);
        if (there.dev(), there.ino()) == (here.dev(), here.ino()) {
            return Err(io::Error::other(
                "this is the namespace of the caller itself",
            ));
        }
        Ok(Self { file })
    }

    /// Moves the calling thread into it, for good. Only for threads that end with the run.
    pub(super) fn enter(&self) -> io::Result<()> {
        setns(&self.file, CloneFlags::CLONE_NEWNET).map_err(io::Error::from)
    }
}

/// Whether we are ourselves in a namespace that has a name, as under `asaas edge` or `ip netns exec`: what can be reached from
/// there is what somebody has put there.
pub(super) fn is_apart() -> bool {
    let place = |file: std::fs::Metadata| (file.dev(), file.ino());
    let Ok(own) = std::fs::metadata(OWN).map(place) else {
        return false;
    };
    let named = std::fs::read_dir(NAMED).into_iter().flatten().flatten();
    named
        .filter_map(|entry| std::fs::metadata(entry.path()).ok())
        .any(|file| place(file) == own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_namespace_is_not_another_one() {
        let error = Namespace::open(OWN).unwrap_err().to_string();
        assert!(error.contains("of the caller itself"), "{error}");
    }

    #[test]
    fn a_namespace_that_is_not_there_is_refused() {
        let error = Namespace::open("asaas-no-such-namespace").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
