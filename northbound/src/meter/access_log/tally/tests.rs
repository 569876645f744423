//! Logs as they are written, and what is read of them.

use std::fs::File;
use std::io::Write;

use controller::instance::Phase;

use super::*;

struct World {
    directory: tempfile::TempDir,
    log: AccessLog,
    tally: Tally,
    start: Instant,
}

fn instances() -> Vec<Instance> {
    let made = |number: u8| Instance {
        id: InstanceId::new(1, number.into()),
        slot: 0,
        cloud: "local-a".parse().unwrap(),
        template: "web".parse().unwrap(),
        offering: controller::offering::Offering::default(),
        fingerprint: None,
        address: [19, 0, 0, number].into(),
        phase: Phase::InService,
        is_pooled: false,
        since: Timestamp::UNIX_EPOCH,
        created: Timestamp::UNIX_EPOCH,
        provider: None,
        in_service: None,
        drain: None,
        missing: None,
    };
    vec![made(2), made(3)]
}

impl World {
    /// A log that is followed since second 0.
    fn new(format: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("access.log");
        let mut world = Self {
            log: AccessLog {
                file: file.clone(),
                format: format.parse().unwrap(),
                stale_after: SignedDuration::from_mins(5),
            },
            directory,
            tally: Tally::new(file),
            start: Instant::now(),
        };
        world.write("19.0.0.2 1\n");
        assert_eq!(world.read(0), Ok(vec![]));
        world
    }

    fn write(&self, text: &str) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&self.log.file)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn read_at(&mut self, ms: u64, now: Now) -> Result<Vec<Sample>, String> {
        let read = self.start + Duration::from_millis(ms);
        self.tally.read(&self.log, &instances(), now, read)
    }

    /// Whose, what, and how much in thousandths.
    fn read(&mut self, ms: u64) -> Result<Vec<(Option<u8>, Metric, u64)>, String> {
        let samples = self.read_at(ms, Now::at(Timestamp::now()))?;
        let instances = instances();
        let shown = samples.into_iter().map(|sample| {
            let of = |id| instances.iter().find(|instance| instance.id == id).unwrap();
            let whose = sample.instance.map(|id| of(id).address.octets()[3]);
            (whose, sample.metric, sample.value.millionths() / 1_000)
        });
        Ok(shown.collect())
    }
}

use Metric::{RequestsPerSecond as Rate, ResponseTime as Time};

// S1-15
#[test]
fn each_instance_has_its_own_requests_and_their_mean_time() {
    let mut world = World::new("%w %{ms}T");
    let id = instances()[1].id;

    world.write(&format!(
        "19.0.0.2:8080 10\n19.0.0.2 20\n{id} 90\n# alive\n\n"
    ));

    assert_eq!(
        world.read(2_000).unwrap(),
        [
            (Some(2), Rate, 1_000),
            (Some(2), Time, 15),
            (Some(3), Rate, 500),
            (Some(3), Time, 90),
        ]
    );
}

#[test]
fn without_workers_the_requests_are_of_the_group() {
    let mut world = World::new("%V %{ms}T");

    world.write("shop 10\nshop 30\n");

    assert_eq!(
        world.read(4_000).unwrap(),
        [(None, Rate, 500), (None, Time, 20)]
    );
}

#[test]
fn no_requests_are_a_rate_of_zero_and_no_time() {
    let mut world = World::new("%V %{ms}T");

    assert_eq!(world.read(2_000).unwrap(), [(None, Rate, 0)]);
    world.write("# alive\n");
    assert_eq!(world.read(4_000).unwrap(), [(None, Rate, 0)]);
}

#[test]
fn asked_again_at_once_it_says_the_same_and_counts_on() {
    let mut world = World::new("%V %{ms}T");
    world.write("shop 10\n");
    let first = world.read(1_000).unwrap();
    world.write("shop 10\n");

    assert_eq!(world.read(1_500).unwrap(), first);
    world.write("shop 10\n");
    assert_eq!(world.read(2_000).unwrap()[0], (None, Rate, 2_000));
}

// C-20
#[test]
fn a_log_that_is_away_or_old_says_nothing_and_then_begins_anew() {
    let mut world = World::new("%V %{ms}T");
    std::fs::rename(&world.log.file, world.directory.path().join("old")).unwrap();
    world.read(2_000).unwrap_err();
    world.write("shop 10\n");
    assert_eq!(world.read(4_000).unwrap(), []);
    assert_eq!(world.read(6_000).unwrap(), [(None, Rate, 0)]);

    let later = Now::at(Timestamp::now()).after(SignedDuration::from_mins(6));
    let stale = world.read_at(8_000, later).unwrap_err();

    assert!(
        stale.contains("nothing was written to it for more than 5m"),
        "{stale}"
    );
}

#[test]
fn lines_that_nobody_understands_are_not_taken_for_rest() {
    let mut world = World::new("%w %{ms}T");

    world.write("something else\n");
    let strange = world.read(2_000).unwrap_err();
    world.write("web1 5\n19.0.0.9 5\n");
    let foreign = world.read(4_000).unwrap_err();
    world.write("web1 5\nsomething else\n19.0.0.2 5\n");

    assert!(strange.contains("such as `something else`"), "{strange}");
    assert!(foreign.contains("by `web1`"), "{foreign}");
    assert_eq!(world.read(6_000).unwrap()[0], (Some(2), Rate, 500));
}
