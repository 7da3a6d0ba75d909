//! What a model is to predict, and of which rows: the flags that training and searching share.

use clap::{Args, ValueEnum};
use orrery_domain::training::{Split, TargetTransform, Task, TrainConfig};

#[derive(Debug, Args)]
pub struct QuestionArguments {
    /// What is predicted
    #[arg(long, default_value = "auto")]
    task: TaskArgument,
    /// Columns that are no features
    #[arg(long, value_name = "COL,…", value_delimiter = ',')]
    exclude: Vec<String>,
    /// A column of row weights
    #[arg(long, value_name = "COL")]
    weight: Option<String>,
    /// The positive class [default: the larger value in sort order]
    #[arg(long, value_name = "VALUE")]
    positive: Option<String>,
    /// Transform of a regression target
    #[arg(long, default_value = "none")]
    target_transform: TransformArgument,
    /// A column that holds train, test and optionally valid
    #[arg(long, value_name = "COL", conflicts_with = "split")]
    split_column: Option<String>,
    /// How rows are divided: auto, random, stratified or time:COL
    #[arg(long, default_value = "auto", value_parser = parse_split)]
    split: Split,
}

impl QuestionArguments {
    /// The request for that target, with nothing said of the model.
    pub fn config(&self, target: String) -> TrainConfig {
        TrainConfig {
            task: self.task.task(),
            exclude: self.exclude.clone(),
            weight: self.weight.clone(),
            positive: self.positive.clone(),
            target_transform: self.target_transform.transform(),
            split: match &self.split_column {
                Some(column) => Split::Column { column: column.clone() },
                None => self.split.clone(),
            },
            ..TrainConfig::new(target)
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TaskArgument {
    Auto,
    Binary,
    Multiclass,
    Regression,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TransformArgument {
    None,
    Log,
}

impl TaskArgument {
    /// The task, where it is said.
    fn task(self) -> Option<Task> {
        match self {
            Self::Auto => None,
            Self::Binary => Some(Task::Binary),
            Self::Multiclass => Some(Task::Multiclass),
            Self::Regression => Some(Task::Regression),
        }
    }
}

impl TransformArgument {
    /// The transform.
    fn transform(self) -> TargetTransform {
        match self {
            Self::None => TargetTransform::None,
            Self::Log => TargetTransform::Log,
        }
    }
}

fn parse_split(text: &str) -> Result<Split, String> {
    match (text, text.split_once(':')) {
        ("auto", _) => Ok(Split::Auto),
        ("random", _) => Ok(Split::Random),
        ("stratified", _) => Ok(Split::Stratified),
        (_, Some(("time", column))) if !column.is_empty() => Ok(Split::Time { column: column.to_owned() }),
        _ => Err("use auto, random, stratified or time:COL".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_read_and_what_is_none_says_what_is() {
        assert_eq!(parse_split("time:when"), Ok(Split::Time { column: "when".into() }));
        assert!(parse_split("time:").is_err());
    }
}
