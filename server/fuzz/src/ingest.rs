#[path = "../../src/ingest/decode/mod.rs"]
pub mod decode;
