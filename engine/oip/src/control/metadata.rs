//! What servers and models say of themselves.

use serde::{Deserialize, Serialize};

use super::lenient;

/// `GET v2`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerMetadata {
    /// The server's name, such as `triton` or `mlserver`.
    pub name: String,
    /// Its version.
    #[serde(default, deserialize_with = "lenient")]
    pub version: String,
    /// What it knows beyond the protocol, such as `binary_tensor_data`.
    #[serde(default, deserialize_with = "lenient")]
    pub extensions: Vec<String>,
}

impl ServerMetadata {
    /// The extensions that this codec speaks, by Triton's names.
    pub const EXTENSIONS: [&str; 5] = [
        "binary_tensor_data",
        "model_repository",
        "model_repository(unload_dependents)",
        "parameters",
        "statistics",
    ];

    /// Whether the server says that it knows an extension.
    pub fn has(&self, extension: &str) -> bool {
        self.extensions.iter().any(|known| known == extension)
    }
}

/// One input or output of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorMetadata {
    /// Its name.
    pub name: String,
    /// Its datatype's name; kept as text, for servers name others too.
    pub datatype: String,
    /// Its lengths, outermost first; -1 where any length is accepted.
    #[serde(default, deserialize_with = "lenient")]
    pub shape: Vec<i64>,
}

/// `GET v2/models/NAME[/versions/VERSION]`. `MLServer` leaves all but the name empty unless a model's author filled it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelMetadata {
    /// The model's name.
    pub name: String,
    /// The versions that are served.
    #[serde(default, deserialize_with = "lenient")]
    pub versions: Vec<String>,
    /// What runs it, such as `onnxruntime_onnx`.
    #[serde(default, deserialize_with = "lenient")]
    pub platform: String,
    /// What it takes.
    #[serde(default, deserialize_with = "lenient")]
    pub inputs: Vec<TensorMetadata>,
    /// What it gives.
    #[serde(default, deserialize_with = "lenient")]
    pub outputs: Vec<TensorMetadata>,
}

/// `GET v2/models` of `KServe`, which has no repository index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelList {
    /// Names of models.
    pub models: Vec<String>,
}

/// The body of `GET v2/health/ready` and `live`, where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ServerReady {
    /// Whether the server is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<bool>,
    /// Whether the server lives; the specification prints it for `ready` as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<bool>,
}

/// The body of `GET v2/models/NAME/ready`, where there is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelReady {
    /// The model's name.
    pub name: String,
    /// Whether it is ready.
    pub ready: bool,
}
