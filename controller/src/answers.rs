//! What the clouds' answers mean: for the records, for what is remembered of each cloud, and for the journal.

use std::collections::{BTreeMap, BTreeSet};

use crate::calls::{Answer, Said};
use crate::history::History;
use crate::id::InstanceId;
use crate::instance::{Instance, Phase};
use crate::journal::Event;
use crate::ports::CloudErrorKind;
use crate::settle::{Change, answered};
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
        match said {
            Said::Launched(Ok(seen)) => {
                history.launched(cloud, &record.offering, Ok(()), now.steady);
                if record.phase == Phase::Intent {
                    changes.push(answered(record, seen, now));
                }
            }
            Said::Launched(Err(error)) => {
                let why = error.to_string();
                let refusal = Err((error.kind, why.as_str()));
                history.launched(cloud, &record.offering, refusal, now.steady);
                // Who is throttled is not told what became of what it asked for before.
                let may_exist = matches!(
                    error.kind,
                    CloudErrorKind::Unreachable | CloudErrorKind::Throttled
                ) || seeded!(F26) && error.kind == CloudErrorKind::NotFound;
                // A listing may have shown it half made before the cloud gave up.
                let is_asked_for = matches!(record.phase, Phase::Intent | Phase::Launching);
                if is_asked_for && !may_exist {
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
            Said::Removed(Err(error)) if error.kind == CloudErrorKind::NotFound || seeded!(F31) => {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::ports::CloudError;

    fn refused(phase: Phase, kind: CloudErrorKind) -> Vec<Phase> {
        launched(phase, kind).0
    }

    /// What becomes of an instance whose launch is answered like this, and whether its cloud is left alone for a while.
    fn launched(phase: Phase, kind: CloudErrorKind) -> (Vec<Phase>, bool) {
        let now = example::now();
        let instance = Instance {
            phase,
            ..example::instance(0)
        };
        let cloud = instance.cloud.clone();
        let error = CloudError {
            cloud: cloud.clone(),
            kind,
            operation: "launch".to_owned(),
            detail: "no".to_owned(),
        };
        let answer = Answer {
            instance: instance.id,
            cloud: cloud.clone(),
            said: Said::Launched(Err(error)),
        };
        let instances = [(instance.id, instance)].into();
        let mut history = History::new(jiff::SignedDuration::from_secs(10));
        let (changes, _) = take_up(
            &[answer],
            &instances,
            &mut history,
            &mut BTreeSet::new(),
            now,
        );
        let phases = changes.iter().map(|change| change.instance.phase).collect();
        let is_left_alone = history.refusals[&cloud].now(now.steady).is_some();
        (phases, is_left_alone)
    }

    #[test]
    fn a_launch_of_what_was_terminated_has_failed_and_is_not_held_against_its_cloud() {
        let gone = launched(Phase::Intent, CloudErrorKind::NotFound);
        let full = launched(Phase::Intent, CloudErrorKind::NoCapacity);

        assert_eq!(gone, (vec![Phase::Failed], false)); // I8
        assert_eq!(full, (vec![Phase::Failed], true));
    }

    #[test]
    fn a_launch_that_is_refused_has_failed_also_where_a_listing_showed_it_half_made() {
        assert_eq!(
            refused(Phase::Intent, CloudErrorKind::Rejected),
            [Phase::Failed]
        );
        assert_eq!(
            refused(Phase::Launching, CloudErrorKind::NoCapacity),
            [Phase::Failed]
        );
    }

    #[test]
    fn a_launch_without_an_answer_may_have_happened() {
        assert_eq!(refused(Phase::Intent, CloudErrorKind::Unreachable), []);
        assert_eq!(refused(Phase::Intent, CloudErrorKind::Throttled), []);
    }

    /// Whether an instance counts as removed once its cloud has said this to its removal.
    fn is_removed(said: Result<(), CloudErrorKind>) -> bool {
        let instance = example::instance(0);
        let (id, cloud) = (instance.id, instance.cloud.clone());
        let refusal = |kind| CloudError {
            cloud: cloud.clone(),
            kind,
            operation: "remove".to_owned(),
            detail: "no".to_owned(),
        };
        let answer = Answer {
            instance: id,
            cloud: cloud.clone(),
            said: Said::Removed(said.map_err(refusal)),
        };
        let mut history = History::new(jiff::SignedDuration::from_secs(10));
        let mut removing = BTreeSet::new();
        let instances = [(id, instance)].into();
        let now = example::now();
        take_up(&[answer], &instances, &mut history, &mut removing, now);
        removing.contains(&id)
    }

    // F31
    #[test]
    fn a_removal_that_is_refused_is_none() {
        assert!(is_removed(Ok(())));
        assert!(is_removed(Err(CloudErrorKind::NotFound)));
        assert!(!is_removed(Err(CloudErrorKind::Denied)));
        assert!(!is_removed(Err(CloudErrorKind::Unreachable)));
    }
}
