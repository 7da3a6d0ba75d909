//! Parts every page is built from. Each reports its role and name, so it can be reached by keyboard, screen reader and test.

pub mod badge;
pub mod button;
pub mod confirm;
pub mod empty;
pub mod error_card;
pub mod form;
pub mod icon;
pub mod progress;
pub mod tile;
