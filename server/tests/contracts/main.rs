//! What engines promise, told once a port and run over every engine.

mod registry;
