//! Requests that fuzzing has found worth keeping (`make fuzz`), and such as are near them.

use super::{request::Request, sound::sound};
use rand::{Rng, RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

/// As many are made of the kept ones: some seconds of an unoptimised build.
const NEAR: usize = 20_000;

fn kept() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/decode");
    let entries = std::fs::read_dir(folder).expect("the corpus is there");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("it reads")).collect()
}

#[test]
fn every_kept_request_is_read_or_refused_soundly() {
    let kept = kept();
    assert!(kept.len() > 300, "only {} are kept", kept.len());
    let of_a_format = |bytes: &&Vec<u8>| sound(&Request::read(bytes).incoming()).is_some();
    let known = kept.iter().filter(of_a_format).count();
    assert!(known > kept.len() / 4, "only {known} of {} are of a known format", kept.len());
}

#[test]
fn requests_near_the_kept_ones_are_read_or_refused_soundly() {
    let kept = kept();
    // The same in every run; `make fuzz` looks for new ones.
    let mut random = StdRng::seed_from_u64(1);
    for n in 0..NEAR {
        let mut bytes = kept.choose(&mut random).expect("there are some").clone();
        for _ in 0..random.random_range(1..6) {
            change(&mut bytes, &kept, &mut random);
        }
        let said = String::from_utf8_lossy(&bytes).into_owned();
        let read = std::panic::catch_unwind(|| sound(&Request::read(&bytes).incoming()));
        assert!(read.is_ok(), "request {n} is not read soundly: {said:?}");
    }
}

fn change(bytes: &mut Vec<u8>, kept: &[Vec<u8>], random: &mut impl Rng) {
    let at = random.random_range(0..=bytes.len());
    let to = random.random_range(at..=bytes.len().min(at + 40));
    match random.random_range(0..5) {
        0 if at < bytes.len() => bytes[at] = random.random(),
        1 => drop(bytes.drain(at..to)),
        2 => {
            let again = bytes[at..to].to_vec();
            bytes.splice(at..at, again);
        }
        3 => bytes.truncate(at),
        _ => {
            let other = kept.choose(random).expect("there are some");
            let from = random.random_range(0..=other.len());
            bytes.splice(at..to, other[from..other.len().min(from + 200)].iter().copied());
        }
    }
}
