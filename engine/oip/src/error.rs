//! What can be wrong with a body or a tensor, in a sentence that names the place and what was expected.

use crate::DataType;

/// Why bytes are no message of the protocol, or a tensor cannot be had in another form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OipError {
    /// The body passes [`crate::Limits::body_bytes`] or [`crate::Limits::control_bytes`].
    #[error("the body has {bytes} bytes; at most {limit} are accepted")]
    BodyTooLarge {
        /// Bytes of the body.
        bytes: usize,
        /// The limit, bytes.
        limit: usize,
    },
    /// More of something than a limit allows.
    #[error("{place} has too many {what}; at most {limit} are accepted")]
    TooMany {
        /// The tensor or object.
        place: String,
        /// What is counted.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// Nested deeper than [`crate::Limits::json_depth`].
    #[error("the JSON is nested deeper than {limit} levels at byte {at}")]
    TooDeep {
        /// Byte of the body.
        at: usize,
        /// The limit.
        limit: usize,
    },
    /// A string passes [`crate::Limits::string_bytes`].
    #[error("the string at byte {at} is longer than {limit} bytes")]
    StringTooLong {
        /// Byte of the body.
        at: usize,
        /// The limit, bytes.
        limit: usize,
    },
    /// The JSON part is no UTF-8.
    #[error("the JSON is not valid UTF-8 at byte {at}")]
    NotUtf8 {
        /// Byte of the body.
        at: usize,
    },
    /// The JSON part is no JSON, or another kind of value than expected.
    #[error("the JSON is not as expected at byte {at}: {expected} was expected")]
    Json {
        /// Byte of the body.
        at: usize,
        /// What was expected there.
        expected: &'static str,
    },
    /// A body without tensors does not have its shape.
    #[error("the body is not as expected: {reason}")]
    Control {
        /// What the JSON reader says.
        reason: String,
    },
    /// `Inference-Header-Content-Length` is no number of bytes.
    #[error("Inference-Header-Content-Length is '{value}'; a number of bytes was expected")]
    HeaderLength {
        /// The header's text, shortened.
        value: String,
    },
    /// `Inference-Header-Content-Length` passes the body's end.
    #[error("Inference-Header-Content-Length is {header_length}, but the body has only {bytes} bytes")]
    HeaderBeyondBody {
        /// The header.
        header_length: usize,
        /// Bytes of the body.
        bytes: usize,
    },
    /// A field is not there.
    #[error("{place} has no '{field}'")]
    Missing {
        /// The tensor or object.
        place: String,
        /// The field.
        field: &'static str,
    },
    /// A field stands there twice.
    #[error("{place} has '{field}' twice")]
    DuplicateField {
        /// The tensor or object.
        place: String,
        /// The field or parameter.
        field: String,
    },
    /// Two tensors of one list have the same name.
    #[error("the name '{name}' stands twice in '{list}'")]
    DuplicateName {
        /// The name, shortened.
        name: String,
        /// `inputs` or `outputs`.
        list: &'static str,
    },
    /// A request without a tensor.
    #[error("'inputs' is empty; at least one tensor was expected")]
    NoInputs,
    /// A datatype that the protocol does not know.
    #[error(
        "{place} has the datatype '{found}'; BOOL, UINT8 to UINT64, INT8 to INT64, FP16, BF16, FP32, FP64 or BYTES was expected"
    )]
    UnknownDatatype {
        /// The tensor.
        place: String,
        /// What was found, shortened.
        found: String,
    },
    /// A dimension that is no length.
    #[error(
        "{place} has a shape whose dimension {dimension} is no length: a whole number from 0 was expected"
    )]
    Dimension {
        /// The tensor.
        place: String,
        /// Which dimension, from 0.
        dimension: usize,
    },
    /// The shape's product cannot be counted.
    #[error("{place} has a shape with more elements than can be counted")]
    ShapeOverflow {
        /// The tensor.
        place: String,
    },
    /// The data has another number of elements than the shape.
    #[error("{place} has {found} elements; its shape {shape} needs {expected}")]
    Count {
        /// The tensor.
        place: String,
        /// The shape, as text.
        shape: String,
        /// Elements by the shape.
        expected: usize,
        /// Elements found, or words like "more than 4".
        found: String,
    },
    /// Nested arrays that do not follow the shape.
    #[error(
        "{place} has nested data that does not follow its shape {shape} at level {level}; {expected} was expected"
    )]
    Nesting {
        /// The tensor.
        place: String,
        /// The shape, as text.
        shape: String,
        /// Level of nesting, from 0.
        level: usize,
        /// What was expected.
        expected: String,
    },
    /// An element is of another kind.
    #[error("{place}: element {index} is no {datatype}; {expected} was expected")]
    Element {
        /// The tensor.
        place: String,
        /// Which element, row-major from 0.
        index: usize,
        /// The tensor's datatype.
        datatype: DataType,
        /// What was expected.
        expected: &'static str,
    },
    /// An element does not fit its type.
    #[error("{place}: element {index} is out of the range of {datatype}")]
    OutOfRange {
        /// The tensor.
        place: String,
        /// Which element, row-major from 0.
        index: usize,
        /// The datatype it should fit.
        datatype: DataType,
    },
    /// An element would change by a conversion.
    #[error("{place}: element {index} cannot be held exactly as {datatype}")]
    Inexact {
        /// The tensor.
        place: String,
        /// Which element, row-major from 0.
        index: usize,
        /// The datatype it should fit.
        datatype: DataType,
    },
    /// NaN or infinite where only finite numbers are accepted.
    #[error("{place}: element {index} is not finite; a finite number was expected")]
    NotFinite {
        /// The tensor.
        place: String,
        /// Which element, row-major from 0.
        index: usize,
    },
    /// A binary tensor whose size is not that of its shape.
    #[error("{place} has {found} bytes of binary data; its shape and datatype need {expected}")]
    BinarySize {
        /// The tensor.
        place: String,
        /// Bytes by shape and datatype.
        expected: usize,
        /// Bytes found.
        found: usize,
    },
    /// The body ends within a binary tensor.
    #[error("{place} has {needed} bytes of binary data, but only {left} are left in the body")]
    BinaryTruncated {
        /// The tensor.
        place: String,
        /// Bytes it names.
        needed: usize,
        /// Bytes left.
        left: usize,
    },
    /// The body goes on after the last tensor.
    #[error("{bytes} bytes of the body belong to no tensor")]
    BinaryTrailing {
        /// Bytes left over.
        bytes: usize,
    },
    /// Binary data is named, but not where it begins.
    #[error("{place} has 'binary_data_size', but the request has no Inference-Header-Content-Length")]
    BinaryWithoutHeader {
        /// The tensor.
        place: String,
    },
    /// A BYTES element in binary passes the tensor's end.
    #[error("{place}: the length of BYTES element {index} passes the end of the tensor")]
    BytesTruncated {
        /// The tensor.
        place: String,
        /// Which element, row-major from 0.
        index: usize,
    },
    /// A tensor without data.
    #[error("{place} has neither 'data' nor 'binary_data_size'")]
    NoData {
        /// The tensor.
        place: String,
    },
    /// A tensor with data in both forms.
    #[error("{place} has both 'data' and 'binary_data_size'")]
    DataTwice {
        /// The tensor.
        place: String,
    },
    /// A tensor in shared memory, which is not read.
    #[error("{place} is in shared memory, which is not supported; send its data")]
    SharedMemory {
        /// The tensor.
        place: String,
    },
    /// A parameter of another kind.
    #[error("{place} has a parameter '{name}' that is not {expected}")]
    Parameter {
        /// The tensor or object.
        place: String,
        /// The parameter, shortened.
        name: String,
        /// What was expected.
        expected: &'static str,
    },
    /// A BYTES element is no base64.
    #[error("{place}: element {index} is not valid base64")]
    Base64 {
        /// The tensor or file.
        place: String,
        /// Which element, row-major from 0.
        index: usize,
    },
    /// A BYTES element is no text where text is needed.
    #[error("{place}: element {index} is not valid UTF-8; send the tensor as binary data")]
    NotText {
        /// The tensor.
        place: String,
        /// Which element, row-major from 0.
        index: usize,
    },
    /// A view of another type than the tensor's.
    #[error("{place} has the datatype {found}; {expected} was expected")]
    Datatype {
        /// The tensor.
        place: String,
        /// Its datatype.
        found: DataType,
        /// What was expected.
        expected: &'static str,
    },
    /// The datatype cannot be sent or received this way.
    #[error("{place} has the datatype {datatype}, which {reason}")]
    Unsupported {
        /// The tensor.
        place: String,
        /// Its datatype.
        datatype: DataType,
        /// Why not.
        reason: &'static str,
    },
}

impl OipError {
    /// The HTTP status for a client that sent this: 413 where a limit is passed, 400 otherwise.
    pub const fn status(&self) -> u16 {
        match self {
            Self::BodyTooLarge { .. } | Self::TooMany { .. } | Self::StringTooLong { .. } => 413,
            _ => 400,
        }
    }
}

/// Someone else's name for a message: at most 64 characters, without control characters.
pub(crate) fn shown(text: &str) -> String {
    shortened(text, 64)
}

/// Someone else's text for a message: so many characters at most, without control characters.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let mut short: String =
        text.chars().take(most).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    short
}
