//! Shares out new connections by weight, over a balanced tree of chains: a connection passes at most two rules on each level,
//! so two hundred backends cost it sixteen rules, not two hundred.

use std::collections::BTreeMap;

use crate::name::fork_chain;

/// A leaf: the chain that takes the connection, and its share relative to the others'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leaf {
    pub(super) chain: String,
    pub(super) weight: u32,
}

/// A tree over some leaves.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tree {
    /// Where a connection enters; `None` where there are no leaves. The only leaf is its own root.
    pub(super) root: Option<String>,
    /// The forks, with their rules.
    pub(super) forks: BTreeMap<String, Vec<String>>,
}

/// The tree over these leaves, whose weights are not zero.
pub(super) fn tree(leaves: &[Leaf]) -> Tree {
    let mut forks = BTreeMap::new();
    let root = (!leaves.is_empty()).then(|| grow(leaves, 1, &mut forks));
    Tree { root, forks }
}

/// Its depth is the logarithm of the number of leaves, so the recursion is shallow.
fn grow(leaves: &[Leaf], number: u64, forks: &mut BTreeMap<String, Vec<String>>) -> String {
    if let [leaf] = leaves {
        return leaf.chain.clone();
    }
    let (left, right) = leaves.split_at(leaves.len().div_ceil(2));
    let weight = |side: &[Leaf]| -> u64 { side.iter().map(|leaf| u64::from(leaf.weight)).sum() };
    let share = probability(weight(left), weight(left) + weight(right));
    let to_left = grow(left, 2 * number, forks);
    let to_right = grow(right, 2 * number + 1, forks);
    let chain = fork_chain(number);
    let rules = vec![
        format!("-m statistic --mode random --probability {share} -j {to_left}"),
        format!("-j {to_right}"),
    ];
    forks.insert(chain.clone(), rules);
    chain
}

/// `part` of `whole`, as iptables shows it: the kernel keeps 31 bits, and eleven decimals show them all.
fn probability(part: u64, whole: u64) -> String {
    const UNIT: u64 = 1 << 31;
    let bits = (u128::from(part) * u128::from(UNIT) + u128::from(whole) / 2) / u128::from(whole);
    #[expect(
        clippy::cast_precision_loss,
        reason = "at most 32 bits, exact in an f64"
    )]
    let share = bits as f64 / UNIT as f64;
    format!("{share:.11}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_written_as_the_kernel_gives_them_back() {
        // Taken from `iptables-save` after restoring 1/3, 1/2 and 1/7.
        assert_eq!(probability(1, 3), "0.33333333349");
        assert_eq!(probability(1, 2), "0.50000000000");
        assert_eq!(probability(1, 7), "0.14285714272");
    }

    #[test]
    fn a_single_leaf_needs_no_fork_and_no_leaf_no_root() {
        let only = Leaf {
            chain: "ASAAS-x".to_owned(),
            weight: 3,
        };
        assert_eq!(tree(&[only]).root.as_deref(), Some("ASAAS-x"));
        assert_eq!(tree(&[]), Tree::default());
    }
}
