//! Refusals of every sort, from a lab that knows the reason, and what a checkup tells a person.

use controller::offering::Offering;
use controller::ports::{Checkup, CloudErrorKind, Launch, Verdict};
use serde_json::{Value, json};
use southbound::Southbound as _;
use southbound::conformance::tenant;
use southbound_aws::{AwsCloud, Credentials, Settings, Source};

use crate::lab::{Lab, launch_number, launch_of};

use CloudErrorKind::{Denied, NoCapacity, Rejected, Throttled, Unreachable};

fn offered(zone: &str, machine: &str, is_spot: bool) -> Offering {
    Offering {
        zone: Some(zone.to_owned()),
        machine: Some(machine.to_owned()),
        is_spot,
    }
}

/// What it is called, what goes wrong, what is odd about the launch, what comes of it, and a word that has to be said.
type Case<'a> = (
    &'static str,
    Value,
    &'a dyn Fn(&mut Launch),
    CloudErrorKind,
    &'static str,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_says_what_to_do_next_and_has_made_nothing() {
    let (lab, demo) = (Lab::start(), tenant("demo"));
    let cloud = lab.cloud();
    let throttle = json!({ "calls": [{ "action": "RunInstances", "fault": "throttle" }] });
    let outside = |launch: &mut Launch| launch.instance.address = [20, 0, 0, 9].into();
    let unknown_zone =
        |launch: &mut Launch| launch.instance.offering = offered("us-east-1x", "t3.micro", false);
    let unknown_machine =
        |launch: &mut Launch| launch.instance.offering = offered("us-east-1a", "t3.nothing", false);
    let unknown_template =
        |launch: &mut Launch| launch.instance.template = "other".parse().unwrap();
    let as_it_is = |_: &mut Launch| {};
    let cases: Vec<Case<'_>> = vec![
        (
            "a full zone",
            json!({ "capacity": [{ "zone": "us-east-1a", "room": 0 }] }),
            &as_it_is,
            NoCapacity,
            "capacity",
        ),
        (
            "a quota",
            json!({ "quota": 0 }),
            &as_it_is,
            NoCapacity,
            "Service Quotas",
        ),
        (
            "too many calls",
            throttle,
            &as_it_is,
            Throttled,
            "RequestLimitExceeded",
        ),
        (
            "an address elsewhere",
            json!({}),
            &outside,
            Rejected,
            "subnet",
        ),
        (
            "an unknown zone",
            json!({}),
            &unknown_zone,
            Rejected,
            "us-east-1x",
        ),
        (
            "an unknown machine",
            json!({}),
            &unknown_machine,
            Rejected,
            "t3.nothing",
        ),
        (
            "an unknown template",
            json!({}),
            &unknown_template,
            Rejected,
            "give it an image",
        ),
    ];
    for (name, faults, change, kind, word) in cases {
        lab.set(&faults);
        let mut wanted = launch_of(&demo);
        change(&mut wanted);

        let refused = cloud.launch(&wanted).await.unwrap_err();

        assert_eq!(refused.kind, kind, "{name}: {refused}");
        assert!(refused.detail.contains(word), "{name}: {refused}");
        assert_eq!(lab.made(), Vec::<Value>::new(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_offering_that_has_no_room_is_refused() {
    let (lab, demo) = (Lab::start(), tenant("demo"));
    let full = json!({ "machine": "t3.small", "zone": "us-east-1c", "market": "spot", "room": 0 });
    lab.set(&json!({ "capacity": [full] }));
    let cloud = lab.cloud();
    let mut kinds = Vec::new();
    for (number, offering) in [
        (1, offered("us-east-1c", "t3.small", true)),
        (2, offered("us-east-1c", "t3.small", false)),
        (3, offered("us-east-1c", "t3.micro", true)),
    ] {
        let mut wanted = launch_number(&demo, number);
        wanted.instance.address = [19, 0, 16, 100 + u8::try_from(number).unwrap()].into();
        wanted.instance.offering = offering;
        kinds.push(cloud.launch(&wanted).await.err().map(|error| error.kind));
    }
    assert_eq!(kinds, [Some(NoCapacity), None, None]);
}

/// A cloud of the lab's, seen by somebody else.
fn known_as(lab: &Lab, name: &str) -> AwsCloud {
    let mut settings = lab.settings();
    if let Credentials::Profile { name: profile, .. } = &mut settings.credentials {
        name.clone_into(profile);
    }
    AwsCloud::open(settings).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signatures_are_right_and_who_may_not_is_told_so() {
    let (lab, demo) = (Lab::with(&["--check-signatures"]), tenant("demo"));
    let wanted = launch_of(&demo);

    let made = known_as(&lab, "service").launch(&wanted).await;
    let read = known_as(&lab, "reader").list(&demo).await;
    let unread = known_as(&lab, "reader")
        .launch(&launch_number(&demo, 11))
        .await
        .unwrap_err();
    let wrong = known_as(&lab, "wrong").list(&demo).await.unwrap_err();
    let nobody = known_as(&lab, "nobody").list(&demo).await.unwrap_err();

    assert!(made.is_ok(), "{made:?}");
    assert_eq!(read.unwrap().len(), 1);
    for error in [&unread, &wrong, &nobody] {
        assert_eq!(error.kind, Denied, "{error}");
        assert!(error.detail.contains("hint: "), "{error}");
    }
    assert!(
        nobody.detail.contains("a profile, the environment"),
        "{nobody}"
    );
    assert_eq!(lab.made().len(), 1);
}

/// What is not well, in words.
fn told(checkup: &Checkup, verdict: Verdict) -> Vec<&str> {
    let found = checkup
        .findings
        .iter()
        .filter(|each| each.verdict == verdict);
    found.map(|each| each.subject.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkup_tells_what_is_missing_and_changes_nothing() {
    let lab = Lab::with(&["--check-signatures"]);
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = lab.settings();
        change(&mut settings);
        AwsCloud::open(settings).unwrap()
    };
    let no_image = with(&|settings| {
        for template in settings.templates.values_mut() {
            template.source = Source::Image("ami-0aaaaaaaaaaaaaaaa".to_owned());
        }
    });
    let no_machine = with(&|settings| settings.machines.push("t3.nothing".to_owned()));
    let away = with(&|settings| settings.endpoint = Some("http://127.0.0.1:9".to_owned()));

    let well = lab.cloud().checkup().await;
    assert_eq!(
        told(&well, Verdict::Missing),
        Vec::<&str>::new(),
        "{well:?}"
    );
    assert_eq!(
        told(&well, Verdict::Warning),
        Vec::<&str>::new(),
        "{well:?}"
    );
    assert_eq!(
        told(&no_image.checkup().await, Verdict::Missing),
        ["image of web"]
    );
    assert_eq!(
        told(&no_machine.checkup().await, Verdict::Missing),
        ["machine types"]
    );
    assert_eq!(told(&away.checkup().await, Verdict::Missing), ["reachable"]);
    let wrong = known_as(&lab, "wrong").checkup().await;
    assert_eq!(told(&wrong, Verdict::Missing), ["credentials"], "{wrong:?}");
    let reader = known_as(&lab, "reader").checkup().await;
    assert_eq!(
        told(&reader, Verdict::Missing),
        ["permission to launch"],
        "{reader:?}"
    );
    assert_eq!(lab.made(), Vec::<Value>::new());
    assert_eq!(lab.ask()["refused"], json!({}));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_is_no_refusal() {
    let (lab, demo) = (Lab::start(), tenant("demo"));
    let wanted = launch_of(&demo);
    lab.set(&json!({ "calls": [{ "action": "RunInstances", "fault": "lose_reply" }] }));

    let unheard = lab.cloud().launch(&wanted).await.unwrap_err();

    assert_eq!((unheard.kind, lab.made().len()), (Unreachable, 1)); // F9
}
