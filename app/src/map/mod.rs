//! The live map: Leaflet for the view, our own layers for what is on it.
//!
//! - [`engine`], [`input`], [`setup`]: one mounted map: its frame loop, its listeners, its beginning
//! - [`state`]: what it draws, apart from Leaflet
//! - [`store`], [`slot`]: the units, where each is shown now, and what must be uploaded
//! - [`project`]: Web Mercator, and the view from the world to the screen
//! - [`cluster`], [`fan`], [`labels`], [`words`], [`pick`]: who is drawn where; pure, tested natively
//! - [`pins`]: incidents and orders, and the lines of who is sent there
//! - [`atlas`], [`text`]: words rasterised once, drawn from one texture
//! - [`palette`]: colours, read from the page's own CSS
//! - [`gl`], [`canvas2d`]: the two renderers of the same [`scene`]
//! - [`basemap`]: land, water, roads and places, painted into Leaflet's own grid of tiles
//! - [`tiles`]: raster tiles where the operator has some, and noticing that they do not come
//! - [`lab`]: a page that measures all this with made-up units
//!
//! Guarantee: a marker never goes back in device time, and no frame is drawn while
//! nothing moves. Failure: without WebGL2 the same scene is drawn on a 2D canvas;
//! without tiles the bundled outlines show; only without Leaflet is there no map.
//!
//! It compiles everywhere and may be called in a browser only: importing Leaflet
//! panics elsewhere, so pages mount it in an effect.

mod api;
mod atlas;
mod basemap;
mod canvas2d;
mod cluster;
mod engine;
mod fan;
mod gl;
mod input;
pub mod lab;
mod labels;
pub(crate) mod leaflet_ext;
mod palette;
mod pick;
mod pins;
pub(crate) mod project;
mod scene;
mod setup;
mod slot;
mod state;
mod store;
mod text;
mod tiles;
mod words;

pub use api::{LiveMap, MapError, MapEvents, MapStats, Theme};
pub use pins::Pin;
pub use project::{View, WORLD_PX, World};
