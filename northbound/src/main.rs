//! `asaas`: parse, run, tell what went wrong.

fn main() {}
