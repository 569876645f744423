//! What is EC2's own about instances: pages, offerings, protection, tokens, and what is not shown yet.

use controller::offering::Offering;
use controller::ports::{CloudErrorKind, CloudState, Launch};
use serde_json::{Value, json};
use southbound::Southbound as _;
use southbound::conformance::tenant;
use southbound_aws::{AwsCloud, Settings};

use crate::lab::{Lab, launch_number, launch_of, text};

async fn launch(cloud: &AwsCloud, launch: &Launch) -> String {
    cloud.launch(launch).await.unwrap().provider.0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_has_all_pages_or_is_an_error() {
    let (lab, demo) = (Lab::start(), tenant("demo"));
    let cloud = lab.cloud();
    for number in 10..22 {
        launch(&cloud, &launch_number(&demo, number)).await;
    }

    let before = lab.calls("DescribeInstances");
    let listed = cloud.list(&demo).await.unwrap();
    let calls = lab.calls("DescribeInstances") - before;
    let second_page = lab.ask()["number"].as_u64().unwrap() + 2;
    lab.set(&json!({ "calls": [{ "at": second_page, "fault": "drop" }] }));
    let broken = cloud.list(&demo).await.unwrap_err();

    assert_eq!((listed.len(), calls), (12, 3));
    assert_eq!(broken.kind, CloudErrorKind::Unreachable); // I6
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_is_launched_exactly_as_its_intent_says() {
    let (lab, demo) = (Lab::start(), tenant("demo"));
    let mut wanted = launch_of(&demo);
    wanted.instance.address = [19, 0, 16, 99].into();
    wanted.instance.offering = Offering {
        zone: Some("us-east-1c".to_owned()),
        machine: Some("t3.small".to_owned()),
        is_spot: true,
    };

    let spot = launch(&lab.cloud(), &wanted).await;
    let plain = launch(&lab.cloud(), &launch_number(&demo, 11)).await;

    let (spot, plain) = (lab.instance(&spot), lab.instance(&plain));
    let choices =
        |each: &Value| ["zone", "machine", "market", "address"].map(|key| text(&each[key]));
    assert_eq!(
        choices(&spot),
        ["us-east-1c", "t3.small", "spot", "19.0.16.99"]
    );
    assert_eq!(
        choices(&plain),
        ["us-east-1a", "t3.micro", "on-demand", "19.0.0.11"]
    );
    let expected = json!({
        "asaas.deployment": "d1", "asaas.cloud": "aws-us", "asaas.tenant": "demo", "asaas.template": "web",
        "asaas.instance": wanted.instance.id.to_string(),
    });
    assert_eq!(spot["tags"], expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn protection_keeps_others_hands_off_and_not_ours() {
    let (lab, demo) = (Lab::start(), tenant("demo"));
    let settings = Settings {
        is_protected: true,
        ..lab.settings()
    };
    let protected = launch(&AwsCloud::open(settings).unwrap(), &launch_of(&demo)).await;
    let is_protected = lab.instance(&protected)["protected"].clone();

    // Also one whose settings know nothing of it any more.
    let id = controller::id::ProviderId(protected.clone());
    lab.cloud().terminate(&demo, &id).await.unwrap();

    assert_eq!(is_protected, json!(true));
    assert_eq!(
        lab.ask()["calls"]["TerminateInstances"],
        json!(2),
        "the first one is refused"
    );
    assert_eq!(lab.present(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_with_our_tags_and_another_token_is_not_ours() {
    let (lab, demo, other) = (Lab::start(), tenant("demo"), tenant("other"));
    let (cloud, wanted) = (lab.cloud(), launch_of(&demo));
    let ours = launch(&cloud, &wanted).await;
    let copy = launch(&cloud, &launch_number(&other, 12)).await;
    lab.retag(&copy, &lab.instance(&ours)["tags"]);

    let listed = cloud.list(&demo).await.unwrap();
    let again = launch(&cloud, &wanted).await;
    let id = controller::id::ProviderId(copy.clone());
    let refused = cloud.terminate(&demo, &id).await.unwrap_err();

    assert_eq!(lab.instance(&copy)["tags"]["asaas.tenant"], "demo");
    assert_eq!(listed.len(), 1); // I14
    assert_eq!(again, ours);
    assert_eq!(refused.kind, CloudErrorKind::Denied);
    assert_eq!(lab.present().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_template_that_changes_in_between_makes_no_second_instance() {
    let (lab, demo) = (Lab::start(), tenant("demo"));
    let wanted = launch_of(&demo);
    let first = launch(&lab.cloud(), &wanted).await;
    let mut settings = lab.settings();
    for template in settings.templates.values_mut() {
        template.user_data = Some("#cloud-config\n# changed\n".to_owned());
    }
    let changed = AwsCloud::open(settings).unwrap();

    let shown = launch(&changed, &wanted).await;
    lab.set(&json!({ "lag": 60 }));
    let not_shown = changed.launch(&wanted).await.unwrap_err();

    assert_eq!(shown, first); // I8
    assert_eq!(not_shown.kind, CloudErrorKind::Unreachable, "{not_shown}");
    assert_eq!(
        lab.ask()["refused"]["IdempotentParameterMismatch"],
        json!(1)
    );
    assert_eq!(lab.made().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_shown_yet_is_not_taken_for_gone() {
    let (lab, demo) = (Lab::start(), tenant("demo"));
    let cloud = lab.cloud();
    lab.set(&json!({ "lag": 60 }));
    let seen = cloud.launch(&launch_of(&demo)).await.unwrap();

    let too_early = cloud.terminate(&demo, &seen.provider).await.unwrap_err();
    lab.set(&json!({}));
    cloud.terminate(&demo, &seen.provider).await.unwrap();

    assert_eq!(too_early.kind, CloudErrorKind::Unreachable); // I7
    assert_eq!(lab.present(), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_is_done_when_the_instance_is_gone_and_its_address_free() {
    let (lab, demo) = (Lab::start(), tenant("demo"));
    let cloud = lab.cloud();
    lab.set(&json!({ "shutdown": 0.4 }));
    let seen = cloud.launch(&launch_of(&demo)).await.unwrap();
    let mut next = launch_number(&demo, 11);
    next.instance.address = launch_of(&demo).instance.address;

    let taken = cloud.launch(&next).await.unwrap_err();
    cloud.terminate(&demo, &seen.provider).await.unwrap();
    let freed = cloud.launch(&next).await;

    assert_eq!(taken.kind, CloudErrorKind::NoCapacity); // I10
    assert!(freed.is_ok(), "{freed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_that_its_cloud_takes_back_shows_as_stopped_until_it_is_gone() {
    let (lab, demo) = (Lab::start(), tenant("demo"));
    let cloud = lab.cloud();
    let seen = cloud.launch(&launch_of(&demo)).await.unwrap();
    let states = async || -> Vec<CloudState> {
        let listed = cloud.list(&demo).await.unwrap();
        listed.iter().map(|each| each.state).collect()
    };

    lab.enter(&seen.provider.0, "shutting-down");
    let leaving = states().await;
    lab.enter(&seen.provider.0, "terminated");
    let gone = states().await;
    let again = cloud.launch(&launch_of(&demo)).await.unwrap_err();

    assert_eq!(leaving, [CloudState::Stopped]);
    assert_eq!(gone, []);
    assert_eq!(again.kind, CloudErrorKind::NotFound); // I8
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_we_have_suspended_can_be_resumed() {
    let (lab, demo) = (Lab::start(), tenant("demo"));
    let cloud = lab.cloud();
    lab.set(&json!({ "stop": 0.3 }));
    let seen = cloud.launch(&launch_of(&demo)).await.unwrap();
    let id = &seen.provider;

    cloud.suspend(&demo, id).await.unwrap();
    cloud.resume(&demo, id).await.unwrap(); // It waits until the stop is over.
    let awake = lab.instance(&id.0);
    lab.enter(&id.0, "stopped");
    let dead = cloud.list(&demo).await.unwrap();
    let refused = [
        cloud.resume(&demo, id).await,
        cloud.suspend(&demo, id).await,
    ];

    assert_eq!(awake["state"], "running");
    assert_eq!(awake["tags"].get("asaas.suspended"), None);
    assert_eq!(dead[0].state, CloudState::Stopped);
    for answer in refused {
        assert_eq!(answer.unwrap_err().kind, CloudErrorKind::Rejected);
    }
}
