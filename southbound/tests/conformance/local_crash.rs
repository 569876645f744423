//! The service is killed, and the instances are not: for real, with a second process that plays the service.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use controller::ports::{CloudState, InstanceSeen, Southbound as _};

use crate::exec;
use crate::local_bed::{LocalBed, is_dead, launch_of, wait_until};
use southbound::conformance::tenant;

/// Says to the second process of a test where the first one's bed is.
const SERVICE: &str = "ASAAS_TEST_SERVICE";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_instance_outlives_the_service_that_is_killed() {
    if let Some(state) = std::env::var_os(SERVICE) {
        let bed = LocalBed::again(state.into());
        bed.cloud()
            .launch(&launch_of(&bed, "web", 1))
            .await
            .unwrap();
        std::future::pending::<()>().await;
    }
    let bed = LocalBed::new();
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    let mut service = exec::this_test_as(SERVICE, bed.state.as_os_str());
    // Not asked of the cloud: it would take the launch of another living service for that of a killed one.
    wait_until("the service has launched", async || {
        let mut all = fs::read_dir(bed.instances()).unwrap();
        all.any(|entry| entry.unwrap().path().join("pid").exists())
    })
    .await;
    let seen = cloud.list(&demo).await.unwrap().remove(0);
    let pid = bed.pid(&seen);

    service.kill().unwrap();
    service.wait().unwrap();

    assert!(!is_dead(pid)); // I15
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let (group, session) = (fields[2], fields[3]);
    assert_eq!((group, session), (&*pid.to_string(), &*pid.to_string()));
    assert_eq!(bed.cloud().list(&demo).await.unwrap(), [seen]);
}

/// What the second process of a test does: launch three instances, one after the other, and then nothing.
async fn launch_three(state: PathBuf) {
    let bed = LocalBed::again(state);
    let cloud = bed.cloud();
    fs::write(bed.state.join("ready"), "").unwrap();
    for number in 1..=3 {
        let launched = cloud.launch(&launch_of(&bed, "web", number)).await;
        launched.unwrap();
    }
    std::future::pending::<()>().await;
}

/// A bed on which another process was killed while it launched three instances, so many milliseconds after it began.
async fn bed_of_a_service_killed_after(delay: u64) -> LocalBed {
    let bed = LocalBed::new();
    let mut service = exec::this_test_as(SERVICE, bed.state.as_os_str());
    let ready = bed.state.join("ready");
    wait_until("the service is up", async || ready.exists()).await;
    tokio::time::sleep(Duration::from_millis(delay)).await;
    service.kill().unwrap();
    service.wait().unwrap();
    bed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_launch_that_was_cut_short_at_any_moment_is_finished_by_repeating_it() {
    if let Some(state) = std::env::var_os(SERVICE) {
        launch_three(state.into()).await;
    }
    let demo = tenant("demo");
    for delay in (0..120).step_by(8) {
        let bed = bed_of_a_service_killed_after(delay).await;

        let cloud = bed.cloud();
        // Who sees one that has stopped gives it up.
        let left = cloud.list(&demo).await.unwrap();
        let has_stopped = left.iter().any(|seen| seen.state == CloudState::Stopped);
        assert!(!has_stopped, "killed after {delay} ms: {left:?}");
        for number in 1..=3 {
            let answer = cloud.launch(&launch_of(&bed, "web", number)).await.unwrap();
            assert_eq!(answer.state, CloudState::Running, "killed after {delay} ms");
        }

        let listed = cloud.list(&demo).await.unwrap();
        assert_eq!(listed.len(), 3, "killed after {delay} ms"); // I8
        for seen in &listed {
            let living = processes(&bed, seen);
            assert_eq!(living, [bed.pid(seen)], "killed after {delay} ms");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_launch_that_was_cut_short_has_left_can_be_terminated() {
    if let Some(state) = std::env::var_os(SERVICE) {
        launch_three(state.into()).await;
    }
    let demo = tenant("demo");
    for delay in (4..120).step_by(8) {
        let bed = bed_of_a_service_killed_after(delay).await;

        let cloud = bed.cloud();
        for seen in cloud.list(&demo).await.unwrap() {
            cloud.terminate(&demo, &seen.provider).await.unwrap();
        }

        assert_eq!(
            bed.traces(),
            Vec::<String>::new(),
            "killed after {delay} ms"
        ); // I7
        assert_eq!(fs::read_dir(bed.instances()).unwrap().count(), 0);
    }
}

/// The living processes of an instance.
fn processes(bed: &LocalBed, seen: &InstanceSeen) -> Vec<i32> {
    let group = format!("/asaas/{}/{}", bed.deployment, seen.provider);
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let name = entry.ok()?.file_name();
        let pid: i32 = name.to_str()?.parse().ok()?;
        let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        (groups.contains(&group) && !is_dead(pid)).then_some(pid)
    });
    all.collect()
}
