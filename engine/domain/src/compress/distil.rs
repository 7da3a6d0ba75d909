//! Distillation: a smaller network that learns what a larger model says.

use serde::{Deserialize, Serialize};

use crate::{ids::ModelRef, training::ModelKind, words::plural};

/// How the student follows its teacher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DistilLoss {
    /// Probabilities softened by a temperature (Hinton, Vinyals and Dean 2015).
    #[default]
    Soft,
    /// Logits, by their squared difference (Ba and Caruana 2014).
    Logits,
}

impl DistilLoss {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Soft, Self::Logits];

    /// Its name in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::Soft => "Softened probabilities",
            Self::Logits => "Logits",
        }
    }
}

/// A network to be taught.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Student {
    /// What it is: a network, or linear. One over pictures needs a teacher that takes pixels.
    pub kind: ModelKind,
    /// Units of a hidden layer, or channels of the first convolution; `None`: the kind's own default.
    #[serde(default)]
    pub width: Option<u32>,
    /// Hidden layers, or stages of convolutions; `None`: the kind's own default.
    #[serde(default)]
    pub depth: Option<u32>,
}

impl Student {
    /// The width of a student of that kind where none is named.
    pub fn usual_width(kind: ModelKind) -> u32 {
        if kind.is_for_images() { 8 } else { 64 }
    }

    /// Largest width and depth of a student of that kind.
    pub fn largest(kind: ModelKind) -> (u32, u32) {
        if kind.is_for_images() { (1024, 32) } else { (8192, 64) }
    }

    /// Students of a kind from the smallest to the largest that are looked among where none is named: widths from 4 to 512, of convolutions
    /// from 2 to 32, and depths from 1 to 3.
    pub fn ladder(kind: ModelKind) -> Vec<Self> {
        let widths = if kind.is_for_images() {
            [2, 4, 6, 8, 12, 16, 24, 32]
        } else {
            [4, 8, 16, 32, 64, 128, 256, 512]
        };
        let sizes = widths.into_iter().flat_map(|width| [(width, 1), (width, 2), (width, 3)]);
        sizes.map(|(width, depth)| Self { kind, width: Some(width), depth: Some(depth) }).collect()
    }

    /// In words.
    pub fn words(&self) -> String {
        match (self.width, self.depth) {
            _ if self.kind == ModelKind::Linear => self.kind.title().to_owned(),
            (Some(width), Some(depth)) => format!("{} {depth} x {width}", self.kind.title()),
            (Some(width), None) => format!("{} of width {width}", self.kind.title()),
            (None, Some(depth)) => {
                let part = if self.kind.is_for_images() { "stage" } else { "layer" };
                format!("{} of {}", self.kind.title(), plural(u64::from(depth), part))
            }
            (None, None) => self.kind.title().to_owned(),
        }
    }
}

/// A request to distil a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistilConfig {
    /// Models that teach beside the one that it starts from, with the same target: their mean is taught.
    #[serde(default)]
    pub teachers: Vec<ModelRef>,
    /// Students, of which the smallest that keeps to the budget is made; the best where none does.
    pub students: Vec<Student>,
    /// Whether that one is looked for by halving the students, ordered by size, instead of training all of them: what keeps to the
    /// budget is taken to do so in every larger size.
    #[serde(default)]
    pub search: bool,
    /// Temperatures that are tried, 0.1 to 100; not looked at for logits and numbers.
    #[serde(default = "temperatures")]
    pub temperatures: Vec<f64>,
    /// Share of the teacher in the loss, 0 to 1; the truth has the rest.
    #[serde(default = "share")]
    pub share: f64,
    /// How the teacher is followed.
    #[serde(default)]
    pub loss: DistilLoss,
    /// Weight of the teacher's last hidden layer in the loss beside the rest's 1, 0 to 100: what the student's own last hidden layer
    /// says of it, linearly (Romero et al. 2015, "`FitNets`"); 0: not followed.
    #[serde(default)]
    pub features: f64,
    /// Passes over the training rows; `None`: the kind's own default.
    #[serde(default)]
    pub epochs: Option<u32>,
    /// Most that the student's loss on validation rows may be above its teacher's, relative (0.01: one percent).
    #[serde(default = "loss_budget")]
    pub loss_budget: f64,
}

fn temperatures() -> Vec<f64> {
    vec![1.0, 2.0, 4.0]
}

fn share() -> f64 {
    0.7
}

fn loss_budget() -> f64 {
    0.01
}

impl Default for DistilConfig {
    fn default() -> Self {
        Self {
            teachers: Vec::new(),
            students: vec![Student { kind: ModelKind::Mlp, width: Some(64), depth: Some(2) }],
            temperatures: temperatures(),
            search: false,
            share: share(),
            loss: DistilLoss::default(),
            features: 0.0,
            epochs: None,
            loss_budget: loss_budget(),
        }
    }
}

impl DistilConfig {
    /// The request, in words.
    pub fn words(&self) -> String {
        let students = if self.search {
            format!("the smallest of {}", plural(self.students.len() as u64, "student"))
        } else {
            self.students.iter().map(Student::words).collect::<Vec<_>>().join(" or ")
        };
        let others = (!self.teachers.is_empty()).then(|| {
            let names: Vec<String> = self.teachers.iter().map(ToString::to_string).collect();
            format!("taught with {}", names.join(", "))
        });
        let all = [
            Some(students),
            Some(format!("by {}", self.loss.title().to_lowercase())),
            Some(format!("{:.0} % of the loss", self.share * 100.0)),
            (self.features > 0.0).then(|| format!("hidden layer {:.0} %", self.features * 100.0)),
            others,
        ];
        all.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// A student that was trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DistilTrial {
    /// The student, in words.
    pub student: String,
    /// Its parameters.
    pub parameters: u64,
    /// Temperature; `None` where there is none.
    pub temperature: Option<f64>,
    /// Whether it had a teacher: one is trained by the truth alone, to see what the teacher was worth.
    pub taught: bool,
    /// Loss on the validation rows.
    pub valid_loss: f64,
    /// Whether it became the model.
    pub chosen: bool,
}
