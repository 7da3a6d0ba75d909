//! Learning: data in, model out, with the proof of how good it is. The engine (burn) lives here and nowhere else.
//!
//! ```text
//! file ──data──► Table ──split──► rows ──prepare──► Encoded ──nets | gbt | linear──► weights, trees
//!                  │                                                                      │
//!                  └─ profile                    metrics ◄── Predictions ◄── predict ◄────┼── model folder, ONNX
//!                                                          Explanation ◄── explain ◄──────┤
//!                                                        CompareReport ◄── compare ◄──────┘
//! ```
//!
//! Everything here runs in a child process. It knows no network, no database and no window: it takes plain values, a folder
//! to write to and a [`control::JobControl`], and ends with a value, a [`orrery_domain::Failure`] or an interruption.

pub mod compare;
pub mod compress;
pub mod control;
pub mod data;
pub mod device;
pub mod explain;
pub mod faults;
pub mod gbt;
pub mod linear;
pub mod metrics;
pub mod model;
pub mod nets;
pub mod onnx;
pub mod predict;
pub mod prepare;
pub mod room;
pub mod split;
pub mod table;
mod target;
pub mod threads;
pub mod train;
