//! Makes a namespace's own routes what they should be.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::{RouteMessage, RouteScope, RouteType};

use super::ROUTE_PROTOCOL;
use super::connection::{LinkError, Netlink, errno};
use super::seen::{LinkSeen, addresses, all_routes, links, routes};
use crate::topology::{NamespaceWish, RouteWish};

/// The kernel makes a route for every address of a link; where somebody has taken it, the address is set anew.
pub(super) async fn ensure_connected(
    netlink: &Netlink,
    wish: &NamespaceWish,
) -> Result<bool, LinkError> {
    let failed = || netlink.failed("looking at the routes of links");
    let links = links(&netlink.handle).await.map_err(|e| failed().with(e))?;
    let seen = all_routes(&netlink.handle, &links)
        .await
        .map_err(|e| failed().with(e))?;
    let mut is_changed = false;
    for link in &wish.links {
        let Some(address) = link.address.filter(|address| address.prefix_len() < 32) else {
            continue;
        };
        let is_connected = seen
            .iter()
            .any(|route| route.to == address.trunc() && route.link.as_ref() == Some(&link.name));
        if let Some(found) = links.get(&link.name).filter(|_| !is_connected) {
            set_address_anew(netlink, &link.name, found.index, address).await?;
            is_changed = true;
        }
    }
    Ok(is_changed)
}

async fn set_address_anew(
    netlink: &Netlink,
    name: &str,
    index: u32,
    address: Ipv4Net,
) -> Result<(), LinkError> {
    let failed = || netlink.failed(format!("setting the address of {name} anew"));
    let there = addresses(&netlink.handle, index)
        .await
        .map_err(|e| failed().with(e))?;
    for (_, message) in there.into_iter().filter(|(seen, _)| *seen == address) {
        let removal = netlink.handle.address().del(message);
        removal.execute().await.map_err(|e| failed().with(e))?;
    }
    let (ip, prefix) = (IpAddr::V4(address.addr()), address.prefix_len());
    let addition = netlink.handle.address().add(index, ip, prefix);
    addition.execute().await.map_err(|e| failed().with(e))
}

/// Adds the routes that are missing and, where the list is whole, removes those of ours that are not in it.
pub(super) async fn ensure_routes(
    netlink: &Netlink,
    wish: &NamespaceWish,
) -> Result<bool, LinkError> {
    let failed = || netlink.failed("setting routes");
    let links = links(&netlink.handle).await.map_err(|e| failed().with(e))?;
    let seen = routes(&netlink.handle, &links)
        .await
        .map_err(|e| failed().with(e))?;
    let mut is_changed = false;
    for (route, message) in &seen {
        if wish.is_whole && !wish.routes.contains(route) {
            let removal = netlink.handle.route().del(message.clone());
            match removal.execute().await {
                // It went with its link.
                Err(error) if errno(&error) == Some(nix::errno::Errno::ESRCH) => {}
                done => done.map_err(|e| failed().with(e))?,
            }
            is_changed = true;
        }
    }
    for route in &wish.routes {
        if seen.iter().any(|(seen, _)| seen == route) {
            continue;
        }
        let message = route_message(route, &links).map_err(|e| failed().with(e))?;
        let addition = netlink.handle.route().add(message).replace();
        let to = route.to;
        let failed = netlink.failed(format!("setting the route to {to}"));
        addition.execute().await.map_err(|e| failed.with(e))?;
        is_changed = true;
    }
    Ok(is_changed)
}

fn route_message(
    route: &RouteWish,
    links: &BTreeMap<String, LinkSeen>,
) -> Result<RouteMessage, String> {
    let mut message = RouteMessageBuilder::<Ipv4Addr>::new().protocol(ROUTE_PROTOCOL);
    if route.to != Ipv4Net::default() {
        message = message.destination_prefix(route.to.addr(), route.to.prefix_len());
    }
    match &route.link {
        Some(name) => {
            let link = links
                .get(name)
                .ok_or_else(|| format!("the link {name} is missing"))?;
            message = message.output_interface(link.index);
        }
        None => message = message.kind(RouteType::BlackHole),
    }
    message = match (route.via, &route.link) {
        (Some(via), _) => message.gateway(via),
        (None, Some(_)) => message.scope(RouteScope::Link),
        (None, None) => message,
    };
    Ok(message.build())
}
