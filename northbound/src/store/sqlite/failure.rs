//! What a person is told when the file does not do as asked.

use std::path::Path;

use controller::id::TenantName;
use controller::ports::{Footing, StoreError, StoreErrorKind};
use rusqlite::ErrorCode;

#[cfg(feature = "etcd")]
use super::SqliteStore;

/// Says what a person can do about it.
pub(super) fn explained(
    operation: &'static str,
    file: &Path,
    error: &rusqlite::Error,
) -> StoreError {
    let file = file.display();
    let advice = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => format!(
            "the disk that holds {file} is full. Nothing was written and nothing is changed until there is room; \
             free some, and the service goes on by itself"
        ),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => format!(
            "{file} is damaged. Nothing is touched and traffic flows on; put a good copy of the file there, or set \
             another `state` in asaas.yml"
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            format!("another program holds {file}; end it, and the service goes on by itself")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            format!(
                "{file} cannot be written; check its owner, its mode and how its disk is mounted"
            )
        }
        Some(ErrorCode::SystemIoFailure) => format!(
            "the disk that holds {file} does not do as asked; see whether it is full (`df`) or broken (`dmesg`)"
        ),
        _ if matches!(error, rusqlite::Error::FromSqlConversionFailure(..)) => format!(
            "a record in {file} cannot be read, by this version at least. Nothing is done for its tenant and its traffic \
             flows on; apply its file again"
        ),
        _ => format!("in {file}"),
    };
    StoreError {
        kind: StoreErrorKind::Failed,
        operation,
        detail: format!("{error}: {advice}"),
    }
}

/// Another spec is in force than the one that was thought about, or other orders.
pub(in crate::store) fn outdated(tenant: &TenantName, footing: Footing) -> StoreError {
    StoreError {
        kind: StoreErrorKind::Outdated,
        operation: "write the record",
        detail: format!(
            "generation {} of tenant {tenant}, or what was ordered with it, is no longer in force",
            footing.generation
        ),
    }
}

/// What this node's copy has seen is not in etcd any more.
#[cfg(feature = "etcd")]
pub(in crate::store) fn set_back(copy: &SqliteStore, known: u64, revision: u64) -> StoreError {
    StoreError {
        kind: StoreErrorKind::Failed,
        operation: "open its copy",
        detail: format!(
            "etcd is at revision {revision}, and {} has seen revision {known}: etcd was set back to an older state, or is another \
             one. Traffic flows on; if this is the etcd that counts, remove that file, which is made again from it",
            copy.inner.file.display()
        ),
    }
}
