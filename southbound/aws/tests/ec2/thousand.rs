//! A thousand launches on a bad day: replies get lost, calls are throttled, the service crashes in the middle of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use controller::ports::CloudErrorKind;
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;
use southbound::Southbound as _;
use southbound::conformance::tenant;
use southbound_aws::{AwsCloud, Bounds, Settings};

use crate::lab::{Lab, launch_number, text};

const LAUNCHES: u16 = 1000;
/// So many of them go again.
const REMOVED: u16 = 200;
/// So many at once, as a burst of several tenants would be.
const AT_ONCE: usize = 8;
/// Chance decides when a launch succeeds; with a third of the calls bad, this is never reached.
const TRIES: u32 = 60;

/// A request that the service was killed over: long enough to be sent, mostly too short to be answered.
fn patience(number: u16, attempt: u32) -> Duration {
    let spread = (u32::from(number) * 31 + attempt * 17) % 60;
    Duration::from_millis(10 + u64::from(spread))
}

/// One intent, until it is answered: now and then the adapter is dropped in the middle of the call, and a new one asks again.
async fn insist(settings: &Settings, number: u16) -> (String, u32) {
    let mut wanted = launch_number(&tenant("demo"), number);
    let address = 0x1300_1000 + 16 + u32::from(number);
    wanted.instance.address = address.into();
    wanted.instance.offering.zone = Some("us-east-1c".to_owned());
    let mut crashes = 0;
    for attempt in 0..TRIES {
        let cloud = AwsCloud::open(settings.clone()).unwrap();
        let call = cloud.launch(&wanted);
        let answer = if attempt % 4 == 0 {
            let Ok(answer) = tokio::time::timeout(patience(number, attempt), call).await else {
                crashes += 1;
                continue;
            };
            answer
        } else {
            call.await
        };
        match answer {
            Ok(seen) => return (seen.provider.0, crashes),
            Err(error) => {
                let kinds = [CloudErrorKind::Unreachable, CloudErrorKind::Throttled];
                assert!(kinds.contains(&error.kind), "{error}");
            }
        }
    }
    panic!("launch {number} was never answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_launches_on_a_bad_day_double_and_leak_nothing() {
    let lab = Lab::start();
    lab.set(&json!({ "seed": 5, "calls": [
        { "action": "RunInstances", "chance": 0.15, "fault": "lose_reply" },
        { "action": "RunInstances", "chance": 0.1, "fault": "throttle" },
        { "chance": 0.05, "fault": "throttle" },
        { "chance": 0.03, "fault": "drop" },
        { "action": "TerminateInstances", "chance": 0.15, "fault": "lose_reply" },
    ]}));
    let mut settings = lab.settings();
    // A listing of a thousand takes moto long.
    settings.bounds = Bounds {
        call: Duration::from_mins(2),
        page: 1000,
        ..settings.bounds
    };
    let settings = Arc::new(settings);

    let answers: Vec<(String, u32)> = stream::iter(0..LAUNCHES)
        .map(|number| {
            let settings = Arc::clone(&settings);
            async move { insist(&settings, number).await }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let crashes: u32 = answers.iter().map(|(_, crashes)| crashes).sum();
    let ids: BTreeSet<&String> = answers.iter().map(|(id, _)| id).collect();

    let told = lab.ask();
    let made = told["instances"].as_array().unwrap();
    let lost = told["refused"]["RequestLimitExceeded"].as_u64().unwrap();
    let tokens: BTreeSet<String> = made.iter().map(|each| text(&each["token"])).collect();
    let counts = [made.len(), ids.len(), tokens.len()];
    assert_eq!(counts, [usize::from(LAUNCHES); 3]); // I7, I8, F9
    assert!(made.iter().all(|each| ids.contains(&text(&each["id"]))));
    assert!(
        crashes > 50 && lost > 100,
        "{crashes} crashes, {lost} throttled"
    );
    let calls = told["calls"]["RunInstances"].as_u64().unwrap();
    assert!(
        calls > u64::from(LAUNCHES) + 100,
        "{calls} calls for {LAUNCHES} launches"
    );

    removed(&lab, &settings, answers).await;
}

/// Some of them go again, on the same day.
async fn removed(lab: &Lab, settings: &Settings, answers: Vec<(String, u32)>) {
    let victims = answers.into_iter().take(REMOVED.into()).map(|(id, _)| id);
    stream::iter(victims)
        .for_each_concurrent(AT_ONCE, async |id| {
            let cloud = AwsCloud::open(settings.clone()).unwrap();
            let id = controller::id::ProviderId(id);
            for _ in 0..TRIES {
                if cloud.terminate(&tenant("demo"), &id).await.is_ok() {
                    return;
                }
            }
            panic!("{id} was never removed");
        })
        .await;
    let left = usize::from(LAUNCHES - REMOVED);
    lab.set(&json!({}));
    let listed = AwsCloud::open(settings.clone())
        .unwrap()
        .list(&tenant("demo"))
        .await;
    assert_eq!((lab.present().len(), listed.unwrap().len()), (left, left)); // I7
}
