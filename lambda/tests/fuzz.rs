//! Runs the fuzz targets on stable Rust, for a bounded number of generated inputs, the same in every run. `.ci/fuzz`
//! runs longer, guided by coverage.

#![allow(unreachable_pub, reason = "files are shared with other test binaries")]
#![expect(clippy::unwrap_used, reason = "a failing test says where")]

#[path = "../fuzz/bodies/aggregation.rs"]
mod aggregation;
#[path = "../fuzz/bodies/reading.rs"]
mod reading;

use std::fs;
use std::path::Path;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

const CASES: usize = 50_000;
/// As in `.ci/fuzz`.
const MAX_BYTES: usize = 4096;

/// Byte sequences that random changes rarely find.
const WORDS: [&[u8]; 24] = [
    b"\xf3\x89\x9a\xc2",
    b"\x0a\x01a",
    b"\x12\x0139",
    b"\x1a\x04\x08\x00\x1a\x00",
    b"\x1a\x06\x08\x00\x10\x00\x1a\x00",
    b"\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
    b"\xff\xff\xff\xff\x0f",
    b"\x22\x00",
    b"\x25\x00\x00\x00\x00",
    b"\"sensor_id\":\"s\"",
    b"\"temperature\":1",
    b"\"current_time\":1",
    b",\"a\":",
    b"[1,2]",
    b"{\"a\":1}",
    b"[[[[[[[[[[[[[[[[",
    b"null",
    b"true",
    b"\\ud800",
    b"\\u0000",
    b"1e125",
    b"-0.0",
    b"1e-130",
    b"12345678901234567890123456789012345678",
];

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// Applies one random mutation, as fuzzers do.
fn change(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], luck: &mut StdRng) {
    let at = luck.random_range(0..=bytes.len());
    let end = luck.random_range(at..=bytes.len().min(at + 16));
    match luck.random_range(0..7) {
        0 if at < bytes.len() => bytes[at] ^= 1 << luck.random_range(0..8),
        1 if at < bytes.len() => bytes[at] = luck.random(),
        2 => drop(bytes.drain(at..end)),
        3 => bytes.insert(at, luck.random()),
        4 => {
            let again = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, again));
        }
        5 => drop(bytes.splice(at..end, WORDS.choose(luck).unwrap().iter().copied())),
        _ => {
            let other = corpus.choose(luck).unwrap();
            let from = luck.random_range(0..=other.len());
            bytes.truncate(at);
            bytes.extend(&other[from..]);
        }
    }
    bytes.truncate(MAX_BYTES);
}

fn run(target: &str, check: fn(&[u8])) {
    let corpus = corpus(target);
    assert!(!corpus.is_empty());
    for bytes in &corpus {
        check(bytes);
    }
    let mut luck = StdRng::seed_from_u64(7);
    for _ in 0..CASES {
        let mut bytes = corpus.choose(&mut luck).unwrap().clone();
        // Few, because most mutations destroy the structure.
        for _ in 0..luck.random_range(1..5) {
            change(&mut bytes, &corpus, &mut luck);
        }
        check(&bytes);
    }
}

#[test]
fn fuzz_aggregated_record_arbitrary_bytes() {
    run("aggregation", aggregation::check);
}

#[test]
fn fuzz_reading_arbitrary_bytes() {
    run("reading", reading::check);
}
