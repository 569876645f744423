//! The Unix socket that the command line talks to.

use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Root and its group: whoever may write to the socket may do everything.
const MODE: u32 = 0o660;

/// The socket could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another service answers there.
    #[error("another service answers on {}", path.display())]
    InUse {
        /// Where.
        path: PathBuf,
    },
    /// What is there is no socket. It is left alone.
    #[error("{} is there already and is no socket", path.display())]
    Foreign {
        /// Where.
        path: PathBuf,
    },
    /// It could not be made.
    #[error("could not listen on {}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
}

impl SocketError {
    /// What a person can do.
    pub fn hint(&self) -> String {
        match self {
            Self::InUse { .. } => {
                "stop it, or set another `socket` in asaas.yml (and `--socket` for the commands)"
                    .to_owned()
            }
            Self::Foreign { .. } => {
                "nothing of it was touched: set another `socket` in asaas.yml, or take it away"
                    .to_owned()
            }
            Self::Io { path, .. } => format!(
                "see that the directory of {} can be written, and that its path is at most 107 bytes long",
                path.display()
            ),
        }
    }
}

/// Listens. A socket that a dead service has left behind is removed: whoever calls this holds the lock of its state
/// directory. A socket where somebody answers is left alone, and so is whatever is no socket: a wrong path in asaas.yml must
/// not cost anybody a file.
pub(super) fn listen(path: &Path) -> Result<UnixListener, SocketError> {
    let io = |cause| SocketError::Io {
        path: path.to_owned(),
        cause,
    };
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(io)?;
    }
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            return Err(SocketError::Foreign {
                path: path.to_owned(),
            });
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_) => {
            return Err(SocketError::InUse {
                path: path.to_owned(),
            });
        }
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(io)?;
        }
        Err(_) => {}
    }
    let listener = UnixListener::bind(path).map_err(io)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE)).map_err(io)?;
    Ok(listener)
}

/// Takes the socket away, so that the next command says at once that nobody is there.
pub(super) fn remove(path: &Path) {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|it| it.file_type().is_socket());
    if is_socket {
        let _ = std::fs::remove_file(path);
    }
}
