//! Every message without tensors: metadata, health, repository, statistics, errors.

mod failure;
mod metadata;
mod readiness;
mod repository;
mod statistics;

use serde::{Deserialize as _, Serialize, de::DeserializeOwned};

pub use failure::ErrorBody;
pub use metadata::{ModelList, ModelMetadata, ModelReady, ServerMetadata, ServerReady, TensorMetadata};
pub use readiness::Readiness;
pub use repository::{
    IndexEntry, IndexRequest, LoadFile, LoadRequest, LoadResponse, ModelState, RepositoryIndex,
    UnloadParameters, UnloadRequest,
};
pub use statistics::{
    BatchStatistics, InferStatistics, MemoryUsage, ModelStatistics, StatisticsResponse, Tally,
};

use crate::{Limits, OipError, error::shortened};

/// Reads a message without tensors; an empty body reads as `{}`, which clients send where nothing is asked.
///
/// # Errors
/// When the body is no such message, or passes [`Limits::control_bytes`].
pub fn decode<T: DeserializeOwned>(body: &[u8], limits: &Limits) -> Result<T, OipError> {
    check_size(body, limits)?;
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    // The reader's words may hold what was sent.
    serde_json::from_slice(body)
        .map_err(|error| OipError::Control { reason: shortened(&error.to_string(), 300) })
}

/// Writes a message without tensors.
///
/// # Errors
/// Never for the types of this module.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, OipError> {
    serde_json::to_vec(message).map_err(|error| OipError::Control { reason: error.to_string() })
}

fn check_size(body: &[u8], limits: &Limits) -> Result<(), OipError> {
    if body.len() > limits.control_bytes {
        return Err(OipError::BodyTooLarge { bytes: body.len(), limit: limits.control_bytes });
    }
    Ok(())
}

/// `null` as nothing: servers written in Python send it for what they do not have.
fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: serde::Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
