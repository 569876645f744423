//! Launching: exactly one instance for an intent, on one of many hosts, whoever is killed when.
//!
//! ```text
//!  look on all hosts ─► claim: define the domain, on one host ─► look again ─► disks, network ─► start ─► note that it started
//!     found: done          its UUID and name are the intent's       not alone: withdraw
//! ```
//!
//! What is defined first goes last, so that whatever was made for an instance has a domain that tells of it. A domain that was
//! defined and never started belongs to a launch that is on its way or has broken off; the next launch or listing takes it back.
//!
//! Two services that launch the same intent at once (one of them slept, and does not know it) first write, each on its host, and then
//! look at all: at least one of them sees the other. Whoever does, withdraws.
//!
//! A host that does not answer may run the instance from an earlier launch whose answer was lost. Nothing that other hosts know
//! can show that it does not: so nothing is made then, unless the instance, or its tombstone, is found elsewhere.

use std::cmp::Reverse;
use std::sync::Arc;

use controller::id::{InstanceId, ProviderId, TenantName};
use controller::ports::{CloudErrorKind, InstanceSeen, Launch};
use southbound::tag;

use crate::api::{self, Life};
use crate::cable::CableRequest;
use crate::convert::{self, Accelerator, Machine};
use crate::error::Trouble;
use crate::fleet::{self, Fleet, Look};
use crate::pool::Pool;
use crate::seed;
use crate::settings::Template;

/// How often what others left half-made is cleared away before a launch; more often, somebody is at work there.
const ATTEMPTS: u32 = 2;

pub(crate) async fn launch(fleet: &Fleet, launch: &Launch) -> Result<InstanceSeen, Trouble> {
    let template = template(fleet, launch)?;
    let id = launch.instance.id;
    let settings = &fleet.settings;
    let ProviderId(name) = tag::provider(&settings.deployment, &settings.cloud, &launch.tenant, id);
    let _turn = fleet.turns.take(&name).await;
    for _ in 0..ATTEMPTS {
        match verdict(fleet.look(&name).await)? {
            Verdict::Exists(life) => return Ok(seen(name, id, life)),
            Verdict::HalfMade(hosts) => {
                for index in hosts {
                    take_back(fleet, index, &launch.tenant, id, &name).await?;
                }
            }
            Verdict::Absent(taken) => {
                let made = make(fleet, launch, template, &name, &taken).await;
                return made.map(|life| seen(name, id, life));
            }
        }
    }
    Err(Trouble::new(
        CloudErrorKind::Throttled,
        "somebody else is making it at this moment",
    ))
}

fn seen(name: String, id: InstanceId, life: Life) -> InstanceSeen {
    InstanceSeen {
        provider: ProviderId(name),
        id,
        state: life.state(),
    }
}

fn template<'a>(fleet: &'a Fleet, launch: &Launch) -> Result<&'a Template, Trouble> {
    let refuse = |detail: String| Err(Trouble::new(CloudErrorKind::Rejected, detail));
    let offering = &launch.instance.offering;
    if !offering.is_default() {
        return refuse(format!(
            "it has no such offering as {offering}; hint: zones and machine types are of clouds that have them"
        ));
    }
    let name = &launch.instance.template;
    match fleet.settings.templates.get(name) {
        Some(template) => Ok(template),
        None => refuse(format!("it has no template {name}")),
    }
}

/// What all hosts together say of an intent.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It exists, and was started.
    Exists(Life),
    /// It is defined on these hosts, and was never started.
    HalfMade(Vec<usize>),
    /// It is nowhere, and never was; so many places are taken on each host.
    Absent(Vec<u32>),
}

/// What is known of the intent; an error where that is not enough to make it.
fn verdict(looks: Vec<Result<Look, Trouble>>) -> Result<Verdict, Trouble> {
    let answers = || looks.iter().filter_map(|look| look.as_ref().ok());
    if answers().any(|look| look.is_buried) {
        let detail = "it was terminated, and is not made again";
        return Err(Trouble::new(CloudErrorKind::NotFound, detail));
    }
    let started = answers()
        .filter_map(|look| look.life)
        .find(|life| *life != Life::Unfinished);
    if let Some(life) = started {
        return Ok(Verdict::Exists(life));
    }
    let looks: Vec<Look> = looks.into_iter().collect::<Result<_, _>>()?;
    let half_made = looks
        .iter()
        .enumerate()
        .filter(|(_, look)| look.life.is_some());
    let half_made: Vec<usize> = half_made.map(|(index, _)| index).collect();
    if half_made.is_empty() {
        return Ok(Verdict::Absent(
            looks.iter().map(|look| look.taken).collect(),
        ));
    }
    Ok(Verdict::HalfMade(half_made))
}

/// The hosts that have room, in the order in which they are asked. `taken` and `capacities` are by host.
fn order(taken: &[u32], capacities: &[u32], consolidate: bool) -> Vec<usize> {
    let mut with_room: Vec<usize> = (0..taken.len())
        .filter(|&host| taken[host] < capacities[host])
        .collect();
    // Places left tell how full a host is where hosts differ in size, too. The sort is stable: among equals, the operator's order.
    let left = |host: &usize| capacities[*host] - taken[*host];
    if consolidate {
        with_room.sort_by_key(left);
    } else {
        with_room.sort_by_key(|host| Reverse(left(host)));
    }
    with_room
}

/// Makes the instance on the first host that takes it. A host that refuses leaves nothing behind, and the next one is asked.
async fn make(
    fleet: &Fleet,
    launch: &Launch,
    template: &Template,
    name: &str,
    taken: &[u32],
) -> Result<Life, Trouble> {
    let capacities: Vec<u32> = fleet.hosts.iter().map(|host| host.capacity).collect();
    let mut refusals: Vec<Trouble> = Vec::new();
    for index in order(taken, &capacities, fleet.settings.consolidate) {
        match make_on(fleet, index, launch, template, name).await {
            Ok(()) => return Ok(Life::Running),
            Err(trouble) if trouble.is_refusal() => refusals.push(trouble),
            Err(trouble) => return Err(trouble),
        }
    }
    // Room comes back by itself; what a person has to mend is in the text.
    let is_mine = refusals
        .iter()
        .all(|trouble| trouble.kind != CloudErrorKind::NoCapacity);
    let kind = refusals
        .first()
        .filter(|_| is_mine)
        .map_or(CloudErrorKind::NoCapacity, |first| first.kind);
    let mut details: Vec<String> = refusals.into_iter().map(|trouble| trouble.detail).collect();
    if details.is_empty() {
        let (places, hosts) = (capacities.iter().sum::<u32>(), capacities.len());
        details.push(format!("all {places} places on {hosts} hosts are taken"));
    }
    Err(Trouble::new(kind, details.join("; ")))
}

async fn make_on(
    fleet: &Fleet,
    index: usize,
    launch: &Launch,
    template: &Template,
    name: &str,
) -> Result<(), Trouble> {
    let accelerator = fleet
        .hosts
        .at(index)
        .trial(&fleet.settings)
        .await?
        .accelerator;
    claim(fleet, index, launch, template, name, accelerator).await?;
    let furnished = furnish(fleet, index, launch, template, name, accelerator).await;
    let Err(trouble) = furnished else {
        return Ok(());
    };
    if trouble.kind == CloudErrorKind::NotFound {
        let detail = format!("somebody else took it back: {}", trouble.detail);
        return Err(Trouble::new(CloudErrorKind::Throttled, detail));
    }
    if trouble.is_refusal() {
        take_back(fleet, index, &launch.tenant, launch.instance.id, name).await?;
    }
    Err(trouble)
}

fn machine<'a>(
    fleet: &'a Fleet,
    launch: &'a Launch,
    template: &'a Template,
    name: &'a str,
    accelerator: Accelerator,
) -> Machine<'a> {
    Machine {
        name,
        accelerator,
        template,
        deployment: &fleet.settings.deployment,
        launch,
        pool: &fleet.settings.pool,
        bridge: None,
        management: fleet.settings.management.as_deref(),
    }
}

/// Takes a place on a host for the instance, and makes sure that nobody else makes it, and that the place was there.
async fn claim(
    fleet: &Fleet,
    index: usize,
    launch: &Launch,
    template: &Template,
    name: &str,
    accelerator: Accelerator,
) -> Result<(), Trouble> {
    let host = fleet.hosts.at(index);
    let full = |taken: u32| {
        let detail = format!(
            "{}: {taken} of {} places are taken",
            host.uri, host.capacity
        );
        Trouble::new(CloudErrorKind::NoCapacity, detail)
    };
    let xml = convert::domain(&machine(fleet, launch, template, name, accelerator));
    {
        let _claim = host.claim.lock().await;
        let settings = Arc::clone(&fleet.settings);
        let capacity = host.capacity;
        let define = move |link: &_| {
            let all = api::domains(link, &settings.deployment, settings.cloud.as_str())?;
            let taken = u32::try_from(all.len()).unwrap_or(u32::MAX);
            if taken >= capacity {
                return Ok(Some(taken));
            }
            api::define(link, &xml).map(|()| None)
        };
        if let Some(taken) = host.call(define).await? {
            return Err(full(taken));
        }
    }
    let rival = |(at, look): (usize, &Result<Look, Trouble>)| match look {
        Ok(look) if at == index => (look.taken > host.capacity).then(|| full(host.capacity)),
        Ok(look) if look.life.is_none() && !look.is_buried => None,
        Ok(_) => Some(Trouble::new(
            CloudErrorKind::Throttled,
            "somebody else is making it at this moment",
        )),
        Err(trouble) => Some(trouble.clone()),
    };
    let looks = fleet.look(name).await;
    let Some(trouble) = looks.iter().enumerate().find_map(rival) else {
        return Ok(());
    };
    take_back(fleet, index, &launch.tenant, launch.instance.id, name).await?;
    Err(trouble)
}

/// Gives a claimed instance its disks and its network, and starts it.
async fn furnish(
    fleet: &Fleet,
    index: usize,
    launch: &Launch,
    template: &Template,
    name: &str,
    accelerator: Accelerator,
) -> Result<(), Trouble> {
    let host = fleet.hosts.at(index);
    let seed = match &template.seed {
        Some(seed) => Some(seed::image(seed, launch, &(fleet.vendor_data)(launch))?),
        None => None,
    };
    if template.image.is_some() || seed.is_some() {
        let (image, pool, named) = (
            template.image.clone(),
            fleet.settings.pool.clone(),
            name.to_owned(),
        );
        let make_volumes = move |link: &_| {
            let pool = Pool::open(link, &pool)?;
            if let Some(image) = &image {
                pool.make_disk(&convert::disk(&named), image)?;
            }
            if let Some(seed) = &seed {
                pool.write(&convert::seed(&named), seed)?;
            }
            Ok(())
        };
        host.call(make_volumes).await?;
    }
    let (instance, subnet) = (&launch.instance, &launch.subnet);
    let request = CableRequest {
        host: host.uri.clone(),
        tenant: launch.tenant.clone(),
        cloud: fleet.settings.cloud.clone(),
        instance: instance.id,
        address: instance.address,
        prefix: subnet.cidr.prefix_len(),
        gateway: subnet.gateway,
        mac: instance.mac(),
    };
    let bridge = fleet.cable.plug(&request).await?;
    let machine = Machine {
        bridge: Some(&bridge),
        ..machine(fleet, launch, template, name, accelerator)
    };
    let (xml, name) = (convert::domain(&machine), name.to_owned());
    let start = move |link: &_| {
        api::define(link, &xml)?;
        api::start(link, &name)?;
        api::mark_launched(link, &name)
    };
    host.call(start).await
}

/// Takes back an instance that was never started; whether it did. One that somebody has started meanwhile stays.
pub(crate) async fn take_back(
    fleet: &Fleet,
    index: usize,
    tenant: &TenantName,
    id: InstanceId,
    name: &str,
) -> Result<bool, Trouble> {
    let host = fleet.hosts.at(index);
    let (settings, named) = (Arc::clone(&fleet.settings), name.to_owned());
    let clear = move |link: &_| {
        let all = api::domains(link, &settings.deployment, settings.cloud.as_str())?;
        let Some(found) = all.iter().find(|found| found.name == named) else {
            return Ok(true);
        };
        if api::life(link, found)?.is_some_and(|life| life != Life::Unfinished) {
            return Ok(false);
        }
        fleet::remove_volumes(&Pool::open(link, &settings.pool)?, &named)?;
        Ok(true)
    };
    if !host.call(clear).await? {
        return Ok(false);
    }
    fleet
        .cable
        .unplug(&host.uri, tenant, &fleet.settings.cloud, id)
        .await?;
    let named = name.to_owned();
    host.call(move |link| api::undefine(link, &named)).await?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "beside hosts that are silent")]
    fn look(life: Option<Life>, is_buried: bool, taken: u32) -> Result<Look, Trouble> {
        Ok(Look {
            life,
            is_buried,
            taken,
        })
    }

    fn silent() -> Result<Look, Trouble> {
        Err(Trouble::silent("qemu+ssh://b/system", "has not answered"))
    }

    #[test]
    fn a_silent_host_may_have_the_instance_unless_it_is_found_elsewhere() {
        let absent = look(None, false, 0);
        let kind = |looks| verdict(looks).unwrap_err().kind;

        assert_eq!(
            kind(vec![absent.clone(), silent()]),
            CloudErrorKind::Unreachable
        ); // I8
        assert_eq!(
            kind(vec![look(Some(Life::Unfinished), false, 1), silent()]),
            CloudErrorKind::Unreachable
        );
        assert_eq!(
            kind(vec![look(None, true, 0), silent()]),
            CloudErrorKind::NotFound
        );
        assert_eq!(
            verdict(vec![silent(), look(Some(Life::Running), false, 1)]),
            Ok(Verdict::Exists(Life::Running))
        );
        assert_eq!(
            verdict(vec![absent.clone(), absent]),
            Ok(Verdict::Absent(vec![0, 0]))
        );
    }

    #[test]
    fn what_was_never_started_is_taken_back_before_it_is_made_again() {
        let half = look(Some(Life::Unfinished), false, 1);
        let looks = vec![look(None, false, 0), half];
        assert_eq!(verdict(looks), Ok(Verdict::HalfMade(vec![1])));
    }

    #[test]
    fn the_emptiest_host_comes_first_or_where_hosts_are_to_become_empty_the_fullest() {
        let (taken, capacities) = ([1, 3, 0, 1], [3, 3, 3, 3]);

        assert_eq!(order(&taken, &capacities, false), [2, 0, 3]);
        assert_eq!(order(&taken, &capacities, true), [0, 3, 2]); // S3-25
    }
}
