//! What a local cloud promises beyond the port: the disk, the limits, and what it prints.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use controller::amount::Amount;
use controller::id::{CloudName, InstanceId, TenantName};
use controller::ports::{CloudErrorKind, CloudState, InstanceSeen, Southbound as _};
use southbound::local::{Cable, CableError, CableRequest, LocalCloud};

use crate::exec;
use crate::local_bed::{LocalBed, busybox, launch_of, wait_until};
use southbound::conformance::{launch, tenant};

/// What an instance has printed, once it contains `text`.
pub(crate) async fn printed(cloud: &LocalCloud, seen: &InstanceSeen, text: &str) -> String {
    let read = || cloud.log_tail(&tenant("demo"), &seen.provider, 4_096);
    wait_until(&format!("it prints {text}"), async || read().contains(text)).await;
    read()
}

#[tokio::test]
async fn what_an_instance_writes_on_its_root_stays_its_own_and_goes_with_it() {
    let script = "echo changed > /etc/motd; echo mine > /mine; echo done; exec busybox sleep 1000";
    let bed = LocalBed::new().with("writes", &["sh", "-c", script]);
    let cloud = bed.cloud();

    let writer = cloud.launch(&launch_of(&bed, "writes", 1)).await.unwrap();
    let other = cloud.launch(&launch_of(&bed, "web", 2)).await.unwrap();
    printed(&cloud, &writer, "done").await;

    let motd = |root: &Path| fs::read_to_string(root.join("etc/motd")).unwrap();
    let directory = bed.directory(&writer);
    assert_eq!(motd(&directory.join("rootfs")), "changed\n");
    assert_eq!(
        motd(&bed.directory(&other).join("rootfs")),
        "from the template\n"
    );
    assert_eq!(motd(&bed.root()), "from the template\n");
    assert!(!bed.root().join("mine").exists());

    cloud
        .terminate(&tenant("demo"), &writer.provider)
        .await
        .unwrap();
    assert!(!directory.exists()); // S0-33
    let gone = bed.instances().with_file_name("gone");
    let tombstone = gone.join(&writer.provider.0);
    assert_eq!(fs::read_dir(tombstone).unwrap().count(), 0);
    let next = cloud.launch(&launch_of(&bed, "web", 3)).await.unwrap();
    assert_eq!(
        motd(&bed.directory(&next).join("rootfs")),
        "from the template\n"
    );
}

#[tokio::test]
async fn what_one_instance_shares_another_reads_in_any_local_cloud_and_it_survives_both() {
    let write = "echo hello > /shared/object; echo done; exec busybox sleep 1000";
    let read = "busybox cat /shared/object; exec busybox sleep 1000";
    let bed = LocalBed::new()
        .with("writes", &["sh", "-c", write])
        .with("reads", &["sh", "-c", read]);
    let (first, second) = (bed.cloud(), bed.cloud_named("local-b"));
    let demo = tenant("demo");
    let reader_in = |cloud: &str, number| {
        let mut launch = launch_of(&bed, "reads", number);
        launch.instance.cloud = cloud.parse().unwrap();
        launch
    };

    let writer = first.launch(&launch_of(&bed, "writes", 1)).await.unwrap();
    printed(&first, &writer, "done").await;
    let reader = second.launch(&reader_in("local-b", 2)).await.unwrap();
    printed(&second, &reader, "hello").await; // S0-12
    first.terminate(&demo, &writer.provider).await.unwrap();
    second.terminate(&demo, &reader.provider).await.unwrap();
    let later = first.launch(&reader_in("local-a", 3)).await.unwrap();
    printed(&first, &later, "hello").await; // S0-12: deleted, and the object still there

    let mut stranger = launch(&bed, &tenant("other"), 4);
    stranger.instance.template = "reads".parse().unwrap();
    let stranger = first.launch(&stranger).await.unwrap();
    let read = || first.log_tail(&tenant("other"), &stranger.provider, 4_096);
    wait_until("it has looked", async || read().contains("No such file")).await;
}

#[tokio::test]
async fn the_shared_directory_goes_only_when_no_instance_uses_it() {
    let bed = LocalBed::new();
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    let shared = bed.state.join("state/shared");
    let seen = cloud.launch(&launch_of(&bed, "web", 1)).await.unwrap();

    let refused = cloud.remove_shared(&demo).await.unwrap_err();
    assert_eq!(refused.kind, CloudErrorKind::Rejected);
    assert_eq!(fs::read_dir(&shared).unwrap().count(), 1);
    cloud.terminate(&demo, &seen.provider).await.unwrap();
    cloud.remove_shared(&demo).await.unwrap();
    cloud.remove_shared(&demo).await.unwrap();

    assert_eq!(fs::read_dir(&shared).unwrap().count(), 0);
}

#[tokio::test]
async fn an_instance_has_the_limits_of_its_template_and_knows_who_it_is() {
    let script = "busybox hostname; echo $ASAAS_TENANT $ASAAS_CLOUD $ASAAS_ADDRESS $MINE; \
                  busybox grep -E 'NoNewPrivs|CapBnd' /proc/self/status; \
                  busybox touch /sys/x; echo x > /proc/sys/kernel/hostname; echo end; exec busybox sleep 1000";
    let mut bed = LocalBed::new().with("tells", &["sh", "-c", script]);
    let template = bed.templates.get_mut(&"tells".parse().unwrap()).unwrap();
    template
        .env
        .insert("MINE".to_owned(), "own words".to_owned());
    template.cpu = Amount::from_millionths(250_000);
    template.memory_bytes = 64 << 20;
    template.pids = 40;
    let cloud = bed.cloud();

    let seen = cloud.launch(&launch_of(&bed, "tells", 1)).await.unwrap();

    let told = printed(&cloud, &seen, "end").await;
    assert!(told.contains(&seen.id.to_string()), "{told}");
    assert!(told.contains("demo local-a 19.0.0.11 own words"), "{told}");
    assert!(told.contains("NoNewPrivs:\t1"), "{told}");
    // kill, setgid, setuid, net_bind_service and chown: bits 5, 6, 7, 10 and 0.
    assert!(told.contains("CapBnd:\t00000000000004e1"), "{told}");
    assert_eq!(told.matches("Read-only file system").count(), 2, "{told}");
    let group = format!("asaas/{}/{}", bed.deployment, seen.provider);
    let set = |one: &str, two: &str| {
        let file = [one, two]
            .map(|file| Path::new("/sys/fs/cgroup").join(file.replace("GROUP", &group)))
            .into_iter()
            .find(|file| file.exists())
            .unwrap();
        fs::read_to_string(file).unwrap().trim().to_owned()
    };
    assert_eq!(
        set("memory/GROUP/memory.limit_in_bytes", "GROUP/memory.max"),
        "67108864"
    );
    assert_eq!(set("pids/GROUP/pids.max", "GROUP/pids.max"), "40");
    let quota = set("cpu/GROUP/cpu.cfs_quota_us", "GROUP/cpu.max");
    assert!(["5000", "5000 20000"].contains(&quota.as_str()), "{quota}");
}

#[tokio::test]
async fn an_instance_that_ends_by_itself_is_seen_as_stopped_and_has_said_why() {
    let bed = LocalBed::new().with(
        "fails",
        &["sh", "-c", "echo cannot reach the database; exit 3"],
    );
    let (cloud, demo) = (bed.cloud(), tenant("demo"));

    let seen = cloud.launch(&launch_of(&bed, "fails", 1)).await.unwrap();

    wait_until("it is listed as stopped", async || {
        cloud.list(&demo).await.unwrap()[0].state == CloudState::Stopped
    })
    .await;
    let log = cloud.log_tail(&demo, &seen.provider, 1_000);
    assert_eq!(log, "cannot reach the database\n");
    assert_eq!(cloud.log_tail(&tenant("other"), &seen.provider, 1_000), "");
}

#[tokio::test]
async fn a_command_that_is_not_there_is_rejected_and_takes_no_room() {
    let mut bed = LocalBed::new();
    let broken = southbound::local::Template::new(bed.root(), &["/bin/no-such-program"]);
    bed.templates.insert("broken".parse().unwrap(), broken);
    let cloud = bed.cloud();

    let error = cloud
        .launch(&launch_of(&bed, "broken", 1))
        .await
        .unwrap_err();
    let unknown = cloud
        .launch(&launch_of(&bed, "unknown", 2))
        .await
        .unwrap_err();

    assert_eq!(error.kind, CloudErrorKind::Rejected, "{error}");
    assert!(error.detail.contains("no-such-program"), "{error}");
    assert_eq!(unknown.kind, CloudErrorKind::Rejected, "{unknown}");
    assert!(unknown.detail.contains("broken, web"), "{unknown}");
    assert_eq!(fs::read_dir(bed.instances()).unwrap().count(), 0);
    assert_eq!(bed.traces(), Vec::<String>::new());
}

#[tokio::test]
async fn a_tarball_does_as_a_root() {
    let mut bed = LocalBed::new();
    let tarball = bed.state.join("root.tar");
    let mut builder = tar::Builder::new(fs::File::create(&tarball).unwrap());
    builder.append_dir_all(".", bed.root()).unwrap();
    builder.finish().unwrap();
    let template = busybox(
        &tarball,
        &["sh", "-c", "busybox cat /etc/motd; exec busybox sleep 9"],
    );
    bed.templates.insert("tar".parse().unwrap(), template);
    let cloud = bed.cloud();

    let first = cloud.launch(&launch_of(&bed, "tar", 1)).await.unwrap();
    cloud.launch(&launch_of(&bed, "tar", 2)).await.unwrap();

    printed(&cloud, &first, "from the template").await;
    let images = fs::read_dir(bed.state.join("state/images")).unwrap();
    assert_eq!(images.count(), 1);
}

#[tokio::test]
async fn an_instance_that_hears_sigterm_may_end_by_itself() {
    let script = "trap 'echo bye > /shared/bye; exit' TERM; echo ready; while :; do busybox sleep 0.05; done";
    let bed = LocalBed::new().with("polite", &["sh", "-c", script]);
    let cloud = bed.cloud();
    let seen = cloud.launch(&launch_of(&bed, "polite", 1)).await.unwrap();
    printed(&cloud, &seen, "ready").await;

    cloud
        .terminate(&tenant("demo"), &seen.provider)
        .await
        .unwrap();

    let shared = fs::read_dir(bed.state.join("state/shared"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap();
    assert_eq!(
        fs::read_to_string(shared.path().join("bye")).unwrap(),
        "bye\n"
    );
}

#[tokio::test]
async fn an_instance_that_prints_without_end_does_not_fill_the_disk() {
    let bed = LocalBed::new().with("chatty", &["sh", "-c", "busybox yes; echo never"]);
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    let seen = cloud.launch(&launch_of(&bed, "chatty", 1)).await.unwrap();
    let log = bed.directory(&seen).join("log");
    let size = || fs::metadata(&log).unwrap().len();
    wait_until("it has printed a lot", async || size() > 4 << 20).await;
    stop_all(&bed, &seen);
    let before = size();

    cloud.list(&demo).await.unwrap();

    assert!(size() <= 1 << 20, "{before} became {}", size());
    assert!(cloud.log_tail(&demo, &seen.provider, 10).contains('y'));
}

/// Stops every process of an instance, so that what it has written can be looked at.
fn stop_all(bed: &LocalBed, seen: &InstanceSeen) {
    let group = format!("asaas/{}/{}/cgroup.procs", bed.deployment, seen.provider);
    let file = ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"]
        .map(|top| Path::new(top).join(&group))
        .into_iter()
        .find(|file| file.exists())
        .unwrap();
    for pid in fs::read_to_string(file).unwrap().lines() {
        exec::run("kill", &["-STOP", pid]).unwrap();
    }
}

/// A cable that cannot be pulled.
struct StuckCable;

#[async_trait]
impl Cable for StuckCable {
    async fn plug(&self, _request: &CableRequest) -> Result<PathBuf, CableError> {
        unreachable!("nothing is launched on it")
    }

    async fn unplug(
        &self,
        _tenant: &TenantName,
        _cloud: &CloudName,
        instance: InstanceId,
    ) -> Result<(), CableError> {
        Err(CableError {
            instance,
            operation: "unplugged",
            detail: "it is stuck".to_owned(),
        })
    }
}

#[tokio::test]
async fn what_could_not_be_cleared_away_stays_listed_until_it_is() {
    let bed = LocalBed::new();
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    let seen = cloud.launch(&launch_of(&bed, "web", 1)).await.unwrap();
    drop(cloud);

    let broken = bed.cloud_on("local-a", Arc::new(StuckCable));
    let error = broken.terminate(&demo, &seen.provider).await.unwrap_err();
    let listed = broken.list(&demo).await.unwrap();
    bed.cloud().terminate(&demo, &seen.provider).await.unwrap();

    assert!(error.detail.contains("unplugged"), "{error}");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].state, CloudState::Stopped);
    assert_eq!(bed.cloud().list(&demo).await.unwrap(), []);
}
