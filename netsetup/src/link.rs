//! Makes a namespace's links, addresses, routes and switches what they should be, over netlink. Looks first, and changes only
//! what differs; what is not named by us is left alone.

mod connection;
mod make;
mod neighbour;
mod route;
mod seen;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use controller::crashpoint;
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::route::RouteProtocol;

use crate::name::{NamespaceName, is_numbered_link};
use crate::namespace::Workers;
use crate::topology::{LinkKind, LinkWish, NamespaceWish, link_switches};

use connection::Failed;
pub(crate) use connection::{LinkError, Netlink, can_make};
use make::{create, ensure_far_end, plug_in};
pub(crate) use neighbour::forget_neighbour;
use route::{ensure_connected, ensure_routes};
use seen::{LinkSeen, addresses, link_named, links};

/// Marks our routes, so that others' in the same namespace are told apart; not taken by any routing daemon.
const ROUTE_PROTOCOL: RouteProtocol = RouteProtocol::Other(165);
/// The kernel answers within microseconds; a namespace that has not been put right after this long is broken.
const LIMIT: Duration = Duration::from_secs(10);

/// Makes a namespace's switches, links, addresses and routes what they should be; `true` where something was changed.
pub(crate) async fn ensure(workers: &Workers, wish: &NamespaceWish) -> Result<bool, LinkError> {
    let work = ensure_unlimited(workers, wish);
    tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| {
        let late = format!("the kernel did not answer within {LIMIT:?}");
        Err(Failed::at(&wish.name, "setting up links").with(late))
    })
}

async fn ensure_unlimited(workers: &Workers, wish: &NamespaceWish) -> Result<bool, LinkError> {
    let mut is_changed = set_switches(workers, &wish.name, wish.switches.clone()).await?;
    let netlink = Netlink::connect(workers, &wish.name).await?;
    let seen = links(&netlink.handle)
        .await
        .map_err(|e| netlink.failed("listing links").with(e))?;
    if wish.is_whole {
        for name in seen.keys().filter(|name| is_numbered_link(name)) {
            if wish.links.iter().all(|link| link.name != *name) {
                netlink.remove(name).await?;
                is_changed = true;
            }
        }
    }
    if let Some(lo) = seen.get("lo").filter(|lo| !lo.is_up) {
        netlink.up(lo.index, "lo").await?;
    }
    for link in &wish.links {
        is_changed |= ensure_link(workers, &netlink, link, &seen).await?;
    }
    is_changed |= ensure_connected(&netlink, wish).await?;
    is_changed |= ensure_routes(&netlink, wish).await?;
    Ok(is_changed)
}

/// Writes the switches that differ; `true` where one did.
async fn set_switches(
    workers: &Workers,
    namespace: &NamespaceName,
    switches: Vec<crate::topology::Switch>,
) -> Result<bool, LinkError> {
    if switches.is_empty() {
        return Ok(false);
    }
    let set = workers.within(namespace, move || {
        let mut is_changed = false;
        for switch in switches {
            let path = format!("/proc/sys/net/{}", switch.path);
            let at = |error: std::io::Error| {
                std::io::Error::new(error.kind(), format!("{path}: {error}"))
            };
            match std::fs::read_to_string(&path) {
                Ok(value) if value.trim() == switch.value => {}
                Ok(_) => {
                    std::fs::write(&path, switch.value).map_err(at)?;
                    is_changed = true;
                }
                Err(_) if switch.is_optional => {}
                Err(error) => return Err(at(error)),
            }
        }
        Ok(is_changed)
    });
    set.await
        .map_err(|error| Failed::at(namespace, "setting a switch").with(error))
}

async fn ensure_link(
    workers: &Workers,
    netlink: &Netlink,
    wish: &LinkWish,
    seen: &BTreeMap<String, LinkSeen>,
) -> Result<bool, LinkError> {
    let mut found = seen
        .get(&wish.name)
        .filter(|link| link.is(&wish.kind))
        .cloned();
    let mut is_changed = false;
    if found.is_none() {
        if !matches!(wish.kind, LinkKind::CableEnd) {
            netlink.remove(&wish.name).await?;
            create(workers, netlink, wish, seen).await?;
            crashpoint!("link.made");
            is_changed = true;
        }
        let looked = link_named(&netlink.handle, &wish.name).await;
        found = looked.map_err(|e| netlink.failed("looking for a link").with(e))?;
    }
    let Some(found) = found else {
        return Err(netlink
            .failed(format!("the link {}", wish.name))
            .with("it is missing, and its other end exists"));
    };
    is_changed |= set_switches(workers, &netlink.namespace, link_switches(wish)).await?;
    is_changed |= settle(netlink, wish, &found).await?;
    is_changed |= ensure_address(netlink, wish, found.index).await?;
    if let Some(bridge) = &wish.bridge {
        is_changed |= plug_in(netlink, &found, &wish.name, bridge).await?;
    }
    if let LinkKind::Cable { far } = &wish.kind {
        is_changed |= ensure_far_end(workers, far).await?;
    }
    if !found.is_up {
        netlink.up(found.index, &wish.name).await?;
        crashpoint!("link.up");
        is_changed = true;
    }
    Ok(is_changed)
}

/// Sets what can be changed of a link that exists.
async fn settle(netlink: &Netlink, wish: &LinkWish, found: &LinkSeen) -> Result<bool, LinkError> {
    let mut change = LinkUnspec::new_with_index(found.index);
    let mut is_changed = false;
    if found.mtu != wish.mtu {
        change = change.mtu(wish.mtu);
        is_changed = true;
    }
    if let Some(mac) = wish.mac.filter(|mac| found.mac.as_deref() != Some(mac)) {
        change = change.address(mac.to_vec());
        is_changed = true;
    }
    if is_changed {
        let failed = netlink.failed(format!("setting up the link {}", wish.name));
        netlink
            .change(change.build())
            .await
            .map_err(|e| failed.with(e))?;
    }
    Ok(is_changed)
}

/// Exactly the address that it should have.
async fn ensure_address(netlink: &Netlink, wish: &LinkWish, index: u32) -> Result<bool, LinkError> {
    let failed = || netlink.failed(format!("setting the address of {}", wish.name));
    let seen = addresses(&netlink.handle, index)
        .await
        .map_err(|e| failed().with(e))?;
    let mut is_changed = false;
    for (address, message) in &seen {
        if Some(*address) != wish.address {
            let removal = netlink.handle.address().del(message.clone());
            removal.execute().await.map_err(|e| failed().with(e))?;
            is_changed = true;
        }
    }
    if let Some(address) = wish.address
        && seen.iter().all(|(seen, _)| *seen != address)
    {
        let (ip, prefix) = (IpAddr::V4(address.addr()), address.prefix_len());
        let addition = netlink.handle.address().add(index, ip, prefix);
        addition.execute().await.map_err(|e| failed().with(e))?;
        is_changed = true;
    }
    Ok(is_changed)
}
