//! The model repository extension: what there is, load and unload.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::lenient;
use crate::OipError;

/// The body of `POST v2/repository/index`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct IndexRequest {
    /// Whether only models that are ready are wanted.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "std::ops::Not::not")]
    pub ready: bool,
}

/// What `POST v2/repository/index` answers.
pub type RepositoryIndex = Vec<IndexEntry>;

/// One model, or one version of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// The model's name.
    pub name: String,
    /// The version, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its state; Triton leaves it out for a model that was never loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<ModelState>,
    /// Why it is in that state; often empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Where a model stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ModelState {
    /// Nothing is known, or the server has a word of its own.
    #[serde(other)]
    Unknown,
    /// It answers.
    Ready,
    /// It does not answer.
    Unavailable,
    /// It is being loaded.
    Loading,
    /// It is being unloaded.
    Unloading,
}

/// The body of `POST v2/repository/models/NAME/load`. Loading can run code on the server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoadRequest {
    /// What the load shall use in place of the repository.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "LoadParameters::is_empty")]
    parameters: LoadParameters,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct LoadParameters {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    config: Option<String>,
    /// `file:1/model.onnx`: base64.
    #[serde(flatten)]
    files: std::collections::BTreeMap<String, FileText>,
}

/// A parameter that may be a file; others are passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum FileText {
    Base64(String),
    Other(serde::de::IgnoredAny),
}
