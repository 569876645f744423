//! The kernel's switches (sysctls) that namespaces and links of ours need.

use super::{LinkKind, LinkWish};

/// A switch of the kernel, as a path below `/proc/sys/net` and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Switch {
    pub(crate) path: String,
    pub(crate) value: &'static str,
    /// Not every kernel has it; where it is missing, what it would switch off is missing too.
    pub(crate) is_optional: bool,
}

fn switch(path: impl Into<String>, value: &'static str) -> Switch {
    Switch {
        path: path.into(),
        value,
        is_optional: false,
    }
}

fn optional(path: impl Into<String>, value: &'static str) -> Switch {
    Switch {
        is_optional: true,
        ..switch(path, value)
    }
}

/// What every namespace of ours has switched before a link of it comes up: no IPv6, which nothing here filters.
fn quiet() -> Vec<Switch> {
    vec![
        optional("ipv6/conf/all/disable_ipv6", "1"),
        optional("ipv6/conf/default/disable_ipv6", "1"),
        optional("bridge/bridge-nf-call-iptables", "0"),
    ]
}

/// The switches of transit and sites. The first one resets others, so it comes first.
pub(super) fn router_switches() -> Vec<Switch> {
    let mut switches = vec![switch("ipv4/ip_forward", "1")];
    for which in ["all", "default"] {
        let conf = |key| format!("ipv4/conf/{which}/{key}");
        switches.extend([
            // A packet must come from where an answer to it would go: nobody borrows an address.
            switch(conf("rp_filter"), "1"),
            switch(conf("accept_redirects"), "0"),
            switch(conf("send_redirects"), "0"),
            switch(conf("accept_source_route"), "0"),
            switch(conf("route_localnet"), "0"),
            // Each link answers for its own addresses only: the edge never hears of the inside.
            switch(conf("arp_ignore"), "1"),
            // A link that comes up tells its neighbours its address at once.
            switch(conf("arp_notify"), "1"),
        ]);
    }
    // A closed connection needs no two minutes of memory here, only as long as its last segment may be sent three times over;
    // every connection that is remembered is listed whenever flows are counted.
    for state in ["time_wait", "close"] {
        let path = format!("netfilter/nf_conntrack_tcp_timeout_{state}");
        switches.push(optional(path, "3"));
    }
    switches.extend(quiet());
    switches
}

/// The switches of the edge, of instances and of clients.
pub(super) fn host_switches() -> Vec<Switch> {
    let mut switches = vec![
        switch("ipv4/ip_forward", "0"),
        switch("ipv4/conf/default/arp_notify", "1"),
        switch("ipv4/conf/all/arp_notify", "1"),
    ];
    switches.extend(quiet());
    switches
}

/// A bridge without an address carries others' packets and is nobody's door to the namespace that it is in: it does not tell the
/// namespace's addresses, believes nobody's, and hands nothing on to other links.
fn deaf(bridge: &str) -> Vec<Switch> {
    let conf = |key| format!("ipv4/conf/{bridge}/{key}");
    vec![
        switch(conf("arp_ignore"), "8"),
        switch(conf("rp_filter"), "1"),
        switch(conf("forwarding"), "0"),
        optional(format!("ipv6/conf/{bridge}/disable_ipv6"), "1"),
    ]
}

/// The switches of one link.
pub(crate) fn link_switches(link: &LinkWish) -> Vec<Switch> {
    let name = &link.name;
    if link.kind == LinkKind::Bridge && link.address.is_none() {
        return deaf(name);
    }
    if !link.is_arp_proxy {
        return Vec::new();
    }
    vec![
        switch(format!("ipv4/conf/{name}/proxy_arp"), "1"),
        // The kernel would wait up to 0.8 s before it answers for another.
        switch(format!("ipv4/neigh/{name}/proxy_delay"), "0"),
    ]
}
