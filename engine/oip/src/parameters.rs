//! Parameters of requests, tensors and outputs: a few named values in the order they came.

/// The value of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Parameter {
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond `i64`.
    Uint(u64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// A string.
    Text(String),
    /// Anything else (arrays and objects, which `MLServer` sends), as JSON text.
    Json(String),
}

impl Parameter {
    /// The flag, where it is one.
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(flag) => Some(*flag),
            _ => None,
        }
    }

    /// The number, where it is a whole one from 0.
    pub fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            Self::Uint(number) => Some(*number),
            _ => None,
        }
    }

    /// The text, where it is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl From<bool> for Parameter {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

impl From<i64> for Parameter {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<&str> for Parameter {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Named parameters. What the binary extension names (`binary_data_size`, `binary_data`, `binary_data_output`) is not
/// among them: it has fields of its own.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parameters(Vec<(String, Parameter)>);

impl Parameters {
    /// No parameters.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Sets a value, in place of one with the same name.
    pub fn set(&mut self, name: &str, value: impl Into<Parameter>) {
        let value = value.into();
        match self.0.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Appends a value whose name is known to be new.
    pub(crate) fn push(&mut self, name: String, value: Parameter) {
        self.0.push((name, value));
    }

    /// Takes a value out.
    pub(crate) fn take(&mut self, name: &str) -> Option<Parameter> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.remove(at).1)
    }

    /// Gives back memory that is not needed.
    pub(crate) fn shrink(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Parameter)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
