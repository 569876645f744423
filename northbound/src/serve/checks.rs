//! What this machine must have before anything is touched; all that is missing is told at once.

use std::path::{Path, PathBuf};

use crate::config::{Cloud, CloudKind, Config, Root};
use crate::store::StoreSettings;
use crate::wire::{demo, is_simulated, needs_demo};

/// `CAP_NET_ADMIN` and `CAP_SYS_ADMIN`, as bits of `CapEff`.
const CAPABILITIES: [(u32, &str); 2] = [(12, "CAP_NET_ADMIN"), (21, "CAP_SYS_ADMIN")];

/// Where Debian keeps what an administrator runs; a service's `PATH` may not have it.
const SYSTEM_PATHS: [&str; 4] = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin"];

/// Something that this machine lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// What.
    pub what: String,
    /// How it is had.
    pub hint: String,
}

/// All that is missing for these clouds.
pub(super) fn missing(config: &Config) -> Vec<Missing> {
    let mut missing: Vec<Missing> = etcd(config).into_iter().collect();
    missing.extend(clouds(config));
    if is_simulated(config) {
        return missing;
    }
    missing.extend(capabilities());
    let programs = [
        ("iptables-restore", "apt-get install iptables"),
        ("conntrack", "apt-get install conntrack"),
    ];
    for (program, hint) in programs {
        if find(Path::new(program)).is_none() {
            missing.push(Missing {
                what: format!("`{program}` is not installed"),
                hint: hint.to_owned(),
            });
        }
    }
    let runtime = config.runtime.display();
    if has_local(config) && find(&config.runtime).is_none() {
        missing.push(Missing {
            what: format!("the container runtime `{runtime}` is not installed"),
            hint: "apt-get install runc, or set another `runtime` in asaas.yml".to_owned(),
        });
    }
    if has_local(config) && needs_demo(config) && demo::root().is_none() {
        missing.push(Missing {
            what: format!(
                "the demo app's root file system is not there: looked for it in {}",
                demo::places()
                    .iter()
                    .map(|place| place.display().to_string())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
            hint: "`make demo-root` in the source makes it; or name it with ASAAS_DEMO_ROOT, or in asaas.yml: \
                   `templates: { web: { root: /path/to/demo-root, command: [/bin/demo-app] } }`"
                .to_owned(),
        });
    }
    missing
}

/// That this program was built without what `store: etcd` needs.
fn etcd(config: &Config) -> Option<Missing> {
    let is_asked_for = matches!(config.store, StoreSettings::Etcd(_));
    (is_asked_for && !cfg!(feature = "etcd")).then(|| Missing {
        what: "this asaas was built without etcd".to_owned(),
        hint: "build it with `cargo build --release -p northbound --features etcd`, which needs `apt-get install \
               protobuf-compiler libprotobuf-dev`; or take `store` out of asaas.yml"
            .to_owned(),
    })
}

fn has_local(config: &Config) -> bool {
    let is_local = |cloud: &Cloud| matches!(cloud.kind, CloudKind::Local { .. });
    config.clouds.iter().any(is_local)
}

/// Clouds that this program cannot use.
fn clouds(config: &Config) -> Vec<Missing> {
    let unusable = |cloud: &Cloud| {
        match cloud.kind {
        CloudKind::Libvirt(_) if !cfg!(feature = "libvirt") => Some(Missing {
            what: format!(
                "cloud `{}` is of kind `libvirt`, which this asaas was built without",
                cloud.name
            ),
            hint: "build it with `make build FEATURES=libvirt`, which needs `apt-get install libvirt-dev pkg-config`; or take \
                   the cloud out of asaas.yml"
                .to_owned(),
        }),
        CloudKind::Aws(_) | CloudKind::Gcp(_) => Some(Missing {
            what: format!(
                "cloud `{}` is of kind `{}`, whose networks are not joined to tenants' networks yet",
                cloud.name,
                cloud.kind.name()
            ),
            hint: "take the cloud out of asaas.yml".to_owned(),
        }),
        CloudKind::Libvirt(_) | CloudKind::Local { .. } | CloudKind::Sim { .. } => None,
    }
    };
    config.clouds.iter().filter_map(unusable).collect()
}

/// Roots of templates that are not there, each with what it is of. Nothing could be launched from them.
pub(super) fn rootless(config: &Config) -> Vec<Missing> {
    if !has_local(config) {
        return Vec::new();
    }
    let templates = config.templates.iter();
    templates
        .filter_map(|template| match &template.root {
            Root::Path(path) if !path.exists() => Some(Missing {
                what: format!(
                    "the root {} of template `{}` is not there",
                    path.display(),
                    template.name
                ),
                hint: format!(
                    "correct `templates.{}.root` in asaas.yml: a directory or a tarball",
                    template.name
                ),
            }),
            Root::Path(_) | Root::Demo | Root::None => None,
        })
        .collect()
}

fn capabilities() -> Option<Missing> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())?;
    let lacking: Vec<&str> = CAPABILITIES
        .iter()
        .filter(|(bit, _)| effective & (1 << bit) == 0)
        .map(|(_, name)| *name)
        .collect();
    if lacking.is_empty() {
        return None;
    }
    Some(Missing {
        what: format!("local clouds need root: {} missing", lacking.join(" and ")),
        hint: "start it as root (`sudo asaas serve`), or use clouds of kind `sim` in asaas.yml"
            .to_owned(),
    })
}

/// Where a program is: at its path, or in `PATH` and where system programs are.
fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_PATHS.iter().map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_service_needs_nothing_of_the_machine() {
        let text = "clouds: [{ name: sim-a, kind: sim, capacity: 3 }]\nruntime: /nowhere/runc\n";
        let (config, _) = Config::read(text, "asaas.yml", Path::new("/x")).unwrap();

        assert_eq!(missing(&config), []);
    }

    #[test]
    fn a_template_s_root_that_is_not_there_is_named_with_its_key() {
        let text = "templates: { shop: { root: /nowhere/shop, command: [/bin/shop] } }\n";
        let (config, _) = Config::read(text, "asaas.yml", Path::new("/x")).unwrap();

        let rootless = rootless(&config);

        assert_eq!(rootless.len(), 1);
        assert!(rootless[0].what.contains("/nowhere/shop"));
        assert!(rootless[0].hint.contains("`templates.shop.root`"));
    }

    #[test]
    fn a_runtime_that_is_not_there_is_named_with_the_command_that_gets_it() {
        let (config, _) =
            Config::read("runtime: /nowhere/runc\n", "asaas.yml", Path::new("/x")).unwrap();

        let missing = missing(&config);

        let runtime = missing
            .iter()
            .find(|missing| missing.what.contains("/nowhere/runc"));
        assert!(runtime.is_some_and(|missing| missing.hint.contains("apt-get install runc")));
    }
}
