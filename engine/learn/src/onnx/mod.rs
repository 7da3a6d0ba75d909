//! ONNX: files that any tool made, run on the CPU by rten.
//!
//! ```text
//! model.onnx ─header─► inputs, outputs ─► trial (answers? rows apart = rows together?) ─► OnnxModel ─run─► tensors
//! ```
//!
//! rten computes in 32 bits: `double` is rounded to `float`, `int64` must fit `int32`. A file is taken only when it has answered a
//! trial; rows of several requests are computed together only where the trial showed that no row touches another.

mod header;
#[cfg(test)]
mod tests;
mod trial;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use orrery_domain::{Failure, FailureClass};
use rten::{LoadError, Model, ModelOptions, NodeId, RunOptions, Value, ValueOrView, ValueView};
use rten_tensor::prelude::*;

/// Type of a tensor's elements, as the file declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// `float`
    Float32,
    /// `double`, computed as `float`
    Float64,
    /// `int32`
    Int32,
    /// `int64`, computed as `int32`
    Int64,
    /// `int8`
    Int8,
    /// `uint8`
    Uint8,
    /// `bool`, computed as 0 and 1 of `int32`
    Bool,
}

/// An input or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Name.
    pub name: String,
    /// Type of the elements.
    pub kind: ElementType,
    /// Lengths, outermost first; `None` for one that may vary. No shape where the file declares none.
    pub shape: Option<Vec<Option<usize>>>,
}

/// A tensor's elements, row-major, in the types that rten computes in.
#[derive(Clone, Debug, PartialEq)]
pub enum Elements {
    /// Of `float` and `double`.
    Floats(Vec<f32>),
    /// Of `int32`, `int64` and `bool`.
    Integers(Vec<i32>),
    /// Of `int8`.
    Bytes(Vec<i8>),
    /// Of `uint8`.
    Unsigned(Vec<u8>),
}

/// Does something with whichever elements there are.
macro_rules! each {
    ($elements:expr, $values:ident => $work:expr) => {
        match $elements {
            Elements::Floats($values) => $work,
            Elements::Integers($values) => $work,
            Elements::Bytes($values) => $work,
            Elements::Unsigned($values) => $work,
        }
    };
}

impl Elements {
    /// How many.
    pub fn len(&self) -> usize {
        each!(self, values => values.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn fit(&self, kind: ElementType) -> bool {
        match self {
            Self::Floats(_) => matches!(kind, ElementType::Float32 | ElementType::Float64),
            Self::Integers(_) => matches!(kind, ElementType::Int32 | ElementType::Int64 | ElementType::Bool),
            Self::Bytes(_) => kind == ElementType::Int8,
            Self::Unsigned(_) => kind == ElementType::Uint8,
        }
    }

    /// Adds those of another tensor, where they are of the same type.
    fn extend(&mut self, more: &Self) {
        match (self, more) {
            (Self::Floats(values), Self::Floats(more)) => values.extend_from_slice(more),
            (Self::Integers(values), Self::Integers(more)) => values.extend_from_slice(more),
            (Self::Bytes(values), Self::Bytes(more)) => values.extend_from_slice(more),
            (Self::Unsigned(values), Self::Unsigned(more)) => values.extend_from_slice(more),
            _ => {}
        }
    }

    /// The first `count`; the rest stays.
    fn take(&mut self, count: usize) -> Self {
        fn first<T>(values: &mut Vec<T>, count: usize) -> Vec<T> {
            values.drain(..count.min(values.len())).collect()
        }
        match self {
            Self::Floats(values) => Self::Floats(first(values, count)),
            Self::Integers(values) => Self::Integers(first(values, count)),
            Self::Bytes(values) => Self::Bytes(first(values, count)),
            Self::Unsigned(values) => Self::Unsigned(first(values, count)),
        }
    }
}

/// A tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct OnnxTensor {
    /// Lengths, outermost first; their product is the number of elements.
    pub shape: Vec<usize>,
    /// Elements.
    pub elements: Elements,
}

impl OnnxTensor {
    /// Length of the first axis; 1 for a scalar.
    pub fn rows(&self) -> usize {
        self.shape.first().copied().unwrap_or(1)
    }

    /// Whether another tensor's rows can follow this one's.
    pub fn fits(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.elements) == std::mem::discriminant(&other.elements)
            && !self.shape.is_empty()
            && self.shape.len() == other.shape.len()
            && self.shape[1..] == other.shape[1..]
    }

    /// Adds the rows of a tensor that fits.
    pub fn extend(&mut self, other: &Self) {
        self.elements.extend(&other.elements);
        if let (Some(rows), Some(more)) = (self.shape.first_mut(), other.shape.first()) {
            *rows += more;
        }
    }

    /// Parts of so many rows each, in order.
    pub fn split(mut self, rows: &[usize]) -> Vec<Self> {
        let width = self.elements.len() / self.rows().max(1);
        let part = |rows: &usize| {
            let rest = self.shape.get(1..).unwrap_or_default();
            let shape = std::iter::once(*rows).chain(rest.iter().copied()).collect();
            Self { shape, elements: self.elements.take(rows * width) }
        };
        rows.iter().map(part).collect()
    }
}

/// Inputs and outputs as a file declares them, in its order; nothing is loaded.
///
/// # Errors
/// When it cannot be read, or declares something that is not served.
pub fn interface(file: &Path) -> Result<(Vec<Slot>, Vec<Slot>), Failure> {
    let failed = |why: String| {
        Failure::new(FailureClass::Model, format!("{} cannot be served: {why}.", file.display()))
    };
    let bytes = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
    header::read(&bytes).map_err(failed)
}

/// A loaded file.
pub struct OnnxModel {
    model: Model,
    inputs: Vec<Slot>,
    outputs: Vec<Slot>,
    input_ids: Vec<NodeId>,
    output_ids: Vec<NodeId>,
    batches: bool,
}

impl std::fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { inputs, outputs, batches, .. } = self;
        f.debug_struct("OnnxModel")
            .field("inputs", inputs)
            .field("outputs", outputs)
            .field("batches", batches)
            .finish_non_exhaustive()
    }
}

impl OnnxModel {
    /// Loads a file, packs its weights, and lets it answer once.
    ///
    /// # Errors
    /// A model failure that says why it cannot be served.
    pub fn load(file: &Path) -> Result<Self, Failure> {
        let failed = |why: String| {
            Failure::new(FailureClass::Model, format!("{} cannot be served: {why}.", file.display()))
        };
        let bytes = std::fs::read(file).map_err(|error| failed(error.to_string()))?;
        let slots = header::read(&bytes).map_err(&failed)?;
        drop(bytes);
        // By its path: weights may lie in a file beside it.
        Self::tried(slots, |options| options.load_file(file)).map_err(failed)
    }

    /// Loads the bytes of a file that holds its weights itself; a sentence part where it cannot be served.
    pub(crate) fn of(bytes: Vec<u8>) -> Result<Self, String> {
        let slots = header::read(&bytes)?;
        Self::tried(slots, |options| options.load(bytes))
    }

    fn tried(
        (inputs, outputs): (Vec<Slot>, Vec<Slot>),
        load: impl FnOnce(ModelOptions) -> Result<Model, LoadError>,
    ) -> Result<Self, String> {
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        // What a stranger's file holds must not take the process with it.
        let loaded = catch_unwind(AssertUnwindSafe(|| load(options)));
        let model = loaded.map_err(|_said| "the runtime broke down on it".to_owned())?;
        let model = model.map_err(|error| error.to_string())?;
        let ids = |slots: &[Slot]| -> Result<Vec<NodeId>, String> {
            slots.iter().map(|slot| model.node_id(&slot.name).map_err(|error| error.to_string())).collect()
        };
        let (input_ids, output_ids) = (ids(&inputs)?, ids(&outputs)?);
        let mut loaded = Self { model, inputs, outputs, input_ids, output_ids, batches: false };
        let tried = catch_unwind(AssertUnwindSafe(|| loaded.try_out()));
        tried.map_err(|_said| "the runtime broke down on its first rows".to_owned())??;
        Ok(loaded)
    }

    /// Inputs, in the file's order.
    pub fn inputs(&self) -> &[Slot] {
        &self.inputs
    }

    /// Outputs, in the file's order.
    pub fn outputs(&self) -> &[Slot] {
        &self.outputs
    }

    /// Whether rows of several requests may be computed together: every first axis varies, and no row touches another.
    pub fn batches(&self) -> bool {
        self.batches
    }

    /// Computes: one tensor for every input, in the file's order, to one for every output.
    ///
    /// # Errors
    /// A client failure when a tensor does not fit its input, or the graph cannot compute its values.
    pub fn run(&self, inputs: &[OnnxTensor]) -> Result<Vec<OnnxTensor>, Failure> {
        self.check(inputs)?;
        let failed = |error: &dyn std::fmt::Display| {
            Failure::new(
                FailureClass::Client,
                format!("The model could not compute these inputs: {error}. Check their shapes and values."),
            )
        };
        let mut views: Vec<(NodeId, ValueOrView<'_>)> = Vec::with_capacity(inputs.len());
        for (id, tensor) in self.input_ids.iter().zip(inputs) {
            let view = each!(&tensor.elements, values => ValueView::from_shape(&tensor.shape, values).map_err(|error| failed(&error))?);
            views.push((*id, view.into()));
        }
        let own = crate::threads::of_graphs();
        let options = own.map(|pool| RunOptions::default().with_thread_pool(Some(pool)));
        let values = self.model.run(views, &self.output_ids, options).map_err(|error| failed(&error))?;
        values.into_iter().zip(&self.outputs).map(|(value, slot)| taken(value, slot)).collect()
    }

    /// Whether tensors are what the file declares.
    fn check(&self, inputs: &[OnnxTensor]) -> Result<(), Failure> {
        let unfit = |message: String| Err(Failure::new(FailureClass::Client, message));
        if inputs.len() != self.inputs.len() {
            return unfit(format!("The model takes {} inputs, not {}.", self.inputs.len(), inputs.len()));
        }
        for (slot, tensor) in self.inputs.iter().zip(inputs) {
            if !tensor.elements.fit(slot.kind) {
                return unfit(format!(
                    "The input '{}' has elements of another type than {:?}.",
                    slot.name, slot.kind
                ));
            }
            let Some(expected) = &slot.shape else { continue };
            let fits = expected.len() == tensor.shape.len()
                && expected
                    .iter()
                    .zip(&tensor.shape)
                    .all(|(length, given)| length.is_none_or(|length| length == *given));
            if !fits {
                let shown: Vec<i64> =
                    expected.iter().map(|length| length.map_or(-1, |length| length as i64)).collect();
                return unfit(format!(
                    "The input '{}' has the shape {:?}: {shown:?} was expected, where -1 is any length.",
                    slot.name, tensor.shape
                ));
            }
        }
        Ok(())
    }
}

/// What rten gave, as the output's declared type has it.
fn taken(value: Value, slot: &Slot) -> Result<OnnxTensor, Failure> {
    let (shape, elements) = match value {
        Value::FloatTensor(tensor) => (tensor.shape().to_vec(), Elements::Floats(tensor.into_data())),
        Value::Int32Tensor(tensor) => (tensor.shape().to_vec(), Elements::Integers(tensor.into_data())),
        Value::Int8Tensor(tensor) => (tensor.shape().to_vec(), Elements::Bytes(tensor.into_data())),
        Value::UInt8Tensor(tensor) => (tensor.shape().to_vec(), Elements::Unsigned(tensor.into_data())),
        _ => {
            let message = format!("The output '{}' is no tensor, which the file had promised.", slot.name);
            return Err(Failure::new(FailureClass::Model, message));
        }
    };
    if elements.fit(slot.kind) {
        return Ok(OnnxTensor { shape, elements });
    }
    let message =
        format!("The output '{}' has elements of another type than the file had promised.", slot.name);
    Err(Failure::new(FailureClass::Model, message))
}
