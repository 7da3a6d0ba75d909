//! What a body may ask for: the caller's limits, checked before anything is allocated.

/// Limits on one body. A limit that is passed is a [`crate::OipError`] with status 413.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole body.
    pub body_bytes: usize,
    /// Bytes of a body that holds no tensors: metadata, index, statistics, errors.
    pub control_bytes: usize,
    /// Tensors in `inputs` or `outputs`, and requested outputs.
    pub tensors: usize,
    /// Elements of all tensors together.
    pub elements: usize,
    /// Dimensions of one tensor.
    pub dimensions: usize,
    /// Nested arrays and objects; never more than [`Limits::DEEPEST`].
    pub json_depth: usize,
    /// Bytes of one string: a name, an id, a parameter or a BYTES element.
    pub string_bytes: usize,
    /// Parameters of one object.
    pub parameters: usize,
}

impl Limits {
    /// Depth that no setting passes: what the stack of any thread holds.
    pub const DEEPEST: usize = 128;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 64 << 20,
            control_bytes: 8 << 20,
            tensors: 1024,
            elements: 64 << 20,
            dimensions: 32,
            json_depth: 40,
            string_bytes: 16 << 20,
            parameters: 256,
        }
    }
}
