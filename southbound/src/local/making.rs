//! How an instance comes and goes, step by step. Each step may be the last before a crash; each may be done again.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use controller::crashpoint;
use controller::id::TenantName;
use controller::ports::{CloudErrorKind, CloudState, InstanceSeen, Launch};
use tokio::time::Instant;

use super::bundle::Bundle;
use super::convert::{self, Places};
use super::error::Trouble;
use super::place::{Place, blocking};
use super::settings::Template;
use super::{image, overlay, stray};
use crate::tag;

/// A runtime that an earlier service has started is done within this, or never.
const STRAY_LIMIT: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Makes the instance exist, or finds that it does.
pub(super) async fn launch(place: &Place, launch: &Launch) -> Result<InstanceSeen, Trouble> {
    if launch.instance.cloud != *place.cloud() {
        let detail = format!("it is meant for {}", launch.instance.cloud);
        return Err(Trouble::new(CloudErrorKind::Rejected, detail));
    }
    let provider = place.provider(&launch.tenant, launch.instance.id);
    let _turn = place.turn(&provider.0).await?;
    let bundle = place.bundle(&provider.0);
    let _starting = place.starting(&provider.0);

    crashpoint!("local.launch.begun");
    let is_new = place.claim(&bundle).await?;
    crashpoint!("local.launch.claimed", is_new);
    let is_done = !is_new && is_made(place, &bundle).await?;
    if !is_done && let Err(trouble) = make(place, launch, &bundle, is_new).await {
        return Err(take_back(place, launch, &bundle, trouble).await);
    }
    crashpoint!("local.launch.made", !is_done);
    let is_alive = !is_done || is_running(place, &bundle)?;
    Ok(InstanceSeen {
        provider,
        id: launch.instance.id,
        state: if is_alive {
            CloudState::Running
        } else {
            CloudState::Stopped
        },
    })
}

/// Whether the instance that has a directory already ever came to run: then it is what it is. Otherwise an earlier service
/// was killed while it made it, and its runtime may not be done.
async fn is_made(place: &Place, bundle: &Bundle) -> Result<bool, Trouble> {
    let deadline = Instant::now() + STRAY_LIMIT;
    while !bundle.has_started() {
        let is_coming = is_running(place, bundle)? || is_at_work(bundle)?;
        // It may have come to its end between the two questions.
        if !is_coming || Instant::now() >= deadline {
            return Ok(bundle.has_started());
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(true)
}

fn is_at_work(bundle: &Bundle) -> Result<bool, Trouble> {
    let found = stray::is_at_work(bundle);
    found.map_err(|cause| Trouble::system("looking for its runtime", &cause))
}

fn is_running(place: &Place, bundle: &Bundle) -> Result<bool, Trouble> {
    let pids = place.hierarchies.pids(&place.group(bundle.name()));
    let pids = pids.map_err(|cause| Trouble::system("reading its control group", &cause))?;
    Ok(!pids.is_empty())
}

/// Nothing of a launch that failed stays behind to take a place; where it cannot be cleared away, it is listed as stopped.
async fn take_back(place: &Place, launch: &Launch, bundle: &Bundle, why: Trouble) -> Trouble {
    match dismantle(place, &launch.tenant, bundle, Bundle::remove).await {
        Ok(()) => why,
        Err(also) => Trouble::new(
            why.kind,
            format!(
                "{}; and it could not be cleared away: {}",
                why.detail, also.detail
            ),
        ),
    }
}

/// Puts the instance together and starts it.
async fn make(
    place: &Place,
    launch: &Launch,
    bundle: &Bundle,
    is_new: bool,
) -> Result<(), Trouble> {
    let template = place.template(&launch.instance.template)?;
    if !is_new {
        end(place, bundle).await?;
        remove_root(bundle).await?;
    }
    let shared = place.shared(&launch.tenant);
    let began = Instant::now();
    // The network takes the longest and needs nothing of the disk.
    let request = convert::cable_request(launch);
    let (netns, root) = futures_util::future::join(
        place.cable.plug(&request),
        make_root(place, template, bundle, shared.clone()),
    )
    .await;
    let (netns, ()) = (netns?, root?);
    crashpoint!("local.launch.plugged");
    let plugged = Instant::now();
    let group = place.group(bundle.name());
    let places = Places {
        rootfs: &bundle.rootfs(),
        netns: &netns,
        shared: &shared,
        cgroup: &group,
        open_files_max: place.open_files_max,
    };
    let spec = convert::spec(launch, template, place.deployment(), places)
        .map_err(|cause| Trouble::new(CloudErrorKind::Rejected, cause.to_string()))?;
    bundle
        .write_config(&spec)
        .map_err(|cause| Trouble::system("writing config.json", &cause))?;
    crashpoint!("local.launch.configured");
    place
        .hierarchies
        .make(&group)
        .map_err(|cause| Trouble::system("making its control group", &cause))?;
    crashpoint!("local.launch.grouped");
    place.runtime.run(bundle).await?;
    tracing::info!(
        tenant = %launch.tenant, cloud = %place.cloud(), instance = %launch.instance.id,
        prepare_ms = plugged.duration_since(began).as_secs_f64() * 1e3,
        run_ms = plugged.elapsed().as_secs_f64() * 1e3,
        "instance started"
    );
    Ok(())
}

/// Mounts the instance's own root, and makes the shared directory exist.
async fn make_root(
    place: &Place,
    template: &Template,
    bundle: &Bundle,
    shared: PathBuf,
) -> Result<(), Trouble> {
    let (images, root, bundle) = (place.images.clone(), template.root.clone(), bundle.clone());
    blocking(move || {
        fs::create_dir_all(&shared).map_err(|cause| {
            Trouble::system(format_args!("making `{}`", shared.display()), &cause)
        })?;
        let lower = image::directory(&images, &root)?;
        overlay::make(&bundle, &lower)
            .map_err(|cause| Trouble::system("mounting its root", &cause))?;
        crashpoint!("local.launch.mounted");
        Ok(())
    })
    .await
}

/// Takes back what an earlier service was killed over, so that it takes no place and nobody takes it for an instance that has
/// failed; the same launch, asked again, begins anew. What cannot be taken back stays, and is listed as stopped.
pub(super) async fn take_back_half_made(
    place: &Arc<Place>,
    tenant: &TenantName,
) -> Result<(), Trouble> {
    let (all, whose) = (Arc::clone(place), tenant.clone());
    let found = blocking(move || {
        let found = all.half_made(&whose);
        found.map_err(|cause| Trouble::system("looking for what is half made", &cause))
    });
    for bundle in found.await? {
        let Some(_turn) = place.turn_now(bundle.name())? else {
            continue;
        };
        // A launch may have finished it, or a removal ended it, just before it was our turn.
        let is_still = place.is_half_made(&bundle);
        if !is_still.map_err(|cause| Trouble::system("looking at what is half made", &cause))? {
            continue;
        }
        let name = bundle.name();
        match dismantle(place, tenant, &bundle, Bundle::remove).await {
            Ok(()) => {
                tracing::info!(%tenant, instance = name, "took back a launch that was cut short");
            }
            Err(Trouble { detail, .. }) => {
                tracing::warn!(%tenant, instance = name, detail, "cannot take back a launch that was cut short");
            }
        }
    }
    Ok(())
}

/// Makes the instance exist no more.
pub(super) async fn terminate(
    place: &Place,
    tenant: &TenantName,
    name: &str,
) -> Result<(), Trouble> {
    if !tag::is_provider(name) {
        return Ok(());
    }
    let _turn = place.turn(name).await?;
    let bundle = place.bundle(name);
    let is_its_own = place.instance(tenant, name).is_some();
    if !bundle.exists() && !is_its_own {
        return Ok(());
    }
    if !is_its_own {
        return Err(Trouble::foreign());
    }
    crashpoint!("local.removal.begun");
    if bundle.is_suspended() {
        // What stands still hears no signal.
        go_on(place, &bundle).await?;
    }
    ask_to_end(place, &bundle).await?;
    crashpoint!("local.removal.asked");
    let tombstones = Arc::clone(&place.tombstones);
    dismantle(place, tenant, &bundle, move |bundle| {
        bundle.bury(&tombstones)
    })
    .await
}

/// Lets the instance stand still, in memory.
pub(super) async fn suspend(place: &Place, tenant: &TenantName, name: &str) -> Result<(), Trouble> {
    let _turn = place.turn(name).await?;
    let bundle = place.own(tenant, name)?;
    if !bundle.has_started() || !is_running(place, &bundle)? {
        let detail = "it does not run, so it cannot be suspended";
        return Err(Trouble::new(CloudErrorKind::Rejected, detail));
    }
    if bundle.is_suspended() {
        // An earlier service may have been killed between the mark and the deed; nobody can tell, so it is done again.
        go_on(place, &bundle).await?;
    }
    fs::File::create(bundle.suspended())
        .map_err(|cause| Trouble::system("marking it as suspended", &cause))?;
    place.runtime.pause(&bundle).await
}

/// Lets a suspended instance go on.
pub(super) async fn resume(place: &Place, tenant: &TenantName, name: &str) -> Result<(), Trouble> {
    let _turn = place.turn(name).await?;
    let bundle = place.own(tenant, name)?;
    if !is_running(place, &bundle)? {
        let detail = "it has come to its end, so it cannot be resumed";
        return Err(Trouble::new(CloudErrorKind::Rejected, detail));
    }
    if bundle.is_suspended() {
        go_on(place, &bundle).await?;
    }
    Ok(())
}

/// The mark goes last: what was cut short in between is done again.
async fn go_on(place: &Place, bundle: &Bundle) -> Result<(), Trouble> {
    match place.runtime.resume(bundle).await {
        // The mark was made, and the deed never done.
        Err(trouble) if trouble.detail.contains("not paused") => {}
        done => done?,
    }
    super::bundle::removed(fs::remove_file(bundle.suspended()))
        .map_err(|cause| Trouble::system("unmarking it as suspended", &cause))
}

/// Lets the instance end by itself, for as long as its template says.
async fn ask_to_end(place: &Place, bundle: &Bundle) -> Result<(), Trouble> {
    let grace = bundle.read_config().as_ref().and_then(convert::stop_grace);
    let (Some(first), Some(grace)) = (bundle.first_pid(), grace) else {
        return Ok(());
    };
    let group = place.group(bundle.name());
    let asked = place
        .hierarchies
        .ask_to_end(&group, first, grace.unsigned_abs())
        .await;
    asked.map_err(|cause| Trouble::system("asking it to end", &cause))
}

/// Ends the instance and removes everything of it, going on past errors. Its directory goes last, in the way that is given, and
/// only if nothing else is left: what could not be removed stays listed, and is tried again.
async fn dismantle(
    place: &Place,
    tenant: &TenantName,
    bundle: &Bundle,
    remove: impl FnOnce(&Bundle) -> io::Result<()> + Send + 'static,
) -> Result<(), Trouble> {
    let mut troubles = Vec::new();
    troubles.extend(end(place, bundle).await.err());
    crashpoint!("local.removal.ended");
    let unplug = async {
        match place.instance(tenant, bundle.name()) {
            Some(id) => place.cable.unplug(tenant, place.cloud(), id).await,
            None => Ok(()),
        }
    };
    // The kernel takes its time for either, and waits for the same thing.
    let (unmounted, unplugged) = futures_util::future::join(remove_root(bundle), unplug).await;
    troubles.extend(unmounted.err());
    troubles.extend(unplugged.err().map(Trouble::from));
    crashpoint!("local.removal.unplugged");
    if troubles.is_empty() {
        let removed = bundle.clone();
        let removed = blocking(move || {
            let removed = remove(&removed);
            removed.map_err(|cause| Trouble::system("removing its directory", &cause))
        });
        troubles.extend(removed.await.err());
    }
    Trouble::all(troubles)
}

/// Ends every process of the instance, and makes the runtime and the kernel forget it; goes on past errors.
async fn end(place: &Place, bundle: &Bundle) -> Result<(), Trouble> {
    let group = place.group(bundle.name());
    let mut troubles = Vec::new();
    let mut note = |what: &str, done: std::io::Result<()>| {
        troubles.extend(done.err().map(|cause| Trouble::system(what, &cause)));
    };
    if !bundle.has_started() {
        note("ending its runtime", stray::kill_all(bundle).await);
    }
    let killed = place.hierarchies.kill_all(&group).await;
    note("ending its processes", killed);
    crashpoint!("local.removal.killed");
    let forgotten = place.runtime.delete(bundle).await;
    crashpoint!("local.removal.deleted");
    let removed = place.hierarchies.remove(&group).await;
    note("removing its control group", removed);
    troubles.extend(forgotten.err());
    Trouble::all(troubles)
}

/// Unmounts the instance's root and removes what it has written on it.
async fn remove_root(bundle: &Bundle) -> Result<(), Trouble> {
    let bundle = bundle.clone();
    blocking(move || {
        overlay::unmount(&bundle)
            .and_then(|()| overlay::clear(&bundle))
            .map_err(|cause| Trouble::system("removing its root", &cause))
    })
    .await
}
