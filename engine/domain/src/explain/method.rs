//! Methods of explanation.

use serde::{Deserialize, Serialize};

/// A method of explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExplainMethod {
    /// Integrated gradients (Sundararajan, Taly and Yan 2017, "Axiomatic attribution for deep networks"), for networks and linear
    /// models.
    IntegratedGradients,
    /// Expected gradients, which shap and captum call `GradientSHAP` (Erion et al. 2021, "Improving performance of deep learning models
    /// with axiomatic attribution priors and expected gradients"): integrated gradients from every row of a background.
    ExpectedGradients,
    /// Exact Shapley values of trees (Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for
    /// trees", path-dependent), for gradient-boosted trees.
    TreeShap,
    /// Shapley values by their definition, over all sets of columns (Shapley 1953), for few columns.
    ExactShapley,
    /// Kernel SHAP (Lundberg and Lee 2017, "A unified approach to interpreting model predictions"): a weighted regression over sets of
    /// columns.
    KernelShap,
    /// Permutation SHAP (Castro, Gomez and Tejada 2009; antithetic as in Mitchell et al. 2022, "Sampling permutations for Shapley value
    /// estimation").
    PermutationShap,
    /// LIME (Ribeiro, Singh and Guestrin 2016, "Why should I trust you?"): a linear surrogate around the row.
    Lime,
    /// The nearest change of a row that the model answers as wished (Wachter, Mittelstadt and Russell 2017, "Counterfactual explanations
    /// without opening the black box").
    Counterfactual,
    /// Permutation importance (Breiman 2001, "Random forests"): how much worse the model gets with a column's values shuffled.
    PermutationImportance,
    /// Partial dependence (Friedman 2001, "Greedy function approximation") with the lines of single rows (ICE: Goldstein et al. 2015,
    /// "Peeking inside the black box").
    PartialDependence,
    /// Saliency (Simonyan, Vedaldi and Zisserman 2014, "Deep inside convolutional networks"): the slope of the answer by every pixel.
    Saliency,
    /// Occlusion (Zeiler and Fergus 2014, "Visualizing and understanding convolutional networks"): how far the answer falls when a window
    /// of the picture is covered.
    Occlusion,
}

impl ExplainMethod {
    /// Every method.
    pub const ALL: [Self; 12] = [
        Self::IntegratedGradients,
        Self::ExpectedGradients,
        Self::TreeShap,
        Self::ExactShapley,
        Self::KernelShap,
        Self::PermutationShap,
        Self::Lime,
        Self::Counterfactual,
        Self::PermutationImportance,
        Self::PartialDependence,
        Self::Saliency,
        Self::Occlusion,
    ];

    /// Its name, as options and JSON have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::IntegratedGradients => "integrated-gradients",
            Self::ExpectedGradients => "expected-gradients",
            Self::TreeShap => "tree-shap",
            Self::ExactShapley => "exact-shapley",
            Self::KernelShap => "kernel-shap",
            Self::PermutationShap => "permutation-shap",
            Self::Lime => "lime",
            Self::Counterfactual => "counterfactual",
            Self::PermutationImportance => "permutation-importance",
            Self::PartialDependence => "partial-dependence",
            Self::Saliency => "saliency",
            Self::Occlusion => "occlusion",
        }
    }

    /// Its name in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::IntegratedGradients => "Integrated gradients",
            Self::ExpectedGradients => "Expected gradients",
            Self::TreeShap => "TreeSHAP",
            Self::ExactShapley => "Exact Shapley values",
            Self::KernelShap => "Kernel SHAP",
            Self::PermutationShap => "Permutation SHAP",
            Self::Lime => "LIME",
            Self::Counterfactual => "Counterfactuals",
            Self::PermutationImportance => "Permutation importance",
            Self::PartialDependence => "Partial dependence",
            Self::Saliency => "Saliency",
            Self::Occlusion => "Occlusion",
        }
    }

    /// What it says, in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::IntegratedGradients => {
                "What each column adds on the straight way from a baseline to the row."
            }
            Self::ExpectedGradients => "Integrated gradients from every row of a background, sampled.",
            Self::TreeShap => "Exact Shapley values of trees, against the training rows in them.",
            Self::ExactShapley => "Shapley values over all sets of columns, for at most 12 columns.",
            Self::KernelShap => "Shapley values by a regression over sets of columns.",
            Self::PermutationShap => "Shapley values by switching the columns on in many orders.",
            Self::Lime => "A linear model that does around the row what the model does.",
            Self::Counterfactual => "The nearest change of the row that the model answers as wished.",
            Self::PermutationImportance => "How much worse the model gets with a column shuffled.",
            Self::PartialDependence => "How the answer moves with a column, on average and row by row.",
            Self::Saliency => "How fast the answer moves with each pixel of a picture: its slope.",
            Self::Occlusion => "How far the answer falls when a window over each pixel is covered.",
        }
    }

    /// The method of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }

    /// Whether it gives every column a part of the answer for single rows.
    pub fn attributes(self) -> bool {
        !matches!(self, Self::Counterfactual | Self::PermutationImportance | Self::PartialDependence)
    }

    /// Whether it tells of all rows at once.
    pub fn is_global(self) -> bool {
        matches!(self, Self::PermutationImportance | Self::PartialDependence)
    }

    /// Whether it needs the model's slopes.
    pub fn by_gradient(self) -> bool {
        matches!(self, Self::IntegratedGradients | Self::ExpectedGradients | Self::Saliency)
    }

    /// Whether it explains pictures only.
    pub fn is_for_pictures(self) -> bool {
        matches!(self, Self::Saliency | Self::Occlusion)
    }

    /// Whether it puts values of other rows into a row.
    pub fn takes_background(self) -> bool {
        !matches!(self, Self::IntegratedGradients | Self::TreeShap | Self::PermutationImportance)
    }

    /// Whether trees or, else, networks and linear models can be explained by it.
    pub fn fits(self, trees: bool) -> bool {
        match self {
            Self::TreeShap => trees,
            Self::IntegratedGradients | Self::ExpectedGradients | Self::Saliency => !trees,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_one_name_in_options_and_in_json() {
        for method in ExplainMethod::ALL {
            assert_eq!(ExplainMethod::from_name(method.name()), Some(method));
            assert_eq!(serde_json::to_value(method).expect("JSON"), method.name());
            assert!(method.fits(true) || method.fits(false));
        }
        assert_eq!(ExplainMethod::from_name("guess"), None);
    }
}
