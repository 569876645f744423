//! What a seed stands for: how many nodes, which clouds, which tenants with which wishes, how much load, for how long.

use std::collections::BTreeMap;

use controller::id::CloudName;
use controller::market::{CloudOffer, Market};
use controller::offering::Offering;
use controller::pace::Pace;
use controller::spec::TenantSpec;
use jiff::SignedDuration;

use crate::curve::Curve;
use crate::fault::Faults;
use crate::moment::{HOUR, Span};

mod offers;
mod tenant;

pub(crate) use offers::another_template;
pub(crate) use tenant::{changed, spec};

/// How a cloud behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Personality {
    /// Listings lag; launches carry a token.
    Ec2,
    /// Calls start operations; names are unique.
    Gce,
    /// Define, then start; the connection may drop between.
    Libvirt,
}

/// One cloud.
#[derive(Debug, Clone)]
pub(crate) struct CloudDrawn {
    pub(crate) name: CloudName,
    pub(crate) personality: Personality,
    pub(crate) capacity: usize,
    /// How long an instance takes from its launch until it answers, about.
    pub(crate) boot: Span,
    /// What there is to choose from.
    pub(crate) offer: CloudOffer,
    /// For how many of some of its offerings it has room; of others for as many as may be.
    pub(crate) rooms: BTreeMap<Offering, usize>,
}

/// One tenant.
#[derive(Debug, Clone)]
pub(crate) struct TenantDrawn {
    pub(crate) spec: TenantSpec,
    pub(crate) curve: Curve,
}

/// What a seed stands for.
#[derive(Debug)]
pub(crate) struct Drawn {
    pub(crate) nodes: usize,
    pub(crate) clouds: Vec<CloudDrawn>,
    pub(crate) tenants: Vec<TenantDrawn>,
    pub(crate) pace: Pace,
    /// How long faults strike.
    pub(crate) chaos: Span,
    /// How long a lease lasts that is not renewed.
    pub(crate) ttl: Span,
    pub(crate) faults: Faults,
}

/// What these clouds have to offer, together.
pub(crate) fn market<'a>(clouds: impl Iterator<Item = &'a CloudDrawn>) -> Market {
    Market {
        clouds: clouds
            .map(|cloud| (cloud.name.clone(), cloud.offer.clone()))
            .collect(),
    }
}

/// A stream of chance for one purpose of one seed, so that more draws for one purpose leave the others as they are.
pub(crate) fn stream(seed: u64, purpose: &str) -> fastrand::Rng {
    let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
    for byte in purpose.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    fastrand::Rng::with_seed(hash)
}

/// Draws a world.
pub(crate) fn draw(seed: u64, traces: &[Vec<f64>]) -> Drawn {
    let mut chance = stream(seed, "topology");
    let personalities = [Personality::Ec2, Personality::Gce, Personality::Libvirt];
    let clouds: Vec<CloudDrawn> = (0..chance.usize(1..=3))
        .map(|index| CloudDrawn {
            name: name(&format!("cloud-{}", ["a", "b", "c"][index])),
            personality: personalities[chance.usize(..3)],
            capacity: chance.usize(6..=30),
            boot: chance.u64(2..=90) * crate::moment::SECOND,
            offer: CloudOffer::default(),
            rooms: BTreeMap::new(),
        })
        .collect();
    let mut clouds = clouds;
    offers::draw(seed, &mut clouds);
    let names: Vec<CloudName> = clouds.iter().map(|cloud| cloud.name.clone()).collect();
    let tenants = (0..[1, 1, 2, 2, 3][chance.usize(..5)])
        .map(|index| {
            let mut chance = stream(seed, &format!("tenant {index}"));
            let mut spec = spec(&mut chance, index, &names);
            offers::choose(seed, index, &mut spec);
            let curve = Curve::drawn(&mut chance, spec.instances.max, traces);
            TenantDrawn { spec, curve }
        })
        .collect();
    let share = 0.1 + 0.5 * chance.f64();
    Drawn {
        nodes: [1, 1, 1, 2, 3][chance.usize(..5)],
        clouds,
        tenants,
        pace: Pace {
            tick: SignedDuration::from_secs([5, 10, 10, 20, 30][chance.usize(..5)]),
        },
        chaos: chance.u64(1..=6) * HOUR,
        ttl: chance.u64(5..=15) * crate::moment::SECOND,
        faults: Faults::drawn(&mut stream(seed, "faults"), share),
    }
}

/// A name that is one.
pub(crate) fn name<T: std::str::FromStr>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| unreachable!("the world draws valid names only"))
}
