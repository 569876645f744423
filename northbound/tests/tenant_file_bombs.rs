//! Texts that were made to hurt: small ones that stand for much, or that take long to read.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fmt::Write;
use std::time::{Duration, Instant};

use northbound::problem::Style;
use northbound::tenant_file::{self, Defaults, Known};
use proptest::prelude::*;

/// What is promised is 50 ms; ten times as much leaves room for a debug build on a busy machine.
const LIMIT: Duration = Duration::from_millis(500);

fn known() -> Known {
    Known {
        clouds: vec!["local-a".parse().unwrap()],
        templates: vec!["web".parse().unwrap()],
        defaults: Defaults::default(),
        public_ips: Vec::new(),
        market: controller::market::Market::default(),
        clients: "198.18.0.0/15".parse().unwrap(),
    }
}

/// As large as is read at all.
fn filled(unit: &str) -> String {
    unit.repeat(64 * 1024 / unit.len())
}

fn bombs() -> Vec<(&'static str, String)> {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        let items = vec![below; 9].join(", ");
        writeln!(aliases, "a{level}: &a{level} [{items}]").unwrap();
    }
    let numbered = |line: fn(usize) -> String| (0..4_500).map(line).collect::<String>();
    vec![
        ("aliases", aliases),
        ("aliases without anchors", filled("- *a\n")),
        ("deep lists", filled("[")),
        ("deep maps", filled("{a: ")),
        ("deep blocks", filled("- ")),
        (
            "deep indentation",
            (0..350).map(|depth| " ".repeat(depth) + "a:\n").collect(),
        ),
        ("complex keys", filled("? ")),
        ("keys of keys", filled("{? ")),
        ("unknown keys", numbered(|n| format!("k{n}: {n}\n"))),
        ("the same key", filled("version: 1\n")),
        ("the same unknown key", filled("verzion: 1\n")),
        ("a long key", format!("{}: 1", "k".repeat(60_000))),
        ("a long value", format!("tenant: {}", "v".repeat(60_000))),
        ("a long number", format!("version: {}", "9".repeat(60_000))),
        (
            "a quote without an end",
            format!("a: \"{}", "\\u0041".repeat(10_000)),
        ),
        (
            "a block of lines",
            format!("a: |\n{}", " x\n".repeat(20_000)),
        ),
        ("nothing but line ends", filled("\n")),
        ("nothing but tabs", filled("\t")),
        ("nothing but comments", filled("# x\n")),
        ("invisible characters", filled("\u{202e}")),
        ("anchors", numbered(|n| format!("&a k{n}: 1\n"))),
        ("directives", filled("%TAG ! tag:example.com,2000:\n")),
        ("documents", filled("---\n")),
        ("too many bytes", "#".repeat(10_000_000)),
        (
            "windows",
            format!(
                "version: 1\npolicy:\n  static: [{}]",
                "{ zone: Europe/Berlim, days: [mon] }, ".repeat(1_000)
            ),
        ),
        (
            "subnets",
            format!(
                "version: 1\nnetwork:\n  subnets: [{}]",
                "{ cidr: 10.0.0.0/8 }, ".repeat(1_500)
            ),
        ),
    ]
}

#[test]
fn a_bomb_is_refused_at_once_with_a_message() {
    let mut slowest = (Duration::ZERO, "");
    for (name, text) in bombs() {
        let begun = Instant::now();
        let problems = tenant_file::read(&text, "bomb.yml", &known())
            .expect_err(name)
            .render(Style::Plain);
        let taken = begun.elapsed();

        assert!(taken < LIMIT, "{name} took {taken:?}");
        assert!(problems.contains("hint: "), "{name}: {problems}");
        assert!(
            problems.len() < 64 * 1024,
            "{name}: {} bytes",
            problems.len()
        );
        println!("{taken:>12?}  {name}: {}", problems.lines().next().unwrap());
        slowest = slowest.max((taken, name));
    }
    println!(
        "the slowest, {}, took {:?}; 50 ms are promised",
        slowest.1, slowest.0
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        if let Ok(text) = tenant_file::decode(&bytes, "any.yml")
            && let Err(problems) = tenant_file::read(text, "any.yml", &known())
        {
            problems.render(Style::Plain);
        }
    }

    /// Closer to what the reader knows, so that it gets further.
    #[test]
    fn no_pieces_of_tenant_files_make_the_reader_panic(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..60),
    ) {
        let text = pieces.concat();
        if let Err(problems) = tenant_file::read(&text, "any.yml", &known()) {
            problems.render(Style::Coloured);
        }
    }

    /// One character of a good file is another.
    #[test]
    fn no_slip_of_the_finger_makes_the_reader_panic(at in 0_usize..20_000, c in any::<char>()) {
        let example = include_str!("../../tenants/example.yml");
        let mut text: Vec<char> = example.chars().collect();
        let at = at % text.len();
        text[at] = c;
        let text: String = text.into_iter().collect();
        if let Err(problems) = tenant_file::read(&text, "any.yml", &known()) {
            problems.render(Style::Plain);
        }
    }
}

const PIECES: [&str; 66] = [
    "rules:",
    "steps:",
    "{ from: 60%, to: 80%, ",
    "change: ",
    "+50%, ",
    "x2",
    "=4 }",
    "formula: ",
    "requests // 20",
    "monitor: { metric: ",
    "{ pushed: ",
    "{ prometheus: ",
    "trigger: ",
    "\">= 80%\"",
    "goal: 99%",
    "capacity: 200 ",
    "cron: ",
    "\"0 8 * * *\"",
    "on: 2026-12-24 08:00",
    "until: ",
    "max_rate_in: 2 per ",
    "buffer: { out: ",
    "version: 1",
    "tenant: ",
    "network:",
    "public_ip: ",
    "subnets:",
    "cidr: ",
    "gateway: ",
    "dhcp: ",
    "service:",
    "listen:",
    "health:",
    "instances:",
    "min: ",
    "max: ",
    "clouds:",
    "name: ",
    "policy:",
    "dynamic:",
    "static:",
    "threshold: ",
    "t_name: ",
    "subnet: ",
    "subnet_mask: ",
    "demo",
    "19.0.0.0/24",
    "0.0.0.0/0",
    "255.255.255.255",
    "19.0.0.1-19.0.0.9",
    "60%",
    "0.6",
    "5",
    "99999999999999999999",
    "1h30m",
    "\n",
    "\n  ",
    "\n    - ",
    "{ ",
    " }",
    "[ ",
    " ]",
    ", ",
    "\"",
    "ä",
    "~",
];
