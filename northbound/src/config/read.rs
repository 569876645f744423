//! The sections of `asaas.yml`, one after the other.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use controller::id::TemplateName;
use ipnet::Ipv4Net;
use netsetup::TunnelChoice;

use crate::problem::Notes;
use crate::reader::scalar::{Misfit, Scalar};
use crate::reader::{Placed, Section, did_you_mean};
use crate::tenant_file::{read_defaults, reserved};

use super::cloud::Images;
use super::{Config, Edge, LogSettings, Root, Template, clouds, images, keys, metrics, store};

/// The whole file. `None` after noting why.
pub(super) fn config(root: &Section<'_>, directory: &Path) -> Option<Config> {
    let logs = root.section("logs");
    let edge = root.section("edge");
    let path = |of: &Section<'_>, name, default| {
        let given = of.read(name, file_path).map(|given| given.value);
        directory.join(given.unwrap_or_else(|| PathBuf::from(default)))
    };
    let clouds = if root.has("clouds") {
        clouds::read(root, directory)
    } else {
        Some(clouds::embedded())
    };
    let templates = if root.has("templates") {
        read_templates(root, directory)
    } else {
        Some(vec![embedded_template()])
    };
    let defaults_section = root.section("defaults");
    let defaults = read_defaults(&defaults_section);
    if let (Some(template), Some(templates)) = (&defaults.template, &templates) {
        check_default_template(&defaults_section.section("instances"), template, templates);
    }
    let clients = read_clients(&edge);
    let access_logs = metrics::access_logs(root, directory);
    let prometheus = metrics::prometheus(root);
    let store = store::settings(root, directory);
    let state = path(root, "state", keys::STATE);
    let local = root.read("local", file_path);
    let config = Config {
        local: local.map_or_else(|| state.join("local"), |given| directory.join(given.value)),
        state,
        store: store?,
        socket: path(root, "socket", keys::SOCKET),
        tenants: path(root, "tenants", keys::TENANTS),
        logs: LogSettings {
            directory: path(&logs, "directory", keys::LOGS),
            keep: logs
                .duration("keep")
                .map_or(keys::KEEP, |given| given.value),
        },
        tick: root
            .duration("tick")
            .map_or(keys::TICK, |given| given.value),
        tunnel: match root.word("tunnel").map(|word| word.value) {
            Some("gre") => TunnelChoice::Gre,
            Some("vxlan") => TunnelChoice::Vxlan,
            _ => TunnelChoice::Auto,
        },
        runtime: read_runtime(root, directory),
        public_ips: read_pools(root),
        edge: Edge { clients },
        access_logs,
        prometheus,
        defaults,
        clouds: clouds?,
        templates: templates?,
    };
    Some(config)
}

fn read_clients(edge: &Section<'_>) -> Ipv4Net {
    let Some(given) = edge.read("clients", Scalar::network) else {
        return keys::CLIENTS
            .parse()
            .expect("the constant is a network in CIDR notation");
    };
    if let Some((range, whose)) = reserved(given.value) {
        edge.refuse(
            "clients",
            format!(
                "{} overlaps {range}, which is kept for {whose}",
                given.value
            ),
            format!("take another range, as in {}", keys::CLIENTS),
        );
    }
    given.value
}

pub(super) fn name<T: std::str::FromStr<Err = controller::id::NameError>>(text: &str) -> T {
    text.parse().expect("the constant is a name")
}

fn embedded_template() -> Template {
    Template {
        name: name("web"),
        root: Root::Demo,
        command: Vec::new(),
        cpu: keys::CPU,
        memory_bytes: keys::MEMORY,
        pids: keys::PIDS,
        env: BTreeMap::new(),
        shared: PathBuf::from(keys::SHARED),
        stop_grace: keys::STOP_GRACE,
        access_log: None,
        images: Images::default(),
    }
}

/// A path in a file: any text that a command can be given.
pub(super) fn file_path(scalar: &Scalar<'_>) -> Result<PathBuf, Misfit> {
    let text = scalar.text()?;
    if text.trim().is_empty() {
        return Err(Misfit::new("a path", "write it out, or take the line away"));
    }
    if text.starts_with('~') || text.contains('$') {
        return Err(Misfit::new(
            "a path",
            "`~` and `$` mean nothing here: write it out",
        ));
    }
    Ok(PathBuf::from(text))
}

/// A bare name stays one, so that it is looked up in `PATH`.
fn read_runtime(root: &Section<'_>, directory: &Path) -> PathBuf {
    let given = root
        .read("runtime", file_path)
        .map_or_else(|| PathBuf::from(keys::RUNTIME), |given| given.value);
    if given.components().count() == 1 {
        given
    } else {
        directory.join(given)
    }
}

fn read_pools(root: &Section<'_>) -> Vec<Ipv4Net> {
    root.read_each("public_ips", keys::POOLS_LIMIT, Scalar::network)
        .unwrap_or_default()
        .into_iter()
        .map(|placed| placed.value)
        .collect()
}

fn read_templates(root: &Section<'_>, directory: &Path) -> Option<Vec<Template>> {
    let named = root.named::<TemplateName>("templates")?;
    let count = named.len();
    let templates: Vec<Template> = named
        .into_iter()
        .filter_map(|(name, section)| read_template(name.value, &section, directory))
        .collect();
    (templates.len() == count).then_some(templates)
}

fn read_template(name: TemplateName, section: &Section<'_>, directory: &Path) -> Option<Template> {
    let base = embedded_template();
    let builtin = section.word("builtin");
    let root = section.read("root", file_path);
    let command = section.read_each("command", keys::WORDS_LIMIT, Scalar::text);
    let cpu = section.decimal("cpu").map_or(base.cpu, |given| given.value);
    let memory_bytes = section
        .size("memory")
        .map_or(base.memory_bytes, |given| given.value);
    let images = images::read(section, directory, cpu, memory_bytes);
    let root = match (section.has("builtin"), section.has("root")) {
        (true, false) => builtin.map(|_| Root::Demo),
        (false, true) => root.map(|root| Root::Path(directory.join(root.value))),
        (true, true) => {
            section.refuse(
                "root",
                "`builtin` and `root` are two different things to start from",
                "keep one of them",
            );
            None
        }
        (false, false) if images != Images::default() => Some(Root::None),
        (false, false) => {
            section.notes().error(
                section.place,
                format!("template `{name}` has nothing to start from"),
                "name a directory or a tarball, as in `root: /srv/images/web`",
            );
            None
        }
    };
    if section.has("root") && !section.has("command") {
        section.notes().error(
            section.place,
            format!("template `{name}` has no command"),
            "say what it runs, program first, as in `command: [/bin/app, --port, \"8080\"]`",
        );
    }
    let command = command
        .unwrap_or_default()
        .into_iter()
        .map(|word| word.value)
        .collect();
    let env = read_environment(section);
    let shared = section.read("shared", shared_path);
    let access_log = metrics::access_log_of_template(section);
    let template = Template {
        name,
        command,
        cpu,
        memory_bytes,
        images,
        pids: section.whole("pids").map_or(base.pids, |given| given.value),
        env,
        shared: shared.map_or(base.shared, |given| given.value),
        stop_grace: section
            .duration("stop_grace")
            .map_or(base.stop_grace, |given| given.value),
        access_log,
        root: root?,
    };
    Some(template)
}

fn read_environment(section: &Section<'_>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for (name, value) in section
        .texts_by_name("env", keys::WORDS_LIMIT)
        .unwrap_or_default()
    {
        check_variable(&name, section.notes());
        if env.insert(name.value.clone(), value).is_some() {
            section.notes().error(
                name.place,
                "this variable is given twice",
                "keep one of them",
            );
        }
    }
    env
}

fn check_variable(name: &Placed<String>, notes: &Notes) {
    let is_name = name
        .value
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && !name.value.is_empty()
        && !name.value.starts_with(|c: char| c.is_ascii_digit());
    if !is_name {
        notes.error(
            name.place,
            format!(
                "{} cannot be the name of a variable",
                crate::problem::quoted(&name.value)
            ),
            "use letters, digits and `_`, and begin with a letter",
        );
    }
}

/// A directory below the instance's root.
fn shared_path(scalar: &Scalar<'_>) -> Result<PathBuf, Misfit> {
    let path = PathBuf::from(scalar.text()?);
    let is_below_root = path.is_absolute()
        && path != Path::new("/")
        && !path.components().any(|part| part == Component::ParentDir);
    if is_below_root {
        return Ok(path);
    }
    Err(Misfit::new(
        "a directory below the instance's root",
        "write it as in /shared",
    ))
}

fn check_default_template(section: &Section<'_>, template: &TemplateName, templates: &[Template]) {
    let names: Vec<&str> = templates
        .iter()
        .map(|template| template.name.as_str())
        .collect();
    if !names.contains(&template.as_str()) {
        section.refuse(
            "template",
            format!("there is no template called `{template}`"),
            did_you_mean(template.as_str(), &names),
        );
    }
}
