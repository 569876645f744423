//! What others have in our namespaces stays as it is, and what they take from us comes back.

use std::path::{Path, PathBuf};
use std::time::Duration;

use controller::ports::Dataplane;
use netsetup::Settings;

use crate::exec::{attempt, tool};
use crate::traffic::{connect, count_tcp};
use crate::world::{EPOCH, HOST_IS_QUIET, Tenant, World};

/// Rules of somebody else: chains, jumps before and after ours, a policy.
const FOREIGN: &str = "\
*filter
:FORWARD ACCEPT [0:0]
:OTHERS - [0:0]
:OTHERS-DEEP - [0:0]
-A INPUT -i nowhere -j OTHERS
-A FORWARD -s 192.0.2.1/32 -m comment --comment \"not ours; ASAAS-looking\" -j OTHERS
-A OUTPUT -d 192.0.2.2/32 -j OTHERS-DEEP
-A OTHERS -j RETURN
COMMIT
*nat
:OTHERS - [0:0]
-A PREROUTING -d 192.0.2.3/32 -p tcp -m tcp --dport 81 -j OTHERS
-A OTHERS -p tcp -j DNAT --to-destination 192.0.2.4:82
COMMIT
*mangle
-A POSTROUTING -d 192.0.2.5/32 -j TTL --ttl-set 9
COMMIT
";

/// All that is somebody else's: rules that neither are in our chains nor jump to them, policies, links, routes, switches.
fn foreign(namespace: &Path) -> String {
    let rules = tool(namespace, "iptables-save", &[]);
    let ours = |line: &&str| {
        line.contains("-j ASAAS-")
            || line.starts_with(":ASAAS-")
            || line.starts_with("-A ASAAS-")
            || line.starts_with('#')
    };
    let rules: Vec<_> = rules.lines().filter(|line| !ours(line)).collect();
    let links = tool(namespace, "ip", &["-o", "link", "show", "type", "bridge"]);
    let links: Vec<_> = links.lines().filter(|l| l.contains("others")).collect();
    let routes = tool(namespace, "ip", &["route", "show", "proto", "boot"]);
    let switch = tool(
        namespace,
        "sysctl",
        &["net.ipv4.tcp_ecn", "net.ipv4.ip_default_ttl"],
    );
    format!(
        "{}\n{}\n{routes}\n{switch}",
        rules.join("\n"),
        links.join("\n")
    )
}

fn settle_in(namespace: &Path) {
    let restored = attempt(namespace, "iptables-restore", &["--noflush"], FOREIGN);
    assert!(restored.status.success(), "{restored:?}");
    tool(
        namespace,
        "ip",
        &["link", "add", "others0", "type", "bridge"],
    );
    tool(
        namespace,
        "ip",
        &["route", "add", "blackhole", "192.0.2.0/24"],
    );
    tool(namespace, "sysctl", &["-q", "net.ipv4.ip_default_ttl=77"]);
}

fn routers(world: &World, tenant: &Tenant) -> Vec<PathBuf> {
    vec![
        world.transit(tenant),
        world.site(tenant, 0),
        world.site(tenant, 1),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_rules_links_routes_and_switches_stay_byte_for_byte() {
    // I12
    let settings = Settings {
        resync: Duration::ZERO,
        ..Settings::new("")
    };
    let mut world = World::with(settings).await;
    let mut tenant = world.tenant("demo", &[1, 1]).await;
    let routers = routers(&world, &tenant);
    for namespace in &routers {
        settle_in(namespace);
    }
    let before: Vec<_> = routers.iter().map(|n| foreign(n)).collect();
    assert!(before[0].contains("OTHERS-DEEP") && before[0].contains("others0"));

    world.add(&mut tenant, 0).await;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    tenant.plan.endpoints[0].is_backend = false;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    tenant.plan.listen.pop();
    tenant.plan.is_open = false;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    tenant.plan.is_open = true;
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();

    let after: Vec<_> = routers.iter().map(|n| foreign(n)).collect();
    assert_eq!(before, after);
    assert!(connect(&world.client(), tenant.public()).is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_somebody_flushes_come_back_with_the_next_full_look() {
    // L8
    let settings = Settings {
        resync: Duration::from_millis(50),
        ..Settings::new("")
    };
    let mut world = World::with(settings).await;
    let tenant = world.tenant("demo", &[1, 1]).await;
    for namespace in routers(&world, &tenant) {
        for table in ["filter", "nat", "mangle", "raw"] {
            tool(&namespace, "iptables", &["-t", table, "-F"]);
            tool(&namespace, "iptables", &["-t", table, "-X"]);
        }
    }
    assert!(connect(&world.client(), tenant.public()).is_err());
    tokio::time::sleep(Duration::from_millis(60)).await;

    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();

    let counts = count_tcp(&world.client(), tenant.public(), 60);
    assert_eq!(counts.len(), 2, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_routes_and_switches_that_somebody_takes_come_back_too() {
    let settings = Settings {
        resync: Duration::ZERO,
        ..Settings::new("")
    };
    let mut world = World::with(settings).await;
    let tenant = world.tenant("demo", &[1, 1]).await;
    let (transit, site) = (world.transit(&tenant), world.site(&tenant, 0));
    tool(&transit, "ip", &["route", "flush", "table", "main"]);
    tool(&transit, "sysctl", &["-q", "net.ipv4.ip_forward=0"]);
    tool(&transit, "ip", &["link", "set", "edge", "down"]);
    tool(&site, "ip", &["link", "del", "tunnel"]);
    tool(&site, "ip", &["address", "flush", "dev", "underlay"]);

    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();

    let counts = count_tcp(&world.client(), tenant.public(), 60);
    assert_eq!(counts.len(), 2, "{counts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_with_a_bad_line_changes_nothing() {
    // What the whole scheme stands on, asked of the kernel itself.
    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1]).await;
    let transit = world.transit(&tenant);
    let strip = |text: String| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = strip(tool(&transit, "iptables-save", &[]));

    let text = "*nat\n:ASAAS-PREROUTING - [0:0]\n-A ASAAS-PREROUTING -p no-such-protocol -j ACCEPT\nCOMMIT\n";
    let restored = attempt(
        &transit,
        "iptables-restore",
        &["--noflush", "-w", "1"],
        text,
    );

    assert!(!restored.status.success());
    assert_eq!(before, strip(tool(&transit, "iptables-save", &[])));
    assert!(connect(&world.client(), tenant.public()).is_ok());
}

/// A folder in which the tools are those of the older flavour, which uses a lock.
fn legacy_tools() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for tool in ["iptables-restore", "iptables-save"] {
        let legacy = Path::new("/usr/sbin/xtables-legacy-multi");
        assert!(legacy.is_file(), "the package iptables brings it");
        std::os::unix::fs::symlink(legacy, folder.path().join(tool)).unwrap();
    }
    folder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_another_holds_is_said_and_the_next_attempt_succeeds() {
    // F19; the nft flavour takes no lock, so this is the older one, which serves as well.
    let tools = legacy_tools();
    let settings = Settings {
        tools: Some(tools.path().to_owned()),
        lock_wait: Duration::from_secs(1),
        ..Settings::new("")
    };
    let mut world = World::with(settings).await;
    let mut tenant = world.tenant("demo", &[2]).await;
    let client = world.client();
    assert_eq!(count_tcp(&client, tenant.public(), 60).len(), 2);
    let lock = std::fs::File::create("/run/xtables.lock").unwrap();
    let lock = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive).unwrap();
    tenant.plan.endpoints[0].is_backend = false;

    let refused = world.plane.apply(EPOCH, &tenant.plan).await.unwrap_err();
    assert!(refused.detail.contains("lock"), "{refused}");
    assert_eq!(count_tcp(&client, tenant.public(), 60).len(), 2);

    drop(lock);
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    assert_eq!(count_tcp(&client, tenant.public(), 60).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_own_network_stays_as_it_is() {
    // I12
    let _quiet = HOST_IS_QUIET.lock().await;
    let host = || {
        let own = Path::new("/proc/self/ns/net");
        let rules = tool(own, "iptables-save", &[]);
        let rules: Vec<_> = rules.lines().filter(|l| !l.starts_with('#')).collect();
        let switches = [
            "net.ipv4.ip_forward",
            "net.ipv4.conf.all.rp_filter",
            "net.ipv4.conf.default.arp_ignore",
        ];
        format!(
            "{rules:?}\n{}\n{}\n{}",
            tool(own, "ip", &["route", "show", "table", "all"]),
            tool(own, "ip", &["-br", "link"]),
            tool(own, "sysctl", &switches),
        )
    };
    let before = host();

    let mut world = World::new().await;
    let tenant = world.tenant("demo", &[1, 1]).await;
    assert!(connect(&world.client(), tenant.public()).is_ok());
    assert_eq!(before, host());
    drop(world);

    assert_eq!(before, host());
}
