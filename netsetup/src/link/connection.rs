//! A conversation with the kernel inside one namespace.

use std::fmt::Display;
use std::net::Ipv4Addr;

use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::{Handle, LinkUnspec};
use tokio::task::JoinHandle;

use super::LIMIT;
use super::make::tunnel_message;
use super::seen::{LinkSeen, link_named, links};
use crate::name::NamespaceName;
use crate::namespace::Workers;
use crate::rules::Tunnel;

/// A namespace could not be made what it should be.
#[derive(Debug, thiserror::Error)]
#[error("{namespace}: {what}: {detail}")]
pub(crate) struct LinkError {
    namespace: NamespaceName,
    what: String,
    detail: String,
}

/// What was being done when it failed.
#[derive(Debug)]
pub(super) struct Failed {
    namespace: NamespaceName,
    what: String,
}

impl Failed {
    pub(super) fn at(namespace: &NamespaceName, what: &str) -> Self {
        Self {
            namespace: namespace.clone(),
            what: what.to_owned(),
        }
    }

    pub(super) fn with(self, error: impl Display) -> LinkError {
        LinkError {
            namespace: self.namespace,
            what: self.what,
            detail: error.to_string(),
        }
    }
}

/// A conversation with the kernel inside one namespace.
#[derive(Debug)]
pub(crate) struct Netlink {
    pub(super) namespace: NamespaceName,
    pub(super) handle: Handle,
    task: JoinHandle<()>,
}

impl Drop for Netlink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Netlink {
    pub(crate) async fn connect(
        workers: &Workers,
        namespace: &NamespaceName,
    ) -> Result<Self, LinkError> {
        let runtime = tokio::runtime::Handle::current();
        let opened = workers.within(namespace, move || {
            let _runtime = runtime.enter();
            rtnetlink::new_connection()
        });
        let (connection, handle, _) = opened.await.map_err(|error| LinkError {
            namespace: namespace.clone(),
            what: "opening netlink".to_owned(),
            detail: error.to_string(),
        })?;
        Ok(Self {
            namespace: namespace.clone(),
            handle,
            task: tokio::spawn(connection),
        })
    }

    /// What an error says of what was being done.
    pub(super) fn failed(&self, what: impl Into<String>) -> Failed {
        Failed {
            namespace: self.namespace.clone(),
            what: what.into(),
        }
    }

    pub(super) async fn add(&self, link: LinkMessage) -> Result<(), rtnetlink::Error> {
        self.handle.link().add(link).execute().await
    }

    pub(super) async fn change(&self, link: LinkMessage) -> Result<(), rtnetlink::Error> {
        self.handle.link().change(link).execute().await
    }

    pub(super) async fn up(&self, index: u32, name: &str) -> Result<(), LinkError> {
        let up = LinkUnspec::new_with_index(index).up().build();
        let failed = self.failed(format!("bringing up the link {name}"));
        self.change(up).await.map_err(|e| failed.with(e))
    }

    /// Removes a link. `Ok` where it is gone already.
    pub(crate) async fn remove(&self, name: &str) -> Result<(), LinkError> {
        let failed = self.failed(format!("removing the link {name}"));
        let Some(link) = link_named(&self.handle, name)
            .await
            .map_err(|e| self.failed("looking for a link").with(e))?
        else {
            return Ok(());
        };
        match self.handle.link().del(link.index).execute().await {
            Err(error) if errno(&error) != Some(nix::errno::Errno::ENODEV) => {
                Err(failed.with(error))
            }
            _ => Ok(()),
        }
    }

    /// Removes every link whose name begins with one of these.
    pub(crate) async fn remove_all(&self, prefixes: &[String]) -> Result<(), LinkError> {
        let links = links(&self.handle)
            .await
            .map_err(|e| self.failed("listing links").with(e))?;
        let is_meant = |name: &&String| prefixes.iter().any(|prefix| name.starts_with(prefix));
        for name in links.keys().filter(is_meant) {
            self.remove(name).await?;
        }
        Ok(())
    }

    /// How many links are plugged into this bridge.
    pub(crate) async fn count_ports(&self, bridge: &str) -> Result<usize, LinkError> {
        let links = links(&self.handle)
            .await
            .map_err(|e| self.failed("listing links").with(e))?;
        let bridge = links.get(bridge).map(|bridge| bridge.index);
        let is_port = |link: &&LinkSeen| link.controller.is_some() && link.controller == bridge;
        Ok(links.values().filter(is_port).count())
    }
}

/// The kernel's number for what went wrong.
pub(super) fn errno(error: &rtnetlink::Error) -> Option<nix::errno::Errno> {
    match error {
        rtnetlink::Error::NetlinkError(message) => {
            Some(nix::errno::Errno::from_raw(message.raw_code().abs()))
        }
        _ => None,
    }
}

/// Whether the kernel can make this kind of tunnel; tried in a namespace that is made for it and thrown away.
pub(crate) async fn can_make(tunnel: Tunnel) -> bool {
    let runtime = tokio::runtime::Handle::current();
    let opened = tokio::task::spawn_blocking(move || {
        let probe = move || -> std::io::Result<_> {
            nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNET)?;
            let _runtime = runtime.enter();
            rtnetlink::new_connection()
        };
        // The thread stays in its own namespace, so it is not one of a pool.
        std::thread::spawn(probe).join()
    });
    let Ok(Ok(Ok((connection, handle, _)))) = opened.await else {
        return false;
    };
    let task = tokio::spawn(connection);
    let ends = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
    let message = tunnel_message("probe", tunnel, 1, ends, None);
    let made = tokio::time::timeout(LIMIT, handle.link().add(message).execute()).await;
    task.abort();
    matches!(made, Ok(Ok(())))
}
