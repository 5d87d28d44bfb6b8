//! Changes the kept bodies at random and decodes what comes of it, for as long as asked:
//! `cargo run -p sentinel-server --example fuzz_decoder -- --minutes 10`. Says its seed and
//! how many inputs ran; an input that makes the decoder panic is written beside the corpus.

#[path = "../tests/shared/sound.rs"]
mod sound;

use clap::Parser;
use rand::{Rng, RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use sentinel_server::ingest::decode::Incoming;
use std::{
    fs,
    panic::catch_unwind,
    path::Path,
    time::{Duration, Instant},
};

#[derive(Parser)]
struct Args {
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Repeats an earlier run.
    #[arg(long)]
    seed: Option<u64>,
}

/// Pieces that formats are made of, put in where they may hurt.
const WORDS: [&str; 40] = [
    "\"_type\":",
    "\"location\"",
    "\"locations\":[",
    "\"Feature\"",
    "\"coordinates\":[",
    "\"coords\":{",
    "\"geometry\":null",
    "\"timestamp\":",
    "\"tst\":",
    "\"lat\":",
    "null",
    "true",
    "-1",
    "1e999",
    "-0",
    "NaN",
    "1e308",
    "99999999999999999999",
    "\\ud83d",
    "\\u0000",
    "\u{feff}",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "&",
    "=",
    "%",
    "%2",
    "%ff",
    "+",
    "lat=",
    "lon=",
    "location=1,2",
    "timestamp=",
    "2026-11-21 02:00:00",
    "0000-00-00T00:00:00+99:99",
];

struct Kept {
    name: String,
    bytes: Vec<u8>,
}

fn main() {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(rand::random);
    let corpus = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus"));
    let kept: Vec<Kept> = fs::read_dir(corpus)
        .expect("the corpus is there")
        .map(|entry| entry.expect("a file").path())
        .map(|path| Kept {
            name: path.file_name().expect("a name").to_string_lossy().into_owned(),
            bytes: fs::read(&path).expect("it reads"),
        })
        .collect();
    println!("{} kept bodies, seed {seed}, {} minutes", kept.len(), args.minutes);
    let mut random = StdRng::seed_from_u64(seed);
    let until = Instant::now() + Duration::from_secs_f64(args.minutes * 60.0);
    let (mut inputs, mut known, mut fixes) = (0u64, 0u64, 0u64);
    while Instant::now() < until {
        let base = kept.choose(&mut random).expect("there are some");
        let mut bytes = base.bytes.clone();
        for _ in 0..random.random_range(1..8) {
            change(&mut bytes, &kept, &mut random);
        }
        let text = String::from_utf8_lossy(&bytes);
        let incoming = match base.name.ends_with(".query") {
            true => Incoming { query: &text, ..Incoming::default() },
            false => Incoming { body: &bytes, ..Incoming::default() },
        };
        let Ok(posted) = catch_unwind(|| sound::sound(&incoming)) else {
            let at = corpus.join(format!("panic-{seed}-{inputs}-{}", base.name));
            fs::write(&at, &bytes).expect("it is written");
            eprintln!("input {inputs} makes it panic: {}", at.display());
            std::process::exit(1);
        };
        inputs += 1;
        if let Some(posted) = posted {
            known += 1;
            fixes += posted.fixes.len() as u64;
        }
    }
    println!("{inputs} inputs ran clean: {known} of a known format, {fixes} sound fixes in them");
}

fn change(bytes: &mut Vec<u8>, kept: &[Kept], random: &mut impl Rng) {
    let at = random.random_range(0..=bytes.len());
    let to = random.random_range(at..=bytes.len().min(at + 40));
    match random.random_range(0..7) {
        0 if at < bytes.len() => bytes[at] = random.random(),
        1 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
        2 => drop(bytes.drain(at..to)),
        3 => {
            let again = bytes[at..to].to_vec();
            bytes.splice(at..at, again);
        }
        4 => bytes.truncate(at),
        5 => {
            let other = &kept.choose(random).expect("there are some").bytes;
            let from = random.random_range(0..=other.len());
            bytes.splice(at..to, other[from..other.len().min(from + 200)].iter().copied());
        }
        _ => {
            let word = WORDS.choose(random).expect("there are some");
            bytes.splice(at..to, word.bytes());
        }
    }
}
