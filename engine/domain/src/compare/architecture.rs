//! Architecture: what a version is built of, and how two differ.

use serde::{Deserialize, Serialize};

/// A tensor of a version's weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorShape {
    /// Name in `weights.safetensors`.
    pub name: String,
    /// Shape.
    pub shape: Vec<u64>,
}

/// What a version is built of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Architecture {
    /// Trainable parameters, or leaves of all trees.
    pub parameters: u64,
    /// Settings by name, in a fixed order: the resolved architecture and the training request.
    pub settings: Vec<(String, String)>,
    /// Tensors of a network or linear model; empty for trees.
    pub tensors: Vec<TensorShape>,
}

/// A setting that two versions have different values of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingDiff {
    /// Its name.
    pub name: String,
    /// The first's value; none where it has no such setting.
    pub a: Option<String>,
    /// The second's.
    pub b: Option<String>,
}

/// A tensor of two versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorDiff {
    /// Name.
    pub name: String,
    /// The first's shape; none where it has no such tensor.
    pub a: Option<Vec<u64>>,
    /// The second's.
    pub b: Option<Vec<u64>>,
    /// Euclidean norm of the difference over that of the first, where the shapes are equal: 0 means the same weights. None
    /// where the shapes differ or the first is all zeros and the second is not.
    pub relative_distance: Option<f64>,
}

/// Trees of two versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreesDiff {
    /// The first's trees.
    pub a: u64,
    /// The second's.
    pub b: u64,
    /// Trees that are the same in both, place by place from the first on.
    pub same: u64,
}

/// How two versions are built differently.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArchitectureDiff {
    /// Settings with different values.
    pub settings: Vec<SettingDiff>,
    /// Feature columns only the first takes.
    pub only_a_features: Vec<String>,
    /// Feature columns only the second takes.
    pub only_b_features: Vec<String>,
    /// Every tensor of either, by name.
    pub tensors: Vec<TensorDiff>,
    /// Their trees, where both are trees.
    pub trees: Option<TreesDiff>,
}
