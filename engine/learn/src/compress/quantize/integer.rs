//! Integer: a network whose layers are computed in whole numbers, from its graph.

use std::path::Path;

use orrery_domain::{Failure, FailureClass};

use crate::{
    model,
    nets::Encoded,
    onnx::{Elements, OnnxModel, OnnxTensor},
};

/// Rows computed together.
const BATCH: usize = 4096;

/// A loaded network.
#[derive(Debug)]
pub struct IntegerNetwork {
    model: OnnxModel,
    columns: usize,
}

impl IntegerNetwork {
    /// Loads a model folder's graph.
    ///
    /// # Errors
    /// A model failure when it cannot be computed.
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        Self::over(OnnxModel::load(&folder.join(model::ONNX))?)
    }

    /// Loads a graph that was just written.
    ///
    /// # Errors
    /// A bug failure when it cannot be computed.
    pub(super) fn of(bytes: Vec<u8>) -> Result<Self, Failure> {
        let made = OnnxModel::of(bytes).map_err(|what| {
            Failure::new(FailureClass::Bug, format!("The quantized graph cannot be computed: {what}."))
        });
        Self::over(made?)
    }

    fn over(model: OnnxModel) -> Result<Self, Failure> {
        let columns = match model.inputs() {
            [input] => input.shape.as_ref().and_then(|shape| *shape.get(1)?),
            _ => None,
        };
        let columns = columns.ok_or_else(|| {
            Failure::new(
                FailureClass::Model,
                "The model's graph does not take rows of one width. Make it again.",
            )
        })?;
        Ok(Self { model, columns })
    }

    /// Columns of an encoded row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Reported outputs, row-major `[rows, outputs]`, as [`crate::nets::Scorer::score`] gives them.
    ///
    /// # Errors
    /// A client failure when the rows have another width, a model failure when the graph gives no floats.
    pub fn score(&self, rows: &Encoded) -> Result<Vec<f64>, Failure> {
        let mut all = Vec::new();
        for part in rows.values.chunks((BATCH * rows.cols).max(1)) {
            let shape = vec![part.len() / rows.cols.max(1), rows.cols];
            let x = OnnxTensor { shape, elements: Elements::Floats(part.to_vec()) };
            let output = self.model.run(&[x])?.into_iter().next().map(|output| output.elements);
            let Some(Elements::Floats(values)) = output else {
                let message = "The model's graph gives no numbers. Make it again.";
                return Err(Failure::new(FailureClass::Model, message));
            };
            all.extend(values.into_iter().map(f64::from));
        }
        Ok(all)
    }
}
