//! The real window, under a virtual display, on real data: one journey a subject, each on a workspace of its own.

mod compare;
mod compress;
mod display;
mod explain;
mod fleet;
mod images;
mod main_job;
mod pictures;
mod prepared;
mod search;
mod tune;
mod window;

/// Mesa's software Vulkan driver, which draws the window where there is no graphics unit.
pub const LAVAPIPE: &str = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";
