//! JSON as this protocol needs it: read in one pass without a tree, written straight into the body.

mod number;
mod reader;
mod write;

pub(crate) use number::Number;
pub(crate) use reader::Reader;
pub(crate) use write::{push_string, push_value};
