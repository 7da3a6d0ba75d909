//! The real window, under a virtual display, on real data.

mod display;
mod fleet;
mod journey;
mod pictures;
mod window;

/// Mesa's software Vulkan driver, which draws the window where there is no graphics unit.
pub const LAVAPIPE: &str = "/usr/share/vulkan/icd.d/lvp_icd.x86_64.json";
