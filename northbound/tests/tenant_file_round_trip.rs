//! Every valid spec, written as a file of the long spelling, reads back as itself.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "round_trip/policy.rs"]
mod policy;
#[path = "round_trip/spec.rs"]
mod spec;

use jiff::SignedDuration;
use northbound::problem::Style;
use northbound::tenant_file::{self, Defaults, Known, Spelling, to_long_form};
use proptest::prelude::*;

use spec::spec;

const CLOUDS: [&str; 4] = ["local-a", "local-b", "kvm-a", "aws-eu"];
const TEMPLATES: [&str; 2] = ["web", "batch"];

fn known() -> Known {
    Known {
        clouds: CLOUDS.map(|name| name.parse().unwrap()).to_vec(),
        templates: TEMPLATES.map(|name| name.parse().unwrap()).to_vec(),
        defaults: Defaults {
            buffer: SignedDuration::from_secs(7),
            max_step_in: None,
            ..Defaults::default()
        },
        public_ips: Vec::new(),
        market: controller::market::Market::default(),
        clients: "198.18.0.0/15".parse().unwrap(),
    }
}

proptest! {
    #[test]
    fn what_is_written_reads_back_as_itself(spec in spec()) {
        let text = to_long_form(&spec);

        let reading = tenant_file::read(&text, "written.yml", &known())
            .map_err(|problems| TestCaseError::fail(format!("{problems}\n{text}")))?;

        prop_assert_eq!(reading.spelling, Spelling::Long);
        prop_assert_eq!(reading.spec, spec, "{}", text);
    }
}

#[test]
fn the_fourteen_lines_are_converted_with_comments() {
    let text = include_str!("tenant_files/ok/classic.yml");
    let reading = tenant_file::read(text, "classic.yml", &known()).unwrap();

    let long = to_long_form(&reading.spec);

    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("tenant_files");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("classic_converted", long));
    let again = tenant_file::read(&long, "long.yml", &known()).unwrap();
    assert_eq!(again.spec, reading.spec);
    assert_eq!(again.warnings.render(Style::Plain), "");
}
