//! Instances of ours that are in no record. They cost money and nobody knows of them; but a listing may be wrong once, so they are
//! removed only after several, over some time (I7). One that a cloud calls by a name that we know is no stray, whatever its tag
//! says; and while a launch in a cloud has no answer, any that is shown there may be what it has made.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::id::{CloudName, InstanceId, ProviderId};
use crate::instance::{Instance, Phase};
use crate::observe::Observed;
use crate::ports::InstanceSeen;
use crate::time::Now;

/// After so many listings in a row …
const LISTINGS: u32 = 3;
/// … over at least this long.
const LIMIT: SignedDuration = SignedDuration::from_secs(60);

/// A stray that has been seen often enough.
#[derive(Debug, Clone)]
pub(crate) struct Stray {
    pub(crate) id: InstanceId,
    pub(crate) cloud: CloudName,
    pub(crate) provider: ProviderId,
}

impl Stray {
    /// What a person should know.
    pub(crate) fn alarm(&self) -> String {
        format!(
            "{} runs in {} and is in no record: it is removed",
            self.id, self.cloud
        )
    }
}

/// The strays that have been seen, in how many listings in a row, and since when.
#[derive(Debug, Default)]
pub(crate) struct Strays(BTreeMap<(CloudName, ProviderId), (u32, Timestamp)>);

impl Strays {
    /// Counts this tick's listings; returns those that are to be removed.
    pub(crate) fn count(
        &mut self,
        instances: &BTreeMap<InstanceId, Instance>,
        observed: &Observed,
        now: Now,
    ) -> Vec<Stray> {
        let mut due = Vec::new();
        let mut seen = BTreeMap::new();
        for (cloud, list) in &observed.clouds {
            let of_cloud: Vec<&Instance> = instances
                .values()
                .filter(|instance| instance.cloud == *cloud)
                .collect();
            let is_stray = |seen: &&InstanceSeen| {
                !instances.contains_key(&seen.id)
                    && (seeded!(F15) || !of_cloud.iter().any(|known| may_be(seen, known)))
            };
            for stray in list.iter().flatten().filter(is_stray) {
                let key = (cloud.clone(), stray.provider.clone());
                let (listings, since) = self.0.get(&key).copied().unwrap_or((0, now.steady));
                let listings = listings.saturating_add(1);
                if listings >= LISTINGS && now.since(since) >= LIMIT || seeded!(F15) {
                    let (cloud, provider) = key.clone();
                    due.push(Stray {
                        id: stray.id,
                        cloud,
                        provider,
                    });
                }
                seen.insert(key, (listings, since));
            }
        }
        // A cloud that did not answer says nothing about its strays.
        self.0
            .retain(|(cloud, _), _| observed.clouds.get(cloud).is_none_or(Result::is_err));
        self.0.extend(seen);
        due
    }
}

/// Whether what is shown can be what became of this record.
fn may_be(seen: &InstanceSeen, known: &Instance) -> bool {
    seen.is_of(known) || known.phase == Phase::Intent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::id::InstanceId;
    use crate::network::NetworkSeen;
    use crate::ports::CloudState;

    /// How many strays there are after two minutes in which the cloud lists `provider` under a tag that nobody knows.
    fn strays(known: Instance, provider: &str) -> usize {
        let listed = InstanceSeen {
            provider: ProviderId(provider.to_owned()),
            id: InstanceId::new(0, 1),
            state: CloudState::Running,
        };
        let observed = Observed {
            clouds: [(known.cloud.clone(), Ok(vec![listed]))].into(),
            network: Ok(NetworkSeen::default()),
            samples: Ok(Vec::new()),
        };
        let instances = [(known.id, known)].into();
        let mut strays = Strays::default();
        let begin = example::now();
        (0..=12)
            .map(|tick| begin.after(SignedDuration::from_secs(tick * 10)))
            .map(|now| strays.count(&instances, &observed, now).len())
            .max()
            .unwrap_or_default()
    }

    // F15
    #[test]
    fn what_we_know_by_the_cloud_s_own_name_is_no_stray_whatever_its_tag_says() {
        let known = Instance {
            provider: Some(ProviderId("vm-1".to_owned())),
            ..example::instance(0)
        };
        assert_eq!(strays(known.clone(), "vm-1"), 0);
        assert_eq!(strays(known, "vm-2"), 1);
    }

    // I7
    #[test]
    fn what_may_be_a_launch_that_has_no_answer_is_no_stray() {
        let asked = Instance {
            phase: Phase::Intent,
            provider: None,
            ..example::instance(0)
        };
        assert_eq!(strays(asked, "vm-2"), 0);
    }
}
