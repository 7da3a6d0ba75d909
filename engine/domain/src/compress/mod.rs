//! Compression: a model version made smaller or faster, and what that cost, measured.

mod distil;
mod prune;
mod quantize;
mod report;

use serde::{Deserialize, Serialize};

pub use self::{
    distil::{DistilConfig, DistilLoss, DistilTrial, Student},
    prune::{LayerShape, PruneConfig, PruneCriterion, PruneRound, PruneStructure},
    quantize::{AwareTraining, Calibration, LayerCost, QuantizeConfig, QuantizeScheme},
    report::{CompressReport, CompressTarget, CompressedFigures, Effect, Finding, ModelSpeed, Spread},
};
use crate::{ids::ModelRef, training::ModelKind};

/// How a smaller version is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "snake_case")]
pub enum CompressMethod {
    /// Matrices and filters as whole numbers of few bits.
    Quantize(QuantizeConfig),
    /// Units or weights taken out.
    Prune(PruneConfig),
    /// A smaller network that learns from the model.
    Distil(DistilConfig),
}

impl CompressMethod {
    /// Its name.
    pub fn title(&self) -> &'static str {
        match self {
            Self::Quantize(_) => "Quantization",
            Self::Prune(_) => "Pruning",
            Self::Distil(_) => "Distillation",
        }
    }

    /// The request, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Quantize(config) => config.words(),
            Self::Prune(config) => config.words(),
            Self::Distil(config) => config.words(),
        }
    }

    /// Whether the new version's layers are computed in whole numbers.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::Quantize(config) if config.scheme.is_integer())
    }

    /// Models beside the one it starts from that are needed.
    pub fn others(&self) -> &[ModelRef] {
        match self {
            Self::Distil(config) => &config.teachers,
            Self::Quantize(_) | Self::Prune(_) => &[],
        }
    }

    /// Why a model of this kind, quantized already or not, cannot be compressed this way; `None`: it can.
    pub fn refusal(&self, kind: ModelKind, quantized: bool) -> Option<&'static str> {
        match self {
            Self::Quantize(_) if kind == ModelKind::Gbt => {
                Some("It is made of trees, which have no matrices to quantize.")
            }
            Self::Prune(_) if kind == ModelKind::Gbt => {
                Some("It is made of trees, which have no units to take out.")
            }
            Self::Prune(config) if kind == ModelKind::Linear && config.structure == PruneStructure::Units => {
                Some("It is linear and has no hidden units to take out.")
            }
            Self::Quantize(_) | Self::Prune(_) if quantized => {
                Some("It is quantized already. Start from the model that it was made from.")
            }
            _ => None,
        }
    }
}

/// How a model version came from another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compression {
    /// The request.
    pub method: CompressMethod,
    /// What came of it.
    pub report: CompressReport,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_over_pictures_are_pruned_and_teach() {
        let prune = |structure| CompressMethod::Prune(PruneConfig { structure, ..PruneConfig::default() });
        for kind in [ModelKind::Cnn, ModelKind::ResnetCnn] {
            for structure in PruneStructure::ALL {
                assert_eq!(prune(structure).refusal(kind, false), None);
                assert!(prune(structure).refusal(kind, true).is_some(), "what is quantized is not pruned");
            }
            assert_eq!(CompressMethod::Distil(DistilConfig::default()).refusal(kind, false), None);
            let ladder = Student::ladder(kind);
            let (widest, deepest) = Student::largest(kind);
            assert!(ladder.len() <= 100 && ladder.iter().all(|student| student.width <= Some(widest)));
            assert!(ladder.iter().all(|student| student.depth <= Some(deepest)));
        }
        assert!(prune(PruneStructure::Units).refusal(ModelKind::Linear, false).is_some());
    }

    #[test]
    fn every_network_can_be_quantized_once_and_trees_cannot() {
        let method = CompressMethod::Quantize(QuantizeConfig::default());
        for kind in ModelKind::ALL {
            let trees = kind == ModelKind::Gbt;
            assert_eq!(method.refusal(kind, false).is_some(), trees, "{kind:?}");
            assert!(method.refusal(kind, true).is_some(), "{kind:?}");
        }
    }
}
