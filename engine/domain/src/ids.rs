//! Identifiers: what names a dataset, a run and a model version.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Content hash that names a dataset: of the file's bytes, the parse options and the type overrides (lower-case hex).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DatasetId(pub String);

/// Name of a run, unique in a workspace; its folder is `runs/<id>`. Only `[a-z0-9-]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl DatasetId {
    /// The first twelve characters, enough for a person.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl fmt::Display for DatasetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A model version, written `NAME:VERSION`; its folder is `models/<name>/<version>`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ModelRef {
    /// Registry name: 1 to 64 of `[A-Za-z0-9._-]`, starting with a letter or digit.
    pub name: String,
    /// Version, counted from 1.
    pub version: u32,
}

/// Why a text is not a model name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelRefError {
    /// The name part holds something that cannot be a folder name everywhere.
    #[error(
        "'{0}' cannot name a model: use 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit"
    )]
    Name(String),
    /// The part after the colon is no positive number.
    #[error("'{0}' is not a model version: write NAME:VERSION with a version of 1 or more")]
    Version(String),
}

impl ModelRef {
    /// Checks that `name` may name a model.
    ///
    /// # Errors
    /// [`ModelRefError::Name`] when it is empty, too long or holds another character.
    pub fn check_name(name: &str) -> Result<(), ModelRefError> {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins && name.len() <= 64 && name.chars().all(legal) {
            Ok(())
        } else {
            Err(ModelRefError::Name(name.to_owned()))
        }
    }
}

impl fmt::Display for ModelRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.version)
    }
}

impl From<ModelRef> for String {
    fn from(model: ModelRef) -> Self {
        model.to_string()
    }
}

impl TryFrom<String> for ModelRef {
    type Error = ModelRefError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for ModelRef {
    type Err = ModelRefError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, version) = text.rsplit_once(':').ok_or_else(|| ModelRefError::Version(text.to_owned()))?;
        Self::check_name(name)?;
        match version.parse() {
            Ok(version) if version > 0 => Ok(Self { name: name.to_owned(), version }),
            _ => Err(ModelRefError::Version(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn model_references_round_trip_and_refuse_paths() {
        let model: ModelRef = "flights-gbt:3".parse().expect("legal");
        assert_eq!(model.to_string(), "flights-gbt:3");
        for bad in ["x", "x:0", "../x:1", "a/b:1", ":1", "x:-1", ".hidden:1", "x:1e3"] {
            assert!(bad.parse::<ModelRef>().is_err(), "{bad} must be refused");
        }
    }
}
