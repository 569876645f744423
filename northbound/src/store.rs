//! Remembers: specs by generation, orders, instances and the journal. What was answered `Ok` survives `kill -9` and a power
//! cut; what could not be written was not written at all.
//!
//! ```text
//! sqlite   one file, one service: all of it on this machine
//! etcd     several services share what counts, each with a file of its own that follows it (feature `etcd`)
//! order    what people may ask, and why they are refused; `change` decides it, whichever store they ask
//! ```
//!
//! It decides nothing, and it does not retry: whoever asked is told.

mod change;
#[cfg(feature = "etcd")]
pub mod etcd;
mod lock;
pub(crate) mod network;
mod order;
mod registrar;
mod settings;
mod sqlite;

#[cfg(feature = "etcd")]
pub use etcd::EtcdStore;
pub use lock::{StateDir, StateDirError};
pub use order::{Applied, Change, Order, Refusal};
pub use registrar::Registrar;
pub use settings::{ClusterName, EtcdSettings, EtcdTls, StoreSettings};
pub use sqlite::{JOURNAL_PAGE, Page, Past, SpecInForce, SqliteStore, Start, TenantRow, Unread};
