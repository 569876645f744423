//! What this cloud does beyond what every cloud does.

use std::path::PathBuf;
use std::time::Duration;

use controller::offering::Offering;
use controller::ports::{CloudErrorKind, CloudState, Southbound, Verdict};
use serde_json::{Value, json};
use southbound::conformance::tenant;
use southbound_gcp::{Credentials, GcpCloud, Network, Settings, Source, Template};
use tempfile::TempDir;

use crate::process::{Lab, ZONE, settings};
use crate::server::{Server, json as answer};
use crate::thousand::launch;

/// What the lab holds of the only instance there is.
fn only(lab: &Lab, zone: &str) -> Value {
    let found = lab.api("GET", &format!("zones/{zone}/instances"), &json!({}));
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    found["items"][0].clone()
}

#[tokio::test]
async fn a_listing_takes_all_pages_of_all_zones() {
    let lab = Lab::start();
    let cloud = lab.cloud();
    for number in 1..=7 {
        let mut launch = launch(number);
        let zone = ["europe-west1-b", "europe-west1-c"][usize::from(number % 2)];
        launch.instance.offering.zone = Some(zone.to_owned());
        cloud.launch(&launch).await.unwrap();
    }
    lab.faults(&json!({"page": 2}));
    let before = lab.calls("instances.aggregatedList");

    let listed = cloud.list(&tenant("demo")).await.unwrap();

    assert_eq!(listed.len(), 7);
    assert_eq!(lab.calls("instances.aggregatedList") - before, 4);
}

#[tokio::test]
async fn a_zone_that_does_not_answer_makes_no_shorter_list() {
    let lab = Lab::start();
    let cloud = lab.cloud();
    cloud.launch(&launch(1)).await.unwrap();
    lab.faults(&json!({"unreachable": ["europe-west1-c"]}));

    let refused = cloud.list(&tenant("demo")).await.unwrap_err();

    assert_eq!(refused.kind, CloudErrorKind::Unreachable); // I6
    assert!(
        refused.detail.contains("europe-west1-c"),
        "{}",
        refused.detail
    );
}

#[tokio::test]
async fn an_instance_is_what_its_intent_and_template_say() {
    let lab = Lab::start();
    let mut settings = lab.settings();
    let template = Template {
        source: Source::Image {
            path: "projects/lab/global/images/family/web".to_owned(),
            disk_gib: Some(20),
        },
        user_data: Some("#cloud-config\n".to_owned()),
        metadata: [("serial-port-enable".to_owned(), "1".to_owned())].into(),
        tags: vec!["http".to_owned()],
        service_account: Some("web@lab.test".to_owned()),
    };
    settings.templates = [("web".parse().unwrap(), template)].into();
    let mut launch = launch(1);
    launch.instance.offering = Offering {
        zone: Some("europe-west1-c".to_owned()),
        machine: Some("n2-standard-2".to_owned()),
        is_spot: true,
    };

    let seen = GcpCloud::open(settings)
        .unwrap()
        .launch(&launch)
        .await
        .unwrap();

    let found = only(&lab, "europe-west1-c");
    let name = found["name"].as_str().unwrap();
    assert_eq!(seen.provider.0, format!("europe-west1-c/{name}"));
    assert!(name.starts_with("asaas-") && name.ends_with(&launch.instance.id.to_string()));
    assert!(
        found["machineType"]
            .as_str()
            .unwrap()
            .ends_with("/n2-standard-2")
    );
    assert_eq!(found["scheduling"]["provisioningModel"], "SPOT");
    assert_eq!(found["networkInterfaces"][0]["networkIP"], "19.0.0.11");
    assert_eq!(found["networkInterfaces"][0]["accessConfigs"], Value::Null);
    assert_eq!(found["tags"]["items"], json!(["http"]));
    assert_eq!(found["serviceAccounts"][0]["email"], "web@lab.test");
    assert_eq!(found["disks"][0]["autoDelete"], true);
    assert_eq!(found["disks"][0]["initializeParams"]["diskSizeGb"], "20");
    assert_eq!(
        found["labels"],
        json!({
            "asaas_deployment": "test", "asaas_cloud": "gcp-eu", "asaas_tenant": "demo",
            "asaas_instance": launch.instance.id.to_string(), "asaas_template": "web",
        })
    );
    let items = found["metadata"]["items"].as_array().unwrap();
    assert!(items.contains(&json!({"key": "user-data", "value": "#cloud-config\n"})));
}

#[tokio::test]
async fn an_offering_that_is_no_name_reaches_no_path() {
    let lab = Lab::start();
    for (zone, machine) in [
        (Some("../x"), None),
        (None, Some("e2/../../x")),
        (Some(""), None),
    ] {
        let mut launch = launch(1);
        launch.instance.offering.zone = zone.map(str::to_owned);
        launch.instance.offering.machine = machine.map(str::to_owned);
        let refused = lab.cloud().launch(&launch).await.unwrap_err();
        assert_eq!(refused.kind, CloudErrorKind::Rejected);
    }
    assert_eq!(lab.calls("instances.insert"), 0);
}

#[tokio::test]
async fn a_launch_that_needs_what_is_not_there_is_refused_and_not_taken_for_terminated() {
    let lab = Lab::start();
    let mut settings = lab.settings();
    let path = "projects/lab/global/images/family/db".to_owned();
    let template = Template {
        source: Source::Image {
            path,
            disk_gib: None,
        },
        ..Template::default()
    };
    settings.templates = [("web".parse().unwrap(), template)].into();
    let mut nowhere = launch(2);
    nowhere.instance.offering.zone = Some("europe-west1-x".to_owned());
    let cloud = GcpCloud::open(settings).unwrap();

    for launch in [launch(1), nowhere] {
        let refused = cloud.launch(&launch).await.unwrap_err();
        assert_eq!(refused.kind, CloudErrorKind::Rejected, "{refused}");
    }
}

#[tokio::test]
async fn an_intent_that_failed_is_tried_anew_and_not_answered_from_memory() {
    let lab = Lab::start();
    lab.faults(&json!({"stockout": [ZONE]}));
    for _ in 0..2 {
        let refused = lab.cloud().launch(&launch(1)).await.unwrap_err();
        assert_eq!(refused.kind, CloudErrorKind::NoCapacity);
        assert!(refused.detail.contains("other zones"), "{}", refused.detail);
    }
    lab.faults(&json!({}));

    let made = lab.cloud().launch(&launch(1)).await.unwrap();

    assert_eq!(made.id, launch(1).instance.id);
    assert_eq!(lab.calls("instances.insert"), 3);
}

#[tokio::test]
async fn a_removed_instance_is_not_made_again_after_google_has_forgotten_its_request() {
    let lab = Lab::start();
    let seen = lab.cloud().launch(&launch(1)).await.unwrap();
    lab.cloud()
        .terminate(&tenant("demo"), &seen.provider)
        .await
        .unwrap();
    lab.faults(&json!({"request_id_memory": 0}));

    let late = lab.cloud().launch(&launch(1)).await.unwrap_err();

    assert_eq!(late.kind, CloudErrorKind::NotFound); // I8
    assert_eq!(lab.calls("instances.insert"), 1);
    assert!(lab.instances().is_empty());
}

#[tokio::test]
async fn a_removed_instance_is_not_made_again_where_the_list_of_operations_lags() {
    let lab = Lab::start();
    let seen = lab.cloud().launch(&launch(1)).await.unwrap();
    lab.cloud()
        .terminate(&tenant("demo"), &seen.provider)
        .await
        .unwrap();
    lab.faults(&json!({"operations_hidden": true}));

    let late = lab.cloud().launch(&launch(1)).await.unwrap_err();

    assert_eq!(late.kind, CloudErrorKind::NotFound); // I8
    assert_eq!(lab.calls("instances.insert"), 2);
    assert!(lab.instances().is_empty());
    assert!(lab.made().values().all(|&times| times == 1));
}

#[tokio::test]
async fn a_refusal_is_a_kind_with_what_to_do() {
    let lab = Lab::start();
    for (rule, kind, hint) in [
        (
            json!({"status": 403, "reason": "quotaExceeded"}),
            CloudErrorKind::NoCapacity,
            "higher quota",
        ),
        (
            json!({"status": 403, "reason": "rateLimitExceeded"}),
            CloudErrorKind::Throttled,
            "",
        ),
        (
            json!({"status": 429, "reason": "rateLimitExceeded"}),
            CloudErrorKind::Throttled,
            "",
        ),
        (
            json!({"status": 403, "reason": "forbidden"}),
            CloudErrorKind::Denied,
            "Compute Instance Admin",
        ),
        (
            json!({"status": 403, "reason": "accessNotConfigured"}),
            CloudErrorKind::Denied,
            "enable the Compute Engine API",
        ),
        (
            json!({"status": 401, "reason": "authError"}),
            CloudErrorKind::Denied,
            "gcloud auth",
        ),
        (
            json!({"status": 503, "reason": "backendError"}),
            CloudErrorKind::Unreachable,
            "",
        ),
        (
            json!({"operation": "QUOTA_EXCEEDED", "status": 403}),
            CloudErrorKind::NoCapacity,
            "higher quota",
        ),
        (
            json!({"operation": "ZONE_RESOURCE_POOL_EXHAUSTED", "status": 503}),
            CloudErrorKind::NoCapacity,
            "other zones",
        ),
        (
            json!({"operation": "PERMISSIONS_ERROR", "status": 403}),
            CloudErrorKind::Denied,
            "Compute Instance Admin",
        ),
        (
            json!({"operation": "INTERNAL_ERROR", "status": 500}),
            CloudErrorKind::Unreachable,
            "",
        ),
    ] {
        let mut rule = rule;
        rule["method"] = json!("instances.insert");
        lab.faults(&json!({"rules": [rule]}));
        let refused = lab.cloud().launch(&launch(1)).await.unwrap_err();
        assert_eq!(refused.kind, kind, "{refused}");
        assert!(refused.detail.contains(hint), "{refused}");
        assert!(lab.instances().is_empty());
    }
}

#[tokio::test]
async fn an_address_that_something_else_has_is_a_matter_for_a_person() {
    let lab = Lab::start();
    lab.cloud().launch(&launch(1)).await.unwrap();
    let mut other = launch(2);
    other.instance.address = launch(1).instance.address;

    let refused = lab.cloud().launch(&other).await.unwrap_err();

    assert_eq!(refused.kind, CloudErrorKind::Rejected);
    assert!(
        refused.detail.contains("subnetwork of its own"),
        "{}",
        refused.detail
    );
}

#[tokio::test]
async fn an_instance_in_the_making_is_listed_as_starting() {
    let lab = Lab::start();
    lab.faults(&json!({"delays": {"boot": 3600}}));

    let launched = lab.cloud().launch(&launch(1)).await.unwrap();
    let listed = lab.cloud().list(&tenant("demo")).await.unwrap();

    assert_eq!(
        (launched.state, listed[0].state),
        (CloudState::Starting, CloudState::Starting)
    );
}

#[tokio::test]
async fn an_operation_that_outlives_our_patience_is_found_by_the_next_call() {
    let lab = Lab::start();
    lab.faults(&json!({"delays": {"insert": 3}}));
    let mut settings = lab.settings();
    settings.bounds.operation = Duration::from_millis(100);

    let impatient = GcpCloud::open(settings)
        .unwrap()
        .launch(&launch(1))
        .await
        .unwrap_err();
    let patient = lab.cloud().launch(&launch(1)).await.unwrap();

    assert_eq!(impatient.kind, CloudErrorKind::Unreachable);
    assert_eq!(patient.id, launch(1).instance.id);
    assert_eq!(lab.calls("instances.insert"), 1); // I8
}

#[tokio::test]
async fn a_machine_that_cannot_be_suspended_says_so() {
    let lab = Lab::start();
    let mut launch = launch(1);
    launch.instance.offering.machine = Some("e2-micro".to_owned());
    let seen = lab.cloud().launch(&launch).await.unwrap();
    lab.settle();

    let refused = lab
        .cloud()
        .suspend(&tenant("demo"), &seen.provider)
        .await
        .unwrap_err();

    assert_eq!(refused.kind, CloudErrorKind::Rejected);
    assert_eq!(
        lab.cloud().list(&tenant("demo")).await.unwrap()[0].state,
        CloudState::Running
    );
}

/// What `gcloud auth application-default login` writes, with the lab as who grants tokens.
fn login(lab: &Lab, directory: &TempDir) -> PathBuf {
    let path = directory.path().join("credentials.json");
    let granter = format!("{}/lab/token", lab.url());
    let text = json!({"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r", "token_uri": granter});
    std::fs::write(&path, text.to_string()).unwrap();
    path
}

#[tokio::test]
async fn credentials_that_work_are_shown_and_those_that_do_not_are_told_so() {
    let (lab, directory) = (Lab::start(), TempDir::new().unwrap());
    let with = |credentials: Credentials| {
        let mut settings = lab.settings();
        settings.credentials = credentials;
        GcpCloud::open(settings).unwrap()
    };
    let path = login(&lab, &directory);
    lab.faults(&json!({"tokens": ["good"]}));
    assert_eq!(
        with(Credentials::File(path.clone()))
            .list(&tenant("demo"))
            .await
            .unwrap(),
        []
    );

    let garbage = directory.path().join("garbage.json");
    std::fs::write(&garbage, "{").unwrap();
    let mut refusals = vec![
        with(Credentials::Anonymous),
        with(Credentials::File(directory.path().join("missing.json"))),
        with(Credentials::File(garbage)),
    ];
    lab.faults(&json!({"tokens": ["other"]}));
    refusals.push(with(Credentials::File(path.clone())));
    lab.faults(&json!({"grants": false, "tokens": ["good"]}));
    refusals.push(with(Credentials::File(path)));
    for cloud in refusals {
        let refused = cloud.list(&tenant("demo")).await.unwrap_err();
        assert_eq!(refused.kind, CloudErrorKind::Denied, "{refused}");
        assert!(refused.detail.contains("gcloud auth"), "{refused}");
        let checkup = cloud.checkup().await;
        assert_eq!(checkup.verdict(), Verdict::Missing);
        assert_eq!(checkup.findings[0].subject, "credentials");
    }
}

/// How settings differ from those that work.
type Change = &'static dyn Fn(&mut Settings);

#[tokio::test]
async fn a_checkup_tells_what_is_missing() {
    let lab = Lab::start();
    let checkup = |change: Change| {
        let mut settings = lab.settings();
        change(&mut settings);
        let cloud = GcpCloud::open(settings).unwrap();
        async move { cloud.checkup().await }
    };
    let well = checkup(&|_| {}).await;
    assert_eq!(well.verdict(), Verdict::Ok, "{well:?}");

    let wrong: [(&str, Change); 4] = [
        ("permissions", &|settings| {
            settings.project = "another".to_owned();
        }),
        ("zone europe-west1-x", &|settings| {
            settings.zones.push("europe-west1-x".to_owned());
        }),
        ("network", &|settings| {
            settings.network = Network::Shared("nowhere".to_owned());
        }),
        ("image of db", &|settings| {
            let path = "projects/lab/global/images/family/db".to_owned();
            let template = Template {
                source: Source::Image {
                    path,
                    disk_gib: None,
                },
                ..Template::default()
            };
            settings.templates.insert("db".parse().unwrap(), template);
        }),
    ];
    for (subject, change) in wrong {
        let found = checkup(change).await;
        let missing: Vec<&str> = found
            .findings
            .iter()
            .filter(|each| each.verdict == Verdict::Missing)
            .map(|each| &*each.subject)
            .collect();
        assert_eq!(missing, [subject], "{found:?}");
    }

    lab.faults(&json!({"quota": {"INSTANCES": 0}, "down": ["europe-west1-c"], "denied": ["compute.subnetworks.use"]}));
    let ill = checkup(&|settings| settings.machines.push("e9-huge".to_owned())).await;
    let at_least = |verdict| {
        ill.findings
            .iter()
            .filter(|each| each.verdict == verdict)
            .map(|each| &*each.subject)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        at_least(Verdict::Warning),
        [
            "quota INSTANCES",
            "machine type e9-huge in europe-west1-b",
            "zone europe-west1-c"
        ]
    );
    assert_eq!(at_least(Verdict::Missing), ["network"]);
}

#[tokio::test]
async fn a_checkup_of_what_does_not_answer_says_so() {
    let server = Server::start(|_| answer(503, "<html>"));
    let checkup = GcpCloud::open(settings(&server.url))
        .unwrap()
        .checkup()
        .await;
    assert_eq!(checkup.findings.len(), 1);
    assert_eq!(
        (&*checkup.findings[0].subject, checkup.verdict()),
        ("reachable", Verdict::Missing)
    );
}

#[test]
fn settings_that_make_no_sense_are_refused_all_at_once() {
    let mut wrong = settings("http://127.0.0.1:1");
    wrong.deployment = "Not A Label".to_owned();
    wrong.project = "../x".to_owned();
    wrong.zones = vec!["us-east1-b".to_owned()];
    wrong.machines.clear();

    let refused = GcpCloud::open(wrong).unwrap_err();

    assert_eq!(refused.kind, CloudErrorKind::Rejected);
    for word in ["deployment", "no project", "us-east1-b", "e2-small"] {
        assert!(refused.detail.contains(word), "{}", refused.detail);
    }
}
