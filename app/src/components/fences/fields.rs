//! The fields of a fence's form: everything that the map does, by keyboard.

use super::{
    editor::Editor,
    form::{self, Field, Form},
    sketch::{Sketch, Tool},
    words,
};
use crate::{
    components::{
        board::ends::scopes,
        whole::{IntoWhole, effect, part, text},
    },
    console::CLOSE_ZOOM,
    format::{Measure, read_place},
    map_place::with_map,
};
use leptos::{html, prelude::*};
use sentinel_model::geofence::NAME_MAX;

/// The element that is about a field.
pub fn id(field: Field) -> &'static str {
    match field {
        Field::Name => "fence-name",
        Field::Scope => "fence-scope",
        Field::Dwell => "fence-dwell",
        Field::Speed => "fence-speed",
        Field::Middle => "fence-middle",
        Field::Radius => "fence-radius",
        Field::Points => "fence-points",
        Field::Shape => "fence-shape",
        Field::Whole => "fence-whole",
    }
}

pub fn fields(editor: Editor) -> AnyView {
    let first = NodeRef::<html::Input>::new();
    effect(move || {
        if let Some(first) = first.get() {
            let _ = first.focus();
        }
    });
    view! {
        <label>
            <span>"Name"</span>
            <input
                type="text"
                id=id(Field::Name)
                class="text-field"
                autocomplete="off"
                maxlength=NAME_MAX.to_string()
                aria-invalid=move || editor.wrong(Field::Name).map(|_| "true")
                node_ref=first
                prop:value=move || editor.form.read().name.clone()
                on:input=move |e| editor.form.update(|form| form.name = event_target_value(&e))
            />
            {wrong(editor, Field::Name)}
        </label>
        {whose(editor)}
        {shape(editor)}
        <fieldset class="fence-on">
            <legend>"Raise an alert when a unit"</legend>
            {check(editor, "enters", |form| form.enter, |form, on| form.enter = on)}
            {check(editor, "leaves", |form| form.exit, |form, on| form.exit = on)}
            {check(editor, "falls silent in it", |form| form.silent, |form, on| form.silent = on)}
            <div class="fence-numbers">
                {number(editor, Field::Dwell, "stays (minutes)", |form| &form.dwell, |form, text| form.dwell = text)}
                {number(editor, Field::Speed, speed_label(editor.measure), |form| &form.speed, |form, text| form.speed = text)}
            </div>
        </fieldset>
        {check(editor, "Switched on", |form| form.enabled, |form, on| form.enabled = on)}
        <p class="alert-failed" id=id(Field::Whole) tabindex="-1" role="alert" hidden=move || editor.wrong(Field::Whole).is_none()>
            {text(move || editor.wrong(Field::Whole).unwrap_or_default())}
        </p>
    }
    .whole()
}

fn speed_label(measure: Measure) -> &'static str {
    if measure == Measure::Imperial { "goes faster than (mph)" } else { "goes faster than (km/h)" }
}

fn wrong(editor: Editor, field: Field) -> AnyView {
    view! {
        <span class="field-wrong" role="alert" hidden=move || editor.wrong(field).is_none()>
            {text(move || editor.wrong(field).unwrap_or_default())}
        </span>
    }
    .whole()
}

fn check(editor: Editor, word: &'static str, is: fn(&Form) -> bool, put: fn(&mut Form, bool)) -> AnyView {
    view! {
        <label class="check">
            <input
                type="checkbox"
                prop:checked=move || is(&editor.form.read())
                on:change=move |e| editor.form.update(|form| put(form, event_target_checked(&e)))
            />
            <span>{word}</span>
        </label>
    }
    .whole()
}

fn number(
    editor: Editor,
    field: Field,
    word: &'static str,
    is: fn(&Form) -> &String,
    put: fn(&mut Form, String),
) -> AnyView {
    view! {
        <label>
            <span>{word}</span>
            <input
                type="text"
                id=id(field)
                inputmode="decimal"
                class="text-field"
                autocomplete="off"
                placeholder="not told"
                aria-invalid=move || editor.wrong(field).map(|_| "true")
                prop:value=move || is(&editor.form.read()).clone()
                on:input=move |e| editor.form.update(|form| put(form, event_target_value(&e)))
            />
            {wrong(editor, field)}
        </label>
    }
    .whole()
}

fn whose(editor: Editor) -> AnyView {
    let select = NodeRef::<html::Select>::new();
    effect(move || {
        let scope = editor.form.read().scope.clone();
        if let Some(select) = select.get() {
            select.set_value(&scope);
        }
    });
    view! {
        <label>
            <span>"Whose units"</span>
            <select
                id=id(Field::Scope)
                class="text-field"
                node_ref=select
                aria-invalid=move || editor.wrong(Field::Scope).map(|_| "true")
                on:change=move |e| editor.form.update(|form| form.scope = event_target_value(&e))
            >
                {scopes(editor.console, None)}
            </select>
            {wrong(editor, Field::Scope)}
        </label>
    }
    .whole()
}

/// What to do next with the map.
fn hint(sketch: &Sketch) -> &'static str {
    match (sketch.tool, sketch.is_drawing(), sketch.points.len()) {
        (Tool::Circle, true, _) if sketch.middle.is_none() => "Click or tap the map where its middle is.",
        (Tool::Circle, true, _) => "Click where its border is, or drag the handle.",
        (Tool::Circle, false, _) => "Drag its middle or its border.",
        (Tool::Polygon, true, 0) => "Click or tap the map at each corner.",
        (Tool::Polygon, true, 1 | 2) => "Click the next corner. Backspace takes the last one back.",
        (Tool::Polygon, true, _) => "Enter, or a click on the first corner, closes it.",
        (Tool::Polygon, false, _) => "Drag a corner, or the point between two for one more.",
    }
}

fn shape(editor: Editor) -> AnyView {
    let sketch = editor.sketch;
    let tool = move |tool: Tool, word: &'static str| {
        view! {
            <button
                type="button"
                class="segment"
                aria-pressed=move || (sketch.read().tool == tool).to_string()
                on:click=move |_| {
                    editor.picked.set(None);
                    sketch.update(|sketch| sketch.tool = tool);
                    editor.take_shape();
                }
            >
                {word}
            </button>
        }
        .whole()
    };
    let is_circle = Memo::new(move |_| sketch.read().tool == Tool::Circle);
    let size = move || sketch.read().shape().map(|shape| words::size(&shape, editor.measure));
    view! {
        <div class="fence-shape" id=id(Field::Shape) tabindex="-1" role="group" aria-label="Shape">
            <div class="segments" role="group" aria-label="Kind of shape">
                {tool(Tool::Circle, "Circle")} {tool(Tool::Polygon, "Polygon")}
            </div>
            <p class="fence-hint" role="status">{text(move || hint(&sketch.read()).to_string())}</p>
            {steps(editor)}
            {part(move || Some(match is_circle.get() {
                true => untrack(|| circle(editor)),
                false => untrack(|| outline(editor)),
            }))}
            <p class="faint" hidden=move || size().is_none()>{text(move || size().unwrap_or_default())}</p>
            {wrong(editor, Field::Shape)}
        </div>
    }
    .whole()
}

/// What a click on the map does, for who does not click.
fn steps(editor: Editor) -> AnyView {
    let sketch = editor.sketch;
    let does = move |act: fn(&mut Sketch)| {
        move |_: leptos::ev::MouseEvent| {
            editor.picked.set(None);
            sketch.update(act);
            editor.take_shape();
        }
    };
    let here = move |_| {
        with_map(|map| {
            let at = map.leaflet().get_center();
            let at = (at.lat(), at.lng());
            sketch.update(|sketch| {
                let was_empty = sketch.is_empty();
                sketch.click(at, 200.0);
                // Its radius is in the field below.
                if was_empty && sketch.tool == Tool::Circle {
                    sketch.sizing = false;
                }
            });
        });
        editor.take_shape();
    };
    let takes_here = move || sketch.with(|sketch| sketch.is_drawing() && !sketch.sizing);
    let can_close = move || {
        sketch.with(|sketch| sketch.tool == Tool::Polygon && sketch.is_drawing() && sketch.points.len() >= 3)
    };
    let can_back = move || sketch.with(|sketch| sketch.is_drawing() && !sketch.is_empty());
    let is_done = move || sketch.with(|sketch| !sketch.is_drawing());
    let picked = move || {
        editor
            .picked
            .get()
            .filter(|_| is_done() && sketch.with(|s| s.tool == Tool::Polygon && s.points.len() > 3))
    };
    view! {
        <div class="kinds" role="group" aria-label="Drawing">
            <button type="button" class="filter" hidden=move || !takes_here() on:click=here>"At the middle of the map"</button>
            <button type="button" class="filter" hidden=move || !can_close() on:click=does(Sketch::close)>"Close the outline"</button>
            <button type="button" class="filter" hidden=move || !can_back() on:click=does(Sketch::back)>"Take back"</button>
            <button type="button" class="filter" hidden=move || picked().is_none() on:click=move |_| editor.remove_picked()>
                {text(move || picked().map(|n| format!("Remove corner {}", n + 1)).unwrap_or_default())}
            </button>
            <button type="button" class="filter" hidden=move || !is_done() on:click=does(Sketch::cancel)>"Draw it anew"</button>
        </div>
    }
    .whole()
}

fn circle(editor: Editor) -> AnyView {
    let sketch = editor.sketch;
    let radius = format!("Radius ({})", form::radius_unit(editor.measure));
    view! {
        <div class="fence-numbers">
            <label>
                <span>"Middle"</span>
                <input
                    type="text"
                    id=id(Field::Middle)
                    class="text-field"
                    placeholder="9.9633, 76.2995"
                    autocomplete="off"
                    spellcheck="false"
                    aria-invalid=move || editor.wrong(Field::Middle).map(|_| "true")
                    prop:value=move || editor.form.read().middle.clone()
                    on:input=move |e| {
                        let text = event_target_value(&e);
                        if let Some(at) = read_place(&text) {
                            sketch.update(|sketch| {
                                sketch.middle = Some(at);
                                sketch.sizing = false;
                            });
                            // A radius comes with it.
                            editor.take_shape();
                        }
                        editor.form.update(|form| form.middle = text);
                    }
                    on:change=move |_| {
                        if let Some((lat, lon)) = sketch.read_untracked().middle {
                            with_map(|map| map.fly_to(lat, lon, CLOSE_ZOOM));
                        }
                    }
                />
                {wrong(editor, Field::Middle)}
            </label>
            <label>
                <span>{radius}</span>
                <input
                    type="text"
                    id=id(Field::Radius)
                    inputmode="decimal"
                    class="text-field"
                    autocomplete="off"
                    aria-invalid=move || editor.wrong(Field::Radius).map(|_| "true")
                    prop:value=move || editor.form.read().radius.clone()
                    on:input=move |e| {
                        let text = event_target_value(&e);
                        if let Some(radius_m) = form::read_radius(&text, editor.measure) {
                            sketch.update(|sketch| {
                                sketch.radius_m = radius_m;
                                sketch.sizing = false;
                            });
                        }
                        editor.form.update(|form| form.radius = text);
                    }
                />
                {wrong(editor, Field::Radius)}
            </label>
        </div>
    }
    .whole()
}

fn outline(editor: Editor) -> AnyView {
    let sketch = editor.sketch;
    view! {
        <label>
            <span>"Corners, one a line: latitude, longitude"</span>
            <textarea
                id=id(Field::Points)
                class="text-field fence-points"
                rows="5"
                spellcheck="false"
                placeholder="9.9633, 76.2995"
                aria-invalid=move || editor.wrong(Field::Points).map(|_| "true")
                prop:value=move || editor.form.read().points.clone()
                on:input=move |e| {
                    let text = event_target_value(&e);
                    if let Ok(points) = form::read_points(&text) {
                        sketch.update(|sketch| {
                            sketch.closed = points.len() >= 3;
                            sketch.points = points;
                        });
                    }
                    editor.form.update(|form| form.points = text);
                }
                on:change=move |_| {
                    if let Some(shape) = sketch.read_untracked().shape() {
                        super::layer::fly_to(&shape);
                    }
                }
            ></textarea>
            {wrong(editor, Field::Points)}
        </label>
    }
    .whole()
}
