//! What instances say to their gateways arrives, with the name of who said it, and at nobody else's.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use controller::id::InstanceId;
use controller::network::NetworkSeen;
use controller::ports::Dataplane;
use netsetup::{REPORT_PORT, Visit};
use tokio::sync::mpsc;

use crate::exec::tool;
use crate::traffic::{LIMIT, SILENCE, inside};
use crate::world::{EPOCH, Tenant, World, plane};

fn hear(world: &World) -> mpsc::UnboundedReceiver<Visit> {
    let (visits, heard) = mpsc::unbounded_channel();
    world.plane.hear(Arc::new(move |visit| {
        // A test that has ended hears no more.
        let _ = visits.send(visit);
    }));
    heard
}

fn gateway(tenant: &Tenant) -> SocketAddr {
    SocketAddr::from((tenant.plan.subnets[0].gateway, REPORT_PORT))
}

/// Says something from inside; `None` where nobody takes the connection.
fn say(from: &Path, to: SocketAddr, limit: std::time::Duration) -> Option<TcpStream> {
    inside(from, || {
        let end = std::time::Instant::now() + limit;
        loop {
            // The gateway listens a moment after its plan was applied.
            match TcpStream::connect_timeout(&to, limit) {
                Ok(mut stream) => {
                    stream.write_all(b"hello").ok()?;
                    return Some(stream);
                }
                Err(_) if std::time::Instant::now() < end => {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
                Err(_) => return None,
            }
        }
    })
}

async fn next(heard: &mut mpsc::UnboundedReceiver<Visit>) -> Option<Visit> {
    tokio::time::timeout(LIMIT, heard.recv()).await.ok()?
}

fn who(visit: &Visit) -> (String, InstanceId) {
    (visit.tenant.to_string(), visit.instance)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_instance_is_heard_by_its_own_site_under_its_own_name() {
    let mut world = World::new().await;
    let mut heard = hear(&world);
    // The same addresses in both.
    let one = world.tenant("one", &[1, 1]).await;
    let two = world.tenant("two", &[1]).await;

    for (tenant, index) in [(&one, 0), (&one, 1), (&two, 0)] {
        let namespace = &tenant.instances[index].namespace;
        let mut stream = say(namespace, gateway(tenant), LIMIT).unwrap();

        let visit = next(&mut heard).await.unwrap();
        assert_eq!(
            who(&visit),
            (tenant.plan.tenant.to_string(), tenant.id(index))
        );
        let endpoint = &tenant.plan.endpoints[index];
        assert_eq!(
            (visit.peer, &visit.cloud),
            (endpoint.address, &endpoint.cloud)
        );
        let answering = visit.stream.into_std().unwrap();
        answering.set_nonblocking(false).unwrap();
        (&answering).write_all(b"hi").unwrap();
        let mut answer = [0; 2];
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"hi");
    }
    assert!(heard.try_recv().is_err(), "each was heard once");
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_clients_nor_strangers_are_heard() {
    let mut world = World::new().await;
    let mut heard = hear(&world);
    let mut tenant = world.tenant("demo", &[1]).await;
    assert!(say(&tenant.instances[0].namespace, gateway(&tenant), LIMIT).is_some());
    assert!(next(&mut heard).await.is_some());

    // The client does its best: it knows the way to the inside.
    let public = tenant.plan.public_ip.to_string();
    let route = [
        "route",
        "add",
        "19.0.0.0/24",
        "via",
        &public,
        "dev",
        "eth0",
        "onlink",
    ];
    tool(&world.client(), "ip", &route);
    assert!(say(&world.client(), gateway(&tenant), SILENCE).is_none());
    // Plugged in, but not in the plan: it is closed on.
    world.add(&mut tenant, 0).await;
    let _closed = say(&tenant.instances[1].namespace, gateway(&tenant), SILENCE);
    tokio::time::sleep(SILENCE).await;
    assert!(heard.try_recv().is_err());

    world.plane.apply(EPOCH, &tenant.plan).await.unwrap();
    assert!(say(&tenant.instances[1].namespace, gateway(&tenant), LIMIT).is_some());
    assert_eq!(next(&mut heard).await.unwrap().instance, tenant.id(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_no_flow_of_the_instances() {
    let mut world = World::new().await;
    let mut heard = hear(&world);
    let tenant = world.tenant("demo", &[1]).await;

    let _open = say(&tenant.instances[0].namespace, gateway(&tenant), LIMIT).unwrap();
    let _visit = next(&mut heard).await.unwrap();
    let flows = world.observe(&tenant).await.endpoints[&tenant.id(0)].flows;
    assert_eq!(flows, Some(0));

    let _control = inside(&world.client(), || {
        TcpStream::connect_timeout(&tenant.public(), LIMIT).unwrap()
    });
    let is_counted = |seen: &NetworkSeen| seen.endpoints[&tenant.id(0)].flows == Some(1);
    world.until(&tenant, "a flow", is_counted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_comes_back_hears() {
    let mut world = World::new().await;
    let mut heard = hear(&world);
    let tenant = world.tenant("demo", &[1]).await;
    let instance = tenant.instances[0].namespace.clone();
    assert!(say(&instance, gateway(&tenant), LIMIT).is_some());
    assert!(next(&mut heard).await.is_some());

    world.plane.let_go(&tenant.plan.tenant);
    let again = plane(&world.settings, &world.woken);
    let (visits, mut heard) = mpsc::unbounded_channel();
    again.hear(Arc::new(move |visit| {
        let _ = visits.send(visit);
    }));
    again.apply(EPOCH, &tenant.plan).await.unwrap();

    assert!(say(&instance, gateway(&tenant), LIMIT).is_some());
    assert_eq!(next(&mut heard).await.unwrap().instance, tenant.id(0));
}
