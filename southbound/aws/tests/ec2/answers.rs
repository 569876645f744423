//! Answers that no EC2 should give: each is a typed error, in bounded time, and never a listing.

use std::path::Path;
use std::time::{Duration, Instant};

use controller::id::ProviderId;
use controller::ports::{CloudErrorKind, Verdict};
use southbound::Southbound as _;
use southbound::conformance::tenant;
use southbound_aws::{AwsCloud, Bounds, Settings};

use crate::lab::{launch_of, plain_settings};
use crate::server::Piece::{Bytes, Forever, Pause};
use crate::server::{Piece, Server};

use CloudErrorKind::{Denied, NoCapacity, Rejected, Throttled, Unreachable};

/// What a call may take in these tests.
const BOUND: Duration = Duration::from_millis(700);

const LISTING: &str = concat!(
    r#"<?xml version="1.0" encoding="UTF-8"?><DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">"#,
    "<requestId>r</requestId><reservationSet><item><instancesSet><item><instanceId>i-0123456789abcdef0</instanceId>",
    "<instanceState><code>16</code><name>running</name></instanceState><tagSet>",
    "<item><key>asaas.deployment</key><value>d1</value></item><item><key>asaas.cloud</key><value>aws-us</value></item>",
    "<item><key>asaas.tenant</key><value>demo</value></item><item><key>asaas.instance</key><value>i-0000000000000</value></item>",
    "</tagSet></item></instancesSet></item></reservationSet>",
    "</DescribeInstancesResponse>",
);

fn head(status: &str, kind: &str, length: usize) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
}

/// One whole answer.
fn page(status: &str, kind: &str, body: &[u8]) -> Vec<Piece> {
    let mut answer = head(status, kind, body.len()).into_bytes();
    answer.extend_from_slice(body);
    vec![Bytes(answer)]
}

fn raw(text: &str) -> Vec<Piece> {
    vec![Bytes(text.as_bytes().to_vec())]
}

fn xml(status: &str, body: &str) -> Vec<Piece> {
    page(status, "text/xml", body.as_bytes())
}

fn refusal(status: &str, code: &str) -> Vec<Piece> {
    let error = format!("<Error><Code>{code}</Code><Message>because</Message></Error>");
    let body = format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>");
    xml(status, &body)
}

type Case = (String, Vec<Piece>, CloudErrorKind);

/// Whole answers of something that is not EC2.
fn of_strangers() -> Vec<Case> {
    let html = b"<!doctype html><html><head><title>Sorry</title><body><br>proxy";
    let statuses = [
        "301 Moved",
        "302 Found",
        "400 Bad Request",
        "401 Unauthorized",
        "403 Forbidden",
        "404 Not Found",
        "405 Method Not Allowed",
        "407 Proxy Authentication Required",
        "408 Request Timeout",
        "409 Conflict",
        "410 Gone",
        "413 Too Large",
        "418 Teapot",
        "451 Unavailable",
        "500 Internal Server Error",
        "501 Not Implemented",
        "502 Bad Gateway",
        "503 Service Unavailable",
        "504 Gateway Timeout",
        "505 Version",
        "599 Odd",
    ];
    let mut cases: Vec<Case> = Vec::new();
    for status in statuses {
        cases.push((
            format!("{status}, HTML"),
            page(status, "text/html", html),
            Unreachable,
        ));
    }
    cases.push((
        "429, HTML".to_owned(),
        page("429 Slow Down", "text/html", html),
        Throttled,
    ));
    for (name, kind, body) in [
        ("HTML", "text/html", &html[..]),
        ("JSON", "application/json", br#"{"Reservations":[]}"#),
        ("nothing", "text/xml", b""),
        ("words", "text/plain", b"it works!"),
        (
            "no UTF-8",
            "text/xml",
            b"<DescribeInstancesResponse>\xff\xfe</DescribeInstancesResponse>",
        ),
        ("zeroes", "text/xml", &[0; 1000]),
        ("another answer", "text/xml", b"<OtherResponse/>"),
        ("an error", "text/xml", b"<Response><Errors/></Response>"),
        ("a bare root", "text/xml", b"<DescribeInstancesResponse"),
    ] {
        cases.push((
            format!("200, {name}"),
            page("200 OK", kind, body),
            Unreachable,
        ));
    }
    let unzipped = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd";
    cases.push(("gzip that is none".to_owned(), raw(unzipped), Unreachable));
    cases
}

/// Answers that break off, or never end.
fn cut_short() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for tenth in 1..10 {
        let part = &LISTING[..LISTING.len() * tenth / 10];
        cases.push((
            format!("{tenth} tenths of a listing"),
            xml("200 OK", part),
            Unreachable,
        ));
    }
    let without_end = LISTING
        .strip_suffix("</DescribeInstancesResponse>")
        .unwrap();
    cases.push((
        "all but the last tag".to_owned(),
        xml("200 OK", without_end),
        Unreachable,
    ));
    let mut longer = head("200 OK", "text/xml", LISTING.len() + 10);
    longer.push_str(LISTING);
    let shorter = head("200 OK", "text/xml", LISTING.len() - 30) + LISTING;
    let chunk = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{without_end}\r\n",
        without_end.len()
    );
    let name = |text: &str| text.to_owned();
    cases.extend([
        (name("less than it says"), raw(&longer), Unreachable),
        (name("more than it says"), raw(&shorter), Unreachable),
        (name("a chunk missing"), raw(&chunk), Unreachable),
        (
            name("a chunk of no size"),
            raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"),
            Unreachable,
        ),
        (name("no word"), Vec::new(), Unreachable),
        (
            name("half a head"),
            raw("HTTP/1.1 200 OK\r\nContent-Le"),
            Unreachable,
        ),
        (
            name("no HTTP"),
            raw("220 mail.example.org ESMTP\r\n"),
            Unreachable,
        ),
        (name("zeroes"), vec![Bytes(vec![0; 4096])], Unreachable),
        (name("silence"), vec![Pause(BOUND * 3)], Unreachable),
        (
            name("a pause inside"),
            [
                raw(&head("200 OK", "text/xml", LISTING.len())),
                vec![Pause(BOUND * 3)],
            ]
            .concat(),
            Unreachable,
        ),
        (
            name("an endless head"),
            vec![
                Bytes(b"HTTP/1.1 200 OK\r\n".to_vec()),
                Forever(b"X-More: yes\r\n".to_vec()),
            ],
            Unreachable,
        ),
        (
            name("an endless body"),
            vec![
                Bytes(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<a>".to_vec()),
                Forever(vec![b'x'; 65_536]),
            ],
            Unreachable,
        ),
        (
            name("interim answers"),
            raw(&"HTTP/1.1 102 Processing\r\n\r\n".repeat(1000)),
            Unreachable,
        ),
        (
            name("elements in elements"),
            xml("200 OK", &"<a>".repeat(200_000)),
            Unreachable,
        ),
        (
            name("instances without a name"),
            xml("200 OK", &LISTING.replace("instanceId", "other")),
            Unreachable,
        ),
        (
            name("instances without a state"),
            xml("200 OK", &LISTING.replace("instanceState", "other")),
            Unreachable,
        ),
    ]);
    cases
}

/// EC2's own way to refuse.
fn refusals() -> Vec<Case> {
    let codes = [
        ("400 Bad Request", "VcpuLimitExceeded", NoCapacity),
        (
            "500 Internal Server Error",
            "InsufficientInstanceCapacity",
            NoCapacity,
        ),
        ("503 Service Unavailable", "RequestLimitExceeded", Throttled),
        ("401 Unauthorized", "AuthFailure", Denied),
        ("403 Forbidden", "UnauthorizedOperation", Denied),
        ("400 Bad Request", "InvalidAMIID.NotFound", Rejected),
        ("400 Bad Request", "NobodyHasToldUsOfThis", Rejected),
        (
            "500 Internal Server Error",
            "NobodyHasToldUsOfThis",
            Unreachable,
        ),
        ("500 Internal Server Error", "InternalError", Unreachable),
        ("503 Service Unavailable", "Unavailable", Unreachable),
        // Proof of nothing: whoever accepts does not refuse.
        ("200 OK", "UnauthorizedOperation", Unreachable),
    ];
    let mut cases: Vec<Case> = codes
        .map(|(status, code, kind)| (format!("{code} with {status}"), refusal(status, code), kind))
        .into();
    let cut = "<Response><Errors><Error><Code>Unauthor";
    cases.push((
        "half a refusal".to_owned(),
        xml("400 Bad Request", cut),
        Unreachable,
    ));
    cases.push((
        "a refusal without a code".to_owned(),
        refusal("400 Bad Request", ""),
        Unreachable,
    ));
    cases
}

fn cloud_at(server: &Server, credentials: &Path) -> AwsCloud {
    AwsCloud::open(Settings {
        endpoint: Some(server.url.clone()),
        bounds: Bounds {
            call: BOUND,
            ..Bounds::default()
        },
        ..plain_settings(credentials.to_owned())
    })
    .unwrap()
}

fn credentials() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let keys = "[service]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n";
    std::fs::write(file.path(), keys).unwrap();
    file
}

/// Without this, the table below would only say that nothing works at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_good_answer_is_a_listing() {
    let (server, credentials) = (Server::answering(xml("200 OK", LISTING)), credentials());

    let listed = cloud_at(&server, credentials.path())
        .list(&tenant("demo"))
        .await
        .unwrap();

    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].provider.0, "i-0123456789abcdef0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_answer_is_a_typed_error_in_bounded_time_and_never_a_listing() {
    let credentials = credentials();
    let cases = [of_strangers(), cut_short(), refusals()].concat();
    assert!(cases.len() >= 40, "{}", cases.len());
    let (demo, id) = (tenant("demo"), ProviderId("i-0123456789abcdef0".to_owned()));
    let mut wrong = Vec::new();

    for (name, pieces, kind) in cases {
        let server = Server::answering(pieces);
        let cloud = cloud_at(&server, credentials.path());

        let begun = Instant::now();
        let answers = [
            cloud.list(&demo).await.map(drop),
            cloud.launch(&launch_of(&demo)).await.map(drop),
            cloud.terminate(&demo, &id).await,
            cloud.suspend(&demo, &id).await,
        ];
        let checkup = cloud.checkup().await;

        let took = begun.elapsed();
        let kinds = answers.map(|answer| answer.err().map(|error| error.kind));
        if kinds != [Some(kind); 4] || checkup.verdict() != Verdict::Missing {
            wrong.push(format!(
                "{name}: {kinds:?} instead of {kind:?}, {checkup:?}"
            ));
        }
        assert!(took < BOUND * 60, "{name} took {took:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
