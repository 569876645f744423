//! Counts the flows that an instance still has, from the `conntrack` table of its site.
//!
//! A flow of the service is one whose destination was rewritten: the site sends new flows to instances in no other way, so
//! health probes and talk between instances do not count.
//!
//! | state of a TCP connection | is a flow | because |
//! |---|---|---|
//! | `SYN_SENT`, `SYN_RECV` | yes | it may be answered at any moment |
//! | `ESTABLISHED` | yes | |
//! | `FIN_WAIT`, `CLOSE_WAIT` | yes | half closed: the other side may still send the rest of an answer |
//! | `LAST_ACK` | yes | the end of the answer may have to be sent again |
//! | `TIME_WAIT`, `CLOSE` | no | both sides are done |
//!
//! UDP and ICMP have no end: a flow counts until it was silent for as long as the kernel remembers it.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::exec::{ExecError, Run, run};
use crate::name::NamespaceName;
use crate::namespace::Workers;

/// A table of a million connections takes about three seconds to list.
const LIST_LIMIT: Duration = Duration::from_secs(10);
/// A flow that ends by itself between the tool's look and its removal makes the tool give up on all the others …
const ENDED_MEANWHILE: &str = "such conntrack doesn't exist";
/// … so it is sent again, so often at most: there are fewer each time.
const LOOKS: u32 = 10;

/// How many live flows each instance of a site has; an instance that is not in it has none.
pub(crate) async fn flows(
    workers: &Workers,
    site: &NamespaceName,
) -> Result<BTreeMap<Ipv4Addr, u32>, ExecError> {
    let listed = conntrack(workers, site, &["-L", "-f", "ipv4"]).await?;
    Ok(count(&listed))
}

/// Removes every flow to or from this address.
pub(crate) async fn forget(
    workers: &Workers,
    namespace: &NamespaceName,
    address: Ipv4Addr,
) -> Result<(), ExecError> {
    let address = address.to_string();
    for direction in ["--reply-src", "--orig-src"] {
        let arguments = ["-D", "-f", "ipv4", direction, &address];
        remove(workers, namespace, &arguments).await?;
    }
    Ok(())
}

/// Removes every flow that these arguments name.
async fn remove(
    workers: &Workers,
    namespace: &NamespaceName,
    arguments: &[&str],
) -> Result<(), ExecError> {
    let mut looks = 1;
    loop {
        match conntrack(workers, namespace, arguments).await {
            Err(error) if error.stderr.contains(ENDED_MEANWHILE) && looks < LOOKS => looks += 1,
            // It exits with 1 where there was nothing to remove.
            Err(error) if error.stderr.contains("0 flow entries") => return Ok(()),
            removed => return removed.map(drop),
        }
    }
}

async fn conntrack(
    workers: &Workers,
    namespace: &NamespaceName,
    arguments: &[&str],
) -> Result<String, ExecError> {
    let tool = Run {
        program: "conntrack",
        arguments,
        input: String::new(),
        limit: LIST_LIMIT,
    };
    run(workers, namespace, tool).await
}

/// Live flows whose destination was rewritten, by the address that they were rewritten to.
pub(crate) fn count(listed: &str) -> BTreeMap<Ipv4Addr, u32> {
    let mut flows = BTreeMap::new();
    for instance in listed.lines().filter_map(live_flow) {
        let count: &mut u32 = flows.entry(instance).or_default();
        *count = count.saturating_add(1);
    }
    flows
}

/// The instance that a line's flow goes to; `None` for any other flow, and for one that is over.
///
/// `tcp 6 431999 ESTABLISHED src=CLIENT dst=SITE sport=… dport=… src=INSTANCE dst=CLIENT sport=… dport=… [ASSURED] …`
fn live_flow(line: &str) -> Option<Ipv4Addr> {
    let mut targets = Vec::with_capacity(2);
    let mut answerers = Vec::with_capacity(2);
    for word in line.split_ascii_whitespace() {
        if let Some(address) = word.strip_prefix("src=") {
            answerers.push(address.parse::<Ipv4Addr>().ok()?);
        } else if let Some(address) = word.strip_prefix("dst=") {
            targets.push(address.parse::<Ipv4Addr>().ok()?);
        } else if matches!(word, "TIME_WAIT" | "CLOSE") {
            return None;
        }
    }
    let (target, answerer) = (targets.first()?, answerers.get(1)?);
    (target != answerer).then_some(*answerer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "\
tcp      6 431999 ESTABLISHED src=198.51.100.7 dst=100.64.4.2 sport=40000 dport=80 src=19.0.0.2 dst=198.51.100.7 sport=8080 dport=40000 [ASSURED] mark=0 use=1
tcp      6 7 TIME_WAIT src=198.51.100.7 dst=100.64.4.2 sport=40001 dport=80 src=19.0.0.2 dst=198.51.100.7 sport=8080 dport=40001 [ASSURED] mark=0 use=1
tcp      6 9 CLOSE src=198.51.100.7 dst=100.64.4.2 sport=40002 dport=80 src=19.0.0.2 dst=198.51.100.7 sport=8080 dport=40002 mark=0 use=1
tcp      6 50 CLOSE_WAIT src=198.51.100.7 dst=100.64.4.2 sport=40003 dport=80 src=19.0.0.3 dst=198.51.100.7 sport=8080 dport=40003 [ASSURED] mark=0 use=1
tcp      6 60 SYN_SENT src=198.51.100.7 dst=100.64.4.2 sport=40004 dport=80 [UNREPLIED] src=19.0.0.3 dst=198.51.100.7 sport=8080 dport=40004 mark=0 use=1
tcp      6 431999 ESTABLISHED src=19.0.0.1 dst=19.0.0.2 sport=40005 dport=8080 src=19.0.0.2 dst=19.0.0.1 sport=8080 dport=40005 [ASSURED] mark=0 use=1
udp      17 20 src=198.51.100.7 dst=100.64.4.2 sport=5000 dport=53 src=19.0.0.3 dst=198.51.100.7 sport=53 dport=5000 mark=0 use=1
icmp     1 29 src=198.51.100.7 dst=100.64.4.2 type=8 code=0 id=42 src=19.0.0.2 dst=198.51.100.7 type=0 code=0 id=42 mark=0 use=1
";

    #[test]
    fn half_closed_connections_count_and_finished_ones_and_probes_do_not() {
        let flows = count(LISTED);

        assert_eq!(flows.get(&Ipv4Addr::new(19, 0, 0, 2)), Some(&2));
        assert_eq!(flows.get(&Ipv4Addr::new(19, 0, 0, 3)), Some(&3));
        assert_eq!(flows.len(), 2);
    }

    #[test]
    fn what_is_not_a_flow_is_passed_over() {
        assert!(count("conntrack v1.4.7: 0 flow entries have been shown.\n\n").is_empty());
    }
}
