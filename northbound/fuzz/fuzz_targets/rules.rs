//! The rule compiler: the text of any network is one that iptables takes and shows again as it was written, holds lines of ours
//! only, shares connections out as was asked, and leaves what others have done as it is (I12); whatever others did to ours is
//! put right.
#![no_main]

use arbitrary::Arbitrary;
use controller::network::NetworkPlan;
use controller::spec::{Protocol, Split};
use libfuzzer_sys::fuzz_target;
use netsetup::fuzzing::{Place, change, has_guard, instances};
use northbound_fuzz::kernel::Kernel;
use northbound_fuzz::network::Sketch;

/// What somebody else has put there.
const FOREIGN: [&str; 4] = [
    "-i eth0 -p tcp -m tcp --dport 22 -m comment --comment \"-j ASAAS-INPUT\" -j ACCEPT",
    "-j OTHERS",
    "-m comment --comment \"it's *nat\" -j RETURN",
    "-s 10.0.0.0/8 -j DROP",
];

#[derive(Debug, Arbitrary)]
struct Life {
    is_gre: bool,
    before: Sketch,
    after: Sketch,
    meddling: Vec<(u8, u8, u8)>,
}

fuzz_target!(|life: Life| {
    let (before, after) = (life.before.plan(), life.after.plan());
    let site = after.sites.first().expect("one at least");
    for place in [Place::Transit, Place::Site(site)] {
        let mut kernel = Kernel::default();
        bring(&mut kernel, None, place, life.is_gre);
        assert!(
            has_guard(&kernel.save()),
            "a namespace is closed before it is open"
        );
        bring(&mut kernel, Some(&before), place, life.is_gre);
        for (kind, table, at) in life.meddling.iter().take(8) {
            match kind % 8 {
                0 => kernel.flush((*table).into()),
                kind => {
                    let rule = FOREIGN[usize::from(kind) % FOREIGN.len()];
                    kernel.meddle((*table).into(), (*at).into(), rule);
                }
            }
        }
        bring(&mut kernel, Some(&after), place, !life.is_gre);
        hold(&kernel, &after, place);
    }
});

/// Changes the rules to those of the plan, and only ours; after that there is nothing to change.
fn bring(kernel: &mut Kernel, plan: Option<&NetworkPlan>, place: Place<'_>, is_gre: bool) {
    let foreign = kernel.foreign();
    if let Some(text) = change(plan, place, is_gre, &kernel.save()) {
        kernel.restore(&text);
    }
    assert_eq!(
        change(plan, place, is_gre, &kernel.save()),
        None,
        "it is not what was wanted"
    );
    assert_eq!(
        kernel.foreign(),
        foreign,
        "what others have done is touched"
    );
}

/// Every listener's connections go to every backend in equal parts, and to nobody else.
fn hold(kernel: &Kernel, plan: &NetworkPlan, place: Place<'_>) {
    let backends = plan
        .endpoints
        .iter()
        .filter(|e| plan.is_open && e.is_backend);
    let mut weights: Vec<(String, f64)> = Vec::new();
    for backend in backends {
        match place {
            Place::Site(cloud) if backend.cloud == *cloud => {
                weights.push((backend.address.to_string(), 1.0));
            }
            Place::Site(_) => {}
            Place::Transit => {
                let cloud = backend.cloud.to_string();
                match weights.iter_mut().find(|(name, _)| *name == cloud) {
                    Some((_, weight)) if plan.split == Split::ByInstances => *weight += 1.0,
                    Some(_) => {}
                    None => weights.push((cloud, 1.0)),
                }
            }
        }
    }
    let whole: f64 = weights.iter().map(|(_, weight)| weight).sum();
    for listener in &plan.listen {
        let protocol = match listener.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Icmp => "icmp",
        };
        let shares = kernel.shares(protocol, listener.port);
        assert_eq!(shares.len(), weights.len(), "{shares:?}");
        let mut wanted: Vec<f64> = weights.iter().map(|(_, weight)| weight / whole).collect();
        let mut found: Vec<f64> = shares.values().copied().collect();
        wanted.sort_by(f64::total_cmp);
        found.sort_by(f64::total_cmp);
        let is_close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-6;
        assert!(wanted.iter().zip(&found).all(is_close), "{shares:?}");
        if matches!(place, Place::Site(_)) {
            let port = match listener.protocol {
                Protocol::Tcp | Protocol::Udp => format!(":{}", listener.to),
                Protocol::Icmp => String::new(),
            };
            for (address, _) in &weights {
                assert!(
                    shares.contains_key(&format!("{address}{port}")),
                    "{shares:?}"
                );
            }
        }
    }
    if matches!(place, Place::Site(_)) {
        assert_eq!(instances(&kernel.save()).len(), weights.len());
    }
}
