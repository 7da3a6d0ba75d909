//! Schema: a model's columns and answers as the protocol's tensors, both ways.

use orrery_domain::dataset::{ColumnSchema, ColumnType};
use orrery_learn::predict::{Answer, Answers, Column, Predictor};
use orrery_oip::{DataType, OipError, Tensor, control::TensorMetadata};

use super::model::Columns;

/// The output that holds the class or the number.
pub const PREDICTION: &str = "prediction";
/// The output that holds each class's probability.
pub const PROBABILITIES: &str = "probabilities";

/// The type a feature is asked for in. Other number types are taken for numbers, too.
fn input_type(kind: ColumnType) -> DataType {
    match kind {
        ColumnType::Integer | ColumnType::Float => DataType::Fp64,
        ColumnType::Boolean => DataType::Bool,
        ColumnType::Datetime | ColumnType::Category | ColumnType::Text => DataType::Bytes,
    }
}

/// A model's inputs: one a feature, `[rows]`.
pub fn inputs(model: &Predictor) -> Vec<TensorMetadata> {
    let describe = |feature: &ColumnSchema| TensorMetadata {
        name: feature.name.clone(),
        datatype: input_type(feature.kind).name().to_owned(),
        shape: vec![-1],
    };
    model.features().map(describe).collect()
}

/// A model's outputs: the prediction `[rows]` and, for classes, their probabilities `[rows, classes]`.
pub fn outputs(model: &Predictor) -> Vec<TensorMetadata> {
    let datatype = match model.answer_type() {
        ColumnType::Integer => DataType::Int64,
        ColumnType::Boolean => DataType::Bool,
        ColumnType::Float => DataType::Fp64,
        _ => DataType::Bytes,
    };
    let mut all = vec![TensorMetadata {
        name: PREDICTION.to_owned(),
        datatype: datatype.name().to_owned(),
        shape: vec![-1],
    }];
    let classes = model.card().classes.len();
    if classes > 0 {
        let shape = vec![-1, classes as i64];
        let datatype = DataType::Fp64.name().to_owned();
        all.push(TensorMetadata { name: PROBABILITIES.to_owned(), datatype, shape });
    }
    all
}

/// A request's tensors as the model's columns, in the card's order.
///
/// # Errors
/// An error that names the tensor which is missing, unknown or does not fit.
pub fn columns(model: &Predictor, tensors: &[Tensor<'_>]) -> Result<Columns, Unfit> {
    if let Some(tensor) = tensors.iter().find(|tensor| !model.features().any(|f| f.name == tensor.name)) {
        return Err(Unfit::Input(format!("The model has no input '{}'. Leave it out.", tensor.name)));
    }
    let mut rows = None;
    let mut columns = Vec::with_capacity(tensors.len());
    for feature in model.features() {
        let Some(tensor) = tensors.iter().find(|tensor| feature.name == tensor.name) else {
            return Err(Unfit::Input(format!(
                "The input '{}' is missing. Send it, with NaN or an empty text where a value is missing.",
                feature.name
            )));
        };
        let count = match tensor.shape() {
            [rows] | [rows, 1] => *rows,
            other => {
                return Err(Unfit::Input(format!(
                    "The input '{}' has the shape {other:?}: [rows] or [rows, 1] was expected.",
                    feature.name
                )));
            }
        };
        if *rows.get_or_insert(count) != count {
            return Err(Unfit::Input(format!(
                "The input '{}' has {count} rows, and another has {}.",
                feature.name,
                rows.unwrap_or_default()
            )));
        }
        columns.push((feature.name.clone(), column(feature, tensor)?));
    }
    if rows.unwrap_or_default() == 0 {
        return Err(Unfit::Input("The request has no rows. Send one row at least.".to_owned()));
    }
    Ok(columns)
}

fn column(feature: &ColumnSchema, tensor: &Tensor<'_>) -> Result<Column, Unfit> {
    if tensor.datatype() == DataType::Bytes {
        return Ok(Column::Texts(tensor.strings()?.into_iter().map(str::to_owned).collect()));
    }
    if input_type(feature.kind) == DataType::Bytes {
        return Err(Unfit::Input(format!(
            "The input '{}' is {}: BYTES was expected, because its type is {}.",
            feature.name,
            tensor.datatype().name(),
            feature.kind.name()
        )));
    }
    Ok(Column::Numbers(tensor.as_f64()?))
}

/// Answers as tensors: those that were asked for, or all, in the model's order.
///
/// # Errors
/// An error that names an output the model does not have.
pub fn tensors(answers: &Answers, asked: &[&str]) -> Result<Vec<Tensor<'static>>, Unfit> {
    let mut all = vec![prediction(&answers.prediction)?];
    let rows = answers.prediction.rows() as u64;
    if let Some(probabilities) = &answers.probabilities {
        let classes = probabilities.len() as u64 / rows.max(1);
        all.push(Tensor::from_slice(PROBABILITIES, vec![rows, classes], probabilities)?);
    }
    select(all, asked)
}

/// Those of all outputs that were asked for, or all.
///
/// # Errors
/// An error that names an output which is not there.
pub fn select(mut all: Vec<Tensor<'static>>, asked: &[&str]) -> Result<Vec<Tensor<'static>>, Unfit> {
    if let Some(unknown) = asked.iter().find(|name| !all.iter().any(|tensor| tensor.name == **name)) {
        return Err(Unfit::Input(format!("The model has no output '{unknown}'.")));
    }
    if !asked.is_empty() {
        all.retain(|tensor| asked.contains(&tensor.name.as_ref()));
    }
    Ok(all)
}

fn prediction(answer: &Answer) -> Result<Tensor<'static>, OipError> {
    let shape = vec![answer.rows() as u64];
    match answer {
        Answer::Integers(values) => Tensor::from_slice(PREDICTION, shape, values),
        Answer::Booleans(values) => Tensor::from_slice(PREDICTION, shape, values),
        Answer::Values(values) => Tensor::from_slice(PREDICTION, shape, values),
        Answer::Texts(values) => Tensor::from_strings(PREDICTION, shape, values),
    }
}

/// Why tensors do not fit a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Names, shapes or types.
    Input(String),
    /// Values.
    Tensor(OipError),
}

impl From<OipError> for Unfit {
    fn from(error: OipError) -> Self {
        Self::Tensor(error)
    }
}
