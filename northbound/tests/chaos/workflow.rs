//! What a service can be in the middle of when it is killed, and what must be true afterwards.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;

use controller::id::InstanceId;

use crate::exec::{Beginning, Running, Said};
use crate::host::{Host, ids, wait};
use crate::outside::{self, Kind};
use crate::remains::Container;

/// The tenant of all cases.
pub(crate) const TENANT: &str = "demo";
/// Its public address.
pub(crate) const PUBLIC: Ipv4Addr = Ipv4Addr::new(45, 45, 45, 45);

/// What the tenant is like between two cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// There is none.
    Gone,
    /// Two instances, and a site in each of two clouds.
    Two,
    /// Three, one of them in the second cloud.
    Three,
    /// Two, and one cloud only.
    Narrow,
}

impl State {
    /// How many instances there are.
    fn count(self) -> usize {
        match self {
            Self::Gone => 0,
            Self::Two | Self::Narrow => 2,
            Self::Three => 3,
        }
    }

    fn sites(self) -> usize {
        match self {
            Self::Gone => 0,
            Self::Narrow => 1,
            Self::Two | Self::Three => 2,
        }
    }
}

/// Something that takes many steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Workflow {
    /// A tenant is applied for the first time.
    Create,
    /// One more instance, in a site that had none.
    Out,
    /// One fewer.
    In,
    /// An instance dies.
    Replace,
    /// An edit takes a cloud away.
    Narrow,
    /// An edit adds a cloud.
    Widen,
    /// The service begins.
    Start,
    /// The tenant is destroyed.
    Destroy,
}

/// What was begun, and has to be ended.
pub(crate) enum Begun {
    /// A command that waits for its reply.
    Command(Running),
    /// An instance that was killed.
    Killed(Container),
    /// A service that was started.
    Service(Beginning),
    /// It has come to its end by itself.
    Done,
}

impl fmt::Display for Workflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{self:?}").to_lowercase())
    }
}

impl Workflow {
    pub(crate) const ALL: [Self; 8] = [
        Self::Create,
        Self::Out,
        Self::In,
        Self::Replace,
        Self::Narrow,
        Self::Widen,
        Self::Start,
        Self::Destroy,
    ];

    /// What it begins with.
    pub(crate) fn before(self) -> State {
        match self {
            Self::Create => State::Gone,
            Self::Out | Self::Replace | Self::Narrow | Self::Start | Self::Destroy => State::Two,
            Self::In => State::Three,
            Self::Widen => State::Narrow,
        }
    }

    /// What it leads to.
    pub(crate) fn after(self) -> State {
        match self {
            Self::Create | Self::In | Self::Replace | Self::Widen | Self::Start => State::Two,
            Self::Out => State::Three,
            Self::Narrow => State::Narrow,
            Self::Destroy => State::Gone,
        }
    }

    /// The one that follows it back to where it began.
    pub(crate) fn back(self) -> Option<Self> {
        match self {
            Self::Create => Some(Self::Destroy),
            Self::Destroy => Some(Self::Create),
            Self::Out => Some(Self::In),
            Self::In => Some(Self::Out),
            Self::Narrow => Some(Self::Widen),
            Self::Widen => Some(Self::Narrow),
            Self::Replace | Self::Start => None,
        }
    }

    /// What to do next on the way from one state to another.
    pub(crate) fn towards(from: State, to: State) -> Option<Self> {
        match (from, to) {
            (from, to) if from == to => None,
            (State::Gone, _) => Some(Self::Create),
            (State::Three, _) => Some(Self::In),
            (State::Narrow, _) => Some(Self::Widen),
            (State::Two, State::Three) => Some(Self::Out),
            (State::Two, State::Narrow) => Some(Self::Narrow),
            (State::Two, _) => Some(Self::Destroy),
        }
    }

    /// Whether requests are answered all the while, and none is lost. One is, in an instance that dies.
    pub(crate) fn loses_nothing(self) -> bool {
        !matches!(self, Self::Create | Self::Destroy | Self::Replace)
    }

    /// Whether requests are answered at all.
    pub(crate) fn serves(self) -> bool {
        !matches!(self, Self::Create | Self::Destroy)
    }

    /// Begins it, and does not wait for its end.
    pub(crate) fn begin(self, host: &mut Host) -> Begun {
        match self {
            Self::Replace => {
                let victim = host.containers(TENANT).swap_remove(0);
                victim.kill();
                Begun::Killed(victim)
            }
            Self::Start => Begun::Service(host.place.start()),
            Self::Create | Self::Widen => {
                write(host, "local-a, max: 2 }, { name: local-b");
                self.order(host)
            }
            Self::Narrow => {
                write(host, "local-a");
                self.order(host)
            }
            Self::Out | Self::In | Self::Destroy => self.order(host),
        }
    }

    fn order(self, host: &Host) -> Begun {
        Begun::Command(host.place.spawn(self.words()))
    }

    /// The command that a person gives.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Create | Self::Narrow | Self::Widen => &["apply", TENANT],
            Self::Out => &["scale", TENANT, "3"],
            Self::In => &["scale", TENANT, "2"],
            Self::Destroy => &["destroy", TENANT, "--yes"],
            Self::Replace | Self::Start => &[],
        }
    }

    /// Ends what was begun: a command that had no reply is given again, as a person would; one that had must have been heeded.
    pub(crate) fn finish(self, host: &mut Host, begun: Begun) {
        match begun {
            Begun::Command(command) => {
                let said = command.end();
                if said.code != Some(0) && !self.is_done_already(&said) {
                    let again = host.asaas(self.words());
                    let is_heeded = again.code == Some(0) || self.is_done_already(&again);
                    assert!(is_heeded, "{said:?} and then {again:?}");
                }
            }
            Begun::Killed(victim) => {
                host.until(TENANT, "the dead one is in no record", |report| {
                    !ids(report).contains(&victim.id)
                });
            }
            Begun::Service(_) | Begun::Done => {}
        }
    }

    /// A tenant that is gone cannot be destroyed again.
    fn is_done_already(self, said: &Said) -> bool {
        self == Self::Destroy && said.err.contains("no tenant")
    }
}

/// Waits until the tenant is as this state says, and sees from outside that it is.
#[track_caller]
pub(crate) fn wait_until_settled(host: &Host, state: State) {
    if state == State::Gone {
        wait(
            || host.try_report(TENANT).is_err(),
            || format!("the tenant goes\n{}", host.place.service_log()),
        );
        outside::assert_gone(host);
        return;
    }
    let sites = || {
        let found = outside::namespaces(host);
        found.iter().filter(|(kind, _)| *kind == Kind::Site).count()
    };
    wait(
        || sites() == state.sites(),
        || format!("{} sites, there are {}", state.sites(), sites()),
    );
    // On a busy machine an apply is answered before a tick has known of it.
    let generation = outside::generation(host);
    host.until(TENANT, "a tick knows of the spec in force", |report| {
        report.status.generation.0 == generation
    });
    let containers = host.until_exactly(TENANT, state.count());
    let running: BTreeSet<InstanceId> = containers.iter().map(|one| one.id).collect();
    outside::assert_exactly(host, &running, state.sites());
    outside::assert_no_dead_flow(host);
}

fn write(host: &Host, clouds: &str) {
    let clouds = format!("clouds: [{{ name: {clouds} }}]\n");
    host.write(TENANT, &PUBLIC.to_string(), "min: 2, max: 3", &clouds);
}
