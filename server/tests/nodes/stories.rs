//! The stories of [`crate::isolation`], on three nodes and two workers that share their engines.
//! Each step of them waits until all nodes know the same; what happens while they do not is
//! told by [`crate::races`].

use crate::{
    isolation::{self, tell_stories},
    town::{Ground, Town},
};
use std::rc::Rc;

#[test]
fn nothing_ever_crosses_a_scope_between_nodes_and_everything_inside_arrives() {
    // Said once that it is skipped, not once a story.
    if Ground::lay().is_none() {
        return;
    }
    tell_stories(8, || async {
        let ground = Ground::lay().expect("the services are installed");
        let town = Rc::new(Town::empty(ground, 3, 2).await);
        let nodes = town.nodes.iter().map(|node| node.sentinel.clone()).collect();
        let (clock, queue) = (town.ground.clock.clone(), town.clone());
        let has_archived = move || queue.ground.has_archived();
        let end = || async { Rc::into_inner(town).expect("nobody else has it").end().await };
        isolation::ground::Ground::new(nodes, clock, has_archived, || Box::pin(end()))
    });
}
