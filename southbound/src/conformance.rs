//! What every cloud has to do. A cloud's tests give it a [`Bed`] and take every check of the suite:
//!
//! ```text
//! southbound::conforms!(mine, MyBed::new());
//! ```
//!
//! A bed is what a check needs of a cloud beyond its port: to be made anew, and to be hurt.
#![expect(
    clippy::unwrap_used,
    reason = "what goes wrong here fails the test that it is part of"
)]

pub mod suite;

use std::sync::Arc;

use async_trait::async_trait;
use controller::id::{CloudName, InstanceId, ProviderId, TemplateName, TenantName};
use controller::instance::{Instance, Phase};
use controller::ports::{InstanceSeen, Launch, Southbound};
use controller::spec::Subnet;
use jiff::Timestamp;

/// Every bed has room for so many.
pub const CAPACITY: u32 = 3;

/// A cloud to be checked, empty at first. It removes everything when it is dropped.
#[async_trait(?Send)]
pub trait Bed {
    /// What it is called.
    fn name(&self) -> CloudName;
    /// What its instances are made from.
    fn template(&self) -> TemplateName;
    /// The adapter; each call makes it anew, as a restart of the service does, on the same cloud.
    fn open(&self) -> Arc<dyn Southbound>;
    /// Asks for an instance in a way in which the caller never hears the answer.
    async fn launch_unheard(&self, launch: &Launch);
    /// Makes an instance stop, behind the adapter's back.
    async fn kill(&self, seen: &InstanceSeen);
    /// Lets as much time pass as an instance needs to come up.
    async fn wait_for_boot(&self);
    /// Makes something that looks like an instance of the tenant and was not made by this deployment, where somebody else could
    /// make one; answers with what the cloud calls it. `None` where nobody else can.
    async fn plant_foreign(&self, tenant: &TenantName) -> Option<ProviderId>;
    /// Whether what was planted is still there, unharmed.
    async fn is_foreign_well(&self, planted: &ProviderId) -> bool;
    /// Makes listings lag behind from now on, where the cloud's may; false where they never do.
    async fn make_listings_lag(&self) -> bool {
        false
    }
    /// Lets as much time pass as a listing may lag behind.
    async fn wait_for_listing(&self) {}
}

/// A tenant of this name.
pub fn tenant(name: &str) -> TenantName {
    name.parse().unwrap()
}

/// A launch of instance number `number` of a tenant.
pub fn launch(bed: &dyn Bed, tenant: &TenantName, number: u8) -> Launch {
    let name = tenant.as_str().bytes().fold(7u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u32::from(byte))
    });
    Launch {
        tenant: tenant.clone(),
        instance: Instance {
            id: InstanceId::new(name, u32::from(number)),
            slot: u32::from(number),
            cloud: bed.name(),
            template: bed.template(),
            offering: controller::offering::Offering::default(),
            fingerprint: None,
            address: [19, 0, 0, 10 + number].into(),
            phase: Phase::Intent,
            is_pooled: false,
            since: Timestamp::UNIX_EPOCH,
            created: Timestamp::UNIX_EPOCH,
            provider: None,
            in_service: None,
            drain: None,
            missing: None,
        },
        subnet: Subnet {
            name: "nw".parse().unwrap(),
            cidr: "19.0.0.0/24".parse().unwrap(),
            gateway: "19.0.0.1".parse().unwrap(),
            dhcp_start: "19.0.0.2".parse().unwrap(),
            dhcp_end: "19.0.0.254".parse().unwrap(),
        },
    }
}

/// Gives a cloud to every check of the suite, each on a bed of its own: `conforms!(module, expression that makes a bed)`.
/// Whoever uses it needs `tokio` with its macros.
#[macro_export]
macro_rules! conforms {
    ($cloud:ident, $bed:expr) => {
        $crate::conforms!($cloud, $bed,
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
            a_suspended_instance_says_so_and_runs_again_when_it_is_resumed
            suspending_and_resuming_are_idempotent
            a_suspended_instance_can_be_terminated
            what_is_not_there_or_not_ours_is_neither_suspended_nor_resumed
            what_others_made_is_neither_listed_nor_harmed
            a_launch_that_listings_do_not_show_yet_is_found_by_launching_again
            a_checkup_of_a_cloud_that_works_finds_nothing_missing
        );
    };
    ($cloud:ident, $bed:expr, $($check:ident)*) => {
        mod $cloud {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() {
                    $crate::conformance::suite::$check(&$bed).await;
                }
            )*
        }
    };
}
