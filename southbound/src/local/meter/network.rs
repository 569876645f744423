//! What has gone through an instance's network, as the kernel counts it in the namespace that the instance lives in.

use std::fs;

/// Bytes since the namespace was made, with the headers on the wire: received and sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Carried {
    pub(super) received: u64,
    pub(super) sent: u64,
}

/// Of the namespace that this process is in; `None` where there is no such process.
pub(super) fn carried(pid: i32) -> Option<Carried> {
    parse(&fs::read_to_string(format!("/proc/{pid}/net/dev")).ok()?)
}

/// Two lines of headings, then `eth0: bytes packets errs drop fifo frame compressed multicast bytes …` for each interface.
/// What an instance says to itself is not counted. `None` where there is no other interface.
fn parse(text: &str) -> Option<Carried> {
    let mut all = None;
    for line in text.lines().skip(2) {
        let (name, counters) = line.split_once(':')?;
        if name.trim() == "lo" {
            continue;
        }
        let counter = |at: usize| counters.split_whitespace().nth(at)?.parse::<u64>().ok();
        let before = all.unwrap_or(Carried {
            received: 0,
            sent: 0,
        });
        all = Some(Carried {
            received: before.received.checked_add(counter(0)?)?,
            sent: before.sent.checked_add(counter(8)?)?,
        });
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Inter-| Receive | Transmit\n face |bytes packets | bytes packets\n";

    #[test]
    fn what_goes_over_the_wire_counts_and_what_stays_inside_does_not() {
        let text = format!(
            "{HEAD}    lo: 900 9 0 0 0 0 0 0 900 9 0 0 0 0 0 0\n  eth0:100 1 0 0 0 0 0 0 20 2 0 0 0 0 0 0\n"
        );

        let carried = parse(&text).unwrap();

        assert_eq!((carried.received, carried.sent), (100, 20));
    }

    #[test]
    fn a_namespace_without_a_wire_and_a_line_that_makes_no_sense_are_not_zero() {
        assert_eq!(parse(HEAD), None);
        assert_eq!(parse(&format!("{HEAD}eth0: 1 2 3\n")), None);
        assert_eq!(parse("nonsense"), None);
    }
}
