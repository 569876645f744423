//! What every cloud has to do, and that each of ours does it: for real. A new cloud adds one line at the end.
//!
//! The local cloud needs root, `runc`, `ip` and a static busybox, and fails without them: nothing is skipped.
#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test; clippy knows only of functions that are tests themselves"
)]

#[path = "conformance/bed.rs"]
mod bed;
#[path = "conformance/exec.rs"]
mod exec;
#[path = "conformance/local_bed.rs"]
mod local_bed;
#[path = "conformance/local_crash.rs"]
mod local_crash;
#[path = "conformance/local_meter.rs"]
mod local_meter;
#[path = "conformance/local_only.rs"]
mod local_only;
#[path = "conformance/sim_bed.rs"]
mod sim_bed;
#[path = "conformance/suite.rs"]
mod suite;

/// Gives a cloud to every check of the suite, each on a bed of its own.
macro_rules! conforms {
    ($cloud:ident, $bed:expr) => {
        conforms!($cloud, $bed,
            an_answered_launch_is_listed
            a_launch_made_twice_makes_one_instance
            launches_of_one_intent_at_once_make_one_instance
            a_launch_whose_reply_was_lost_makes_one_instance
            a_full_cloud_says_no_capacity_and_has_room_again_when_one_has_gone
            launches_at_once_never_exceed_the_capacity
            an_instance_that_exists_is_found_even_where_the_cloud_is_full
            a_terminated_instance_is_listed_no_more
            a_terminated_instance_is_never_made_again
            terminating_twice_is_terminating_once
            terminating_at_once_is_terminating_once
            terminating_what_never_was_is_no_error
            tenants_do_not_see_each_other
            an_instance_of_another_tenant_is_not_terminated
            an_instance_that_died_is_listed_as_stopped_and_takes_room_until_it_is_terminated
            a_launch_of_an_instance_that_died_makes_no_second_one
            a_restarted_adapter_finds_what_runs
        );
    };
    ($cloud:ident, $bed:expr, $($check:ident)*) => {
        mod $cloud {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    super::suite::$check(&$bed).await;
                }
            )*
        }
    };
}

conforms!(sim, crate::sim_bed::SimBed::new());
conforms!(local, crate::local_bed::LocalBed::new());
