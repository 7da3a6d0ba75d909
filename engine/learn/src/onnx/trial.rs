//! Trial: the first rows of a file that was just loaded, and what they show.

use super::{ElementType, Elements, OnnxModel, OnnxTensor, Slot};

/// The length of an axis that may vary, beyond the first.
const FREE: usize = 1;
/// Most numbers of a row that is made up: a file may declare any lengths.
const MOST: usize = 1 << 28;
/// How far apart a row's answers may lie when it is computed alone and with another, relative to the answer or to 1.
const CLOSE: f32 = 1e-3;

impl OnnxModel {
    /// Lets the model answer one row, and finds out whether two rows can be computed in one.
    pub(super) fn try_out(&mut self) -> Result<(), String> {
        let first = self.rows(0)?;
        let answer = self
            .run(&first)
            .map_err(|failure| format!("it did not answer its first row: {}", failure.message))?;
        self.batches = self.first_axes_vary() && self.rows_stand_alone(&first, &answer);
        let batches = self.batches;
        for (slot, tensor) in self.outputs.iter_mut().zip(&answer) {
            // A file may leave an output's shape to whoever runs it.
            slot.shape.get_or_insert_with(|| {
                let found = tensor.shape.iter().enumerate();
                found.map(|(axis, length)| (axis > 0 || !batches).then_some(*length)).collect()
            });
        }
        Ok(())
    }

    fn first_axes_vary(&self) -> bool {
        let varies = |slot: &Slot| slot.shape.as_ref().is_some_and(|shape| shape.first() == Some(&None));
        self.inputs.iter().all(varies) && self.outputs.iter().all(|slot| slot.shape.is_none() || varies(slot))
    }

    /// Whether the answers of two rows are the same together as apart.
    fn rows_stand_alone(&self, first: &[OnnxTensor], answer: &[OnnxTensor]) -> bool {
        let Ok(second) = self.rows(1) else { return false };
        let Ok(other) = self.run(&second) else { return false };
        let mut both = first.to_vec();
        both.iter_mut().zip(&second).for_each(|(both, second)| both.extend(second));
        let Ok(together) = self.run(&both) else { return false };
        together.into_iter().zip(answer.iter().zip(&other)).all(|(together, (first, second))| {
            together.rows() == 2 && {
                let parts = together.split(&[1, 1]);
                close(&parts[0], first) && close(&parts[1], second)
            }
        })
    }

    /// One row of small numbers, other ones for another `seed`.
    fn rows(&self, seed: usize) -> Result<Vec<OnnxTensor>, String> {
        self.inputs.iter().map(|slot| made(slot, seed)).collect()
    }
}

fn made(slot: &Slot, seed: usize) -> Result<OnnxTensor, String> {
    let length = |length: &Option<usize>| length.unwrap_or(FREE);
    let shape: Vec<usize> =
        slot.shape.as_ref().map_or_else(|| vec![1], |shape| shape.iter().map(length).collect());
    let count = shape.iter().try_fold(1_usize, |count, length| count.checked_mul(*length));
    let count = count
        .filter(|count| *count <= MOST)
        .ok_or_else(|| format!("a row of its input '{}' has the lengths {shape:?}", slot.name))?;
    // Numbers between 0 and 1, 0 and 1 for whole ones: indices of most tables.
    let float = |at: usize| ((at * 7 + seed * 3) % 11) as f32 / 11.0;
    let bit = |at: usize| (at + seed) % 2;
    let elements = match slot.kind {
        ElementType::Float32 | ElementType::Float64 => Elements::Floats((0..count).map(float).collect()),
        ElementType::Int32 | ElementType::Int64 | ElementType::Bool => {
            Elements::Integers((0..count).map(|at| bit(at) as i32).collect())
        }
        ElementType::Int8 => Elements::Bytes((0..count).map(|at| bit(at) as i8).collect()),
        ElementType::Uint8 => Elements::Unsigned((0..count).map(|at| bit(at) as u8).collect()),
    };
    Ok(OnnxTensor { shape, elements })
}

fn close(a: &OnnxTensor, b: &OnnxTensor) -> bool {
    // The same bits: infinities and values that are no number.
    let near = |a: &f32, b: &f32| (a - b).abs() <= CLOSE * b.abs().max(1.0) || a.to_bits() == b.to_bits();
    a.shape == b.shape
        && match (&a.elements, &b.elements) {
            (Elements::Floats(a), Elements::Floats(b)) => a.iter().zip(b).all(|(a, b)| near(a, b)),
            (a, b) => a == b,
        }
}
