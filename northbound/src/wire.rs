//! The composition root: from what the operator has set to the ports that the controller works with. The one place that knows
//! every adapter, and the one that makes a real clock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use controller::amount::Amount;
use controller::id::{CloudName, TemplateName, TenantName};
use controller::load::Metric;
use controller::ports::Ports;
use controller::ports::{Clock, Meter, Southbound};
use netsetup::LinuxDataplane;
use netsetup::sim::{SimDataplane, SimMeter};
use southbound::local::{LocalCloud, LocalMeter, LocalSettings, Template};
use southbound::sim::{SimCloud, SimSettings};

use crate::clock::SystemClock;
use crate::config::{Cloud, CloudKind, Config, Root};
use crate::meter::{
    AccessLogMeter, Meters, PrometheusMeter, Pushed, PushedMeter, Shared, Sources, Troubles,
};
use crate::node::Place;
use crate::store::{Registrar, SqliteStore};

mod cable;
pub mod demo;
mod error;
#[cfg(feature = "libvirt")]
mod libvirt;
mod wakes;

pub use error::WireError;
pub use wakes::Wakes;

/// A simulated instance shows this load, so that a policy has something to follow.
const SIM_LOAD: Amount = Amount::from_millionths(400_000);

/// Where a service remembers, and with whom.
pub struct Memory {
    /// What is written down, to be read on this machine.
    pub store: SqliteStore,
    /// Where wishes and records are written: the same, or what all nodes share.
    pub registrar: Arc<dyn Registrar>,
    /// The service's place among those that share it; `None` where it is alone.
    pub place: Option<Place>,
    /// Whose steady time goes on from what was last written.
    pub clock: SystemClock,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory")
            .field("store", &self.store)
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl From<SqliteStore> for Memory {
    /// A service that is alone.
    fn from(store: SqliteStore) -> Self {
        Self {
            registrar: Arc::new(store.clone()),
            clock: SystemClock::starting_after(store.last_steady()),
            store,
            place: None,
        }
    }
}

/// Everything that a service is made of.
#[derive(Clone)]
pub struct Wired {
    /// What the controller works with.
    pub ports: Ports,
    /// The same store as in the ports, for what people want.
    pub registrar: Arc<dyn Registrar>,
    /// What is written down, to be read on this machine.
    pub store: SqliteStore,
    /// Rung when an instance's health changes.
    pub wakes: Wakes,
    /// This service's place among those that share the store; `None` where it is alone.
    pub place: Option<Place>,
    /// The clouds of this machine.
    pub local: Vec<Arc<LocalCloud>>,
    /// The network of this machine; `None` where it is simulated.
    pub network: Option<LinuxDataplane>,
    /// What applications push.
    pub pushed: Pushed,
    /// Why readings are missing.
    pub troubles: Troubles,
}

impl fmt::Debug for Wired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wired")
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

/// Whether the clouds are only simulated, so that nothing of this machine is needed.
pub fn is_simulated(config: &Config) -> bool {
    config
        .clouds
        .iter()
        .all(|cloud| matches!(cloud.kind, CloudKind::Sim { .. }))
}

/// Puts the parts together. Touches nothing of the network; local clouds make their directories.
pub fn wire(config: &Config, memory: Memory) -> Result<Wired, WireError> {
    let is_sim = |cloud: &Cloud| matches!(cloud.kind, CloudKind::Sim { .. });
    if is_simulated(config) {
        return Ok(simulated(config, memory));
    }
    if config.clouds.iter().any(is_sim) {
        return Err(WireError::Mixed);
    }
    real(config, memory)
}

fn simulated(config: &Config, memory: Memory) -> Wired {
    let clock: Arc<dyn Clock> = Arc::new(memory.clock);
    let mut clouds: BTreeMap<CloudName, Arc<dyn Southbound>> = BTreeMap::new();
    for cloud in &config.clouds {
        let CloudKind::Sim {
            capacity,
            boot,
            reply_time,
        } = cloud.kind
        else {
            continue;
        };
        let settings = SimSettings {
            cloud: cloud.name.clone(),
            capacity,
            boot,
        };
        let made = SimCloud::new(settings, Arc::clone(&clock));
        made.set_reply_time(reply_time);
        clouds.insert(cloud.name.clone(), Arc::new(made));
    }
    let meter = SimMeter::new();
    meter.set_everyone(Metric::Cpu, SIM_LOAD);
    meter.set_everyone(Metric::Memory, SIM_LOAD);
    let (pushed, troubles) = (Pushed::default(), Troubles::default());
    let meters = further_meters(config, &pushed, &troubles, Box::new(|_| None));
    let meters = [vec![Arc::new(meter) as Arc<dyn Meter>], meters].concat();
    Wired {
        ports: Ports {
            clouds,
            market: Arc::new(config.market()),
            dataplane: Arc::new(SimDataplane::new()),
            meter: Arc::new(Meters::new(meters, troubles.clone())),
            store: memory.registrar.clone(),
            clock,
        },
        registrar: memory.registrar,
        store: memory.store,
        wakes: Wakes::default(),
        place: memory.place,
        local: Vec::new(),
        network: None,
        pushed,
        troubles,
    }
}

fn real(config: &Config, memory: Memory) -> Result<Wired, WireError> {
    let wakes = Wakes::default();
    let Memory {
        store,
        registrar,
        place,
        clock,
    } = memory;
    let clock: Arc<dyn Clock> = Arc::new(clock);
    let settings = netsetup::Settings {
        tunnel: config.tunnel,
        ..netsetup::Settings::new(store.deployment())
    };
    let ring = wakes.clone();
    let linux = Arc::new(LinuxDataplane::new(
        settings,
        Arc::new(move |tenant| ring.ring(tenant)),
    ));
    let Opened {
        clouds,
        local,
        mut meters,
    } = open(config, store.deployment(), &linux, &wakes)?;
    meters.push(Arc::new(linux.meter()));
    let instances = LocalMeter::new(store.deployment(), &config.local);
    meters.push(Arc::new(instances.map_err(WireError::Meter)?));
    let (pushed, troubles) = (Pushed::default(), Troubles::default());
    let any = local.first().map(Arc::clone);
    let shared = move |tenant: &TenantName| any.as_ref().map(|cloud| cloud.shared(tenant));
    meters.extend(further_meters(config, &pushed, &troubles, Box::new(shared)));
    let meters = Meters::new(meters, troubles.clone());
    let network = Some(LinuxDataplane::clone(&linux));
    Ok(Wired {
        ports: Ports {
            clouds,
            market: Arc::new(config.market()),
            dataplane: linux,
            meter: Arc::new(meters),
            store: registrar.clone(),
            clock,
        },
        registrar,
        store,
        wakes,
        place,
        local,
        network,
        pushed,
        troubles,
    })
}

/// Clouds that are ready to be asked.
#[derive(Default)]
struct Opened {
    clouds: BTreeMap<CloudName, Arc<dyn Southbound>>,
    /// Those of this machine among them.
    local: Vec<Arc<LocalCloud>>,
    /// What measures their instances.
    meters: Vec<Arc<dyn Meter>>,
}

#[cfg_attr(
    not(feature = "libvirt"),
    expect(
        unused_variables,
        reason = "only hypervisors tell of changes by themselves"
    )
)]
fn open(
    config: &Config,
    deployment: &str,
    linux: &Arc<LinuxDataplane>,
    wakes: &Wakes,
) -> Result<Opened, WireError> {
    let mut opened = Opened::default();
    let templates = templates(config);
    for cloud in &config.clouds {
        let made: Arc<dyn Southbound> = match &cloud.kind {
            CloudKind::Local { capacity } => {
                let settings = LocalSettings {
                    cloud: cloud.name.clone(),
                    deployment: deployment.to_owned(),
                    state: config.local.clone(),
                    runtime: config.runtime.clone(),
                    capacity: *capacity,
                    templates: templates.clone(),
                };
                let made = open_local(settings, linux)?;
                opened.local.push(Arc::clone(&made));
                made
            }
            #[cfg(feature = "libvirt")]
            CloudKind::Libvirt(set) => {
                let made = libvirt::open(config, cloud, set, deployment, linux, wakes)?;
                opened.meters.push(Arc::new(made.meter()));
                Arc::new(made)
            }
            other => {
                return Err(WireError::NotBuilt {
                    cloud: cloud.name.clone(),
                    kind: other.name(),
                });
            }
        };
        opened.clouds.insert(cloud.name.clone(), made);
    }
    Ok(opened)
}

fn open_local(
    settings: LocalSettings,
    linux: &Arc<LinuxDataplane>,
) -> Result<Arc<LocalCloud>, WireError> {
    let cloud = settings.cloud.clone();
    let cable = Arc::new(cable::NetsetupCable::new(Arc::clone(linux)));
    let opened = LocalCloud::new(settings, cable);
    let opened = opened.map_err(|cause| WireError::Local { cloud, cause })?;
    Ok(Arc::new(opened))
}

/// The meters that look elsewhere than into this machine's kernel.
fn further_meters(
    config: &Config,
    pushed: &Pushed,
    troubles: &Troubles,
    shared: Shared,
) -> Vec<Arc<dyn Meter>> {
    let of_templates = config.templates.iter();
    let sources = Sources {
        of_tenants: config.access_logs.clone(),
        of_templates: of_templates
            .filter_map(|template| Some((template.name.clone(), template.access_log.clone()?)))
            .collect(),
        shared,
    };
    vec![
        Arc::new(AccessLogMeter::new(sources, troubles.clone())),
        Arc::new(PushedMeter::new(pushed.clone(), config.tick)),
        Arc::new(PrometheusMeter::new(
            config.prometheus.clone(),
            troubles.clone(),
        )),
    ]
}

fn templates(config: &Config) -> BTreeMap<TemplateName, Template> {
    // Where there is none, no template needs it: the service's checks have seen to that.
    let demo = demo::template(demo::root().unwrap_or_default());
    config
        .templates
        .iter()
        .filter_map(|template| Some((template.name.clone(), template.to_local(&demo)?)))
        .collect()
}

/// Whether a template needs the demo app.
pub fn needs_demo(config: &Config) -> bool {
    let is_demo = |root: &Root| *root == Root::Demo;
    !is_simulated(config)
        && config
            .templates
            .iter()
            .any(|template| is_demo(&template.root))
}
