//! What pages are made of. Components render; what they show comes from the
//! shared [`crate::console::Console`].

pub mod alerts;
pub mod area_tree;
pub mod board;
pub mod connection;
pub mod fences;
pub mod icon;
pub mod legend;
pub mod link_banner;
pub mod map_tools;
pub mod map_view;
pub mod mark;
pub mod palette;
pub mod panel;
pub mod patrol_actions;
pub mod person_menu;
pub mod rail;
pub mod status_bar;
pub mod toast;
pub mod top_bar;
pub mod trail;
pub mod unit_drawer;
pub mod unit_list;
pub mod unit_table;
pub mod wall;
pub mod whole;
