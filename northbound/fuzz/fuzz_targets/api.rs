//! What the service and the command say to each other: any JSON is refused, or read as something that is written and read again as
//! the same; and a value that is pushed is one that policies can work with.
#![no_main]

use controller::load::Metric;
use controller::time::Now;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use northbound::api::{
    AheadReply, AheadRequest, AppliedReply, Document, Explanation, Failure, JournalReply,
    OrderReply, OrderRequest, PlanReply, PushReply, PushRequest, ServiceReport, TenantReport,
    TenantSummary,
};
use northbound::meter::Pushed;
use northbound_fuzz::again;

/// More than this no meter gives.
const MOST: f64 = 1e9;

fuzz_target!(|bytes: &[u8]| {
    again::<Document>(bytes);
    again::<AheadRequest>(bytes);
    again::<OrderRequest>(bytes);
    if let Some(push) = again::<PushRequest>(bytes) {
        taken(&push);
    }
    again::<AppliedReply>(bytes);
    again::<PlanReply>(bytes);
    again::<AheadReply>(bytes);
    again::<TenantSummary>(bytes);
    again::<TenantReport>(bytes);
    again::<OrderReply>(bytes);
    again::<PushReply>(bytes);
    again::<Explanation>(bytes);
    again::<JournalReply>(bytes);
    again::<ServiceReport>(bytes);
    again::<Failure>(bytes);
});

fn taken(push: &PushRequest) {
    assert!((0.0..=MOST).contains(&push.value.as_f64()), "{push:?}");
    let (pushed, tenant) = (Pushed::default(), "demo".parse().expect("a name"));
    let now = Now::at(Timestamp::UNIX_EPOCH);
    let taken = pushed.push(&tenant, &push.name, push.instance, push.value, now);
    taken.expect("the first name has room");
    let metric = Metric::Pushed(push.name.clone());
    assert_eq!(String::from(metric.clone()).parse(), Ok(metric));
}
