//! Three real nodes over an etcd of three real members, with real instances and clients: what comes of it when any of them
//! dies, is stopped, leaves, or is cut off. `make ha` runs all of it and prints how long each change of hands took.
#![cfg(feature = "etcd")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "ha/cluster.rs"]
mod cluster;
#[path = "given/etcd.rs"]
mod etcd;
#[path = "ha/evidence.rs"]
mod evidence;
#[path = "ha/exec.rs"]
mod exec;
#[path = "ha/proxy.rs"]
mod proxy;
#[path = "local/remains.rs"]
mod remains;
#[path = "ha/story.rs"]
mod story;
#[path = "given/trickle.rs"]
mod trickle;

use story::Story;

/// What is quick enough to be looked at with every change.
#[test]
fn tenants_are_shared_out_and_change_hands_when_a_node_dies_or_leaves() {
    let Some(mut story) = Story::begin() else {
        return;
    };
    story.spread();
    story.deaths(1);
    story.departures(1);
    story.end();
}

#[test]
#[ignore = "takes some minutes: `make ha`"]
fn nothing_is_done_by_two_whatever_dies_sleeps_or_is_cut_off() {
    let Some(mut story) = Story::begin() else {
        return;
    };
    story.spread();
    story.deaths(5);
    story.deaths_with_the_leader(2);
    story.departures(3);
    story.sleep();
    story.partition();
    story.lost_quorum();
    story.end();
}
