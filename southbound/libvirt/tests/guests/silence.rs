//! A libvirtd that hangs or ends: errors with a kind, in bounded time, and back to work once it is back. And what is seen at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use controller::ports::{CloudErrorKind, CloudState, Southbound as _, Verdict};
use nix::sys::signal::Signal;
use southbound::conformance::{Bed as _, launch, tenant};
use southbound_libvirt::Hypervisor;

use crate::bed::LibvirtBed;
use crate::lab::{self, Lab, signal, wait_until};

/// A host that takes connections and never says a word, not even the first; nothing cuts such a connection. Then it is replaced by
/// one that works.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_hangs_while_it_is_being_reached_is_reached_once_it_is_back() {
    let mut bed = LibvirtBed::new();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("libvirt-sock");
    let mute = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    bed.settings.hosts[0].uri = format!("qemu+unix:///system?socket={}", socket.display());
    bed.settings.call_limit = Duration::from_secs(2);
    let (cloud, demo) = (bed.cloud(), tenant("demo"));

    for _ in 0..3 {
        let error = cloud.list(&demo).await.unwrap_err();
        assert_eq!(error.kind, CloudErrorKind::Unreachable);
    }
    std::fs::remove_file(&socket).unwrap();
    std::os::unix::fs::symlink(bed.lab.path("sock/libvirt-sock"), &socket).unwrap();
    let mut listed = cloud.list(&demo).await;
    for _ in 0..20 {
        if listed.is_ok() {
            break;
        }
        listed = cloud.list(&demo).await;
    }

    assert_eq!(listed.unwrap(), []);
    drop(mute);
}

/// A bed on a host of its own, to be hurt.
fn alone() -> LibvirtBed {
    LibvirtBed::on(vec![Arc::new(Lab::start())], 3)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_libvirtd_that_hangs_is_an_error_in_time_and_works_again_when_it_goes_on() {
    let mut bed = alone();
    bed.settings.call_limit = Duration::from_secs(3);
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    let patient = {
        bed.settings.call_limit = Duration::from_mins(1);
        bed.cloud()
    };
    let seen = patient.launch(&launch(&bed, &demo, 1)).await.unwrap();
    let daemon = bed.lab.daemon_pid();

    signal(daemon, Signal::SIGSTOP);
    let begun = Instant::now();
    let mut kinds = Vec::new();
    // More than there are places for calls.
    for _ in 0..6 {
        kinds.push(cloud.list(&demo).await.unwrap_err().kind);
    }
    let launched = cloud.launch(&launch(&bed, &demo, 2)).await.unwrap_err();
    let checkup = cloud.checkup().await;
    let took = begun.elapsed();
    signal(daemon, Signal::SIGCONT);

    assert_eq!(kinds, [CloudErrorKind::Unreachable; 6]);
    assert_eq!(launched.kind, CloudErrorKind::Unreachable);
    assert_eq!(checkup.verdict(), Verdict::Missing);
    assert!(took < Duration::from_mins(2), "{took:?}");
    let mut listed = Vec::new();
    for _ in 0..20 {
        if let Ok(seen) = cloud.list(&demo).await {
            listed = seen;
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    assert!(listed.contains(&seen), "{listed:?}"); // I15
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_libvirtd_that_ends_in_the_middle_of_launches_doubles_nothing() {
    let bed = alone();
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    let wanted: Vec<_> = (1..=3).map(|number| launch(&bed, &demo, number)).collect();
    cloud.launch(&wanted[0]).await.unwrap();

    let launches = futures_util::future::join_all(wanted.iter().map(|each| cloud.launch(each)));
    let crash = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        tokio::task::block_in_place(|| bed.lab.crash());
    };
    let (answers, ()) = tokio::join!(launches, crash);
    let broken = answers.iter().filter_map(|answer| answer.as_ref().err());
    let kinds: Vec<_> = broken.map(|error| error.kind).collect();
    tokio::task::block_in_place(|| bed.lab.start_daemon());
    let after = futures_util::future::join_all(wanted.iter().map(|each| cloud.launch(each))).await;
    let listed = cloud.list(&demo).await.unwrap();

    assert!(!kinds.is_empty(), "no launch was hit");
    assert!(
        kinds
            .iter()
            .all(|kind| *kind == CloudErrorKind::Unreachable),
        "{kinds:?}"
    );
    assert!(after.iter().all(Result::is_ok), "{after:?}");
    assert_eq!(listed.len(), 3); // I8
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_that_is_killed_is_told_of_at_once() {
    // Other tests' guests would wake it, too.
    let mut bed = alone();
    let woken = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&woken);
    bed.wake = Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    let seen = cloud.launch(&launch(&bed, &demo, 1)).await.unwrap();
    let events = || woken.load(Ordering::Relaxed);
    wait_until("the launch's own events are over", || {
        let before = events();
        std::thread::sleep(Duration::from_millis(300));
        before > 0 && before == events()
    });
    let before = events();

    let pid = Lab::guest_pid(&seen.provider.0).unwrap();
    signal(pid, Signal::SIGKILL);
    let killed = Instant::now();
    wait_until("somebody is woken", || events() > before);
    eprintln!("woken {:.2?} after the guest was killed", killed.elapsed());

    let listed = cloud.list(&demo).await.unwrap();
    assert_eq!(
        (listed[0].id, listed[0].state),
        (seen.id, CloudState::Stopped)
    ); // F8
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_whose_kvm_does_not_work_emulates_and_says_why() {
    let mut bed = LibvirtBed::new();
    bed.settings.hypervisor = Hypervisor::Auto;
    let (cloud, demo) = (bed.cloud(), tenant("demo"));

    let seen = cloud.launch(&launch(&bed, &demo, 1)).await.unwrap();
    let checkup = cloud.checkup().await;

    // Which of both depends on the machine; that a guest runs does not.
    let found = checkup
        .findings
        .iter()
        .find(|finding| finding.subject.starts_with("virtualization"));
    let found = found.unwrap();
    eprintln!("{}", found.detail);
    let line = lab::command_line(Lab::guest_pid(&seen.provider.0).unwrap());
    let runs_by = if line.contains("accel=kvm") || line.contains("-accel kvm") {
        "KVM"
    } else {
        "emulation"
    };
    assert!(
        found.detail.contains(&format!("by {runs_by}")),
        "{} but {line}",
        found.detail
    );
    bed.wait_for_boot().await;
    assert_eq!(
        cloud.list(&demo).await.unwrap()[0].state,
        CloudState::Running
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_other_program_is_run() {
    let bed = LibvirtBed::new();
    let (cloud, demo) = (bed.cloud(), tenant("demo"));
    let before = lab::children();

    let seen = cloud.launch(&launch(&bed, &demo, 1)).await.unwrap();
    let during = lab::children();
    cloud.terminate(&demo, &seen.provider).await.unwrap();

    let of = |name: &str, all: &[String]| all.iter().any(|line| line.contains(name));
    assert!(
        of("tini", &before),
        "this looks at the wrong processes: {before:?}"
    );
    assert!(!of("virsh", &during) && !of("virsh", &lab::children())); // S3-14
}
