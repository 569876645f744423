//! Who looks after whom, as a pure function of what is seen: the live nodes, and who owns which tenant. Every node works it out
//! for itself from the same keys; that two never own one tenant is the store's doing, not this module's.
//!
//! ```text
//! tenant ──► its line: all live nodes by a hash of both names
//!            nobody owns it    the k-th in line takes it after k seconds, the first at once
//!            we own it         we leave it to the first in line once that one is steady
//! ```
//!
//! When a node comes or goes, only the tenants move of which it is the first in line (rendezvous hashing). A node is steady once
//! it was there for a while without a break, and each recent break doubles that while: one that comes and goes is given
//! nothing, and what it leaves behind stays where it went.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use controller::id::TenantName;

use super::{NodeName, Uptime};

/// A node is given tenants of others once it was there for this long.
pub const STEADY: Duration = Duration::from_secs(10);
/// A break counts for this long …
const REMEMBERED: Duration = Duration::from_mins(10);
/// … and so many of them at most: five minutes and some, then.
const BREAKS: u32 = 5;
/// A tenant that nobody takes is the next one's in line after this long.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is seen of the nodes and of the owners, and since when.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    nodes: BTreeMap<NodeName, Node>,
    owners: BTreeMap<TenantName, (NodeName, Uptime)>,
    /// Tenants without an owner.
    free: BTreeMap<TenantName, Uptime>,
}

#[derive(Debug, Clone)]
struct Node {
    /// `None` while it is away.
    since: Option<Uptime>,
    breaks: Vec<Uptime>,
}

/// What a node does next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moves {
    /// Tenants to take.
    pub take: Vec<TenantName>,
    /// Tenants to leave to somebody else.
    pub leave: Vec<TenantName>,
    /// When there may be more to do even if nothing new is seen.
    pub again: Option<Duration>,
}

impl Node {
    /// How long it has to be there before it counts as steady.
    fn trial(&self, now: Uptime) -> Duration {
        let is_recent = |at: &&Uptime| now.since(**at) < REMEMBERED;
        let breaks = self.breaks.iter().filter(is_recent).count();
        let doublings = u32::try_from(breaks).unwrap_or(BREAKS).min(BREAKS);
        STEADY * 2_u32.pow(doublings)
    }

    /// How long until it is steady; zero where it is.
    fn until_steady(&self, now: Uptime) -> Option<Duration> {
        let there = now.since(self.since?);
        Some(self.trial(now).saturating_sub(there))
    }
}

impl Roster {
    /// A node was seen first at `since`; nothing new where it is there already.
    pub fn came(&mut self, node: NodeName, since: Uptime) {
        let node = self.nodes.entry(node).or_insert(Node {
            since: None,
            breaks: Vec::new(),
        });
        node.since.get_or_insert(since);
    }

    /// A node is there no more.
    pub fn went(&mut self, node: &NodeName, now: Uptime) {
        if let Some(node) = self.nodes.get_mut(node)
            && node.since.take().is_some()
        {
            node.breaks.retain(|at| now.since(*at) < REMEMBERED);
            node.breaks.push(now);
        }
        self.nodes.retain(|_, node| {
            node.since.is_some() || node.breaks.iter().any(|at| now.since(*at) < REMEMBERED)
        });
    }

    /// A tenant is this node's.
    pub fn owned(&mut self, tenant: TenantName, by: NodeName, now: Uptime) {
        self.free.remove(&tenant);
        if self.owner(&tenant) != Some(&by) {
            self.owners.insert(tenant, (by, now));
        }
    }

    /// A tenant is nobody's.
    pub fn freed(&mut self, tenant: &TenantName, now: Uptime) {
        if self.owners.remove(tenant).is_some() {
            self.free.insert(tenant.clone(), now);
        }
    }

    /// These are all the tenants that there are.
    pub fn tenants(&mut self, all: &BTreeSet<TenantName>, now: Uptime) {
        self.free.retain(|tenant, _| all.contains(tenant));
        for tenant in all {
            if !self.owners.contains_key(tenant) {
                self.free.entry(tenant.clone()).or_insert(now);
            }
        }
    }

    /// The nodes that are there, by name.
    pub fn live(&self) -> impl Iterator<Item = &NodeName> {
        let live = self.nodes.iter().filter(|(_, node)| node.since.is_some());
        live.map(|(name, _)| name)
    }

    /// Whose a tenant is.
    pub fn owner(&self, tenant: &TenantName) -> Option<&NodeName> {
        self.owners.get(tenant).map(|(owner, _)| owner)
    }

    /// Whose the tenants are that have an owner.
    pub fn owners(&self) -> impl Iterator<Item = (&TenantName, &NodeName)> {
        self.owners
            .iter()
            .map(|(tenant, (owner, _))| (tenant, owner))
    }

    /// What `me` does now.
    pub fn moves(&self, me: &NodeName, now: Uptime) -> Moves {
        let mut moves = Moves::default();
        if self.live().all(|node| node != me) {
            return moves;
        }
        for (tenant, since) in &self.free {
            let place = self.line(tenant).position(|node| node == me);
            let patience = PATIENCE.saturating_mul(
                place.map_or(u32::MAX, |place| u32::try_from(place).unwrap_or(u32::MAX)),
            );
            match patience.saturating_sub(now.since(*since)) {
                Duration::ZERO => moves.take.push(tenant.clone()),
                wait => moves.sooner(wait),
            }
        }
        let own = self.owners.iter().filter(|(_, (owner, _))| owner == me);
        for (tenant, (_, since)) in own {
            let first = self.line(tenant).next();
            let is_anothers = first.is_some_and(|first| first != me && self.is_steady(first, now));
            match STEADY.saturating_sub(now.since(*since)) {
                Duration::ZERO if is_anothers => moves.leave.push(tenant.clone()),
                wait if is_anothers => moves.sooner(wait),
                _ => {}
            }
        }
        let trials = self
            .nodes
            .values()
            .filter_map(|node| node.until_steady(now));
        trials
            .filter(|wait| !wait.is_zero())
            .for_each(|wait| moves.sooner(wait));
        moves
    }

    fn is_steady(&self, node: &NodeName, now: Uptime) -> bool {
        let node = self.nodes.get(node);
        node.and_then(|node| node.until_steady(now)) == Some(Duration::ZERO)
    }

    /// All live nodes, in the order in which the tenant is theirs. Nodes remember different breaks of each other, so who is
    /// steady has no part in it: all see the same line.
    fn line(&self, tenant: &TenantName) -> impl Iterator<Item = &NodeName> {
        ranked(tenant, self.live().collect()).into_iter()
    }
}

impl Moves {
    fn sooner(&mut self, wait: Duration) {
        self.again = Some(self.again.map_or(wait, |again| again.min(wait)));
    }
}

/// The nodes by what is drawn for each of them and this tenant, the highest first.
fn ranked<'a>(tenant: &TenantName, mut nodes: Vec<&'a NodeName>) -> Vec<&'a NodeName> {
    nodes.sort_by_cached_key(|node| {
        let mut hasher = blake3::Hasher::new();
        hasher.update(node.as_str().as_bytes());
        // No name holds it, so that no two pairs are the same text.
        hasher.update(&[0]);
        hasher.update(tenant.as_str().as_bytes());
        std::cmp::Reverse(*hasher.finalize().as_bytes())
    });
    nodes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(number: usize) -> NodeName {
        format!("node-{number}").parse().unwrap()
    }

    fn tenants(count: usize) -> BTreeSet<TenantName> {
        let name = |number| format!("tenant-{number}").parse().unwrap();
        (0..count).map(name).collect()
    }

    fn start() -> Uptime {
        Uptime::now()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// These nodes have been there for an hour, and the tenants are where they belong.
    fn settled(nodes: usize, count: usize, now: Uptime) -> Roster {
        let mut roster = Roster::default();
        for number in 0..nodes {
            roster.came(node(number), now - seconds(3_600));
        }
        roster.tenants(&tenants(count), now - seconds(1_800));
        spread(&mut roster, now - seconds(1_800));
        roster
    }

    /// Everybody does what is to be done, until nothing is. Returns how many tenants have moved.
    fn spread(roster: &mut Roster, now: Uptime) -> usize {
        let mut count = 0;
        loop {
            let live: Vec<NodeName> = roster.live().cloned().collect();
            let mut is_quiet = true;
            for me in live {
                let moves = roster.moves(&me, now);
                is_quiet &= moves.take.is_empty() && moves.leave.is_empty();
                count += moves.take.len();
                for tenant in moves.leave {
                    roster.freed(&tenant, now);
                }
                for tenant in moves.take {
                    roster.owned(tenant, me.clone(), now);
                }
            }
            if is_quiet {
                return count;
            }
        }
    }

    fn owners(roster: &Roster) -> BTreeMap<TenantName, NodeName> {
        let owners = roster.owners();
        owners
            .map(|(tenant, node)| (tenant.clone(), node.clone()))
            .collect()
    }

    fn count(roster: &Roster, owner: &NodeName) -> usize {
        roster.owners().filter(|(_, node)| *node == owner).count()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(8))]

        #[test]
        fn tenants_are_shared_out_evenly(nodes in 1_usize..9) {
            let roster = settled(nodes, 4_000, start());

            let fair = 4_000 / nodes;
            for number in 0..nodes {
                let share = count(&roster, &node(number));
                prop_assert!(share * 3 > fair * 2 && share * 3 < fair * 4, "{share} of {fair}");
            }
        }

        #[test]
        fn only_the_tenants_of_a_node_that_goes_are_moved(nodes in 2_usize..9, gone in 0_usize..9) {
            let (now, gone) = (start(), node(gone % nodes));
            let mut roster = settled(nodes, 200, now);
            let before = owners(&roster);

            roster.went(&gone, now);
            for (tenant, _) in before.iter().filter(|(_, owner)| **owner == gone) {
                roster.freed(tenant, now);
            }
            let moved = spread(&mut roster, now);

            let after = owners(&roster);
            let differ = before.iter().filter(|(tenant, owner)| after.get(*tenant) != Some(owner));
            prop_assert_eq!(differ.count(), moved);
            prop_assert!(before.iter().all(|(tenant, owner)| *owner == gone || after[tenant] == *owner));
        }

        #[test]
        fn a_node_that_comes_is_given_its_share_and_nothing_else_moves(nodes in 1_usize..8) {
            let now = start();
            let mut roster = settled(nodes, 200, now);
            let before = owners(&roster);

            roster.came(node(nodes), now);
            prop_assert_eq!(spread(&mut roster, now), 0);
            let moved = spread(&mut roster, now + STEADY);

            prop_assert_eq!(moved, count(&roster, &node(nodes)));
            prop_assert!(moved > 0);
            let is_right = |(tenant, owner): (&TenantName, &NodeName)| {
                *owner == node(nodes) || before[tenant] == *owner
            };
            prop_assert!(roster.owners().all(is_right));
        }
    }

    #[test]
    fn a_node_that_comes_and_goes_is_given_less_and_less() {
        let now = start();
        let mut roster = settled(2, 200, now);
        let mut at = now;
        let mut moved = Vec::new();
        for _ in 0..4 {
            roster.came(node(2), at);
            at = at + seconds(15);
            moved.push(spread(&mut roster, at));
            roster.went(&node(2), at);
            for tenant in tenants(200) {
                if roster.owner(&tenant) == Some(&node(2)) {
                    roster.freed(&tenant, at);
                }
            }
            spread(&mut roster, at);
            at = at + seconds(1);
        }

        assert!(moved[0] > 0);
        assert_eq!(moved[1..], [0, 0, 0]);
        roster.came(node(2), at);
        assert!(spread(&mut roster, at + seconds(601)) > 0, "forgiven");
    }

    #[test]
    fn a_tenant_that_the_first_in_line_does_not_take_is_the_next_ones() {
        let now = start();
        let mut roster = Roster::default();
        (0..3).for_each(|number| roster.came(node(number), now - STEADY));
        roster.tenants(&tenants(1), now);

        let takers = |at: Uptime| {
            let is_taker = |number: &usize| !roster.moves(&node(*number), at).take.is_empty();
            (0..3).filter(is_taker).count()
        };
        assert_eq!(
            [0, 1, 2].map(|after| takers(now + seconds(after))),
            [1, 2, 3]
        );
        assert!((0..3).any(|number| roster.moves(&node(number), now).again == Some(seconds(1))));
    }

    #[test]
    fn alone_a_node_takes_everything_at_once_and_one_that_is_not_there_takes_nothing() {
        let now = start();
        let mut roster = Roster::default();
        roster.tenants(&tenants(3), now);

        assert_eq!(roster.moves(&node(0), now), Moves::default());
        roster.came(node(0), now);
        assert_eq!(roster.moves(&node(0), now).take.len(), 3);
    }

    #[test]
    fn a_tenant_that_was_just_taken_is_kept_for_a_while() {
        let now = start();
        let mut roster = settled(2, 40, now);
        let (tenant, _) = roster
            .owners()
            .find(|(_, owner)| **owner == node(0))
            .unwrap();
        let tenant = tenant.clone();
        roster.freed(&tenant, now);
        roster.owned(tenant.clone(), node(1), now);

        assert_eq!(roster.moves(&node(1), now).leave, []);
        assert_eq!(roster.moves(&node(1), now + STEADY).leave, [tenant]);
    }
}
