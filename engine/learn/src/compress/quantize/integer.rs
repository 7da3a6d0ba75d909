//! Integer: a network whose layers are computed in whole numbers, from its graph.

use std::path::Path;

use orrery_domain::{Failure, FailureClass, training::ModelKind};

use crate::{
    model,
    nets::Encoded,
    onnx::{Elements, OnnxModel, OnnxTensor},
};

/// Rows computed together.
const BATCH: usize = 4096;
/// Pictures computed together, at most.
const PICTURES: usize = 64;
/// Pixels of pictures computed together: layers hold many times as many numbers on their way.
const PIXELS: usize = 1 << 16;

/// A loaded network.
#[derive(Debug)]
pub struct IntegerNetwork {
    model: OnnxModel,
    columns: usize,
    /// Rows computed together.
    batch: usize,
}

impl IntegerNetwork {
    /// Loads a model folder's graph, of a network of that kind.
    ///
    /// # Errors
    /// A model failure when it cannot be computed.
    pub fn load(folder: &Path, kind: ModelKind) -> Result<Self, Failure> {
        Self::over(OnnxModel::load(&folder.join(model::ONNX))?, kind)
    }

    /// Loads a graph that was just written.
    ///
    /// # Errors
    /// A bug failure when it cannot be computed.
    pub(super) fn of(bytes: Vec<u8>, kind: ModelKind) -> Result<Self, Failure> {
        let made = OnnxModel::of(bytes).map_err(|what| {
            Failure::new(FailureClass::Bug, format!("The quantized graph cannot be computed: {what}."))
        });
        Self::over(made?, kind)
    }

    fn over(model: OnnxModel, kind: ModelKind) -> Result<Self, Failure> {
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
        let batch = if kind.is_for_images() { (PIXELS / columns.max(1)).clamp(1, PICTURES) } else { BATCH };
        Ok(Self { model, columns, batch })
    }

    /// Columns of an encoded row.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Reported outputs, row-major `[rows, outputs]`, as [`crate::nets::Scorer::score`] gives them; 4096 rows at a time, or up to 64
    /// pictures, which share a range where ranges are those of the rows at hand.
    ///
    /// # Errors
    /// A client failure when the rows have another width, a model failure when the graph gives no floats.
    pub fn score(&self, rows: &Encoded) -> Result<Vec<f64>, Failure> {
        let mut all = Vec::new();
        for part in rows.values.chunks((self.batch * rows.cols).max(1)) {
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
