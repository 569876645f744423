//! Makes a namespace's own routes what they should be.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::{RouteMessage, RouteScope, RouteType};

use super::ROUTE_PROTOCOL;
use super::connection::{LinkError, Netlink, errno};
use super::seen::{LinkSeen, links, routes};
use crate::topology::{NamespaceWish, RouteWish};

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
