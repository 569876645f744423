//! What Compute Engine, or whatever stands between, may answer: each a typed error, in a bounded time, and never a panic or a
//! shorter list.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use controller::id::ProviderId;
use controller::ports::CloudErrorKind::{
    self, Denied, NoCapacity, NotFound, Rejected, Throttled, Unreachable,
};
use controller::ports::{InstanceSeen, Launch, Southbound};
use southbound::conformance::tenant;
use southbound_gcp::{Bounds, GcpCloud};

use crate::process::{ZONE, settings};
use crate::server::{Reply, Server, answer, json};

const CALL: Duration = Duration::from_millis(1500);
/// Ten times what the longest of these may take by its own bounds.
const LIMIT: Duration = Duration::from_secs(40);

const HTML: &str = "<!DOCTYPE html><html><title>Error 502 (Server Error)!!1</title></html>";
const NO_INSTANCES: &str = r#"{"kind": "compute#instanceAggregatedList", "id": "x", "items": {}}"#;
const NO_OPERATIONS: &str = r#"{"kind": "compute#operationList", "id": "x", "items": []}"#;
const RUNNING: &str =
    r#"{"kind": "compute#operation", "name": "operation-1", "status": "RUNNING"}"#;
const DONE: &str = r#"{"kind": "compute#operation", "name": "operation-1", "status": "DONE"}"#;

fn cloud(url: &str) -> GcpCloud {
    let mut settings = settings(url);
    settings.bounds = Bounds {
        call: CALL,
        operation: 2 * CALL,
        poll: Duration::from_millis(5),
    };
    GcpCloud::open(settings).unwrap()
}

/// An error in Google's form.
fn refusal(status: u16, reason: &str) -> Reply {
    json(
        status,
        &format!(
            r#"{{"error": {{"code": {status}, "message": "said so", "errors": [{{"reason": "{reason}", "domain": "global"}}]}}}}"#
        ),
    )
}

/// An operation that ended with this code.
fn failure(code: &str, status: u16) -> Reply {
    json(
        200,
        &format!(
            r#"{{"name": "operation-1", "status": "DONE", "httpErrorStatusCode": {status}, "error": {{"errors": [{{"code": "{code}", "message": "m"}}]}}}}"#
        ),
    )
}

fn raw(bytes: &str) -> Reply {
    Reply::Bytes(bytes.as_bytes().to_vec())
}

/// What any call may get.
fn anywhere() -> Vec<(&'static str, Reply, CloudErrorKind)> {
    let truncated = r#"{"kind": "compute#instanceAggregatedList", "items": {"zones/a": {"inst"#;
    let short = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{truncated}"
    );
    let chunks = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n{\"kind\"";
    vec![
        ("400", refusal(400, "invalid"), Rejected),
        ("400 without a body", json(400, ""), Rejected),
        ("401", refusal(401, "authError"), Denied),
        ("401 without a body", answer(401, "text/plain", ""), Denied),
        ("403", refusal(403, "forbidden"), Denied),
        (
            "403 not enabled",
            refusal(403, "accessNotConfigured"),
            Denied,
        ),
        ("403 from a proxy", answer(403, "text/html", HTML), Denied),
        (
            "403 with an error that is no object",
            json(403, r#"{"error": "no"}"#),
            Denied,
        ),
        ("403 rate", refusal(403, "rateLimitExceeded"), Throttled),
        ("403 quota", refusal(403, "quotaExceeded"), NoCapacity),
        ("407", answer(407, "text/html", HTML), Denied),
        ("409", refusal(409, "conflict"), Rejected),
        ("410", refusal(410, "gone"), NotFound),
        ("412", refusal(412, "conditionNotMet"), Rejected),
        ("418", answer(418, "text/plain", "I am a teapot"), Rejected),
        ("429", refusal(429, "rateLimitExceeded"), Throttled),
        (
            "429 without a body",
            answer(429, "text/plain", ""),
            Throttled,
        ),
        ("500", refusal(500, "internalError"), Unreachable),
        (
            "500 with quota words",
            refusal(500, "backendError"),
            Unreachable,
        ),
        ("502 HTML", answer(502, "text/html", HTML), Unreachable),
        ("503", refusal(503, "backendError"), Unreachable),
        (
            "503 stockout",
            refusal(503, "ZONE_RESOURCE_POOL_EXHAUSTED"),
            NoCapacity,
        ),
        ("504 empty", answer(504, "text/html", ""), Unreachable),
        ("200 empty", json(200, ""), Unreachable),
        ("200 HTML", answer(200, "text/html", HTML), Unreachable),
        (
            "200 garbage",
            answer(200, "application/json", "\u{0}\u{1}\u{2}~~~"),
            Unreachable,
        ),
        (
            "200 truncated, and says so",
            json(200, truncated),
            Unreachable,
        ),
        (
            "200 truncated, and does not say so",
            raw(&short),
            Unreachable,
        ),
        ("200 chunks that break off", raw(chunks), Unreachable),
        ("200 a list", json(200, "[1, 2]"), Unreachable),
        ("200 a number", json(200, "7"), Unreachable),
        ("200 a string", json(200, "\"ok\""), Unreachable),
        ("200 deep", json(200, &"[".repeat(100_000)), Unreachable),
        (
            "302 to where nobody is",
            raw(
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            ),
            Unreachable,
        ),
        ("no HTTP", raw("SSH-2.0-OpenSSH_9.2\r\n"), Unreachable),
        (
            "a head that breaks off",
            raw("HTTP/1.1 200 OK\r\nContent-Le"),
            Unreachable,
        ),
        ("closed", Reply::Close, Unreachable),
        ("silence", Reply::Stall, Unreachable),
        ("a byte now and then", Reply::Drip, Unreachable),
        ("more than anybody wants", Reply::Huge, Unreachable),
    ]
}

/// What only a listing may get: whatever is not a whole list is an error.
fn listings() -> Vec<(&'static str, Reply, CloudErrorKind)> {
    let with = |more: &str| json(200, &NO_INSTANCES.replace("\"items\": {}", more));
    vec![
        ("404", refusal(404, "notFound"), NotFound),
        (
            "204",
            raw("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
            Unreachable,
        ),
        ("an empty object", json(200, "{}"), Unreachable),
        ("another kind", json(200, NO_OPERATIONS), Unreachable),
        ("items that are a list", with(r#""items": []"#), Unreachable),
        (
            "an instance with a number for a name",
            with(r#""items": {"zones/a": {"instances": [{"name": 7}]}}"#),
            Unreachable,
        ),
        (
            "a zone that did not answer",
            with(r#""items": {"zones/a": {"warning": {"code": "UNREACHABLE"}}}"#),
            Unreachable,
        ),
        (
            "a zone with a warning nobody knows",
            with(r#""items": {"zones/a": {"warning": {"code": "NEVER_HEARD_OF"}}}"#),
            Unreachable,
        ),
        (
            "scopes that did not answer",
            with(r#""unreachables": ["zones/a"]"#),
            Unreachable,
        ),
        (
            "a page with a warning",
            with(r#""warning": {"code": "PARTIAL_SUCCESS"}"#),
            Unreachable,
        ),
        (
            "pages without end",
            with(r#""nextPageToken": "again""#),
            Unreachable,
        ),
    ]
}

fn wanted() -> Launch {
    let bed_free = crate::thousand::launch(1);
    Launch {
        tenant: tenant("demo"),
        ..bed_free
    }
}

/// What a call comes to, with how it failed; in bounded time.
async fn outcome<T>(
    what: &str,
    call: impl Future<Output = Result<T, controller::ports::CloudError>>,
) -> Result<T, CloudErrorKind> {
    let since = Instant::now();
    let outcome = call.await;
    assert!(since.elapsed() < LIMIT, "{what} took {:?}", since.elapsed());
    outcome.map_err(|error| {
        assert!(!error.detail.is_empty(), "{what}: {error:?}");
        assert!(error.detail.len() < 2000, "{what}: {error:?}");
        error.kind
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_is_whole_or_an_error() {
    for (what, reply, kind) in anywhere().into_iter().chain(listings()) {
        let server = Server::start(move |_| reply.clone());
        let listed = outcome(what, cloud(&server.url).list(&tenant("demo"))).await;
        assert_eq!(listed, Err(kind), "{what}");
    }
    // The same server, when it answers what it should.
    let server = Server::start(|_| answer(200, "text/plain", NO_INSTANCES));
    assert_eq!(cloud(&server.url).list(&tenant("demo")).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_insert_that_is_answered_badly_is_a_typed_error() {
    for (what, reply, kind) in anywhere() {
        let launched = launched(what, reply, json(200, DONE), json(404, "{}")).await;
        assert_eq!(launched.map(|seen| seen.id), Err(in_asking(kind)), "{what}");
    }
    let gone = refusal(404, "notFound");
    let there = launched(
        "there already",
        refusal(409, "alreadyExists"),
        json(200, DONE),
        gone,
    )
    .await;
    assert_eq!(there.map(|seen| seen.id), Err(NotFound));
}

/// `NotFound` of a launch would mean that the instance was there once.
fn in_asking(kind: CloudErrorKind) -> CloudErrorKind {
    if kind == NotFound { Rejected } else { kind }
}

/// A launch whose insert, looks at the operation, and last look are answered like this.
async fn launched(
    what: &str,
    insert: Reply,
    operation: Reply,
    instance: Reply,
) -> Result<InstanceSeen, CloudErrorKind> {
    let server = Server::start(move |request| {
        if request.starts_with("POST ") {
            insert.clone()
        } else if request.ends_with("/operations") {
            json(200, NO_OPERATIONS)
        } else if request.contains("/operations/") {
            operation.clone()
        } else {
            instance.clone()
        }
    });
    outcome(what, cloud(&server.url).launch(&wanted())).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_accepted_and_is_not_heard_of_again_may_have_happened() {
    let accepted = || json(200, RUNNING);
    let mut cases = vec![
        ("an operation that never ends", accepted(), Unreachable),
        (
            "one in a state nobody knows",
            json(200, &RUNNING.replace("RUNNING", "EXPLODED")),
            Unreachable,
        ),
        ("one that vanishes", refusal(404, "notFound"), Unreachable),
        ("one without a state", json(200, "{}"), Unreachable),
        (
            "no zone has it",
            failure("ZONE_RESOURCE_POOL_EXHAUSTED", 503),
            NoCapacity,
        ),
        ("no quota", failure("QUOTA_EXCEEDED", 403), NoCapacity),
        (
            "an address in use",
            failure("IP_IN_USE_BY_ANOTHER_RESOURCE", 400),
            Rejected,
        ),
        ("no permission", failure("PERMISSIONS_ERROR", 403), Denied),
        (
            "a code nobody knows",
            failure("NEVER_HEARD_OF", 500),
            Unreachable,
        ),
        (
            "no code at all",
            json(
                200,
                r#"{"name": "operation-1", "status": "DONE", "httpErrorStatusCode": 403, "error": {"errors": []}}"#,
            ),
            Denied,
        ),
    ];
    // Refusals of a look say nothing about what was accepted.
    cases.extend(
        anywhere()
            .into_iter()
            .map(|(what, reply, _)| (what, reply, Unreachable)),
    );
    for (what, operation, kind) in cases {
        let launched = launched(what, accepted(), operation, json(200, "{}")).await;
        assert_eq!(launched.map(|seen| seen.id), Err(kind), "{what}");
    }
    // And so for the last look.
    for (what, instance) in [
        ("403", refusal(403, "forbidden")),
        ("429", refusal(429, "rateLimitExceeded")),
        ("503", refusal(503, "backendError")),
        ("no name", json(200, r#"{"kind": "compute#instance"}"#)),
        ("closed", Reply::Close),
    ] {
        let launched = launched(what, accepted(), json(200, DONE), instance).await;
        assert_eq!(launched.map(|seen| seen.id), Err(Unreachable), "{what}");
    }
    // The same server, when it answers what it should.
    let wanted = wanted();
    let name = southbound::tag::provider(
        "test",
        &"gcp-eu".parse().unwrap(),
        &wanted.tenant,
        wanted.instance.id,
    );
    let instance = format!(
        r#"{{"name": "asaas-{name}", "zone": "https://x/zones/{ZONE}", "status": "STAGING"}}"#
    );
    let launched = launched("well", accepted(), json(200, DONE), json(200, &instance)).await;
    assert_eq!(launched.unwrap().id, wanted.instance.id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_inserted_while_the_past_is_not_known() {
    for (what, reply, kind) in anywhere() {
        let inserted = Arc::new(AtomicU32::new(0));
        let counted = inserted.clone();
        let server = Server::start(move |request| {
            counted.fetch_add(u32::from(request.starts_with("POST ")), Ordering::Relaxed);
            reply.clone()
        });
        let launched = outcome(what, cloud(&server.url).launch(&wanted())).await;
        assert_eq!(launched.map(|seen| seen.id), Err(in_asking(kind)), "{what}");
        assert_eq!(inserted.load(Ordering::Relaxed), 0, "{what}"); // I8
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_that_is_answered_badly_is_a_typed_error() {
    let demo = tenant("demo");
    let name = southbound::tag::provider(
        "test",
        &"gcp-eu".parse().unwrap(),
        &demo,
        wanted().instance.id,
    );
    let id = ProviderId(format!("{ZONE}/asaas-{name}"));
    let mut cases = anywhere();
    cases.push(("busy for ever", refusal(400, "resourceNotReady"), Throttled));
    cases.push((
        "an operation that failed",
        failure("INTERNAL_ERROR", 500),
        Unreachable,
    ));
    for (what, reply, kind) in cases {
        // What is gone is removed.
        let wanted = if kind == NotFound { Ok(()) } else { Err(kind) };
        let server = Server::start(move |request| {
            if request.starts_with("DELETE ") {
                return reply.clone();
            }
            json(200, r#"{"name": "x", "status": "RUNNING"}"#)
        });
        let removed = outcome(what, cloud(&server.url).terminate(&demo, &id)).await;
        assert_eq!(removed, wanted, "{what}");
    }
}
