//! New connections per second, over several ways from a client to instances. All ways are measured in turn, several times, so
//! that whatever else the machine does meets them all.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use controller::id::InstanceId;
use controller::network::Endpoint;
use controller::ports::Dataplane;
use nix::sys::socket::{setsockopt, sockopt};

use crate::background::Background;
use crate::exec::tool;
use crate::traffic::inside;
use crate::world::{EPOCH, Tenant, World, cloud};
use crate::{Bar, median, report};

/// Where the servers of this measurement listen.
const PORT: u16 = 9_000;
/// Where `HAProxy` listens.
const PROXY_PORT: u16 = 8_000;
/// Connections that are made at the same time.
const CLIENTS: usize = 8;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(1);
/// The most backends that are measured.
const MANY: usize = 200;

/// One way to instances: what it is called, and the addresses that are connected to in turn.
type Way = (&'static str, Vec<SocketAddr>);

pub(crate) async fn run() -> bool {
    let mut world = World::new().await;
    let mut few = world.tenant("few", &[3, 2]).await;
    let plain = world.tenant("plain", &[3, 2]).await;
    let proxied = world.tenant("proxied", &[3, 2]).await;
    let mut many = world.tenant("many", &[3, 2]).await;
    let mut servers = Vec::new();
    for tenant in [&few, &plain, &proxied, &many] {
        let instances = tenant.instances.iter();
        servers.extend(instances.map(|instance| greet(&instance.namespace)));
    }
    for tenant in [&mut few, &mut many] {
        tenant.plan.listen[0].to = PORT;
        world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    }
    multiply(&world, &mut many).await;
    open_up(&world, &plain);
    let _proxy = start_proxy(&world, &proxied);
    for switch in [
        "net.ipv4.ip_local_port_range=1024 65535",
        "net.ipv4.tcp_syn_retries=2",
    ] {
        tool(&world.client(), "sysctl", &["-q", switch]);
    }
    let direct = (0..5).map(|index| at(&plain, index)).collect();
    let proxy = SocketAddr::from((proxied.plan.public_ip, PROXY_PORT));
    let ways = [
        ("without DNAT", direct),
        ("two DNAT levels, 5 backends", vec![few.public()]),
        ("two DNAT levels, 200 backends", vec![many.public()]),
        ("HAProxy in transit, 5 backends", vec![proxy]),
    ];

    compare(&world.client(), &ways)
}

/// Measures all ways in turn, and says how they compare.
fn compare(client: &Path, ways: &[Way; 4]) -> bool {
    let mut figures = [const { Vec::new() }; 4];
    for round in 0..=ROUNDS {
        for ((_, targets), figures) in ways.iter().zip(&mut figures) {
            let figure = connections_per_second(client, targets);
            // The first round only warms up.
            if round > 0 {
                figures.push(figure);
            }
        }
        eprintln!("round {round} of {ROUNDS}");
    }
    for ((name, _), figures) in ways.iter().zip(&figures) {
        let figure = median(figures.clone());
        println!("       {name}: {figure:.0} new connections/s");
    }
    let [direct, few, many, proxy] = figures;
    // Each round's own ratio, so that a busy moment does not fall on one side only.
    let ratio =
        |one: &[f64], other: &[f64]| median(one.iter().zip(other).map(|(a, b)| a / b).collect());
    let bars = [
        ("5 backends to none", ratio(&few, &direct), 0.85),
        ("5 backends to HAProxy", ratio(&few, &proxy), 1.4),
        ("200 backends to 5", ratio(&many, &few), 0.9),
    ];
    let met = bars.map(|(what, figure, least)| report(what, figure, "", Bar::AtLeast(least)));
    met.into_iter().all(|is_met| is_met)
}

fn at(tenant: &Tenant, index: usize) -> SocketAddr {
    SocketAddr::from((tenant.plan.endpoints[index].address, PORT))
}

/// A server that says one byte and waits for the client to go, as servers do.
struct Greeter {
    stop: Arc<AtomicBool>,
    address: SocketAddr,
    namespace: std::path::PathBuf,
}

impl Drop for Greeter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // A last connection wakes it up.
        inside(&self.namespace, || {
            let _ = TcpStream::connect_timeout(&self.address, Duration::from_millis(100));
        });
    }
}

fn greet(namespace: &Path) -> Greeter {
    let listener = inside(namespace, || {
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).unwrap()
    });
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..2 {
        let (listener, stop) = (listener.try_clone().unwrap(), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stop.load(Ordering::SeqCst) {
                let Ok((mut stream, _)) = listener.accept() else {
                    continue;
                };
                let _ = stream.write_all(b"x");
                let _ = stream.read(&mut [0]);
            }
        });
    }
    Greeter {
        stop,
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)),
        namespace: namespace.to_owned(),
    }
}

/// Each thread connects, hears one byte, and goes without a word, so that no port waits for a minute.
fn connections_per_second(client: &Path, targets: &[SocketAddr]) -> f64 {
    let (made, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let started = Instant::now();
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (made, stop) = (&made, &stop);
            scope.spawn(move || {
                inside(client, || {
                    let mut next = number;
                    while !stop.load(Ordering::Relaxed) {
                        next += 1;
                        let target = targets[next % targets.len()];
                        let Ok(mut stream) = TcpStream::connect(target) else {
                            continue;
                        };
                        let linger = nix::libc::linger {
                            l_onoff: 1,
                            l_linger: 0,
                        };
                        setsockopt(&stream, sockopt::Linger, &linger).unwrap();
                        let _ = stream.set_read_timeout(Some(Duration::from_secs(2)));
                        if matches!(stream.read(&mut [0]), Ok(1)) {
                            made.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            });
        }
        std::thread::sleep(ROUND);
        stop.store(true, Ordering::Relaxed);
    });
    #[expect(clippy::cast_precision_loss, reason = "a count of connections")]
    let made = made.load(Ordering::Relaxed) as f64;
    made / started.elapsed().as_secs_f64()
}

/// Gives the five instances further addresses, until there are many backends.
async fn multiply(world: &World, tenant: &mut Tenant) {
    for index in tenant.plan.endpoints.len()..MANY {
        let host = index % 5;
        let start = tenant.plan.subnets[0].dhcp_start.to_bits();
        let address = Ipv4Addr::from_bits(start + u32::try_from(index).unwrap());
        let namespace = &tenant.instances[host].namespace;
        let text = format!("{address}/24");
        tool(namespace, "ip", &["address", "add", &text, "dev", "eth0"]);
        tenant.plan.endpoints.push(Endpoint {
            instance: InstanceId::new(2, u32::try_from(index).unwrap()),
            cloud: cloud(usize::from(host >= 3)),
            address,
            mac: [2, 0, 0, 0, 0, 1],
            is_backend: true,
            is_probed: false,
        });
    }
    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
}

/// Takes the balancing out of a tenant and lets the client through to its instances: the same way without DNAT.
fn open_up(world: &World, tenant: &Tenant) {
    for router in [
        world.transit(tenant),
        world.site(tenant, 0),
        world.site(tenant, 1),
    ] {
        tool(&router, "iptables", &["-t", "nat", "-F"]);
        tool(&router, "iptables", &["-t", "nat", "-X"]);
        tool(
            &router,
            "iptables",
            &[
                "-I",
                "FORWARD",
                "1",
                "-m",
                "conntrack",
                "--ctstate",
                "NEW",
                "-j",
                "ACCEPT",
            ],
        );
    }
    let public = tenant.plan.public_ip.to_string();
    let way = [
        "route",
        "add",
        "19.0.0.0/24",
        "via",
        &public,
        "dev",
        "eth0",
        "onlink",
    ];
    tool(&world.client(), "ip", &way);
}

/// `HAProxy` on the public address, in the tenant's transit.
fn start_proxy(world: &World, tenant: &Tenant) -> Background {
    for router in [
        world.transit(tenant),
        world.site(tenant, 0),
        world.site(tenant, 1),
    ] {
        for chain in ["INPUT", "FORWARD"] {
            tool(
                &router,
                "iptables",
                &[
                    "-I",
                    chain,
                    "1",
                    "-m",
                    "conntrack",
                    "--ctstate",
                    "NEW",
                    "-j",
                    "ACCEPT",
                ],
            );
        }
    }
    let mut config = format!(
        "global\n  maxconn 4000\n  nbthread 2\ndefaults\n  mode tcp\n  timeout connect 2s\n  timeout client 5s\n  \
         timeout server 5s\nfrontend public\n  bind {}:{PROXY_PORT}\n  default_backend instances\n\
         backend instances\n  balance roundrobin\n",
        tenant.plan.public_ip
    );
    for index in 0..5 {
        writeln!(config, "  server s{index} {}", at(tenant, index)).unwrap();
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config).unwrap();
    let path = file.path().display().to_string();
    let proxy = Background::start(&world.transit(tenant), "haproxy", &["-db", "-f", &path]);
    let target = SocketAddr::from((tenant.plan.public_ip, PROXY_PORT));
    let end = Instant::now() + Duration::from_secs(5);
    let is_up = || {
        inside(&world.client(), || {
            TcpStream::connect_timeout(&target, Duration::from_millis(200)).is_ok()
        })
    };
    while !is_up() {
        assert!(
            Instant::now() < end,
            "HAProxy does not come up; is the package haproxy installed?"
        );
    }
    proxy
}
