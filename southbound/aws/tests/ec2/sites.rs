//! A tenant's VPC: made, made again, made with a crash after each call, and removed so.

use controller::id::TenantName;
use controller::offering::Offering;
use controller::ports::CloudErrorKind;
use controller::spec::{Listener, Protocol};
use controller::zone;
use serde_json::{Value, json};
use southbound::Southbound as _;
use southbound::conformance::tenant;
use southbound::site::{Site as _, SiteRemoval, SiteSeen, SiteWish, TunnelTransport};
use southbound_aws::AwsCloud;

use crate::lab::{LOOK, Lab, launch_of, text};

/// Enough for any site, and for a gateway to start and to end.
const ROUNDS: usize = 50;

fn wish_for(tenant: &TenantName) -> SiteWish {
    SiteWish {
        tenant: tenant.clone(),
        subnet: launch_of(tenant).subnet,
        listen: vec![Listener {
            protocol: Protocol::Tcp,
            port: 80,
            to: 8080,
        }],
        transit: [203, 0, 113, 7].into(),
        tunnel: TunnelTransport::Udp(4789),
        first_boot: "#cloud-config\n# gateway\n".to_owned(),
    }
}

/// How many of each kind carry the tenant's tag.
fn count(lab: &Lab, tenant: &TenantName) -> Value {
    let networks = lab.ask()["networks"].as_object().unwrap().clone();
    let of_tenant = |all: &Value| {
        let all = all.as_array().unwrap().iter();
        all.filter(|tags| tags["asaas.tenant"] == tenant.as_str())
            .count()
    };
    let mut counted: Value = networks
        .iter()
        .map(|(kind, all)| (kind.clone(), json!(of_tenant(all))))
        .collect();
    counted["gateways"] = json!(gateways(lab, tenant).len());
    counted
}

fn gateways(lab: &Lab, tenant: &TenantName) -> Vec<Value> {
    let mut all = lab.present();
    all.retain(|each| {
        each["tags"]["asaas.tenant"] == tenant.as_str() && each["tags"]["asaas.role"] == "gateway"
    });
    all
}

fn whole() -> Value {
    json!({
        "vpcs": 1, "internet_gateways": 1, "subnets": 4, "tables": 2, "groups": 2, "interfaces": 1, "addresses": 1,
        "gateways": 1,
    })
}

fn nothing() -> Value {
    json!({
        "vpcs": 0, "internet_gateways": 0, "subnets": 0, "tables": 0, "groups": 0, "interfaces": 0, "addresses": 0,
        "gateways": 0,
    })
}

async fn make(cloud: &AwsCloud, wish: &SiteWish) -> SiteSeen {
    for _ in 0..ROUNDS {
        let seen = cloud.ensure(wish).await.unwrap();
        if seen.waits_for.is_none() {
            return seen;
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("the site is not made after {ROUNDS} rounds");
}

/// Removes it; answers with how often the service crashed meanwhile.
async fn remove(lab: &Lab, tenant: &TenantName) -> usize {
    let (mut crashes, mut last) = (0, SiteRemoval::Done);
    for _ in 0..ROUNDS {
        match lab.cloud_with_sites().remove(tenant).await {
            Ok(SiteRemoval::Done) => return crashes,
            Ok(waits) => last = waits,
            Err(error) => {
                assert_eq!(error.kind, CloudErrorKind::Unreachable, "{error}");
                crashes += 1;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    panic!("not removed after {ROUNDS} rounds: {last:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_site_is_made_once_and_removed_whole() {
    let lab = Lab::start();
    lab.set(&json!({ "boot": 0.2, "shutdown": 0.2 }));
    let (cloud, demo) = (lab.cloud_with_sites(), tenant("demo"));
    let wish = wish_for(&demo);

    let early = cloud.ensure(&wish).await.unwrap();
    let seen = make(&cloud, &wish).await;
    let made = count(&lab, &demo);
    let calls = lab.calls("CreateSubnet");
    let again = make(&lab.cloud_with_sites(), &wish).await;
    let gateway = gateways(&lab, &demo).remove(0);
    remove(&lab, &demo).await;
    remove(&lab, &demo).await;

    assert!(early.waits_for.is_some(), "{early:?}");
    assert_eq!(made, whole());
    assert_eq!((&again, lab.calls("CreateSubnet")), (&seen, calls));
    assert_eq!(text(&gateway["address"]), seen.inside.unwrap().to_string());
    assert_eq!(text(&gateway["public"]), seen.public.unwrap().to_string());
    assert!(text(&gateway["user_data"]).len() > 10, "{gateway}");
    assert_eq!(count(&lab, &demo), nothing());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_are_in_their_zone_s_slice_and_keep_the_site_from_being_removed() {
    let lab = Lab::start();
    let (cloud, demo) = (lab.cloud_with_sites(), tenant("demo"));
    let wish = wish_for(&demo);
    let mut launch = launch_of(&demo);
    let slice = zone::slice(wish.subnet.cidr, 3, 1).unwrap();
    launch.instance.address = slice.hosts().nth(9).unwrap();
    launch.instance.offering = Offering {
        zone: Some("us-east-1b".to_owned()),
        machine: None,
        is_spot: false,
    };

    let too_early = cloud.launch(&launch).await.unwrap_err();
    make(&cloud, &wish).await;
    let made = cloud.launch(&launch).await.unwrap();
    let listed = cloud.list(&demo).await.unwrap();
    let refused = cloud.remove(&demo).await.unwrap_err();
    let instance = lab.instance(&made.provider.0);
    cloud.terminate(&demo, &made.provider).await.unwrap();
    remove(&lab, &demo).await;

    assert_eq!(too_early.kind, CloudErrorKind::Unreachable);
    assert_eq!(
        listed.len(),
        1,
        "the gateway is no instance of the tenant's: {listed:?}"
    );
    assert_eq!(refused.kind, CloudErrorKind::Rejected);
    assert_eq!(text(&instance["zone"]), "us-east-1b");
    assert_eq!(
        text(&instance["address"]),
        launch.instance.address.to_string()
    );
    assert_eq!(count(&lab, &demo), nothing());
}

/// The service crashes after the call that makes this many changes from now on: it is done, and nobody hears of it.
fn crash_after(lab: &Lab, change: u64) {
    let number = lab.ask()["changes"].as_u64().unwrap() + change;
    lab.set(&json!({ "calls": [{ "at_change": number, "fault": "lose_reply" }] }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_after_any_change_neither_doubles_nor_leaks_a_part_of_a_site() {
    let lab = Lab::start();
    let (mut made, mut removed) = (0, 0);
    for change in 1.. {
        let owner = tenant(&format!("t{change}"));
        let wish = wish_for(&owner);

        crash_after(&lab, change);
        let making = lab.cloud_with_sites().ensure(&wish).await;
        lab.set(&json!({}));
        make(&lab.cloud_with_sites(), &wish).await;
        assert_eq!(count(&lab, &owner), whole(), "after change {change}"); // I8

        crash_after(&lab, change);
        removed += remove(&lab, &owner).await;
        lab.set(&json!({}));
        assert_eq!(count(&lab, &owner), nothing(), "after change {change}"); // I7

        made += usize::from(making.is_err());
        if making.is_ok() {
            break;
        }
    }
    assert!(made > 20 && removed > 12, "{made} and {removed} crashes");
}
