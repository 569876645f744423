//! What the clouds have to offer, as the operator says.

use controller::market::{CloudOffer, MachineType, Market, Spot, TemplateOffer};

use super::{AwsImage, Cloud, CloudKind, Config, GcpImage, LibvirtImage, Machine, Root, Template};

/// So much of a digest tells two makings apart.
const FINGERPRINT: usize = 16;

impl Config {
    /// What the clouds have to offer, and what it costs.
    pub fn market(&self) -> Market {
        let clouds = self.clouds.iter();
        Market {
            clouds: clouds
                .map(|cloud| (cloud.name.clone(), offer(cloud, &self.templates)))
                .collect(),
        }
    }
}

fn offer(cloud: &Cloud, templates: &[Template]) -> CloudOffer {
    let machine = |machine: &Machine| MachineType {
        name: machine.name.clone(),
        price: machine.price,
        spot: machine.spot_price.map(|price| Spot { price: Some(price) }),
    };
    let machines: Vec<MachineType> = cloud.machines.iter().map(machine).collect();
    let of_template = |template: &Template| {
        let offer = TemplateOffer {
            machines: machines.clone(),
            fingerprint: making(template, &cloud.kind).map(|facts| digest(&facts)),
        };
        (template.name.clone(), offer)
    };
    CloudOffer {
        price: cloud.price,
        room: cloud.kind.capacity(),
        zones: cloud.zones.clone(),
        templates: templates.iter().map(of_template).collect(),
    }
}

/// What an instance of a template is made of in such a cloud; `None` where there is nothing to be made. Each fact under its name,
/// so that a fact that is not given is no other one, and a later version that knows more of them replaces nobody.
fn making(template: &Template, kind: &CloudKind) -> Option<Vec<(&'static str, String)>> {
    let images = &template.images;
    let facts = match kind {
        CloudKind::Local { .. } => of_local(template),
        CloudKind::Sim { .. } => return None,
        CloudKind::Libvirt(_) => of_libvirt(images.libvirt.as_ref()?),
        CloudKind::Aws(_) => of_aws(images.aws.as_ref()?),
        CloudKind::Gcp(_) => of_gcp(images.gcp.as_ref()?),
    };
    let given = facts.into_iter().filter(|(_, value)| !value.is_empty());
    Some(given.collect())
}

fn of_local(template: &Template) -> Vec<(&'static str, String)> {
    let env = template.env.iter();
    let env: Vec<String> = env.map(|(name, value)| format!("{name}={value}")).collect();
    vec![
        (
            "root",
            match &template.root {
                Root::Demo => "demo".to_owned(),
                Root::Path(path) => path.display().to_string(),
                Root::None => String::new(),
            },
        ),
        ("command", template.command.join(" ")),
        ("cpu", template.cpu.millionths().to_string()),
        ("memory", template.memory_bytes.to_string()),
        ("pids", template.pids.to_string()),
        ("env", env.join("\n")),
    ]
}

fn of_libvirt(image: &LibvirtImage) -> Vec<(&'static str, String)> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    vec![
        ("image", text(&image.image)),
        ("disk", number(image.disk_bytes)),
        ("kernel", text(&image.kernel)),
        ("initrd", text(&image.initrd)),
        ("cmdline", image.cmdline.clone()),
        ("user_data", file(image.user_data.as_deref())),
        ("memory", image.memory_bytes.to_string()),
        ("cpus", image.cpus.to_string()),
    ]
}

fn of_aws(image: &AwsImage) -> Vec<(&'static str, String)> {
    vec![
        ("source", image.source.clone()),
        ("user_data", file(image.user_data.as_deref())),
        ("profile", image.profile.clone().unwrap_or_default()),
    ]
}

fn of_gcp(image: &GcpImage) -> Vec<(&'static str, String)> {
    vec![
        ("source", image.source.clone()),
        ("disk", number(image.disk_bytes)),
        ("user_data", file(image.user_data.as_deref())),
        (
            "service_account",
            image.service_account.clone().unwrap_or_default(),
        ),
    ]
}

fn number(number: Option<u64>) -> String {
    number.map_or(String::new(), |number| number.to_string())
}

/// By its name: what is in it is read when an instance is made.
fn file(path: Option<&std::path::Path>) -> String {
    path.map_or(String::new(), |path| path.display().to_string())
}

fn digest(facts: &[(&str, String)]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, value) in facts {
        hasher.update(name.as_bytes()).update(b"\0");
        hasher.update(value.as_bytes()).update(b"\0");
    }
    hasher.finalize().to_hex()[..FINGERPRINT].to_owned()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn fingerprint(template: &str) -> Option<String> {
        let text = format!(
            "templates:\n  shop: {{ root: /srv/shop.tar, command: [/bin/shop]{template} }}\n"
        );
        let (config, _) = Config::read(&text, "asaas.yml", Path::new("/x")).unwrap();
        let offer = config.market().clouds.into_values().next().unwrap();
        offer.templates.into_values().next().unwrap().fingerprint
    }

    // S4-31
    #[test]
    fn what_an_instance_is_made_of_has_a_fingerprint_and_how_long_it_may_take_to_end_has_not() {
        let plain = fingerprint("").unwrap();
        assert_eq!(fingerprint(", stop_grace: 9s").unwrap(), plain);
        assert_ne!(fingerprint(", memory: 256MiB").unwrap(), plain);
        assert_ne!(fingerprint(", env: { MODE: a }").unwrap(), plain);
    }
}
