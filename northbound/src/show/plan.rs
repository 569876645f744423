//! `asaas plan`.

use std::fmt::Write;

use controller::Preview;

use super::instances;
use crate::api::PlanReply;

/// What would be done.
pub fn plan(reply: &PlanReply) -> String {
    let Preview {
        decision,
        launches,
        refills,
        promotions,
        replacements,
        removals,
        passed_over,
        new_sites,
        spec_changes,
        warnings,
    } = &reply.preview;
    let mut text = headline(reply);
    for change in spec_changes {
        let _ = writeln!(text, "  ~ {change}");
    }
    let _ = writeln!(
        text,
        "  {} wanted, {} there now: {}",
        instances(decision.desired),
        decision.current,
        decision.reason()
    );
    for cloud in new_sites {
        let _ = writeln!(text, "  + network in {cloud}");
    }
    if *promotions > 0 {
        let _ = writeln!(text, "  + {} from the warm pool", instances(*promotions));
    }
    for (cloud, count) in launches {
        let _ = writeln!(text, "  + {} in {cloud}", instances(*count));
    }
    for (cloud, count) in refills {
        let _ = writeln!(
            text,
            "  + {} in {cloud} for the warm pool",
            instances(*count)
        );
    }
    for removal in removals {
        let _ = writeln!(
            text,
            "  - {} in {} ({}), after its connections have ended",
            removal.instance, removal.cloud, removal.address
        );
    }
    if *replacements > 0 {
        let _ = writeln!(
            text,
            "  ~ {} of an older template, replaced one at a time: the new one comes before the old one goes",
            instances(*replacements)
        );
    }
    for (cloud, why) in passed_over {
        let _ = writeln!(text, "  ! {cloud} is passed over: {why}");
    }
    for warning in warnings {
        let _ = writeln!(text, "  ! {warning}");
    }
    let comes = *promotions > 0 || !launches.is_empty() || !refills.is_empty();
    if !comes && removals.is_empty() && new_sites.is_empty() && *replacements == 0 {
        text.push_str("  no instance comes or goes\n");
    }
    text
}

/// Which tenant, and whether there is anything new about it.
fn headline(reply: &PlanReply) -> String {
    match reply.generation {
        None => format!("{} is new\n", reply.tenant),
        Some(generation) if reply.preview.spec_changes.is_empty() => {
            format!(
                "{} stays as it is in generation {generation}\n",
                reply.tenant
            )
        }
        Some(generation) => format!(
            "{} is at generation {generation}, this makes the next one\n",
            reply.tenant
        ),
    }
}
