//! Geofences and alert rules on the page: the list beside the map, the fence that is open at its
//! right, and the form that draws and changes one.
//!
//! - [`panel`], [`list`], [`rules`]: the list, and what else raises alerts in the scope on show
//! - [`drawer`], [`card`]: one fence
//! - [`editor`]: drawing and changing it; [`fields`] its form, [`handles`] the shape on the map;
//!   [`sketch`] and [`form`] what both come to, apart from the page
//! - [`layer`]: all of them on the map
//!
//! Only `panel` and `drawer` are of the part of the page that comes first.

pub mod card;
pub mod drawer;
pub mod editor;
mod fields;
mod form;
mod handles;
pub mod layer;
pub mod list;
pub mod panel;
mod rules;
mod sketch;
pub mod words;
