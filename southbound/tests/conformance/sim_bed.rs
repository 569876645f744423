//! The simulated cloud, with a clock that stands until it is moved.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use controller::id::{CloudName, ProviderId, TemplateName, TenantName};
use controller::ports::{Clock, CloudErrorKind, CloudState, InstanceSeen, Launch, Southbound};
use controller::time::Now;
use jiff::{SignedDuration, Timestamp};
use southbound::sim::{Fault, SimCall, SimCloud, SimSettings};

use southbound::conformance::{Bed, CAPACITY, launch, tenant};

const BOOT: SignedDuration = SignedDuration::from_secs(5);
const LAG: SignedDuration = SignedDuration::from_secs(10);

/// Time that passes only when someone waits.
pub(crate) struct ManualClock(Mutex<Now>);

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }

    async fn sleep(&self, duration: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now = now.after(duration);
    }
}

pub(crate) struct SimBed {
    clock: Arc<ManualClock>,
    cloud: SimCloud,
}

impl SimBed {
    pub(crate) fn new() -> Self {
        let clock = Arc::new(ManualClock(Mutex::new(Now::at(Timestamp::UNIX_EPOCH))));
        let settings = SimSettings {
            cloud: "sim-a".parse().unwrap(),
            capacity: CAPACITY,
            boot: BOOT,
        };
        let cloud = SimCloud::new(settings, clock.clone());
        Self { clock, cloud }
    }
}

#[async_trait(?Send)]
impl Bed for SimBed {
    fn name(&self) -> CloudName {
        "sim-a".parse().unwrap()
    }

    fn template(&self) -> TemplateName {
        "web".parse().unwrap()
    }

    fn open(&self) -> Arc<dyn Southbound> {
        Arc::new(self.cloud.clone())
    }

    async fn launch_unheard(&self, launch: &Launch) {
        self.cloud.script(SimCall::Launch, Fault::LoseReply, 1);
        let answer = self.cloud.launch(launch).await;
        assert_eq!(answer.unwrap_err().kind, CloudErrorKind::Unreachable);
    }

    async fn kill(&self, seen: &InstanceSeen) {
        assert!(self.cloud.stop(seen.id));
    }

    async fn wait_for_boot(&self) {
        self.clock.sleep(BOOT).await;
    }

    async fn plant_foreign(&self, _tenant: &TenantName) -> Option<ProviderId> {
        None
    }

    async fn is_foreign_well(&self, _planted: &ProviderId) -> bool {
        true
    }

    async fn make_listings_lag(&self) -> bool {
        self.cloud.set_listing_lag(LAG);
        true
    }

    async fn wait_for_listing(&self) {
        self.clock.sleep(LAG).await;
    }
}

#[tokio::test]
async fn an_instance_starts_until_its_boot_time_has_passed() {
    let (bed, demo) = (SimBed::new(), tenant("demo"));

    let launched = bed.cloud.launch(&launch(&bed, &demo, 1)).await.unwrap();
    bed.wait_for_boot().await;

    assert_eq!(launched.state, CloudState::Starting);
    assert_eq!(
        bed.cloud.list(&demo).await.unwrap()[0].state,
        CloudState::Running
    );
}

#[tokio::test]
async fn a_scripted_refusal_happens_as_often_as_it_was_ordered_and_makes_nothing() {
    let (bed, demo) = (SimBed::new(), tenant("demo"));
    let wanted = launch(&bed, &demo, 1);
    bed.cloud
        .script(SimCall::Launch, Fault::Refuse(CloudErrorKind::Throttled), 2);

    for _ in 0..2 {
        let refused = bed.cloud.launch(&wanted).await.unwrap_err();
        assert_eq!(refused.kind, CloudErrorKind::Throttled);
    }
    assert_eq!(bed.cloud.instances(), []);
    bed.cloud.launch(&wanted).await.unwrap();

    assert_eq!(bed.cloud.launch_calls()[&wanted.instance.id], 3);
    assert_eq!(bed.cloud.made()[&wanted.instance.id], 1);
    assert_eq!(bed.cloud.duplicates(), []);
}

#[tokio::test]
async fn a_listing_that_lags_hides_what_is_new_and_a_repeated_launch_finds_it_nevertheless() {
    let (bed, demo) = (SimBed::new(), tenant("demo"));
    bed.cloud.set_listing_lag(SignedDuration::from_secs(3));
    let wanted = launch(&bed, &demo, 1);

    let first = bed.cloud.launch(&wanted).await.unwrap();
    let hidden = bed.cloud.list(&demo).await.unwrap();
    let again = bed.cloud.launch(&wanted).await.unwrap();
    bed.clock.sleep(SignedDuration::from_secs(3)).await;

    assert_eq!(hidden, []);
    assert_eq!(again.provider, first.provider);
    assert_eq!(bed.cloud.list(&demo).await.unwrap().len(), 1);
}

#[tokio::test]
async fn an_intent_that_was_made_twice_is_a_duplicate() {
    let (bed, demo) = (SimBed::new(), tenant("demo"));
    let wanted = launch(&bed, &demo, 1);
    bed.cloud.launch(&wanted).await.unwrap();
    assert!(bed.cloud.vanish(wanted.instance.id));

    bed.cloud.launch(&wanted).await.unwrap();

    assert_eq!(bed.cloud.duplicates(), [wanted.instance.id]);
    assert_eq!(bed.cloud.peaks()[&demo], 1);
}
