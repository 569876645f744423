//! A tenant's network: made, made again, made by services that die after each call, and removed so.

use controller::ports::{CloudErrorKind, Southbound};
use controller::spec::{Listener, Protocol};
use serde_json::json;
use southbound::conformance::tenant;
use southbound::site::{Site, SiteRemoval, SiteSeen, SiteWish, TunnelTransport};
use southbound_gcp::{GcpCloud, Network};

use crate::process::Lab;
use crate::thousand::launch;

/// A network is ready, or gone, after being asked for so often.
const ASKS: u32 = 200;

fn cloud(lab: &Lab) -> GcpCloud {
    let mut settings = lab.settings();
    settings.network = Network::PerTenant;
    GcpCloud::open(settings).unwrap()
}

fn wish(name: &str) -> SiteWish {
    let listener = |protocol, port, to| Listener { protocol, port, to };
    SiteWish {
        tenant: tenant(name),
        subnet: launch(1).subnet,
        listen: vec![
            listener(Protocol::Tcp, 80, 8080),
            listener(Protocol::Tcp, 443, 8443),
            listener(Protocol::Udp, 53, 5353),
        ],
        transit: "198.51.100.7".parse().unwrap(),
        tunnel: TunnelTransport::Gre,
        first_boot: "#cloud-config\n".to_owned(),
    }
}

/// Asks until everything is there. The adapter remembers nothing of a site, so that a new one would do no better.
async fn ensured(cloud: &GcpCloud, wish: &SiteWish) -> SiteSeen {
    for _ in 0..ASKS {
        let seen = cloud.ensure(wish).await.unwrap();
        if seen.waits_for.is_none() {
            return seen;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the network of {} is never ready", wish.tenant)
}

async fn removed(cloud: &GcpCloud, name: &str) {
    for _ in 0..ASKS {
        if cloud.remove(&tenant(name)).await.unwrap() == SiteRemoval::Done {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the network of {name} never goes")
}

/// What there is beside what the lab begins with.
fn things(lab: &Lab) -> Vec<String> {
    let state = lab.state();
    let all = state["things"].as_array().unwrap().iter();
    all.map(|key| key.as_str().unwrap().to_owned())
        .filter(|key| !key.ends_with("/shared"))
        .collect()
}

/// What each of these is, without whose.
fn kinds(things: &[String]) -> Vec<String> {
    let kind = |key: &String| {
        let (path, name) = key.rsplit_once('/').unwrap();
        let part = name.rsplit('-').next().unwrap();
        format!("{} {part}", path.rsplit('/').next().unwrap())
    };
    things.iter().map(kind).collect()
}

const PARTS: [&str; 7] = [
    "firewalls service",
    "firewalls tunnel",
    "networks net",
    "routes out",
    "addresses ip",
    "subnetworks subnet",
    "instances gw",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_is_made_once_carries_instances_and_goes_with_the_last_of_them() {
    let lab = Lab::start();
    let cloud = cloud(&lab);
    let wish = wish("demo");

    let first = ensured(&cloud, &wish).await;
    let (again, made) = (ensured(&cloud, &wish).await, things(&lab));
    let seen = cloud.launch(&launch(1)).await.unwrap();
    let refused = cloud.remove(&wish.tenant).await.unwrap_err();
    let listed = cloud.list(&wish.tenant).await.unwrap();
    cloud.terminate(&wish.tenant, &seen.provider).await.unwrap();
    removed(&cloud, "demo").await;
    removed(&cloud, "demo").await;

    assert_eq!(first, again);
    assert!(
        first
            .public
            .is_some_and(|address| address.to_string().starts_with("203.0.113."))
    );
    assert_eq!(first.inside, Some("19.0.0.2".parse().unwrap()));
    assert_eq!(kinds(&made), PARTS);
    assert_eq!(refused.kind, CloudErrorKind::Rejected);
    // The gateway carries the tenant's labels and is none of its instances.
    assert_eq!(
        listed.iter().map(|each| each.id).collect::<Vec<_>>(),
        [seen.id]
    );
    assert_eq!(things(&lab), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_network_whose_making_and_removal_die_after_each_call_is_whole_and_leaves_nothing() {
    let lab = Lab::start();
    let cloud = cloud(&lab);
    let mut deaths = 0;
    for (number, lose) in (0..).flat_map(|calls| [(calls, "before"), (calls, "after")]) {
        let name = format!("t{number}");
        let death = json!({"rules": [{"method": "*", "skip": number, "times": 1, "lose": lose}]});

        lab.faults(&death);
        let made = cloud.ensure(&wish(&name)).await;
        lab.faults(&json!({}));
        ensured(&cloud, &wish(&name)).await;
        assert_eq!(kinds(&things(&lab)), PARTS, "died {lose} call {number}");

        lab.faults(&death);
        let gone = cloud.remove(&tenant(&name)).await;
        lab.faults(&json!({}));
        removed(&cloud, &name).await;
        assert_eq!(
            things(&lab),
            Vec::<String>::new(),
            "died {lose} call {number}"
        );

        deaths += u32::from(made.is_err()) + u32::from(gone.is_err());
        if made.is_ok() && gone.is_ok() {
            break;
        }
    }
    // Each of the seven parts is looked for, made and waited for.
    assert!(deaths > 40, "only {deaths} deaths");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_packet_filter_lets_in_what_is_wished_for_now() {
    let lab = Lab::start();
    let cloud = cloud(&lab);
    let mut wish = wish("demo");
    ensured(&cloud, &wish).await;

    wish.listen = vec![Listener {
        protocol: Protocol::Tcp,
        port: 80,
        to: 9090,
    }];
    wish.transit = "198.51.100.8".parse().unwrap();
    wish.tunnel = TunnelTransport::Udp(4789);
    ensured(&cloud, &wish).await;

    let firewalls = lab.api("GET", "global/firewalls", &json!({}))["items"].clone();
    let ends_with = |end: &str| {
        let found = firewalls
            .as_array()
            .unwrap()
            .iter()
            .find(|rule| rule["name"].as_str().unwrap().ends_with(end));
        found.unwrap().clone()
    };
    let (service, tunnel) = (ends_with("-service"), ends_with("-tunnel"));
    assert_eq!(
        service["allowed"][0],
        json!({"IPProtocol": "tcp", "ports": ["9090"]})
    );
    assert_eq!(
        tunnel["allowed"],
        json!([{"IPProtocol": "udp", "ports": ["4789"]}])
    );
    assert_eq!(tunnel["sourceRanges"], json!(["198.51.100.8/32"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_stopped_is_started_and_the_network_waits_for_it() {
    let lab = Lab::start();
    let cloud = cloud(&lab);
    let wish = wish("demo");
    ensured(&cloud, &wish).await;
    let name = lab.instances().into_keys().next().unwrap();
    lab.faults(&json!({"delays": {"start": 3600}}));
    lab.kill(&name);

    let waiting = cloud.ensure(&wish).await.unwrap();

    assert!(waiting.waits_for.unwrap().contains("gateway"));
    assert_eq!(lab.instances()[&name], "STAGING");
    assert!(waiting.public.is_some());
}
