//! The tenant file: whatever it holds, it is taken whole or every problem has its place; and what is taken comes back from the
//! long form that is written of it.
#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use northbound::config::Config;
use northbound::tenant_file::{self, Known, Spelling};
use northbound_fuzz::problems::point_into;

const FILE: &str = "tenant.yml";
static KNOWN: LazyLock<Known> = LazyLock::new(|| Config::embedded(Path::new("/")).known());

fuzz_target!(|bytes: &[u8]| {
    let text = match tenant_file::decode(bytes, FILE) {
        Ok(text) => text,
        Err(problems) => return assert!(!problems.is_empty()),
    };
    match tenant_file::read(text, FILE, &KNOWN) {
        Ok(reading) => {
            point_into(text, &reading.warnings);
            let long = tenant_file::to_long_form(&reading.spec);
            let again = tenant_file::read(&long, FILE, &KNOWN);
            let again = again.unwrap_or_else(|problems| panic!("{problems}\n{long}"));
            assert_eq!(again.spec, reading.spec, "{long}");
            assert_eq!(again.spelling, Spelling::Long);
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            point_into(text, &problems);
        }
    }
    if let Err(problems) = tenant_file::read_policy(text, FILE, &KNOWN.defaults) {
        assert!(!problems.is_empty());
        point_into(text, &problems);
    }
});
