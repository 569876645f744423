//! What netlink shows of a namespace, in the words of a wish.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use futures_util::TryStreamExt;
use ipnet::Ipv4Net;
use rtnetlink::packet_route::address::{AddressAttribute, AddressMessage};
use rtnetlink::packet_route::link::{
    InfoBridgePort, InfoData, InfoGre, InfoKind, InfoPortData, InfoVxlan, LinkAttribute, LinkFlags,
    LinkInfo, LinkMessage,
};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteType,
};
use rtnetlink::{Error, Handle, RouteMessageBuilder};

use super::ROUTE_PROTOCOL;
use crate::rules::Tunnel;
use crate::topology::{LinkKind, RouteWish};

/// A link, as it is.
#[derive(Debug, Clone)]
pub(super) struct LinkSeen {
    pub(super) index: u32,
    pub(super) mtu: u32,
    pub(super) mac: Option<Vec<u8>>,
    pub(super) is_up: bool,
    /// The bridge that it is plugged into.
    pub(super) controller: Option<u32>,
    pub(super) is_isolated: bool,
    kind: Option<InfoKind>,
    data: Option<InfoData>,
}

impl LinkSeen {
    fn read(message: LinkMessage) -> (String, Self) {
        let mut name = String::new();
        let mut link = Self {
            index: message.header.index,
            mtu: 0,
            mac: None,
            is_up: message.header.flags.contains(LinkFlags::Up),
            controller: None,
            is_isolated: false,
            kind: None,
            data: None,
        };
        for attribute in message.attributes {
            match attribute {
                LinkAttribute::IfName(text) => name = text,
                LinkAttribute::Mtu(mtu) => link.mtu = mtu,
                LinkAttribute::Address(mac) => link.mac = Some(mac),
                LinkAttribute::Controller(index) => link.controller = Some(index),
                LinkAttribute::LinkInfo(infos) => link.read_infos(infos),
                _ => {}
            }
        }
        (name, link)
    }

    fn read_infos(&mut self, infos: Vec<LinkInfo>) {
        for info in infos {
            match info {
                LinkInfo::Kind(kind) => self.kind = Some(kind),
                LinkInfo::Data(data) => self.data = Some(data),
                LinkInfo::PortData(InfoPortData::BridgePort(port)) => {
                    self.is_isolated = port.contains(&InfoBridgePort::Isolated(true));
                }
                _ => {}
            }
        }
    }

    /// Whether it is what it should be, as far as that cannot be changed on a link that exists.
    pub(super) fn is(&self, wish: &LinkKind) -> bool {
        match wish {
            LinkKind::Bridge => self.kind == Some(InfoKind::Bridge),
            LinkKind::Cable { .. } | LinkKind::CableEnd => self.kind == Some(InfoKind::Veth),
            LinkKind::Tunnel {
                tunnel: Tunnel::Vxlan,
                key,
                local,
                remote,
                ..
            } => {
                matches!(&self.data, Some(InfoData::Vxlan(data))
                    if data.contains(&InfoVxlan::Id(*key))
                        && data.contains(&InfoVxlan::Local(*local))
                        && data.contains(&InfoVxlan::Group(*remote)))
            }
            LinkKind::Tunnel {
                tunnel: Tunnel::Gre,
                key,
                local,
                remote,
                ..
            } => {
                matches!(&self.data, Some(InfoData::GreTun(data))
                    if data.contains(&InfoGre::IKey(*key))
                        && data.contains(&InfoGre::OKey(*key))
                        && data.contains(&InfoGre::Local(*local))
                        && data.contains(&InfoGre::Remote(*remote)))
            }
        }
    }
}

/// Every link, by name.
pub(super) async fn links(handle: &Handle) -> Result<BTreeMap<String, LinkSeen>, Error> {
    let messages: Vec<_> = handle.link().get().execute().try_collect().await?;
    Ok(messages.into_iter().map(LinkSeen::read).collect())
}

/// The link with this name, if there is one.
pub(super) async fn link_named(handle: &Handle, name: &str) -> Result<Option<LinkSeen>, Error> {
    let found = handle.link().get().match_name(name).execute();
    match found.try_collect::<Vec<_>>().await {
        Ok(messages) => Ok(messages.into_iter().map(|m| LinkSeen::read(m).1).next()),
        Err(error) if super::connection::errno(&error) == Some(nix::errno::Errno::ENODEV) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The IPv4 addresses of a link.
pub(super) async fn addresses(
    handle: &Handle,
    index: u32,
) -> Result<Vec<(Ipv4Net, AddressMessage)>, Error> {
    let request = handle.address().get().set_link_index_filter(index);
    let messages: Vec<AddressMessage> = request.execute().try_collect().await?;
    let read = |message: AddressMessage| {
        let prefix = message.header.prefix_len;
        let address = message.attributes.iter().find_map(|a| match a {
            AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
            _ => None,
        })?;
        Some((Ipv4Net::new(address, prefix).ok()?, message))
    };
    Ok(messages.into_iter().filter_map(read).collect())
}

/// The routes of the main table, whoever made them.
async fn main_routes(handle: &Handle) -> Result<Vec<RouteMessage>, Error> {
    let all = RouteMessageBuilder::<Ipv4Addr>::new().build();
    let messages: Vec<RouteMessage> = handle.route().get(all).execute().try_collect().await?;
    let is_main = |message: &RouteMessage| message.header.table == RouteHeader::RT_TABLE_MAIN;
    Ok(messages.into_iter().filter(is_main).collect())
}

/// Every route of the main table.
pub(super) async fn all_routes(
    handle: &Handle,
    links: &BTreeMap<String, LinkSeen>,
) -> Result<Vec<RouteWish>, Error> {
    let messages = main_routes(handle).await?;
    Ok(messages.iter().map(|m| read_route(m, links)).collect())
}

/// Our own routes of the main table.
pub(super) async fn routes(
    handle: &Handle,
    links: &BTreeMap<String, LinkSeen>,
) -> Result<Vec<(RouteWish, RouteMessage)>, Error> {
    let mut messages = main_routes(handle).await?;
    messages.retain(|message| message.header.protocol == ROUTE_PROTOCOL);
    let read = |message: RouteMessage| (read_route(&message, links), message);
    Ok(messages.into_iter().map(read).collect())
}

fn read_route(message: &RouteMessage, links: &BTreeMap<String, LinkSeen>) -> RouteWish {
    let mut to = Ipv4Addr::UNSPECIFIED;
    let (mut via, mut link) = (None, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(address)) => to = *address,
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => via = Some(*address),
            RouteAttribute::Oif(index) => {
                let named = links.iter().find(|(_, link)| link.index == *index);
                link = named.map(|(name, _)| name.clone());
            }
            _ => {}
        }
    }
    if message.header.kind == RouteType::BlackHole {
        link = None;
    }
    let prefix = message.header.destination_prefix_length.min(32);
    RouteWish {
        to: Ipv4Net::new_assert(to, prefix),
        via,
        link,
    }
}
