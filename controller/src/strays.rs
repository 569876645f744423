//! Instances of ours that are in no record. They cost money and nobody knows of them; but a listing may be wrong once, so they are
//! removed only after several, over some time (I7).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::id::{CloudName, InstanceId, ProviderId};
use crate::instance::Instance;
use crate::observe::Observed;
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
            for stray in list
                .iter()
                .flatten()
                .filter(|seen| !instances.contains_key(&seen.id))
            {
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
