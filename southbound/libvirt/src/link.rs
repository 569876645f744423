//! One open connection to a libvirt.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, Once, PoisonError};
use std::thread;
use std::time::Duration;

use virt::connect::Connect;

use crate::Wake;
use crate::convert::Tag;
use crate::error::Trouble;
use crate::raw::{self, Watch};

/// An end that says nothing at all is asked so often, in seconds, and for the last time after so many questions: calls that hang
/// end then.
const KEEPALIVE_S: i32 = 5;
const KEEPALIVE_COUNT: u32 = 3;

/// An open connection. It is closed when the last who has it drops it.
pub(crate) struct Link {
    /// The connection itself.
    pub(crate) connection: Connect,
    /// Whose domains are, by name: never changes while a domain exists, and reading it is a call for each.
    tags: Mutex<BTreeMap<String, Option<Tag>>>,
    watch: Option<Watch>,
}

impl Link {
    /// Opens a connection; blocks for as long as the other end lets it.
    pub(crate) fn open(uri: &str, wake: &Wake) -> Result<Self, Trouble> {
        run_events();
        let connection =
            Connect::open(Some(uri)).map_err(|cause| Trouble::unopened(uri, &cause))?;
        // What has no wire, as libvirt's own driver for tests, needs none of both, and says so.
        let _ = connection.set_keep_alive(KEEPALIVE_S, KEEPALIVE_COUNT);
        let watch = raw::watch(&connection, wake.clone());
        if let Err(cause) = &watch {
            tracing::warn!(%uri, %cause, "no events from this host: what happens there is seen at the next tick only");
        }
        Ok(Self {
            connection,
            tags: Mutex::default(),
            watch: watch.ok(),
        })
    }

    /// Whether the other end was there when it was last heard of; asks nobody.
    pub(crate) fn is_alive(&self) -> bool {
        self.connection.is_alive().unwrap_or(false)
    }

    /// Whose a domain is; read once and kept as long as the domain exists, which `known` tells.
    pub(crate) fn tag(
        &self,
        name: &str,
        read: impl FnOnce() -> Result<Option<Tag>, Trouble>,
    ) -> Result<Option<Tag>, Trouble> {
        let kept = self
            .tags
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned();
        if let Some(tag) = kept {
            return Ok(tag);
        }
        let tag = read()?;
        let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        tags.insert(name.to_owned(), tag.clone());
        Ok(tag)
    }

    /// Forgets whose domains were that are no more.
    pub(crate) fn keep_tags(&self, exists: impl Fn(&str) -> bool) {
        let mut tags = self.tags.lock().unwrap_or_else(PoisonError::into_inner);
        tags.retain(|name, _| exists(name));
    }
}

impl Drop for Link {
    /// Closing asks the other end, which may hang; so somebody waits for it who has nothing else to do.
    fn drop(&mut self) {
        let (mut connection, watch) = (self.connection.clone(), self.watch.take());
        // There is a copy of it now, so this only counts one less.
        let _ = self.connection.close();
        let close = move || {
            if let Some(watch) = &watch {
                raw::unwatch(&connection, watch);
            }
            let _ = connection.close();
        };
        let _ = thread::Builder::new()
            .name("libvirt-close".to_owned())
            .spawn(close);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// libvirt's event loop brings events and keepalive; it has to be there before the first connection is opened, for good.
fn run_events() {
    static STARTED: Once = Once::new();
    /// After a mistake of the loop, which comes from a descriptor that was closed meanwhile: not at once again, forever.
    const PAUSE: Duration = Duration::from_millis(100);
    STARTED.call_once(|| {
        // Errors come back as values; printing them too would be talk on somebody else's stderr.
        virt::error::clear_error_callback();
        if let Err(cause) = virt::event::event_register_default_impl() {
            tracing::warn!(%cause, "libvirt has no event loop: neither events nor keepalive");
            return;
        }
        let turn = || loop {
            if let Err(cause) = virt::event::event_run_default_impl() {
                tracing::debug!(%cause, "libvirt's event loop");
                thread::sleep(PAUSE);
            }
        };
        if let Err(cause) = thread::Builder::new()
            .name("libvirt-events".to_owned())
            .spawn(turn)
        {
            tracing::warn!(%cause, "libvirt has no event loop: neither events nor keepalive");
        }
    });
}
