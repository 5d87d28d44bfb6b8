//! The sound of a call for help: two tones, twice, made by the browser itself.
//!
//! A browser plays nothing before somebody has touched the page. A tone that was asked
//! for before then sounds with the first touch, and the page says so until then.

use js_sys::Promise;
use std::{cell::RefCell, time::Duration};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    type AudioContext;
    #[wasm_bindgen(constructor, catch)]
    fn new() -> Result<AudioContext, JsValue>;
    #[wasm_bindgen(method, getter)]
    fn state(this: &AudioContext) -> String;
    #[wasm_bindgen(method)]
    fn resume(this: &AudioContext) -> Promise;
    #[wasm_bindgen(method, getter, js_name = currentTime)]
    fn current_time(this: &AudioContext) -> f64;
    #[wasm_bindgen(method, getter)]
    fn destination(this: &AudioContext) -> AudioNode;
    #[wasm_bindgen(method, js_name = createOscillator)]
    fn create_oscillator(this: &AudioContext) -> AudioNode;
    #[wasm_bindgen(method, js_name = createGain)]
    fn create_gain(this: &AudioContext) -> AudioNode;

    type AudioNode;
    #[wasm_bindgen(method)]
    fn connect(this: &AudioNode, to: &AudioNode);
    #[wasm_bindgen(method)]
    fn start(this: &AudioNode, at: f64);
    #[wasm_bindgen(method)]
    fn stop(this: &AudioNode, at: f64);
    #[wasm_bindgen(method, getter)]
    fn frequency(this: &AudioNode) -> AudioParam;
    #[wasm_bindgen(method, getter)]
    fn gain(this: &AudioNode) -> AudioParam;

    type AudioParam;
    #[wasm_bindgen(method, js_name = setValueAtTime)]
    fn set(this: &AudioParam, value: f64, at: f64);
    #[wasm_bindgen(method, js_name = linearRampToValueAtTime)]
    fn ramp(this: &AudioParam, value: f64, at: f64);
}

/// Hertz and seconds from the beginning.
const TONES: [(f64, f64); 4] = [(880.0, 0.0), (660.0, 0.18), (880.0, 0.45), (660.0, 0.63)];
const TONE_S: f64 = 0.16;
const LOUDNESS: f64 = 0.25;
/// A browser that lets the page play begins within this.
const BEGINS_WITHIN: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Player {
    context: Option<AudioContext>,
    /// A tone waits for the browser's leave.
    waiting: bool,
}

thread_local! {
    static PLAYER: RefCell<Player> = RefCell::default();
}

/// Plays once the browser lets it; `playing` is told whether it does.
pub async fn play(playing: impl Fn(bool) + Copy + 'static) {
    let context = PLAYER.with_borrow_mut(|player| {
        if player.waiting {
            return None;
        }
        if player.context.is_none() {
            // A machine without sound plays none.
            player.context = AudioContext::new().ok();
        }
        player.waiting = player.context.is_some();
        player.context.clone()
    });
    let Some(context) = context else { return };
    let late = context.clone();
    leptos::prelude::set_timeout(move || playing(late.state() == "running"), BEGINS_WITHIN);
    let begun = JsFuture::from(context.resume()).await;
    PLAYER.with_borrow_mut(|player| player.waiting = false);
    if begun.is_ok() {
        sound(&context);
        playing(true);
    }
}

fn sound(context: &AudioContext) {
    let (loudness, now) = (context.create_gain(), context.current_time());
    loudness.connect(&context.destination());
    loudness.gain().set(0.0, now);
    for (hertz, after_s) in TONES {
        let (from, to) = (now + after_s, now + after_s + TONE_S);
        let tone = context.create_oscillator();
        tone.frequency().set(hertz, from);
        tone.connect(&loudness);
        // Without these slopes each tone would begin and end with a click.
        for (value, at) in [(0.0, from), (LOUDNESS, from + 0.02), (LOUDNESS, to - 0.03), (0.0, to)] {
            loudness.gain().ramp(value, at);
        }
        tone.start(from);
        tone.stop(to);
    }
}

/// Somebody touched the page: what waits may sound.
pub fn wake() {
    let context = PLAYER.with_borrow(|player| player.context.clone().filter(|_| player.waiting));
    if let Some(context) = context {
        // The tone that waits has its own hold on the outcome.
        let _ = context.resume();
    }
}
