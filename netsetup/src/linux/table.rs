//! The kernel's table of connections: it is one for all namespaces of a machine, and where it is full, new connections are
//! dropped in silence. That has to be said, and what is counted meanwhile is not the load that there is.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

use controller::id::TenantName;
use jiff::{SignedDuration, Timestamp};

use super::{Detail, Host};
use crate::name::NamespaceName;
use crate::namespace;

/// What the kernel tells of a namespace's connections, a line for each processor.
const COUNTERS: &str = "/proc/thread-self/net/stat/nf_conntrack";
const SIZE: &str = "/proc/sys/net/netfilter/nf_conntrack_max";
/// Whoever looks now and then sees it too.
const TOLD_FOR: SignedDuration = SignedDuration::from_secs(15);

/// How many new connections were dropped, tenant by tenant.
#[derive(Debug, Default)]
pub(super) struct Drops(Mutex<BTreeMap<TenantName, Count>>);

#[derive(Debug, Clone, Copy)]
struct Count {
    dropped: u64,
    /// When more were first seen than before (steady).
    grown: Option<Timestamp>,
}

impl Drops {
    /// Why connections of this tenant are dropped these seconds; `None` where none are.
    pub(super) async fn look(
        &self,
        host: &Host,
        tenant: &TenantName,
        now: Timestamp,
    ) -> Option<Detail> {
        let mut routers = namespace::list(&host.names.site_prefix(tenant)).unwrap_or_default();
        routers.push(host.names.transit(tenant));
        let mut dropped = 0;
        for router in routers.iter().filter(|name| namespace::exists(name)) {
            // A kernel that does not tell is none that drops.
            dropped += self.count(host, router).await.unwrap_or(0);
        }
        if self.is_growing(tenant, dropped, now) {
            let size = std::fs::read_to_string(SIZE).unwrap_or_default();
            return Some(format!(
                "new connections are dropped, since the kernel's table of connections is full; those that exist go on; \
                 raise `net.netfilter.nf_conntrack_max`, which is {} for all namespaces of this machine",
                size.trim()
            ));
        }
        None
    }

    async fn count(&self, host: &Host, router: &NamespaceName) -> io::Result<u64> {
        let read = || std::fs::read_to_string(COUNTERS);
        let told = host.workers.within(router, read).await?;
        Ok(sum(&told, "drop"))
    }

    fn is_growing(&self, tenant: &TenantName, dropped: u64, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = Count {
            dropped,
            grown: None,
        };
        let count = all.entry(tenant.clone()).or_insert(first);
        if dropped > count.dropped {
            count.grown = Some(now);
        }
        // Fewer than before: the namespaces were made anew.
        count.dropped = dropped;
        count
            .grown
            .is_some_and(|grown| now.duration_since(grown) < TOLD_FOR)
    }

    /// The tenant has no instances to be measured any more.
    pub(super) fn forget(&self, tenant: &TenantName) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(tenant);
    }
}

/// The sum of a column of hexadecimal numbers, found by its name in the first line.
fn sum(told: &str, column: &str) -> u64 {
    let mut lines = told.lines();
    let head = lines.next().unwrap_or_default();
    let Some(index) = head.split_whitespace().position(|name| name == column) else {
        return 0;
    };
    let numbers = lines.filter_map(|line| {
        let word = line.split_whitespace().nth(index)?;
        u64::from_str_radix(word, 16).ok()
    });
    numbers.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_connections_are_the_sum_over_all_processors() {
        let told = "entries  clashres found drop early_drop\n\
                    00000003  00000000 00000001 0000000a 00000000\n\
                    00000003  00000000 00000001 00000001 00000007\n";

        assert_eq!(sum(told, "drop"), 11);
        assert_eq!(sum(told, "no such column"), 0);
        assert_eq!(sum("", "drop"), 0);
    }

    #[test]
    fn drops_are_told_of_for_a_while_and_those_from_before_the_first_look_are_not() {
        let (drops, demo) = (Drops::default(), "demo".parse().unwrap());
        let at = |second| Timestamp::from_second(second).unwrap();

        assert!(!drops.is_growing(&demo, 5, at(0)));
        assert!(drops.is_growing(&demo, 6, at(1)));
        assert!(drops.is_growing(&demo, 6, at(15)));
        assert!(!drops.is_growing(&demo, 6, at(16)));
        assert!(!drops.is_growing(&demo, 0, at(17)));
    }
}
