//! The contract of the `Southbound` port, one promise a check.
#![expect(missing_docs, reason = "a check's name is its promise")]

use controller::id::ProviderId;
use controller::ports::{CloudErrorKind, CloudState, InstanceSeen, Verdict};
use futures_util::future::join_all;

use super::{Bed, CAPACITY, launch, tenant};

fn sorted(mut seen: Vec<InstanceSeen>) -> Vec<InstanceSeen> {
    seen.sort_by(|a, b| a.provider.cmp(&b.provider));
    seen
}

pub async fn an_answered_launch_is_listed(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));

    let first = cloud.launch(&launch(bed, &demo, 1)).await.unwrap();
    let second = cloud.launch(&launch(bed, &demo, 2)).await.unwrap();
    bed.wait_for_boot().await;

    let listed = sorted(cloud.list(&demo).await.unwrap());
    let made = sorted(vec![first, second]);
    assert_eq!(listed.len(), 2);
    for (listed, made) in listed.iter().zip(&made) {
        assert_eq!((&listed.provider, listed.id), (&made.provider, made.id));
        assert_eq!(listed.state, CloudState::Running);
    }
}

pub async fn a_launch_made_twice_makes_one_instance(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let wanted = launch(bed, &demo, 1);

    let first = cloud.launch(&wanted).await.unwrap();
    let second = cloud.launch(&wanted).await.unwrap();

    assert_eq!((&first.provider, first.id), (&second.provider, second.id));
    assert_eq!(cloud.list(&demo).await.unwrap().len(), 1); // I8
}

pub async fn launches_of_one_intent_at_once_make_one_instance(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let wanted = launch(bed, &demo, 1);

    let answers = join_all((0..4).map(|_| cloud.launch(&wanted))).await;

    let first = answers[0].as_ref().unwrap().provider.clone();
    for answer in answers {
        assert_eq!(answer.unwrap().provider, first);
    }
    assert_eq!(cloud.list(&demo).await.unwrap().len(), 1); // I8
}

pub async fn a_launch_whose_reply_was_lost_makes_one_instance(bed: &dyn Bed) {
    let demo = tenant("demo");
    let wanted = launch(bed, &demo, 1);
    bed.launch_unheard(&wanted).await;

    let restarted = bed.open();
    let answer = restarted.launch(&wanted).await.unwrap();

    let listed = restarted.list(&demo).await.unwrap();
    assert_eq!(listed.len(), 1); // I8
    assert_eq!(listed[0].provider, answer.provider);
    assert_eq!(listed[0].id, wanted.instance.id);
}

pub async fn a_full_cloud_says_no_capacity_and_has_room_again_when_one_has_gone(bed: &dyn Bed) {
    let (cloud, demo, other) = (bed.open(), tenant("demo"), tenant("other"));
    let first = cloud.launch(&launch(bed, &other, 1)).await.unwrap();
    for number in 2..=u8::try_from(CAPACITY).unwrap() {
        cloud.launch(&launch(bed, &demo, number)).await.unwrap();
    }

    let one_more = launch(bed, &demo, 9);
    let refused = cloud.launch(&one_more).await.unwrap_err();
    let listed = cloud.list(&demo).await.unwrap();
    cloud.terminate(&other, &first.provider).await.unwrap();
    let accepted = cloud.launch(&one_more).await;

    assert_eq!(refused.kind, CloudErrorKind::NoCapacity);
    assert!(!listed.iter().any(|seen| seen.id == one_more.instance.id));
    assert_eq!(accepted.unwrap().id, one_more.instance.id);
}

pub async fn launches_at_once_never_exceed_the_capacity(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let wanted: Vec<_> = (1..=6).map(|number| launch(bed, &demo, number)).collect();

    let answers = join_all(wanted.iter().map(|each| cloud.launch(each))).await;

    let made = answers.iter().filter(|answer| answer.is_ok()).count();
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert_eq!(made, CAPACITY as usize); // I1
    assert!(
        refused
            .into_iter()
            .all(|error| error.kind == CloudErrorKind::NoCapacity)
    );
    assert_eq!(cloud.list(&demo).await.unwrap().len(), CAPACITY as usize);
}

pub async fn an_instance_that_exists_is_found_even_where_the_cloud_is_full(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    for number in 1..=u8::try_from(CAPACITY).unwrap() {
        cloud.launch(&launch(bed, &demo, number)).await.unwrap();
    }

    let again = cloud.launch(&launch(bed, &demo, 1)).await;

    assert_eq!(again.unwrap().id, launch(bed, &demo, 1).instance.id);
}

pub async fn a_terminated_instance_is_listed_no_more(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let stays = cloud.launch(&launch(bed, &demo, 1)).await.unwrap();
    let goes = cloud.launch(&launch(bed, &demo, 2)).await.unwrap();

    cloud.terminate(&demo, &goes.provider).await.unwrap();

    let listed = cloud.list(&demo).await.unwrap();
    assert_eq!(listed.len(), 1); // I17
    assert_eq!(listed[0].id, stays.id);
}

pub async fn a_terminated_instance_is_never_made_again(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let wanted = launch(bed, &demo, 1);
    let seen = cloud.launch(&wanted).await.unwrap();
    cloud.terminate(&demo, &seen.provider).await.unwrap();

    let late = cloud.launch(&wanted).await.unwrap_err();
    drop(cloud);
    let restarted = bed.open();
    let later = restarted.launch(&wanted).await.unwrap_err();
    let another = restarted.launch(&launch(bed, &demo, 2)).await.unwrap();

    let kinds = (late.kind, later.kind);
    assert_eq!(kinds, (CloudErrorKind::NotFound, CloudErrorKind::NotFound)); // I8, I9
    let listed = restarted.list(&demo).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, another.id);
}

pub async fn terminating_twice_is_terminating_once(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let seen = cloud.launch(&launch(bed, &demo, 1)).await.unwrap();

    cloud.terminate(&demo, &seen.provider).await.unwrap();
    cloud.terminate(&demo, &seen.provider).await.unwrap();

    assert_eq!(cloud.list(&demo).await.unwrap(), []);
}

pub async fn terminating_at_once_is_terminating_once(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let seen = cloud.launch(&launch(bed, &demo, 1)).await.unwrap();

    let answers = join_all((0..3).map(|_| cloud.terminate(&demo, &seen.provider))).await;

    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(cloud.list(&demo).await.unwrap(), []);
}

pub async fn terminating_what_never_was_is_no_error(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let seen = cloud.launch(&launch(bed, &demo, 1)).await.unwrap();

    for name in ["", "..", "../..", "no-such-instance", "i-0000000000000"] {
        let unknown = ProviderId(name.to_owned());
        assert!(cloud.terminate(&demo, &unknown).await.is_ok(), "{name:?}");
    }

    assert_eq!(cloud.list(&demo).await.unwrap()[0].id, seen.id); // I14
}

pub async fn tenants_do_not_see_each_other(bed: &dyn Bed) {
    let (cloud, demo, other) = (bed.open(), tenant("demo"), tenant("other"));

    let of_demo = cloud.launch(&launch(bed, &demo, 1)).await.unwrap();
    let of_other = cloud.launch(&launch(bed, &other, 2)).await.unwrap();

    let ids = |seen: Vec<InstanceSeen>| seen.into_iter().map(|each| each.id).collect::<Vec<_>>();
    assert_eq!(ids(cloud.list(&demo).await.unwrap()), [of_demo.id]);
    assert_eq!(ids(cloud.list(&other).await.unwrap()), [of_other.id]);
    assert_eq!(cloud.list(&tenant("nobody")).await.unwrap(), []);
}

pub async fn an_instance_of_another_tenant_is_not_terminated(bed: &dyn Bed) {
    let (cloud, demo, other) = (bed.open(), tenant("demo"), tenant("other"));
    let seen = cloud.launch(&launch(bed, &demo, 1)).await.unwrap();
    bed.wait_for_boot().await;

    let answer = cloud.terminate(&other, &seen.provider).await;

    assert_eq!(answer.unwrap_err().kind, CloudErrorKind::Denied);
    let listed = cloud.list(&demo).await.unwrap();
    assert_eq!(
        (listed[0].id, listed[0].state),
        (seen.id, CloudState::Running)
    ); // I7
}

pub async fn an_instance_that_died_is_listed_as_stopped_and_takes_room_until_it_is_terminated(
    bed: &dyn Bed,
) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    for number in 1..=u8::try_from(CAPACITY).unwrap() {
        cloud.launch(&launch(bed, &demo, number)).await.unwrap();
    }
    bed.wait_for_boot().await;
    let victim = cloud.list(&demo).await.unwrap().remove(0);

    bed.kill(&victim).await;
    let listed = cloud.list(&demo).await.unwrap();
    let refused = cloud.launch(&launch(bed, &demo, 9)).await.unwrap_err();
    cloud.terminate(&demo, &victim.provider).await.unwrap();

    let states = |state| listed.iter().filter(|seen| seen.state == state).count();
    assert_eq!(
        (states(CloudState::Stopped), states(CloudState::Running)),
        (1, 2)
    );
    assert_eq!(refused.kind, CloudErrorKind::NoCapacity);
    assert!(cloud.launch(&launch(bed, &demo, 9)).await.is_ok());
}

pub async fn a_launch_of_an_instance_that_died_makes_no_second_one(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let wanted = launch(bed, &demo, 1);
    let seen = cloud.launch(&wanted).await.unwrap();
    bed.wait_for_boot().await;
    bed.kill(&seen).await;

    let again = cloud.launch(&wanted).await.unwrap();

    assert_eq!(
        (again.provider, again.state),
        (seen.provider, CloudState::Stopped)
    ); // I8
    assert_eq!(cloud.list(&demo).await.unwrap().len(), 1);
}

pub async fn a_restarted_adapter_finds_what_runs(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    cloud.launch(&launch(bed, &demo, 1)).await.unwrap();
    cloud.launch(&launch(bed, &demo, 2)).await.unwrap();
    bed.wait_for_boot().await;
    let before = sorted(cloud.list(&demo).await.unwrap());
    drop(cloud);

    let restarted = bed.open();
    let after = sorted(restarted.list(&demo).await.unwrap());
    restarted
        .terminate(&demo, &after[0].provider)
        .await
        .unwrap();

    assert_eq!(before, after); // I15
    assert_eq!(restarted.list(&demo).await.unwrap(), after[1..]);
}

pub async fn a_suspended_instance_says_so_and_runs_again_when_it_is_resumed(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let seen = cloud.launch(&launch(bed, &demo, 1)).await.unwrap();
    bed.wait_for_boot().await;

    cloud.suspend(&demo, &seen.provider).await.unwrap();
    let asleep = bed.open().list(&demo).await.unwrap();
    cloud.resume(&demo, &seen.provider).await.unwrap();
    bed.wait_for_boot().await;
    let awake = cloud.list(&demo).await.unwrap();

    assert_eq!((asleep.len(), awake.len()), (1, 1));
    assert_eq!(asleep[0].state, CloudState::Suspended); // S4-15
    assert_eq!(awake[0].state, CloudState::Running);
    assert_eq!(asleep[0].provider, awake[0].provider);
}

pub async fn suspending_and_resuming_are_idempotent(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let seen = cloud.launch(&launch(bed, &demo, 1)).await.unwrap();
    bed.wait_for_boot().await;
    let state = async || cloud.list(&demo).await.unwrap()[0].state;

    cloud.resume(&demo, &seen.provider).await.unwrap();
    assert_eq!(state().await, CloudState::Running);
    cloud.suspend(&demo, &seen.provider).await.unwrap();
    cloud.suspend(&demo, &seen.provider).await.unwrap();
    assert_eq!(state().await, CloudState::Suspended);
    cloud.resume(&demo, &seen.provider).await.unwrap();
    cloud.resume(&demo, &seen.provider).await.unwrap();
    bed.wait_for_boot().await;
    assert_eq!(state().await, CloudState::Running);
}

pub async fn a_suspended_instance_can_be_terminated(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let seen = cloud.launch(&launch(bed, &demo, 1)).await.unwrap();
    bed.wait_for_boot().await;
    cloud.suspend(&demo, &seen.provider).await.unwrap();

    cloud.terminate(&demo, &seen.provider).await.unwrap();

    assert_eq!(cloud.list(&demo).await.unwrap(), []);
}

pub async fn what_is_not_there_or_not_ours_is_neither_suspended_nor_resumed(bed: &dyn Bed) {
    let (cloud, demo, other) = (bed.open(), tenant("demo"), tenant("other"));
    let seen = cloud.launch(&launch(bed, &demo, 1)).await.unwrap();
    bed.wait_for_boot().await;
    let unknown = ProviderId("no-such-instance".to_owned());

    let kinds = [
        cloud.suspend(&demo, &unknown).await,
        cloud.resume(&demo, &unknown).await,
        cloud.suspend(&other, &seen.provider).await,
        cloud.resume(&other, &seen.provider).await,
    ]
    .map(|answer| answer.unwrap_err().kind);

    let (gone, denied) = (CloudErrorKind::NotFound, CloudErrorKind::Denied);
    assert_eq!(kinds, [gone, gone, denied, denied]);
    assert_eq!(
        cloud.list(&demo).await.unwrap()[0].state,
        CloudState::Running
    );
}

pub async fn what_others_made_is_neither_listed_nor_harmed(bed: &dyn Bed) {
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let seen = cloud.launch(&launch(bed, &demo, 1)).await.unwrap();
    let Some(planted) = bed.plant_foreign(&demo).await else {
        return;
    };

    let listed = cloud.list(&demo).await.unwrap();
    // By name it may be refused, or taken for one that never was; it stays in either case.
    let _ = cloud.terminate(&demo, &planted).await;
    cloud.terminate(&demo, &seen.provider).await.unwrap();

    assert_eq!(listed.len(), 1); // I14
    assert_eq!(listed[0].id, seen.id);
    assert!(bed.is_foreign_well(&planted).await);
}

pub async fn a_launch_that_listings_do_not_show_yet_is_found_by_launching_again(bed: &dyn Bed) {
    if !bed.make_listings_lag().await {
        return;
    }
    let (cloud, demo) = (bed.open(), tenant("demo"));
    let wanted = launch(bed, &demo, 1);
    let first = cloud.launch(&wanted).await.unwrap();
    let unlisted = cloud.list(&demo).await.unwrap();

    let again = bed.open().launch(&wanted).await.unwrap();
    bed.wait_for_listing().await;

    assert_eq!(unlisted, []);
    assert_eq!(again.provider, first.provider); // I8
    assert_eq!(cloud.list(&demo).await.unwrap().len(), 1);
}

pub async fn a_checkup_of_a_cloud_that_works_finds_nothing_missing(bed: &dyn Bed) {
    let cloud = bed.open();
    cloud
        .launch(&launch(bed, &tenant("demo"), 1))
        .await
        .unwrap();

    let checkup = cloud.checkup().await;

    assert_ne!(checkup.verdict(), Verdict::Missing, "{checkup:?}");
    assert!(!checkup.findings.is_empty());
    if let Some(room) = checkup.room {
        assert!(room.taken >= 1 && room.limit >= room.taken, "{room:?}");
    }
}
