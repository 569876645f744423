//! From what the kernel has to what it should have: the text of one `iptables-restore --noflush`, which changes each table
//! at once or not at all. A chain that is right is left alone, with its counters.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{RuleSet, Seen, SeenTable, Table, TableRules};

/// What to restore; `None` where nothing is to be done.
pub(crate) fn batch(wanted: &RuleSet, seen: &Seen) -> Option<String> {
    let (no_rules, nothing) = (TableRules::default(), SeenTable::default());
    let mut text = String::new();
    for table in Table::ALL {
        let wanted = wanted.tables.get(&table).unwrap_or(&no_rules);
        let seen = seen.tables.get(&table).unwrap_or(&nothing);
        if let Some(lines) = table_batch(wanted, seen) {
            // Writing to a string cannot fail.
            let _ = write!(text, "*{}\n{lines}COMMIT\n", table.name());
        }
    }
    (!text.is_empty()).then_some(text)
}

fn table_batch(wanted: &TableRules, seen: &SeenTable) -> Option<String> {
    let changed: BTreeMap<_, _> = wanted
        .chains
        .iter()
        .filter(|(chain, rules)| seen.chains.get(*chain) != Some(rules))
        .collect();
    let stale: Vec<_> = seen
        .chains
        .keys()
        .filter(|chain| !wanted.chains.contains_key(*chain))
        .collect();
    let jumps = jump_lines(wanted, seen);
    if changed.is_empty() && stale.is_empty() && jumps.is_empty() {
        return None;
    }
    let mut text = String::new();
    // A chain that is declared is emptied, or made.
    for chain in changed.keys().copied().chain(stale.iter().copied()) {
        let _ = writeln!(text, ":{chain} - [0:0]");
    }
    text.push_str(&jumps);
    for (chain, rules) in changed {
        for rule in rules {
            let _ = writeln!(text, "-A {chain} {rule}");
        }
    }
    for chain in stale {
        let _ = writeln!(text, "-X {chain}");
    }
    Some(text)
}

/// Exactly one jump for each hook, at its beginning; none to a chain that is not wanted.
fn jump_lines(wanted: &TableRules, seen: &SeenTable) -> String {
    let mut text = String::new();
    for ((hook, chain), count) in &seen.jumps {
        let is_wanted = wanted.jumps.get(hook.as_str()) == Some(chain);
        for _ in usize::from(is_wanted)..*count {
            let _ = writeln!(text, "-D {hook} -j {chain}");
        }
    }
    for (hook, chain) in &wanted.jumps {
        let jump = ((*hook).to_owned(), chain.clone());
        if !seen.jumps.contains_key(&jump) {
            let _ = writeln!(text, "-I {hook} 1 -j {chain}");
        }
    }
    text
}
