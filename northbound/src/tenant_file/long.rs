//! The long spelling, put together.

use std::collections::BTreeMap;

use controller::spec::{Logs, TenantSpec};

use crate::problem::Place;
use crate::reader::Section;

use super::{Key, Known, network, placement, policy, rules, service, sketch};

/// The whole file. `None` after noting why. What its table refuses to do without is noted by then; what may be missing is
/// made up.
pub(super) fn read(
    root: &Section<'_>,
    known: &Known,
    places: &mut BTreeMap<Key, Place>,
) -> Option<TenantSpec> {
    let notes = root.notes();
    let network_section = root.section("network");
    let instances_section = root.section("instances");
    let policy_section = root.section("policy");
    let logs = root.section("logs");

    let _ = root.whole("version");
    let tenant = root.name("tenant").map(|given| given.value);
    let tenant = tenant.or_else(|| (!root.has("tenant")).then(sketch::tenant));
    let network = if network_section.is_given() {
        network::read(&network_section, known)
    } else {
        Some((sketch::network(), Vec::new()))
    };
    let service = service::read(&root.section("service"), known);
    let instances = placement::read_instances(&instances_section, known);
    let bounds = instances.as_ref().map(|(_, bounds)| bounds);
    let clouds = placement::read_clouds(root, bounds, known);
    let placement = rules::read_placement(&root.section("placement"));
    let budget = rules::read_budget(&root.section("budget"));
    let policy = policy::read(&policy_section, bounds, known);
    let metrics = logs.switch("metrics").is_none_or(|given| given.value);

    if let Some((instances, bounds)) = &instances {
        placement::check_zero(bounds, policy_section.has("static"), notes);
        if let Some(first) = network.as_ref().and_then(|(_, subnets)| subnets.first()) {
            placement::check_addresses(first, instances.max, instances.surge, notes);
        }
    }
    let (network, subnets) = network?;
    places.extend([
        (Key::Tenant, root.place_of("tenant")),
        (Key::PublicIp, network_section.place_of("public_ip")),
        (
            Key::Subnet,
            subnets
                .first()
                .map_or(root.place, |checked| checked.subnet.place),
        ),
        (Key::Max, instances_section.place_of("max")),
    ]);
    let spec = TenantSpec {
        tenant: tenant?,
        network,
        service: service?,
        instances: instances?.0,
        clouds: clouds?,
        placement,
        budget,
        policy: policy?,
        logs: Logs { metrics },
    };
    rules::check_budget(root, &spec, &known.market);
    Some(spec)
}
