//! What is wrong with a value of a configuration: its field, and what it may be.

use std::{fmt::Display, ops::RangeInclusive};

/// A value that a configuration may not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {value}; it may be {allowed}.")]
pub struct ConfigError {
    /// The field's name as the file spells it, with its path where it is nested.
    pub field: String,
    /// The value found, as text.
    pub value: String,
    /// What may stand there, in words.
    pub allowed: String,
}

impl ConfigError {
    /// An error about one field.
    pub fn new(field: &str, value: impl Display, allowed: impl Into<String>) -> Self {
        Self { field: field.to_owned(), value: value.to_string(), allowed: allowed.into() }
    }

    /// The same error, seen from the structure that holds the field under `parent`.
    #[must_use]
    pub fn within(mut self, parent: &str) -> Self {
        self.field = format!("{parent}.{}", self.field);
        self
    }
}

/// Refuses a value outside of `allowed` (not-a-number is outside of every range).
pub(crate) fn in_range<T: PartialOrd + Display>(
    field: &str,
    value: T,
    allowed: RangeInclusive<T>,
) -> Result<(), ConfigError> {
    if allowed.contains(&value) {
        return Ok(());
    }
    Err(ConfigError::new(field, value, format!("{} to {}", allowed.start(), allowed.end())))
}

/// Refuses a share in percent above 100.
pub(crate) fn percent(field: &str, value: u32) -> Result<(), ConfigError> {
    in_range(field, value, 0..=100)
}

/// Refuses a span in seconds that is not within 1 ms and a day.
pub(crate) fn span(field: &str, secs: f64) -> Result<(), ConfigError> {
    in_range(field, secs, 0.001..=86_400.0)
}

/// Refuses a span in seconds that is neither 0 (which means none) nor within 1 ms and a day.
pub(crate) fn span_or_none(field: &str, secs: f64) -> Result<(), ConfigError> {
    if secs == 0.0 {
        return Ok(());
    }
    span(field, secs)
        .map_err(|error| ConfigError { allowed: format!("0 (none), or {}", error.allowed), ..error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_field_and_the_range() {
        let error = percent("max_ejection_percent", 101).map_err(|error| error.within("outlier_detection"));
        let text = error.unwrap_err().to_string();
        assert_eq!(text, "`outlier_detection.max_ejection_percent` is 101; it may be 0 to 100.");
        assert!(span("interval_secs", f64::NAN).is_err());
        assert!(span_or_none("timeout_secs", 0.0).is_ok());
        let text = span_or_none("timeout_secs", -1.0).unwrap_err().to_string();
        assert_eq!(text, "`timeout_secs` is -1; it may be 0 (none), or 0.001 to 86400.");
    }
}
