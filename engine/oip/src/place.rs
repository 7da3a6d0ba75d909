//! What errors call the thing that is wrong: cheap to carry along, made a text only when needed.

use crate::error::shown;

/// A part of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'p> {
    /// The body itself, or one of its lists.
    Part(&'static str),
    /// An item of a list, whose name is not known yet.
    Item(&'static str, usize),
    /// A tensor by its name.
    Tensor(&'p str),
}

impl Place<'_> {
    /// As messages call it.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Part(part) => part.to_owned(),
            Self::Item(list, index) => format!("{list}[{index}]"),
            Self::Tensor(name) => format!("tensor '{}'", shown(name)),
        }
    }
}
