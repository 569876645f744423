//! That the looks from outside can fail: each is shown what it must not let pass, and must not.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::Path;

use crate::case::Lane;
use crate::outside::{self, Foreign, Kind};
use crate::tools::tool;
use crate::workflow::{State, TENANT};

/// Fails where a look lets pass what it is there to find.
pub(crate) fn looks_can_fail() {
    let mut lane = Lane::new();
    lane.prepare(State::Two);
    let host = &lane.host;
    let found = outside::namespaces(host);
    let of = |kind| &found.iter().find(|(each, _)| *each == kind).unwrap().1;
    let (site, own) = (of(Kind::Site), Path::new("/proc/self/ns/net"));
    let running: BTreeSet<_> = host.containers(TENANT).iter().map(|one| one.id).collect();
    let exactly = || outside::assert_exactly(host, &running, 2);
    let foreign = Foreign::plant(host);
    let untouched = || foreign.assert_untouched(host);
    let flows = || outside::assert_no_dead_flow(host);
    for look in [&exactly as &dyn Fn(), &untouched, &flows] {
        look();
    }

    let instance = of(Kind::Instance).file_name().unwrap().to_str().unwrap();
    let (stem, last) = instance.split_at(instance.len() - 1);
    let twin = &format!("{stem}{}", if last == "x" { "y" } else { "x" });
    tool(own, "ip", &["netns", "add", twin]);
    let leak = finds(exactly);
    tool(own, "ip", &["netns", "delete", twin]);
    assert!(leak, "a namespace too many");

    tool(site, "ip", &["link", "add", "i-control", "type", "bridge"]);
    let leak = finds(exactly);
    tool(site, "ip", &["link", "delete", "i-control"]);
    assert!(leak, "a cable too many");

    let one_fewer = running.iter().copied().skip(1).collect();
    assert!(
        finds(|| outside::assert_exactly(host, &one_fewer, 2)),
        "an instance too many"
    );

    tool(site, "iptables", &["-F", "FOREIGN"]);
    assert!(finds(untouched), "a foreign rule that is gone");

    let dead = ["-I", "-p", "udp", "-s", "198.18.0.99", "-d", "19.0.0.99"];
    let ports = ["--sport", "9", "--dport", "9", "-t", "60"];
    tool(site, "conntrack", &[&dead[..], &ports].concat());
    assert!(finds(flows), "a flow to nobody");
}

/// Whether a look fails; what it says is not shown.
fn finds(look: impl Fn()) -> bool {
    let usual = take_hook();
    set_hook(Box::new(|_| {}));
    let found = catch_unwind(AssertUnwindSafe(look)).is_err();
    set_hook(usual);
    found
}
