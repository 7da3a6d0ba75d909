//! Search: settings tried one after another, and what became of each.
//!
//! ```text
//! Space ─sampler► Trial (values) ─schedule► rungs (shares of a training) ─► quality, time of a row, bytes
//! Plan ───────────────┘                                                        └─► best, front, importance
//! ```

mod plan;
mod record;
mod setting;
mod space;
mod trial;

pub use self::{
    plan::{Limits, Plan, Sampler, Schedule},
    record::{Importance, Search, SearchRequest, SearchState, TrialPart},
    setting::{Setting, SettingKind},
    space::{MODEL, Parameter, Range, Space, Value, Values},
    trial::{Course, Rung, Trial, TrialState},
};
