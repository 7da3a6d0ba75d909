//! The window's tests: by role and label, over a workspace that holds one snapshot.

mod support {
    pub mod engine;
    pub mod fixture;
    pub mod harness;
}

mod compare;
mod compress;
mod deployments;
mod drills;
mod explain;
mod exports;
mod fleet;
mod home;
mod images;
mod models;
mod names;
mod pictures;
mod search;
mod settings;
mod shell;
mod traffic;
mod tune;
mod windows;
