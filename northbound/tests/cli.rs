//! Whole commands of the real program against a real `serve`, over clouds in memory.
#![expect(clippy::unwrap_used, reason = "a test")]

#[path = "given/exec.rs"]
mod exec;
#[path = "given/world.rs"]
mod world;

#[path = "cli/change.rs"]
mod change;
#[path = "cli/output.rs"]
mod output;
#[path = "cli/service.rs"]
mod service;

use exec::{Place, Said, settled};

const OK: Option<i32> = Some(0);
const FAILED: Option<i32> = Some(1);
const BAD_INPUT: Option<i32> = Some(2);
const NO_SERVICE: Option<i32> = Some(3);
const REFUSED: Option<i32> = Some(4);
const TIMED_OUT: Option<i32> = Some(5);
const INTERRUPTED: Option<i32> = Some(130);

fn generation(place: &Place, tenant: &str) -> u64 {
    let report = place.asaas(&["status", tenant, "--json"]).json();
    report["status"]["generation"].as_u64().unwrap()
}

#[test]
fn a_tenant_is_planned_applied_shown_explained_and_removed() {
    let mut place = Place::new();
    place.tenant("demo", "45.45.45.45", 2, 5);
    place.serve();
    let directory = place.path("").canonicalize().unwrap();
    let mut story: Vec<String> = Vec::new();
    let mut tell = |place: &Place, arguments: &[&str]| {
        let said = place.asaas(arguments);
        let Said { code, out, err } = &said;
        story.push(format!("$ asaas {}", arguments.join(" ")));
        story.push(
            settled(&format!("{err}{out}"), &directory)
                .trim_end()
                .to_owned(),
        );
        if *code != OK {
            story.push(format!("[exit {}]", code.unwrap()));
        }
        story.push(String::new());
    };

    tell(&place, &["tenants"]);
    tell(&place, &["plan", "demo"]);
    tell(&place, &["apply", "demo", "--wait"]);
    tell(&place, &["apply", "demo"]);
    tell(&place, &["tenants"]);
    tell(&place, &["scale", "demo", "4", "--wait"]);
    tell(&place, &["scale", "demo", "6"]);
    tell(&place, &["pause", "demo"]);
    tell(&place, &["resume", "demo"]);
    tell(&place, &["destroy", "demo"]);
    tell(&place, &["destroy", "demo", "--yes", "--wait"]);
    tell(&place, &["status", "demo"]);

    insta::assert_snapshot!(story.join("\n"));
}
