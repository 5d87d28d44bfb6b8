//! Whatever a request says, decoding it ends, with sound fixes or a refusal.
#![no_main]

#[path = "../../tests/shared/request.rs"]
mod request;
#[path = "../../tests/shared/sound.rs"]
mod sound;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    sound::sound(&request::Request::read(bytes).incoming());
});
