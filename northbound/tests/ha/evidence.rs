//! What really happens, seen from outside: which containers there ever were, and under which epoch each change of a network was
//! made, from the fence in front of the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use controller::id::InstanceId;
use jiff::Timestamp;
use serde::Deserialize;

use crate::remains::{self, Mark};

const LOOK: Duration = Duration::from_millis(100);

/// Looks at the processes of this machine until it is ended.
pub(crate) struct Containers {
    is_over: Arc<AtomicBool>,
    seen: Arc<Mutex<Ever>>,
    thread: Option<JoinHandle<()>>,
}

/// What was ever seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ever {
    /// The first processes of each instance: more than one, and it was made twice.
    pub(crate) processes: BTreeMap<InstanceId, BTreeSet<i32>>,
    /// The most that a tenant had at the same time.
    pub(crate) most: BTreeMap<String, usize>,
}

impl Containers {
    pub(crate) fn watch(mark: &Mark, tenants: &[&str]) -> Self {
        let (is_over, seen) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(Mutex::new(Ever::default())),
        );
        let (over, ever) = (Arc::clone(&is_over), Arc::clone(&seen));
        let mark = mark.clone();
        let tenants: Vec<String> = tenants.iter().map(|&tenant| tenant.to_owned()).collect();
        let thread = std::thread::spawn(move || {
            while !over.load(Ordering::Acquire) {
                for tenant in &tenants {
                    let containers = remains::containers(&mark, tenant);
                    let mut ever = ever.lock().unwrap();
                    let most = ever.most.entry(tenant.clone()).or_default();
                    *most = (*most).max(containers.len());
                    for container in containers {
                        ever.processes
                            .entry(container.id)
                            .or_default()
                            .insert(container.pid);
                    }
                }
                std::thread::sleep(LOOK);
            }
        });
        Self {
            is_over,
            seen,
            thread: Some(thread),
        }
    }

    pub(crate) fn end(mut self) -> Ever {
        self.stop();
        self.seen.lock().unwrap().clone()
    }

    fn stop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A line of a node's log: a change of a tenant's network, which the fence has let pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passage {
    pub(crate) at: Timestamp,
    pub(crate) node: String,
    pub(crate) tenant: String,
    pub(crate) epoch: u64,
}

#[derive(Debug, Deserialize)]
struct Line {
    timestamp: Timestamp,
    target: String,
    fields: serde_json::Value,
}

/// Every change that a node was let make.
pub(crate) fn passages(log: &Path, node: &str) -> Vec<Passage> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines = text
        .lines()
        .filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let passages = lines
        .filter(|line| line.target == "asaas::fence")
        .map(|line| Passage {
            at: line.timestamp,
            node: node.to_owned(),
            tenant: line.fields["tenant"].as_str().unwrap().to_owned(),
            epoch: line.fields["epoch"].as_str().unwrap().parse().unwrap(),
        });
    passages.collect()
}

/// Changes under a lower epoch after one under a higher: what somebody did who was deposed. I9
pub(crate) fn violations(mut passages: Vec<Passage>) -> Vec<(Passage, Passage)> {
    passages.sort_by_key(|passage| passage.at);
    let mut highest: BTreeMap<String, Passage> = BTreeMap::new();
    let mut found = Vec::new();
    for passage in passages {
        match highest.get(&passage.tenant) {
            Some(before) if before.epoch > passage.epoch => {
                found.push((before.clone(), passage));
            }
            // Two nodes under the same epoch would be as bad.
            Some(before) if before.epoch == passage.epoch && before.node != passage.node => {
                found.push((before.clone(), passage));
            }
            _ => {
                highest.insert(passage.tenant.clone(), passage);
            }
        }
    }
    found
}

#[test]
fn a_lower_epoch_after_a_higher_one_and_one_epoch_of_two_nodes_are_found() {
    let passage = |second, node: &str, epoch| Passage {
        at: Timestamp::from_second(second).unwrap(),
        node: node.to_owned(),
        tenant: "demo".to_owned(),
        epoch,
    };
    let fine = vec![passage(1, "a", 5), passage(2, "a", 5), passage(3, "b", 9)];
    let late = passage(4, "a", 5);
    let shared = passage(4, "a", 9);

    assert_eq!(violations(fine.clone()), []);
    assert_eq!(violations([fine.clone(), vec![late]].concat()).len(), 1);
    assert_eq!(violations([fine, vec![shared]].concat()).len(), 1);
}
