//! What the clouds' answers mean: for the records, for what is remembered of each cloud, and for the journal.

use std::collections::{BTreeMap, BTreeSet};

use crate::calls::{Answer, Said};
use crate::history::History;
use crate::id::InstanceId;
use crate::instance::{Instance, Phase};
use crate::journal::Event;
use crate::ports::CloudErrorKind;
use crate::settle::{Change, accepted};
use crate::time::Now;

/// Takes up answers: what changes about instances, and what is told. `removing` gets those whose removal was accepted.
pub(crate) fn take_up(
    answers: &[Answer],
    instances: &BTreeMap<InstanceId, Instance>,
    history: &mut History,
    removing: &mut BTreeSet<InstanceId>,
    now: Now,
) -> (Vec<Change>, Vec<Event>) {
    let mut changes = Vec::new();
    let mut events = Vec::new();
    for Answer {
        instance,
        cloud,
        said,
    } in answers
    {
        let Some(record) = instances.get(instance) else {
            continue;
        };
        let refusals = history.refusals.entry(cloud.clone()).or_default();
        match said {
            Said::Launched(Ok(seen)) => {
                refusals.accepted();
                if record.phase == Phase::Intent {
                    changes.push(accepted(record, seen, "its cloud has accepted it", now));
                }
            }
            Said::Launched(Err(error)) => {
                let why = error.to_string();
                refusals.refused(error.kind, &why, now.steady);
                let may_exist = error.kind == CloudErrorKind::Unreachable;
                if record.phase == Phase::Intent && !may_exist {
                    changes.push(Change::enter(record, Phase::Failed, &why, now));
                }
                events.push(Event::Refused {
                    cloud: cloud.clone(),
                    why,
                });
            }
            Said::Removed(Ok(())) => {
                removing.insert(*instance);
            }
            Said::Removed(Err(error)) if error.kind == CloudErrorKind::NotFound => {
                removing.insert(*instance);
            }
            Said::Removed(Err(error)) => {
                events.push(Event::Refused {
                    cloud: cloud.clone(),
                    why: error.to_string(),
                });
            }
        }
    }
    (changes, events)
}
