//! The operator's file: whatever it holds, it is taken whole or every problem has its place; and what is taken is a service that
//! could start.
#![no_main]

use std::collections::BTreeSet;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use netsetup::address::site_number;
use northbound::config::{Cloud, CloudKind, Config};
use northbound::tenant_file;
use northbound_fuzz::problems::point_into;

const FILE: &str = "asaas.yml";

fuzz_target!(|text: &str| {
    let (config, warnings) = match Config::read(text, FILE, Path::new("/etc/asaas")) {
        Ok(read) => read,
        Err(problems) => {
            assert!(!problems.is_empty());
            return point_into(text, &problems);
        }
    };
    point_into(text, &warnings);
    let Config {
        state,
        socket,
        tenants,
        logs,
        tick,
        clouds,
        templates,
        ..
    } = &config;
    for path in [state, socket, tenants, &logs.directory] {
        assert!(path.is_absolute(), "{path:?}");
    }
    assert!(tick.is_positive() && logs.keep.is_positive());
    let names: BTreeSet<_> = clouds.iter().map(|cloud| &cloud.name).collect();
    assert!(
        !clouds.is_empty() && names.len() == clouds.len(),
        "{clouds:?}"
    );
    let is_here = |cloud: &&Cloud| matches!(cloud.kind, CloudKind::Local { .. });
    let here = || clouds.iter().filter(is_here);
    let sites: BTreeSet<_> = here().map(|cloud| site_number(&cloud.name)).collect();
    assert_eq!(sites.len(), here().count(), "two clouds with one address");
    assert!(!templates.is_empty());
    let known = config.known();
    let _ = tenant_file::read("version: 1\ntenant: demo\n", "demo.yml", &known);
});
