//! The sounds of alerts, made by the browser itself: of a call for help two tones, twice; of
//! what else presses the viewer two softer ones that rise. One at a time: many alerts of one
//! moment sound once.
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

/// Which sound; the greater is heard where both are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tone {
    Pressing,
    Call,
}

impl Tone {
    /// Hertz and seconds from the beginning.
    const fn notes(self) -> &'static [(f64, f64)] {
        match self {
            Tone::Call => &[(880.0, 0.0), (660.0, 0.18), (880.0, 0.45), (660.0, 0.63)],
            Tone::Pressing => &[(523.25, 0.0), (659.25, 0.2)],
        }
    }

    const fn loudness(self) -> f64 {
        match self {
            Tone::Call => 0.25,
            Tone::Pressing => 0.12,
        }
    }
}

const TONE_S: f64 = 0.16;
/// Within so many seconds of a sound only a greater one is heard.
const MOMENT_S: f64 = 5.0;
/// A browser that lets the page play begins within this.
const BEGINS_WITHIN: Duration = Duration::from_millis(500);

#[derive(Default)]
struct Player {
    context: Option<AudioContext>,
    /// Waits for the browser's leave.
    waiting: Option<Tone>,
    /// What sounded last, and when by the clock of `context`, in seconds.
    last: Option<(Tone, f64)>,
}

fn is_heard(last: Option<(Tone, f64)>, tone: Tone, now_s: f64) -> bool {
    last.is_none_or(|(before, at_s)| tone > before || now_s - at_s >= MOMENT_S)
}

thread_local! {
    static PLAYER: RefCell<Player> = RefCell::default();
}

/// Plays once the browser lets it; `playing` is told whether it does.
pub async fn play(tone: Tone, playing: impl Fn(bool) + Copy + 'static) {
    let context = PLAYER.with_borrow_mut(|player| {
        if let Some(waiting) = player.waiting {
            player.waiting = Some(waiting.max(tone));
            return None;
        }
        if player.context.is_none() {
            // A machine without sound plays none.
            player.context = AudioContext::new().ok();
        }
        player.waiting = player.context.is_some().then_some(tone);
        player.context.clone()
    });
    let Some(context) = context else { return };
    let late = context.clone();
    leptos::prelude::set_timeout(move || playing(late.state() == "running"), BEGINS_WITHIN);
    let begun = JsFuture::from(context.resume()).await;
    let now_s = context.current_time();
    let heard = PLAYER.with_borrow_mut(|player| {
        let tone = player.waiting.take().filter(|tone| is_heard(player.last, *tone, now_s))?;
        begun.is_ok().then(|| player.last.insert((tone, now_s)).0)
    });
    if let Some(tone) = heard {
        sound(&context, tone);
    }
    if begun.is_ok() {
        playing(true);
    }
}

fn sound(context: &AudioContext, tone: Tone) {
    let (loudness, now) = (context.create_gain(), context.current_time());
    loudness.connect(&context.destination());
    loudness.gain().set(0.0, now);
    let loud = tone.loudness();
    for (hertz, after_s) in tone.notes() {
        let (from, to) = (now + after_s, now + after_s + TONE_S);
        let tone = context.create_oscillator();
        tone.frequency().set(*hertz, from);
        tone.connect(&loudness);
        // Without these slopes each tone would begin and end with a click.
        for (value, at) in [(0.0, from), (loud, from + 0.02), (loud, to - 0.03), (0.0, to)] {
            loudness.gain().ramp(value, at);
        }
        tone.start(from);
        tone.stop(to);
    }
}

/// Somebody touched the page: what waits may sound.
pub fn wake() {
    let context = PLAYER.with_borrow(|player| player.context.clone().filter(|_| player.waiting.is_some()));
    if let Some(context) = context {
        // The tone that waits has its own hold on the outcome.
        let _ = context.resume();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_one_sound_and_a_call_for_help_is_heard_over_any_other() {
        assert!(is_heard(None, Tone::Pressing, 0.0));
        let calm = Some((Tone::Pressing, 10.0));
        assert!(!is_heard(calm, Tone::Pressing, 12.0));
        assert!(is_heard(calm, Tone::Call, 10.1));
        assert!(is_heard(calm, Tone::Pressing, 15.0));
        let call = Some((Tone::Call, 10.0));
        assert!(!is_heard(call, Tone::Pressing, 14.9));
        assert!(!is_heard(call, Tone::Call, 11.0));
        assert!(is_heard(call, Tone::Call, 15.0));
    }
}
