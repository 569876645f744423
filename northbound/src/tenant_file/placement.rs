//! `instances` and `clouds`: how many, of what, where.

use std::fmt::Display;

use controller::id::{CloudName, TemplateName};
use controller::spec::{CloudPreference, Instances};

use crate::problem::{Notes, Place, counted};
use crate::reader::{Placed, Section, did_you_mean};

use super::network::Checked;
use super::{Known, sketch};

/// Smallest and largest number, which belong together.
pub(super) struct Bounds {
    pub(super) min: Placed<u32>,
    pub(super) max: Placed<u32>,
}

/// The two keys, under their names in either spelling.
pub(super) fn bounds(section: &Section<'_>, min: &str, max: &str) -> Option<Bounds> {
    let (least, most) = (section.whole(min), section.whole(max));
    let bounds = Bounds {
        min: least?,
        max: most?,
    };
    if bounds.min.value > bounds.max.value {
        section.refuse(
            min,
            format!(
                "`{}` is {}, more than `{}`, which is {} (line {})",
                section.path_of(min),
                bounds.min.value,
                section.path_of(max),
                bounds.max.value,
                bounds.max.place.line
            ),
            "exchange them, or make both the same for a fixed number",
        );
        return None;
    }
    Some(bounds)
}

pub(super) fn read_instances(section: &Section<'_>, known: &Known) -> Option<(Instances, Bounds)> {
    let bounds = bounds(section, "min", "max");
    let template = section.name::<TemplateName>("template");
    let surge = section.whole("surge");
    let boot_timeout = section.duration("boot_timeout");
    let template = match template {
        Some(given) => {
            is_offered("template", &given, &known.templates, section.notes()).then_some(given.value)
        }
        None if section.has("template") => None,
        None => Some(default_template(known)),
    };
    let bounds = bounds?;
    let instances = Instances {
        min: bounds.min.value,
        max: bounds.max.value,
        template: template?,
        surge: surge.map_or(known.defaults.surge, |given| given.value),
        boot_timeout: boot_timeout.map_or(known.defaults.boot_timeout, |given| given.value),
    };
    Some((instances, bounds))
}

/// What an instance is made from where nothing is said: the operator's choice, the template called `default`, or his first.
pub(super) fn default_template(known: &Known) -> TemplateName {
    let chosen = known.defaults.template.as_ref();
    let named = known
        .templates
        .iter()
        .find(|name| name.as_str() == "default");
    chosen
        .or(named)
        .or(known.templates.first())
        .cloned()
        .unwrap_or_else(sketch::template)
}

/// Refuses what the operator does not have; where it is not known what he has, nothing.
fn is_offered<T: PartialEq + Display>(
    kind: &str,
    given: &Placed<T>,
    offered: &[T],
    notes: &Notes,
) -> bool {
    let is_offered = offered.is_empty() || offered.contains(&given.value);
    if !is_offered {
        let names: Vec<String> = offered.iter().map(T::to_string).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        notes.error(
            given.place,
            format!("the operator has no {kind} called `{}`", given.value),
            did_you_mean(&given.value.to_string(), &names),
        );
    }
    is_offered
}

pub(super) fn read_clouds(
    root: &Section<'_>,
    bounds: Option<&Bounds>,
    known: &Known,
) -> Option<Vec<CloudPreference>> {
    if !root.has("clouds") {
        return Some(all_clouds(known));
    }
    let sections = root.sections("clouds")?;
    let mut clouds: Vec<Placed<CloudPreference>> = Vec::new();
    for section in &sections {
        let name = section.name::<CloudName>("name");
        let max = section.whole("max");
        let Some(name) = name else { continue };
        if !is_offered("cloud", &name, &known.clouds, section.notes()) {
            continue;
        }
        if let Some(earlier) = clouds
            .iter()
            .find(|earlier| earlier.value.name == name.value)
        {
            section.refuse(
                "name",
                format!("cloud `{}` is named twice", name.value),
                format!(
                    "the first is on line {}: keep one of them",
                    earlier.place.line
                ),
            );
        }
        clouds.push(Placed {
            value: CloudPreference {
                name: name.value,
                max: max.map(|max| max.value),
            },
            place: name.place,
        });
    }
    if let Some(bounds) = bounds
        && clouds.len() == sections.len()
    {
        check_room(root, &clouds, bounds);
    }
    (clouds.len() == sections.len()).then(|| clouds.into_iter().map(|cloud| cloud.value).collect())
}

/// All that the operator has, in his order.
pub(super) fn all_clouds(known: &Known) -> Vec<CloudPreference> {
    let preference = |name: &CloudName| CloudPreference {
        name: name.clone(),
        max: None,
    };
    if known.clouds.is_empty() {
        return vec![preference(&sketch::cloud())];
    }
    known.clouds.iter().map(preference).collect()
}

/// The clouds together have to hold what is asked for.
fn check_room(root: &Section<'_>, clouds: &[Placed<CloudPreference>], bounds: &Bounds) {
    let Some(together) = clouds
        .iter()
        .map(|cloud| cloud.value.max)
        .try_fold(0, |sum: u32, max| max.map(|max| sum.saturating_add(max)))
    else {
        return;
    };
    let place = root.key_place("clouds");
    if together < bounds.min.value {
        root.notes().error(
            place,
            format!(
                "the clouds may hold {} together, `instances.min` is {}",
                counted(together, "instance"),
                bounds.min.value
            ),
            "raise a cloud's `max`, add a cloud, or lower `min`",
        );
    } else if together < bounds.max.value {
        root.notes().warning(
            place,
            format!(
                "the clouds may hold {} together, so `instances.max`, {}, is never reached",
                counted(together, "instance"),
                bounds.max.value
            ),
            "raise a cloud's `max`, or lower `instances.max`",
        );
    }
}

/// Every instance needs an address, also the one that is there only while another is replaced.
pub(super) fn check_addresses(subnet: &Checked, max: u32, surge: u32, notes: &Notes) {
    let range = &subnet.subnet.value;
    let addresses = range.dhcp_end.to_bits() - range.dhcp_start.to_bits() + 1;
    let needed = max.saturating_add(surge);
    if addresses < needed {
        let and_surge = if surge > 0 {
            format!(" and {surge} more while one is replaced")
        } else {
            String::new()
        };
        notes.error(
            subnet.dhcp_place,
            format!(
                "{} to {} is room for {}, but there may be {max}{and_surge}",
                range.dhcp_start,
                range.dhcp_end,
                counted(addresses, "instance")
            ),
            "widen the range, or lower the largest number of instances",
        );
    }
}

/// No instance, no load to measure, no first instance.
pub(super) fn check_zero(bounds: &Bounds, has_windows: bool, notes: &Notes) {
    if bounds.min.value == 0 && !has_windows {
        let place: Place = bounds.min.place;
        notes.error(
            place,
            "with `instances.min` 0 nothing would ever start the first instance: where none runs, nothing is measured",
            "take 1, or add `policy.static`, whose windows start instances by the clock",
        );
    }
}
