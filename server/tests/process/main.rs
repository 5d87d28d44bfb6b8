//! The real program, started, killed, stopped and refused as an operator sees it.

mod crash;
mod program;
mod startup;
