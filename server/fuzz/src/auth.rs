#[path = "../../src/auth/secret.rs"]
pub mod secret;
