//! The hub over a bus that lags, loses and is cut off, and beside a node that is faster:
//! what subscribers see in the end is what is, and on the way nothing comes twice, is left
//! out, goes back or is not theirs.

mod cut_off;
mod gaps;
mod lagging;
mod late;
mod linger;
mod records;
mod stage;
mod turmoil;
mod viewer;
