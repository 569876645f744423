//! What is read from the kernel: any text of `iptables-save`, `conntrack` and a health check is understood or passed over, and
//! what is written after it is of ours only.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netsetup::fuzzing::{Place, change, flows, has_guard, instances, is_well};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let saved = instances(&text);
    has_guard(&text);
    for (id, (address, _)) in &saved {
        assert!(text.contains(&id.to_string()) && text.contains(&address.to_string()));
    }
    let lines = text.lines().count();
    let counted = flows(&text);
    assert!(
        counted
            .values()
            .all(|count| (1..=lines).contains(&(*count as usize)))
    );
    assert!(counted.values().map(|count| *count as usize).sum::<usize>() <= lines);
    for address in counted.keys() {
        assert!(text.contains(&format!("src={address}")));
    }
    if is_well(bytes) {
        assert!(bytes.starts_with(b"HTTP/1."));
        assert!(
            bytes
                .split(|b| *b == b' ')
                .nth(1)
                .is_some_and(|status| status[0] == b'2')
        );
    }
    let change = change(None, Place::Transit, false, &text).unwrap_or_default();
    for line in change.lines() {
        let begins = line.chars().next().expect("no line is empty");
        let is_frame = begins == '*' || line == "COMMIT";
        assert!(is_frame || line.contains("ASAAS-"), "{line}");
    }
});
