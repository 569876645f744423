//! `placement` and `budget`: by which rules places are chosen, and what they may cost.

use controller::amount::Amount;
use controller::market::Market;
use controller::spec::{Budget, CloudOrder, OnDemand, PlacementRules, TenantSpec, Termination};

use crate::cost;
use crate::problem::counted;
use crate::reader::Section;

pub(super) fn read_placement(section: &Section<'_>) -> PlacementRules {
    let order = match section.word("order").map(|word| word.value) {
        Some("cost") => CloudOrder::Cost,
        Some("reliability") => CloudOrder::Reliability,
        _ => CloudOrder::Preference,
    };
    let termination = match section.word("termination").map(|word| word.value) {
        Some("oldest") => Termination::Oldest,
        Some("oldest_template") => Termination::OldestTemplate,
        Some("closest_to_hour") => Termination::ClosestToHour,
        _ => Termination::Newest,
    };
    let share = section.section("on_demand");
    let whole = |name, or| share.whole(name).map_or(or, |given| given.value);
    PlacementRules {
        order,
        on_demand: share.is_given().then(|| OnDemand {
            base: whole("base", 0),
            percentage: whole("percentage", 100),
        }),
        termination,
    }
}

pub(super) fn read_budget(section: &Section<'_>) -> Option<Budget> {
    let per_hour = section.decimal("per_hour")?.value;
    Some(Budget { per_hour })
}

/// Says ahead what the budget will stand in the way of (S4-34).
pub(super) fn check_budget(root: &Section<'_>, spec: &TenantSpec, market: &Market) {
    let Some(Budget { per_hour }) = spec.budget else {
        return;
    };
    // Where it is not known what the operator has, nothing can be said.
    if market.clouds.is_empty() {
        return;
    }
    let place = root.section("budget").place_of("per_hour");
    let costs = |count| cost::an_hour_of(spec, market, count);
    let (Some(least), Some(most)) = (costs(spec.instances.min), costs(spec.instances.max)) else {
        root.notes().warning(
            place,
            "the operator has named no prices, so the budget never holds anything back",
            "ask the operator for `clouds.price` in asaas.yml, or leave the budget out",
        );
        return;
    };
    let min = counted(spec.instances.min, "instance");
    if least > per_hour {
        root.notes().warning(
            place,
            format!(
                "`instances.min`, {min}, costs about {least} an hour, more than the budget of {per_hour}: it is met all the same"
            ),
            "raise `per_hour`, or lower `instances.min`",
        );
    } else if most > per_hour {
        let paid = paid_for(spec, per_hour, costs);
        root.notes().warning(
            place,
            format!(
                "`instances.max`, {}, costs about {most} an hour: the budget of {per_hour} pays for {paid}, and more are refused",
                counted(spec.instances.max, "instance"),
            ),
            "raise `per_hour`, or lower `instances.max`",
        );
    }
}

/// The most instances that cost no more.
fn paid_for(spec: &TenantSpec, per_hour: Amount, costs: impl Fn(u32) -> Option<Amount>) -> u32 {
    let is_paid = |count: &u32| costs(*count).is_none_or(|cost| cost <= per_hour);
    let counts = spec.instances.min..=spec.instances.max;
    counts.take_while(is_paid).last().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;
    use crate::tenant_file;

    /// What is said of this budget, for one to four instances at 0.50 each.
    fn said(price: &str, per_hour: &str) -> Vec<String> {
        let clouds = format!("clouds: [{{ name: own, kind: sim, capacity: 9{price} }}]\n");
        let (config, _) = Config::read(&clouds, "asaas.yml", Path::new("/x")).unwrap();
        let text = format!(
            "version: 1\ntenant: demo\nnetwork: {{ public_ip: 45.45.45.45, subnets: [{{ cidr: 19.0.0.0/24 }}] }}\n\
             instances: {{ min: 1, max: 4 }}\nbudget: {{ per_hour: {per_hour} }}\n"
        );
        let reading = tenant_file::read(&text, "demo.yml", &config.known()).unwrap();
        let warnings = reading.warnings.iter();
        warnings.map(|warning| warning.what.clone()).collect()
    }

    // S4-34
    #[test]
    fn what_the_budget_will_stand_in_the_way_of_is_said_ahead() {
        let price = ", price: 0.5";
        assert_eq!(said(price, "2"), [""; 0]);
        assert!(said(price, "1.7")[0].ends_with("pays for 3, and more are refused"));
        assert!(said(price, "0.4")[0].ends_with("it is met all the same"));
        assert!(said("", "2")[0].starts_with("the operator has named no prices"));
    }
}
