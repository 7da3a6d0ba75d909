//! The ways to train that the sweep kills, each with the places it is killed at.

use super::tables::Target;

/// One way to train.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Family.
    pub model: &'static str,
    /// Target.
    pub target: Target,
    /// More arguments of `train`.
    pub more: &'static [&'static str],
}

const ADAMW: &[&str] = &["--optimizer", "adamw"];
const SGD: &[&str] = &["--optimizer", "sgd"];
const ONE_HOT: &[&str] = &["--categories", "one-hot"];
const SGD_ONE_HOT: &[&str] = &["--optimizer", "sgd", "--categories", "one-hot"];
const WEIGHTED: &[&str] = &["--class-weights"];
/// The three numbers of a row as a very small picture.
const PICTURE: &[&str] = &["--image-shape", "3x1", "--augment-erase", "0.3"];

const fn setup(model: &'static str, target: Target, more: &'static [&'static str]) -> Setup {
    Setup { model, target, more }
}

/// Every family, task, optimizer and encoding.
pub const SETUPS: [Setup; 22] = [
    setup("mlp", Target::Binary, ADAMW),
    setup("mlp", Target::Binary, SGD_ONE_HOT),
    setup("mlp", Target::Multiclass, ONE_HOT),
    setup("mlp", Target::Regression, SGD),
    setup("mlp", Target::Multiclass, WEIGHTED),
    setup("resnet", Target::Binary, ADAMW),
    setup("resnet", Target::Multiclass, SGD_ONE_HOT),
    setup("resnet", Target::Regression, ADAMW),
    setup("resnet", Target::Binary, SGD),
    setup("tabm", Target::Binary, ADAMW),
    setup("tabm", Target::Multiclass, ONE_HOT),
    setup("tabm", Target::Regression, ADAMW),
    setup("tabm", Target::Binary, SGD),
    setup("gbt", Target::Binary, &[]),
    setup("gbt", Target::Multiclass, &[]),
    setup("gbt", Target::Regression, &[]),
    setup("linear", Target::Binary, &[]),
    setup("linear", Target::Multiclass, &[]),
    setup("linear", Target::Regression, &[]),
    setup("cnn", Target::Multiclass, PICTURE),
    setup("resnet-cnn", Target::Binary, PICTURE),
    setup("auto", Target::Binary, ADAMW),
];

impl Setup {
    /// Its name.
    pub fn name(&self) -> String {
        format!("{} {:?} {}", self.model, self.target, self.more.join(" "))
    }

    /// Arguments of `train` after the data: three passes with dropout, or some forty trees.
    pub fn arguments(&self) -> Vec<&'static str> {
        let mut arguments = vec!["--target", "y", "--model", self.model, "--device", "cpu", "--seed", "7"];
        arguments.extend(["--patience", "0", "--name", "unbroken"]);
        if matches!(self.model, "mlp" | "resnet" | "tabm" | "cnn" | "resnet-cnn" | "auto") {
            arguments.extend(["--epochs", "4", "--batch-size", "16", "--dropout", "0.2"]);
            arguments.extend(["--width", "16", "--depth", "2", "--members", "4"]);
        }
        match self.model {
            "auto" => arguments.extend(["--trees", "20", "--leaves", "6"]),
            "gbt" => arguments.extend(["--trees", "40", "--leaves", "6"]),
            _ => {}
        }
        arguments.extend(self.more);
        arguments
    }

    /// The places it is killed at, one after another, each in a process that goes on after the one before: inside an epoch,
    /// while a checkpoint is written, before and after its renaming, while the model is put together and registered.
    pub fn kills(&self) -> &'static [&'static str] {
        match self.model {
            "gbt" => &[
                "step:7",
                "step:15",
                "checkpoint-write:1",
                "step:23",
                "checkpoint-rename:1",
                "checkpoint:1",
                "finish:1",
                "register:1",
                "register:2",
                "register:3",
            ],
            // Its minimum is one step away.
            "linear" if self.target == Target::Regression => {
                &["step:1", "finish:1", "finish:2", "register:1", "register:2", "register:4"]
            }
            "linear" => &[
                "step:1",
                "step:2",
                "step:3",
                "step:4",
                "finish:1",
                "finish:2",
                "register:1",
                "register:2",
                "register:4",
            ],
            "auto" => &[
                "step:4",
                "step:14",
                "checkpoint-write:1",
                "step:24",
                "checkpoint-rename:1",
                "checkpoint:1",
                "step:35",
                "finish:1",
                "register:1",
                "register:3",
            ],
            _ => &[
                "step:4",
                "checkpoint-write:2",
                "step:12",
                "checkpoint-rename:1",
                "checkpoint:1",
                "step:25",
                "checkpoint-write:1",
                "finish:1",
                "register:1",
                "register:3",
            ],
        }
    }
}
