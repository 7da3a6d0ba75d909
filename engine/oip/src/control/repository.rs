//! The model repository extension: what there is, load and unload.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::lenient;
use crate::{
    Limits, OipError, Parameters,
    error::shown,
    infer::fields::{once, parameters},
    json::Reader,
    place::Place,
};

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
    /// It answers.
    Ready,
    /// It does not answer.
    Unavailable,
    /// It is being loaded.
    Loading,
    /// It is being unloaded.
    Unloading,
    /// Nothing is known, or the server has a word of its own.
    #[serde(other)]
    Unknown,
}

/// The body of `POST v2/repository/models/NAME/load`. Loading can run code on the server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoadRequest {
    /// The model's configuration in place of the repository's, as JSON text.
    pub config: Option<String>,
    /// Files in place of the repository's.
    pub files: Vec<LoadFile>,
    /// The version to load, which only our own node knows; its newest where there is none.
    pub version: Option<String>,
    /// Whether that version answers from now on where none is named, which only our own node knows.
    pub serve: Option<bool>,
}

/// A file that travels in a load request, as Triton has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadFile {
    /// Path below the model's folder, such as `1/model.onnx`. Someone else's text: never join it to a path unchecked.
    pub path: String,
    /// What the file holds.
    pub content: Vec<u8>,
}

/// What marks a parameter of a load request as a file.
const FILE: &str = "file:";

impl LoadRequest {
    /// Reads the body; an empty one asks for nothing special. Other parameters are passed over.
    ///
    /// # Errors
    /// When the body is no such request, a file is no base64, or [`Limits::body_bytes`] is passed.
    pub fn decode(body: &[u8], limits: &Limits) -> Result<Self, OipError> {
        let mut found = Self::default();
        for (name, value) in load_parameters(body, limits)?.iter() {
            let wrong = |expected| OipError::Parameter { place: PLACE.text(), name: shown(name), expected };
            if name == "config" {
                found.config = Some(value.as_str().ok_or_else(|| wrong("a string"))?.to_owned());
            } else if name == "version" {
                found.version = Some(value.as_str().ok_or_else(|| wrong("a string"))?.to_owned());
            } else if name == "serve" {
                found.serve = Some(value.as_bool().ok_or_else(|| wrong("true or false"))?);
            } else if let Some(path) = name.strip_prefix(FILE) {
                let base64 = value.as_str().ok_or_else(|| wrong("a string of base64"))?;
                let content = STANDARD.decode(base64).map_err(|_wrong| wrong("valid base64"))?;
                found.files.push(LoadFile { path: path.to_owned(), content });
            }
        }
        Ok(found)
    }

    /// Writes the body.
    pub fn encode(&self) -> Vec<u8> {
        let mut parameters = serde_json::Map::new();
        if let Some(config) = &self.config {
            parameters.insert("config".to_owned(), config.as_str().into());
        }
        if let Some(version) = &self.version {
            parameters.insert("version".to_owned(), version.as_str().into());
        }
        if let Some(serve) = self.serve {
            parameters.insert("serve".to_owned(), serve.into());
        }
        for LoadFile { path, content } in &self.files {
            parameters.insert(format!("{FILE}{path}"), STANDARD.encode(content).into());
        }
        if parameters.is_empty() {
            return b"{}".to_vec();
        }
        serde_json::json!({ "parameters": parameters }).to_string().into_bytes()
    }
}

/// How messages call it.
const PLACE: Place<'static> = Place::Part("the load request");

fn load_parameters(body: &[u8], limits: &Limits) -> Result<Parameters, OipError> {
    if body.len() > limits.body_bytes {
        return Err(OipError::BodyTooLarge { bytes: body.len(), limit: limits.body_bytes });
    }
    let mut reader = Reader::new(body, limits, false)?;
    let mut found = None;
    if reader.peek().is_none() {
        return Ok(Parameters::new());
    }
    reader.object(|reader, field| match &*field {
        "parameters" => once(&mut found, parameters(reader, PLACE, limits)?, PLACE, &field),
        _ => reader.skip().map(drop),
    })?;
    reader.end()?;
    Ok(found.unwrap_or_default())
}

/// The body of `POST v2/repository/models/NAME/unload`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnloadRequest {
    /// Triton's only parameter.
    #[serde(default, deserialize_with = "lenient")]
    pub parameters: UnloadParameters,
}

/// Parameters of an unload request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct UnloadParameters {
    /// Whether models that only this one needed go as well.
    #[serde(default, deserialize_with = "lenient")]
    pub unload_dependents: bool,
}

/// What `KServe` answers to load and unload; others send no body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadResponse {
    /// The model's name.
    pub name: String,
    /// Present after a load: whether it worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<bool>,
    /// Present after an unload: whether it worked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unload: Option<bool>,
}
