//! The short spelling: fourteen flat keys, for an administrator who wants a number of containers behind one address. What
//! they do not say has the operator's defaults.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use controller::load::Unit;
use controller::policy::Policy;
use controller::spec::{Instances, Logs, Network, PlacementRules, Service, Split, TenantSpec};
use ipnet::Ipv4Net;

use crate::problem::Place;
use crate::reader::scalar::Scalar;
use crate::reader::{Placed, Section};

use super::network::{Checked, Draft};
use super::{Key, Known, network, placement, policy, service, sketch};

/// The whole file. `None` after noting why.
pub(super) fn read(
    root: &Section<'_>,
    known: &Known,
    places: &mut BTreeMap<Key, Place>,
) -> Option<TenantSpec> {
    let notes = root.notes();
    let tenant = root.name("t_name").map(|given| given.value);
    let tenant = tenant.or_else(|| (!root.has("t_name")).then(sketch::tenant));
    let subnet = read_subnet(root, known);
    let network = read_network(root, subnet.as_ref(), known);
    let bounds = placement::bounds(root, "min_containers", "max_containers");
    let threshold = root.threshold("threshold", Unit::Share);
    let policy = read_policy(root, threshold, known);
    let should_log = root
        .whole("should_log")
        .is_none_or(|given| given.value == 1);
    warn_of_clear_text(root);

    let bounds = bounds?;
    if let Some(subnet) = &subnet {
        placement::check_addresses(subnet, bounds.max.value, known.defaults.surge, notes);
    }
    places.extend([
        (Key::Tenant, root.place_of("t_name")),
        (Key::PublicIp, root.place_of("public_ip")),
        (Key::Subnet, root.place_of("subnet")),
        (Key::Max, bounds.max.place),
    ]);
    let listen = service::default_listeners();
    Some(TenantSpec {
        tenant: tenant?,
        network: network?,
        service: Service {
            health: service::default_health(&listen, known),
            listen,
        },
        instances: Instances {
            min: bounds.min.value,
            max: bounds.max.value,
            template: placement::default_template(known),
            surge: known.defaults.surge,
            boot_timeout: known.defaults.boot_timeout,
        },
        clouds: placement::all_clouds(known),
        placement: PlacementRules::default(),
        budget: None,
        policy,
        logs: Logs {
            metrics: should_log,
        },
    })
}

fn read_network(root: &Section<'_>, subnet: Option<&Checked>, known: &Known) -> Option<Network> {
    let public_ip = root.read("public_ip", Scalar::address);
    let checked: Vec<Checked> = subnet.into_iter().cloned().collect();
    let public_ip = network::check_public_ip(public_ip, &checked, known, root.notes());
    let made_up = sketch::network();
    Some(Network {
        public_ip: if root.has("public_ip") {
            public_ip?
        } else {
            made_up.public_ip
        },
        subnets: if root.has("subnet") {
            vec![subnet?.subnet.value.clone()]
        } else {
            made_up.subnets
        },
        split: Split::ByInstances,
    })
}

fn read_subnet(root: &Section<'_>, known: &Known) -> Option<Checked> {
    let notes = root.notes();
    let name = root.name("nw_name");
    let gateway = root.read("subnet_addr", Scalar::address);
    let mask = root.read("subnet_mask", Scalar::mask);
    let cidr: Option<Placed<Ipv4Net>> = root.read("subnet", Scalar::network);
    let first: Option<Placed<Ipv4Addr>> = root.read("dhcp_start", Scalar::address);
    let last = root.read("dhcp_end", Scalar::address);
    if let (Some(mask), Some(cidr)) = (mask, cidr)
        && mask.value != cidr.value.prefix_len()
    {
        notes.error(
            mask.place,
            format!(
                "the mask is that of a /{}, but `subnet` is {} (line {})",
                mask.value, cidr.value, cidr.place.line
            ),
            format!("write {}, or take the line away", cidr.value.netmask()),
        );
    }
    let draft = Draft {
        name: name.map_or_else(|| network::unnamed(1), |name| name.value),
        cidr: cidr?,
        gateway,
        first,
        last,
    };
    network::check(draft, known, notes)
}

fn read_policy(
    root: &Section<'_>,
    threshold: Option<Placed<controller::amount::Amount>>,
    known: &Known,
) -> Policy {
    let word = root.word("policy");
    let is_static = word.is_some_and(|word| word.value == "static");
    let place = root.place_of("policy");
    match word.map(|word| word.value) {
        Some("static") => root.notes().warning(
            place,
            "`policy: static` without times keeps the number at `min_containers`",
            "write `policy: dynamic`, or let `asaas convert` print the long spelling and add times under `policy.static`",
        ),
        Some("custom") => root.notes().warning(
            place,
            "`policy: custom` without times is the same as `policy: dynamic`",
            "let `asaas convert` print the long spelling, and add times under `policy.static`",
        ),
        _ => {}
    }
    let mut read = policy::static_policy(&known.defaults);
    if !is_static {
        let threshold = threshold.map(|given| given.value);
        read.signals.push(policy::default_dynamic(threshold, known));
    }
    read
}

/// S4-102: a tenant may not ask for passwords in clear text, and is told so.
fn warn_of_clear_text(root: &Section<'_>) {
    let should_encrypt = root.whole("should_encrypt_pwd");
    if should_encrypt.is_some_and(|given| given.value == 0) {
        root.notes().warning(
            root.place_of("should_encrypt_pwd"),
            "secrets are kept encrypted all the same: clear text is never written",
            "write 1",
        );
    } else if root.has("t_name") && !root.has("should_encrypt_pwd") {
        root.notes().warning(
            Place::START,
            "`should_encrypt_pwd` is left out: secrets are kept encrypted all the same",
            "add `should_encrypt_pwd: 1` to say so",
        );
    }
}
