//! Makes links: bridges, cables and tunnels.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use rtnetlink::packet_route::link::{
    BridgeStpState, GreIOFlags, InfoBridgePort, InfoData, InfoVeth, LinkAttribute, LinkMessage,
};
use rtnetlink::{
    LinkBridge, LinkBridgePort, LinkGre, LinkMessageBuilder, LinkUnspec, LinkVeth, LinkVxlan,
};

use super::connection::{LinkError, Netlink, errno};
use super::seen::{LinkSeen, link_named};
use crate::namespace::{self, Workers};
use crate::rules::{Tunnel, VXLAN_PORT};
use crate::topology::{FarEnd, LinkKind, LinkWish, Port};

/// Makes a link that does not exist.
pub(super) async fn create(
    workers: &Workers,
    netlink: &Netlink,
    wish: &LinkWish,
    seen: &BTreeMap<String, LinkSeen>,
) -> Result<(), LinkError> {
    let failed = || netlink.failed(format!("making the link {}", wish.name));
    let message = match &wish.kind {
        LinkKind::CableEnd => return Ok(()),
        LinkKind::Bridge => LinkBridge::new(&wish.name)
            .stp_state(BridgeStpState::Disabled)
            .forward_delay(0)
            .build(),
        LinkKind::Cable { far } => return lay_cable(workers, netlink, wish, far).await,
        LinkKind::Tunnel {
            tunnel,
            key,
            local,
            remote,
            over,
        } => {
            let index = match seen.get(over) {
                Some(link) => link.index,
                // It was made a moment ago.
                None => link_named(&netlink.handle, over)
                    .await
                    .map_err(|e| netlink.failed("looking for a link").with(e))?
                    .map(|link| link.index)
                    .ok_or_else(|| failed().with("the link that carries it is missing"))?,
            };
            tunnel_message(&wish.name, *tunnel, *key, (*local, *remote), Some(index))
        }
    };
    let failed = failed();
    netlink.add(message).await.map_err(|e| failed.with(e))
}

/// The order to make a tunnel.
pub(super) fn tunnel_message(
    name: &str,
    tunnel: Tunnel,
    key: u32,
    (local, remote): (Ipv4Addr, Ipv4Addr),
    over: Option<u32>,
) -> LinkMessage {
    match tunnel {
        Tunnel::Vxlan => {
            let link = LinkVxlan::new(name, key)
                .local(local)
                .remote(remote)
                .port(VXLAN_PORT)
                // There is one other end, and nothing to learn.
                .learning(false);
            over.into_iter()
                .fold(link, LinkMessageBuilder::<LinkVxlan>::dev)
                .build()
        }
        // Not bound to the link that carries it, with which it would not go: the addresses say which that is.
        Tunnel::Gre => LinkGre::new(name)
            .local(local)
            .remote(remote)
            .iflags(GreIOFlags::Key)
            .oflags(GreIOFlags::Key)
            .ikey(key)
            .okey(key)
            .pmtudisc(true)
            .build(),
    }
}

/// Makes both ends of a cable, each in its namespace.
async fn lay_cable(
    workers: &Workers,
    netlink: &Netlink,
    wish: &LinkWish,
    far: &FarEnd,
) -> Result<(), LinkError> {
    let failed = || {
        netlink.failed(format!(
            "laying the cable {} to {}",
            wish.name, far.namespace
        ))
    };
    let namespace = namespace::open(&far.namespace).map_err(|e| failed().with(e))?;
    let mut peer = LinkMessage::default();
    peer.attributes = vec![
        LinkAttribute::IfName(far.name.clone()),
        LinkAttribute::Mtu(wish.mtu),
        LinkAttribute::NetNsFd(namespace.as_raw_fd()),
    ];
    let mut cable = LinkVeth::new(&wish.name, &far.name)
        .mtu(wish.mtu)
        .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)));
    if let Some(mac) = wish.mac {
        cable = cable.address(mac.to_vec());
    }
    let cable = cable.build();
    let laid = match netlink.add(cable.clone()).await {
        Err(error) if errno(&error) == Some(nix::errno::Errno::EEXIST) => {
            // A namespace that was just deleted takes its cables along a little later: an old far end is in the way.
            let there = Netlink::connect(workers, &far.namespace).await?;
            there.remove(&far.name).await?;
            netlink.add(cable).await
        }
        laid => laid,
    };
    laid.map_err(|e| failed().with(e))
}

/// Plugs a link into a bridge of its namespace; `true` where it was not in it.
pub(super) async fn plug_in(
    netlink: &Netlink,
    link: &LinkSeen,
    name: &str,
    bridge: &str,
) -> Result<bool, LinkError> {
    let failed = || netlink.failed(format!("plugging {name} into {bridge}"));
    let bridge = link_named(&netlink.handle, bridge)
        .await
        .map_err(|e| failed().with(e))?
        .ok_or_else(|| failed().with("the bridge is missing"))?;
    if link.controller == Some(bridge.index) {
        return Ok(false);
    }
    let plug = LinkUnspec::new_with_index(link.index).controller(bridge.index);
    netlink
        .change(plug.build())
        .await
        .map_err(|e| failed().with(e))?;
    Ok(true)
}

/// Plugs the other end of a cable in and brings it up.
pub(super) async fn ensure_far_end(workers: &Workers, far: &FarEnd) -> Result<bool, LinkError> {
    let netlink = Netlink::connect(workers, &far.namespace).await?;
    let look = |name| link_named(&netlink.handle, name);
    let found = look(far.name.as_str())
        .await
        .map_err(|e| netlink.failed("looking for a link").with(e))?;
    let Some(found) = found else {
        return Err(netlink
            .failed(format!("the link {}", far.name))
            .with("it is missing"));
    };
    let mut is_changed = false;
    if let Some(Port {
        bridge,
        is_isolated,
    }) = &far.port
    {
        is_changed |= plug_in(&netlink, &found, &far.name, bridge).await?;
        if found.is_isolated != *is_isolated {
            let failed = || netlink.failed(format!("isolating {} on {bridge}", far.name));
            let isolate = LinkBridgePort::new(found.index)
                .append_info_data(InfoBridgePort::Isolated(*is_isolated));
            let port = netlink.handle.link().set_port(isolate.build());
            port.execute().await.map_err(|e| failed().with(e))?;
            is_changed = true;
        }
    }
    if !found.is_up && far.port.is_some() {
        netlink.up(found.index, &far.name).await?;
        is_changed = true;
    }
    Ok(is_changed)
}

#[cfg(test)]
mod tests {
    use rtnetlink::packet_route::link::{InfoGre, InfoKind, LinkInfo};

    use super::*;

    #[test]
    fn a_gre_tunnel_is_asked_for_with_its_key_in_both_directions() {
        // Kernels without GRE can only be asked; this is what they would be asked for.
        let ends = (Ipv4Addr::new(100, 68, 0, 1), Ipv4Addr::new(100, 68, 0, 2));
        let message = tunnel_message("tunnel", Tunnel::Gre, 0x0001_2345, ends, Some(7));

        let infos = message.attributes.iter().find_map(|a| match a {
            LinkAttribute::LinkInfo(infos) => Some(infos),
            _ => None,
        });
        let infos = infos.expect("a tunnel has a kind");
        assert!(infos.contains(&LinkInfo::Kind(InfoKind::GreTun)));
        let asked = LinkInfo::Data(InfoData::GreTun(vec![
            InfoGre::Local(ends.0),
            InfoGre::Remote(ends.1),
            InfoGre::IFlags(GreIOFlags::Key),
            InfoGre::OFlags(GreIOFlags::Key),
            InfoGre::IKey(0x0001_2345),
            InfoGre::OKey(0x0001_2345),
            InfoGre::PathMTUDiscovery(true),
        ]));
        assert!(infos.contains(&asked), "{infos:?}");
    }
}
