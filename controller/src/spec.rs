//! What the tenant asked for. Every key is here with its default already filled in; `northbound::tenant_file` reads and
//! checks the text, so that a [`TenantSpec`] in hand is a valid one.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::id::{CloudName, SubnetName, TemplateName, TenantName};
use crate::policy::Policy;

/// One tenant's whole wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSpec {
    /// Who.
    pub tenant: TenantName,
    /// The addresses.
    pub network: Network,
    /// What clients reach, and how an instance shows that it is well.
    pub service: Service,
    /// How many, of what.
    pub instances: Instances,
    /// Where, in order of preference. Never empty.
    pub clouds: Vec<CloudPreference>,
    /// By which rules a place is chosen among them, and who goes first.
    #[serde(default)]
    pub placement: PlacementRules,
    /// What it may cost; `None` for whatever it costs.
    #[serde(default)]
    pub budget: Option<Budget>,
    /// When the number changes.
    pub policy: Policy,
    /// What is written down.
    pub logs: Logs,
}

/// The tenant's own network, and its one public address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// Where clients connect to.
    pub public_ip: Ipv4Addr,
    /// At least one; instances live in the first.
    pub subnets: Vec<Subnet>,
    /// How new connections are shared out among the clouds.
    pub split: Split,
}

/// A range of the tenant's addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subnet {
    /// The tenant's word for it.
    pub name: SubnetName,
    /// The range.
    pub cidr: Ipv4Net,
    /// The router's address in it.
    pub gateway: Ipv4Addr,
    /// The first address that an instance may have.
    pub dhcp_start: Ipv4Addr,
    /// The last address that an instance may have.
    pub dhcp_end: Ipv4Addr,
}

/// How new connections are shared out among the clouds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// Each cloud by the number of its instances, so that every instance gets the same share.
    #[default]
    ByInstances,
    /// Each cloud the same, however many instances it has.
    Equal,
}

/// What clients reach, and how an instance shows that it is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Ports of the public address, and where they lead. At least one.
    pub listen: Vec<Listener>,
    /// How an instance is asked whether it is well.
    pub health: HealthCheck,
}

/// One port of the public address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listener {
    /// The protocol that is forwarded.
    pub protocol: Protocol,
    /// The public port; zero for ICMP, which has none.
    pub port: u16,
    /// The instance's port; zero for ICMP.
    pub to: u16,
}

/// What can be balanced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// A connection is a flow.
    Tcp,
    /// A pair of addresses and ports is a flow, until it is silent for a while.
    Udp,
    /// An echo identifier is a flow.
    Icmp,
}

/// How an instance is asked whether it is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The question.
    pub probe: Probe,
    /// From one question to the next.
    pub every: SignedDuration,
    /// Without an answer after this long, the question counts as failed.
    pub timeout: SignedDuration,
    /// So many failures in a row make an instance unhealthy.
    pub unhealthy_after: u32,
    /// So many answers in a row make it healthy.
    pub healthy_after: u32,
}

/// A question to an instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// `GET path` on this port is answered with a 2xx.
    Http {
        /// The instance's port.
        port: u16,
        /// Begins with `/`.
        path: String,
    },
    /// A connection to this port is accepted.
    Tcp {
        /// The instance's port.
        port: u16,
    },
}

/// How many, of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instances {
    /// Never fewer, as far as it is in our hands.
    pub min: u32,
    /// Never more, but for `surge` while one is replaced.
    pub max: u32,
    /// What they are made from.
    pub template: TemplateName,
    /// How many above `max` a replacement may take for a short time.
    pub surge: u32,
    /// An instance that is not healthy this long after its launch is given up.
    pub boot_timeout: SignedDuration,
}

/// A cloud that the tenant wants to be in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CloudPreference {
    /// Which.
    pub name: CloudName,
    /// At most so many there; the cloud's own capacity holds too.
    pub max: Option<u32>,
}

/// By which rules places are chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacementRules {
    /// Which cloud is preferred.
    pub order: CloudOrder,
    /// How many may not be spot; `None` for all.
    pub on_demand: Option<OnDemand>,
    /// Who goes first where fewer are needed.
    pub termination: Termination,
}

/// Which cloud is filled first, and emptied last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloudOrder {
    /// The one that is listed first.
    #[default]
    Preference,
    /// The cheapest, by the price of its first machine type on demand; those without a price come last.
    Cost,
    /// The one that has failed least for each launch, as far as is remembered.
    Reliability,
}

impl CloudOrder {
    /// The word in the tenant file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Preference => "preference",
            Self::Cost => "cost",
            Self::Reliability => "reliability",
        }
    }
}

/// How many instances are on demand; the others are spot, where that can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnDemand {
    /// The first so many.
    pub base: u32,
    /// Of those beyond them so many in a hundred, rounded up.
    pub percentage: u32,
}

impl OnDemand {
    /// How many of `count` must be on demand.
    pub fn of(self, count: u32) -> u32 {
        let base = self.base.min(count);
        let beyond = u64::from(count - base) * u64::from(self.percentage.min(100));
        base + u32::try_from(beyond.div_ceil(100)).unwrap_or(u32::MAX)
    }
}

/// Who goes first of those that might as well go: of the least preferred cloud, in its fullest zone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Termination {
    /// Who came last (S4-111).
    #[default]
    Newest,
    /// Who came first.
    Oldest,
    /// Of those whose template is the oldest, who came last.
    OldestTemplate,
    /// Who is closest to the end of an hour since its launch: for clouds that charge by the hour begun.
    ClosestToHour,
}

impl Termination {
    /// The word in the tenant file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::OldestTemplate => "oldest_template",
            Self::ClosestToHour => "closest_to_hour",
        }
    }
}

/// What a tenant may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// At the operator's prices, in his money. The minimum is met whatever it costs.
    pub per_hour: Amount,
}

/// What is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logs {
    /// Whether metrics are kept. Actions and decisions always are.
    pub metrics: bool,
}
