//! Scope is law: over random hierarchies, people, keys and interleavings of patrols,
//! moves, fixes, reconnects and revocations, no answer and no stream ever tells a caller
//! of something outside its scope, and everything inside does arrive.
//!
//! [`world`] keeps a server and, beside it, a plain account of what happened; who may
//! see what is worked out there anew, from that account alone. [`ground`] says what differs
//! where several nodes share their engines: not who may see what.

mod account;
mod fences;
pub mod ground;
mod hierarchy;
mod manage;
mod reads;
mod tasks;
mod watcher;
mod world;

use fences::Doing;
use ground::Ground;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use sentinel_model::{Permission, Role};
use std::sync::atomic::Ordering;
use tasks::Act;
use world::World;

/// A hierarchy, people and keys, and what happens. Numbers pick among what there is.
#[derive(Debug, Clone)]
pub struct Story {
    /// Stations, each by (district, zone, division): the same numbers are the same node.
    pub stations: Vec<(u8, u8, u8)>,
    pub people: Vec<(Role, u8)>,
    pub keys: Vec<(Vec<Permission>, u8)>,
    /// The home station of each unit.
    pub units: Vec<u8>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone)]
pub enum Step {
    /// Starts a patrol by hand, or moves it to another station.
    Start {
        unit: u8,
        station: u8,
    },
    End {
        unit: u8,
    },
    /// Fixes at these seconds from now: some late, some doubled, one perhaps far ahead.
    Post {
        unit: u8,
        seconds: Vec<i64>,
    },
    /// The unit calls for help, without a place.
    Call {
        unit: u8,
    },
    /// The unit belongs to another station from now on.
    Rehome {
        unit: u8,
        station: u8,
    },
    /// The caller moves the unit to another station, or renews its token.
    Manage {
        caller: u8,
        unit: u8,
        move_to: Option<u8>,
    },
    /// The caller makes a fence in a scope, gives one to it, or removes one.
    Fence {
        caller: u8,
        which: u8,
        scope: u8,
        doing: Doing,
    },
    /// The caller does something with incidents and orders, of which a scope may be the aim.
    Task {
        caller: u8,
        which: u8,
        scope: u8,
        act: Act,
    },
    /// Opens a stream of some scope, in place of the caller's last one.
    Watch {
        caller: u8,
        scope: u8,
        resume: bool,
        binary: bool,
    },
    Leave {
        caller: u8,
    },
    /// Takes the caller's right away.
    Revoke {
        caller: u8,
    },
    Turn {
        seconds: i64,
    },
    /// The caller reads everything it can think of.
    Read {
        caller: u8,
        scope: u8,
        ago_s: i64,
        limit: usize,
    },
}

/// In so many stories everything happens at some time.
const ENOUGH: u32 = 60;

fn step() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![
        8 => -600i64..200,
        1 => Just(24 * 3600),
        1 => -7200i64..-3600,
    ];
    let doing = prop_oneof![3 => Just(Doing::Make), 2 => Just(Doing::GiveTo), 1 => Just(Doing::Remove)];
    let act = prop_oneof![
        4 => any::<bool>().prop_map(|is_order| Act::Make { is_order }),
        4 => any::<u8>().prop_map(|unit| Act::Assign { unit }),
        2 => Just(Act::HandOver),
        1 => Just(Act::Note),
        1 => Just(Act::Close),
        2 => Just(Act::MakeLink),
        1 => Just(Act::RevokeLink),
    ];
    prop_oneof![
        4 => (any::<u8>(), any::<u8>()).prop_map(|(unit, station)| Step::Start { unit, station }),
        2 => any::<u8>().prop_map(|unit| Step::End { unit }),
        8 => (any::<u8>(), prop::collection::vec(seconds, 1..5)).prop_map(|(unit, seconds)| Step::Post { unit, seconds }),
        2 => any::<u8>().prop_map(|unit| Step::Call { unit }),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(unit, station)| Step::Rehome { unit, station }),
        3 => (any::<u8>(), any::<u8>(), any::<Option<u8>>())
            .prop_map(|(caller, unit, move_to)| Step::Manage { caller, unit, move_to }),
        3 => (any::<u8>(), any::<u8>(), any::<u8>(), doing)
            .prop_map(|(caller, which, scope, doing)| Step::Fence { caller, which, scope, doing }),
        6 => (any::<u8>(), any::<u8>(), any::<u8>(), act)
            .prop_map(|(caller, which, scope, act)| Step::Task { caller, which, scope, act }),
        5 => (any::<u8>(), any::<u8>(), any::<bool>(), any::<bool>())
            .prop_map(|(caller, scope, resume, binary)| Step::Watch { caller, scope, resume, binary }),
        1 => any::<u8>().prop_map(|caller| Step::Leave { caller }),
        1 => any::<u8>().prop_map(|caller| Step::Revoke { caller }),
        1 => (1i64..400).prop_map(|seconds| Step::Turn { seconds }),
        5 => (any::<u8>(), any::<u8>(), -100i64..1500, 1usize..5)
            .prop_map(|(caller, scope, ago_s, limit)| Step::Read { caller, scope, ago_s, limit }),
    ]
}

fn story() -> impl Strategy<Value = Story> {
    let role = prop::sample::select(Role::ALL.to_vec());
    use Permission::{Dispatch, Ingest, Manage, Read};
    let permissions = prop::sample::subsequence(vec![Ingest, Read, Dispatch, Manage], 0..=4);
    (
        prop::collection::vec((0u8..2, 0u8..3, 0u8..2), 1..7),
        prop::collection::vec((role, any::<u8>()), 1..6),
        prop::collection::vec((permissions, any::<u8>()), 1..4),
        prop::collection::vec(any::<u8>(), 1..6),
        prop::collection::vec(step(), 10..45),
    )
        .prop_map(|(stations, people, keys, units, steps)| Story {
            stations,
            people,
            keys,
            units,
            steps,
        })
}

/// Tells one in `share` of as many stories as `SENTINEL_STORIES` says, else of 60, each on a
/// ground of its own.
pub fn tell_stories<F: Future<Output = Ground>>(share: u32, lay: impl Fn() -> F) {
    let wanted: u32 = std::env::var("SENTINEL_STORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let cases = wanted.div_ceil(share);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    // The same stories each time: a failure on one machine is one on every other.
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let told = runner.run(&story(), |story| {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async { tell(&story, lay().await).await });
        Ok(())
    });
    told.unwrap_or_else(|error| panic!("{error}"));
    if cases >= ENOUGH {
        let crossings = fences::CROSSINGS.load(Ordering::Relaxed);
        assert!(crossings > 0, "stories in which nobody crosses a fence show nothing of that");
    }
}

async fn tell(story: &Story, ground: Ground) {
    let mut world = World::make(story, ground).await;
    for step in &story.steps {
        world.take(step).await;
        world.ground.agree().await;
        world.settle().await;
    }
    for caller in 0..world.callers.len() {
        reads::check(&world, caller, 0, 100, 3).await;
    }
    world.end().await;
}
