//! Parts every page is built from. Each reports its role and name, so it can be reached by keyboard, screen reader and test.

pub mod badge;
pub mod button;
pub mod card;
pub mod chart;
pub mod chart_export;
pub mod choice;
pub mod column_picker;
pub mod confirm;
pub mod downsample;
pub mod empty;
pub mod error_card;
pub mod export_menu;
pub mod form;
pub mod format_cell;
pub mod histogram;
pub mod icon;
pub mod input;
pub mod missing_bar;
pub mod pane;
pub mod plot;
pub mod plot_export;
pub mod plot_prepare;
pub mod plot_series;
pub mod plot_tools;
pub mod progress;
pub mod row;
pub mod table;
mod table_build;
mod table_csv;
pub mod table_index;
mod table_state;
#[cfg(test)]
mod table_tests;
mod table_toolbar;
mod table_view;
pub mod tabs;
pub mod tile;
