//! `orrery distil`: a smaller network that learns what a model says.

use clap::{Args, ValueEnum};
use orrery_domain::{
    compress::{CompressMethod, DistilConfig, DistilLoss, Student},
    training::ModelKind,
};
use orrery_engine::registry;

use super::{
    super::{Context, Outcome},
    compress,
};

/// What a student is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Mlp,
    Resnet,
    Tabm,
    Linear,
    /// A convolutional network; the teacher takes pixels
    Cnn,
    /// A residual CNN; the teacher takes pixels
    ResnetCnn,
}

/// What of the teacher is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Followed {
    /// Its probabilities, softened by temperatures
    Soft,
    /// Its logits
    Logits,
}

#[derive(Debug, Args)]
pub struct DistilArguments {
    /// The model that teaches, of any kind: NAME (its newest version) or NAME:VERSION
    model: String,
    /// Models of the same target that teach with it: their mean is taught
    #[arg(long = "with", value_name = "MODEL", value_delimiter = ',')]
    teachers: Vec<String>,
    /// What the student is
    #[arg(long, value_enum, default_value = "mlp")]
    student: Kind,
    /// Widths that are tried, of convolutions the channels of the first, with commas between: the smallest within the budget is made
    /// [default: 64, of convolutions 8]
    #[arg(long, value_name = "UNITS", value_delimiter = ',')]
    width: Vec<u32>,
    /// Hidden layers, or stages of convolutions
    #[arg(long, value_name = "N", default_value_t = 2)]
    depth: u32,
    /// Looks for the smallest student within the budget among widths from 4 to 512 (of convolutions from 2 to 32) and depths from 1 to 3,
    /// by halving
    #[arg(long, conflicts_with_all = ["width", "depth"])]
    search: bool,
    /// What of the teacher is followed
    #[arg(long, value_enum, default_value = "soft")]
    follow: Followed,
    /// Temperatures that are tried, with commas between
    #[arg(long, value_name = "T", value_delimiter = ',', default_value = "1,2,4")]
    temperature: Vec<f64>,
    /// Share of the teacher in the loss, in percent; the truth has the rest
    #[arg(long, value_name = "PERCENT", default_value_t = 70.0)]
    share: f64,
    /// Weight of the teacher's last hidden layer, which the student's own then follows too, in percent of the rest of the loss
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0)]
    features: f64,
    /// Passes over the training rows [default: the kind's own]
    #[arg(long, value_name = "N")]
    epochs: Option<u32>,
    /// How much more loss than its teacher's a student may have on the validation rows, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0)]
    budget: f64,
    /// Name of the new model [default: the next version of this one]
    #[arg(long)]
    name: Option<String>,
}

pub fn run(context: &Context, arguments: &DistilArguments) -> Outcome {
    let mut store = context.store()?;
    let teacher = |name: &String| Ok(registry::find(&mut store, name)?.model);
    let teachers = arguments.teachers.iter().map(teacher).collect::<Result<_, orrery_domain::Failure>>()?;
    drop(store);
    let kind = match arguments.student {
        Kind::Mlp => ModelKind::Mlp,
        Kind::Resnet => ModelKind::Resnet,
        Kind::Tabm => ModelKind::Tabm,
        Kind::Linear => ModelKind::Linear,
        Kind::Cnn => ModelKind::Cnn,
        Kind::ResnetCnn => ModelKind::ResnetCnn,
    };
    let students = if kind == ModelKind::Linear {
        vec![Student { kind, width: None, depth: None }]
    } else if arguments.search {
        Student::ladder(kind)
    } else {
        let usual = [Student::usual_width(kind)];
        let widths = if arguments.width.is_empty() { usual.as_slice() } else { arguments.width.as_slice() };
        let student = |width: &u32| Student { kind, width: Some(*width), depth: Some(arguments.depth) };
        widths.iter().map(student).collect()
    };
    let config = DistilConfig {
        teachers,
        students,
        search: arguments.search,
        temperatures: arguments.temperature.clone(),
        share: arguments.share / 100.0,
        loss: match arguments.follow {
            Followed::Soft => DistilLoss::Soft,
            Followed::Logits => DistilLoss::Logits,
        },
        features: arguments.features / 100.0,
        epochs: arguments.epochs,
        loss_budget: arguments.budget / 100.0,
    };
    let name = arguments.name.as_deref();
    compress(context, &arguments.model, name, CompressMethod::Distil(config))
}
