//! What a tenant gets.

use std::collections::BTreeSet;

use crate::host::{Host, LIMIT, public, wait};
use crate::traffic::{ask, get, put};

/// The file of the first generation.
const CLASSIC: &[u8] = include_bytes!("../tenant_files/ok/classic.yml");

// S4-100, S1-23
#[test]
fn the_fourteen_lines_as_they_are_serve_at_their_public_address() {
    let host = Host::new();
    host.write_bytes("demo", CLASSIC);

    host.apply("demo");

    let real = host.until_exactly("demo", 2);
    let mut answered = BTreeSet::new();
    wait(
        || {
            let answer = ask(&host.client(), (public(45), 80), &get("/whoami")).unwrap();
            assert!(answer.body.contains(r#""tenant":"demo""#), "{answer:?}");
            answered.insert(answer.instance);
            answered.len() == real.len()
        },
        || "both instances answer".to_owned(),
    );
    let known: BTreeSet<String> = real.iter().map(|one| one.id.to_string()).collect();
    assert_eq!(answered, known);
}

// S0-12
#[test]
fn an_object_that_one_instance_took_is_read_from_another_and_outlives_the_first() {
    let host = Host::new();
    host.write("demo", "45.45.45.45", "min: 2, max: 3", "");
    host.apply("demo");
    let (client, address) = (host.client(), (public(45), 80));

    let taken = ask(&client, address, &put("/objs/a", "what was put")).unwrap();
    assert_eq!(taken.status, 201, "{taken:?}");

    let read_from = |is_right: &dyn Fn(&str) -> bool| {
        wait(
            || {
                let read = ask(&client, address, &get("/objs/a")).unwrap();
                assert_eq!((read.status, &*read.body), (200, "what was put"));
                is_right(&read.instance)
            },
            || format!("one of the others is asked within {LIMIT:?}"),
        );
    };
    read_from(&|instance| instance != taken.instance);
    let real = host.until_exactly("demo", 2);
    let first = real.iter().find(|one| one.id.to_string() == taken.instance);
    let first = first.unwrap();
    first.kill();
    host.until("demo", "the killed one is replaced", |report| {
        let instances = &report.status.instances;
        report.status.is_settled && instances.iter().all(|seen| seen.instance.id != first.id)
    });
    read_from(&|instance| real.iter().all(|one| one.id.to_string() != instance));
}
