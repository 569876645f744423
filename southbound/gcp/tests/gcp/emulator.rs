//! That the lab itself is right: Google's own Python client gets along with it, and what it counts it can count.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::exec;
use crate::process::{LIMIT, Lab, ZONE};

fn body(name: &str) -> Value {
    json!({
        "name": name,
        "machineType": format!("zones/{ZONE}/machineTypes/e2-small"),
        "disks": [{"boot": true, "initializeParams": {"sourceImage": "projects/debian-cloud/global/images/family/debian-12"}}],
        "networkInterfaces": [{"subnetwork": "projects/lab/regions/europe-west1/subnetworks/shared"}],
    })
}

fn insert(lab: &Lab, query: &str, body: &Value) -> (u16, Value) {
    let path = format!("/compute/v1/projects/lab/zones/{ZONE}/instances{query}");
    let (status, answer) = lab.http("POST", &path, &body.to_string());
    (status, serde_json::from_str(&answer).unwrap())
}

#[test]
fn googles_own_python_client_finds_what_it_would_in_googles_cloud() {
    let lab = Lab::start();
    let output = exec::script("check.py", &[lab.url()]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_request_id_is_remembered_with_what_was_asked() {
    let lab = Lab::start();
    let query = "?requestId=0000000a-0000-4000-8000-000000000000";

    let (first, again) = (
        insert(&lab, query, &body("a")),
        insert(&lab, query, &body("a")),
    );
    let other = insert(&lab, query, &body("b"));

    assert_eq!((first.0, again.0, other.0), (200, 200, 409));
    assert_eq!(first.1["name"], again.1["name"]);
    assert_eq!(lab.instances().len(), 1);
}

#[test]
fn an_instance_that_is_made_again_under_its_name_is_counted_twice() {
    let lab = Lab::start();
    for _ in 0..2 {
        assert_eq!(insert(&lab, "", &body("a")).0, 200);
        lab.settle();
        lab.api("DELETE", &format!("zones/{ZONE}/instances/a"), &json!({}));
        lab.settle();
    }
    assert_eq!(lab.made()["a"], 2);
}

#[test]
fn whoever_puts_machines_behind_instances_is_told_of_each_change() {
    let lab = Lab::start();
    let told = |wanted: &[(&str, &str)]| {
        let since = Instant::now();
        loop {
            let told = lab.told();
            let seen: Vec<(&str, &str)> = told
                .iter()
                .map(|each| {
                    (
                        each["name"].as_str().unwrap(),
                        each["status"].as_str().unwrap(),
                    )
                })
                .collect();
            if seen == wanted {
                return told.clone();
            }
            assert!(since.elapsed() < LIMIT, "{seen:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };

    assert_eq!(insert(&lab, "", &body("a")).0, 200);
    let running = told(&[("a", "RUNNING")]);
    lab.kill("a");
    told(&[("a", "TERMINATED")]);
    lab.api("DELETE", &format!("zones/{ZONE}/instances/a"), &json!({}));
    told(&[]);

    assert!(running[0]["networkInterfaces"][0]["networkIP"].is_string());
}

#[test]
fn what_googles_document_does_not_know_is_refused() {
    let lab = Lab::start();
    let with = |key: &str, value: Value| {
        let mut body = body("a");
        body[key] = value;
        body
    };
    for (what, query, body) in [
        ("a field", "", with("noSuchField", json!(1))),
        ("a type", "", with("canIpForward", json!("yes"))),
        (
            "an enum",
            "",
            with("scheduling", json!({"provisioningModel": "CHEAP"})),
        ),
        ("a parameter", "?noSuchParameter=1", body("a")),
        ("a name", "", body("A_b")),
        ("a label", "", with("labels", json!({"a.b": "c"}))),
        (
            "a machine",
            "",
            with(
                "machineType",
                json!("zones/europe-west1-b/machineTypes/huge-1"),
            ),
        ),
        (
            "an address",
            "",
            with(
                "networkInterfaces",
                json!([{"subnetwork": "projects/lab/regions/europe-west1/subnetworks/shared", "networkIP": "10.0.0.1"}]),
            ),
        ),
    ] {
        assert_eq!(insert(&lab, query, &body).0, 400, "{what}");
    }
    assert_eq!(insert(&lab, "", &body("a")).0, 200);
}
