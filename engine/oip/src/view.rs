//! Typed views of a tensor: its own type, or another one where no element changes.

use crate::{Bf16, ByteStrings, DataType, Element, F16, OipError, tensor::Tensor};

impl Tensor<'_> {
    /// Its elements in its own type, row-major, read in place.
    ///
    /// # Errors
    /// When the datatype is another.
    pub fn values<T: Element>(&self) -> Result<impl ExactSizeIterator<Item = T> + use<'_, T>, OipError> {
        if self.datatype() != T::DATATYPE {
            return Err(self.is_no(T::DATATYPE.name()));
        }
        Ok(self.elements())
    }

    /// Its elements as `f32`: any number or flag. FP64 is rounded to nearest; NaN and infinities stay.
    ///
    /// # Errors
    /// For BYTES, an integer that `f32` cannot hold exactly, or a finite FP64 beyond `f32`.
    pub fn as_f32(&self) -> Result<Vec<f32>, OipError> {
        match self.datatype() {
            DataType::Fp32 => Ok(self.elements::<f32>().collect()),
            DataType::Fp16 => Ok(self.elements::<F16>().map(F16::to_f32).collect()),
            DataType::Bf16 => Ok(self.elements::<Bf16>().map(Bf16::to_f32).collect()),
            DataType::Fp64 => self.convert::<f64, _>(DataType::Fp32, |wide| {
                let narrow = wide as f32;
                if narrow.is_infinite() && wide.is_finite() { Err(Change::Range) } else { Ok(narrow) }
            }),
            DataType::Bool => Ok(self.elements::<bool>().map(|flag| f32::from(u8::from(flag))).collect()),
            DataType::Bytes => Err(self.is_no("a number")),
            _ => self.integers(DataType::Fp32, |number| {
                let near = number as f32;
                if near as i128 == number { Ok(near) } else { Err(Change::Inexact) }
            }),
        }
    }

    /// Its elements as `f64`: any number or flag. NaN and infinities stay.
    ///
    /// # Errors
    /// For BYTES, or an integer that `f64` cannot hold exactly.
    pub fn as_f64(&self) -> Result<Vec<f64>, OipError> {
        match self.datatype() {
            DataType::Fp64 => Ok(self.elements::<f64>().collect()),
            DataType::Fp32 | DataType::Fp16 | DataType::Bf16 | DataType::Bool => {
                Ok(self.as_f32()?.into_iter().map(f64::from).collect())
            }
            DataType::Bytes => Err(self.is_no("a number")),
            _ => self.integers(DataType::Fp64, |number| {
                let near = number as f64;
                if near as i128 == number { Ok(near) } else { Err(Change::Inexact) }
            }),
        }
    }

    /// Its elements as `i64`: integers, flags, and floats without a fraction.
    ///
    /// # Errors
    /// For BYTES, a float with a fraction, NaN, an infinity, or a number beyond `i64`.
    pub fn as_i64(&self) -> Result<Vec<i64>, OipError> {
        match self.datatype() {
            DataType::Bool => Ok(self.elements::<bool>().map(i64::from).collect()),
            DataType::Bytes => Err(self.is_no("a number")),
            datatype if datatype.is_float() => {
                self.as_f64()?.into_iter().enumerate().map(|(index, x)| self.whole(index, x)).collect()
            }
            _ => self.integers(DataType::Int64, |number| i64::try_from(number).or(Err(Change::Range))),
        }
    }

    /// Its flags: BOOL, or integers that are 0 or 1.
    ///
    /// # Errors
    /// For floats and BYTES, or another number.
    pub fn as_bools(&self) -> Result<Vec<bool>, OipError> {
        match self.datatype() {
            DataType::Bool => Ok(self.elements::<bool>().collect()),
            DataType::Bytes => Err(self.is_no("BOOL")),
            datatype if datatype.is_float() => Err(self.is_no("BOOL")),
            _ => self.integers(DataType::Bool, |number| match number {
                0 => Ok(false),
                1 => Ok(true),
                _ => Err(Change::Range),
            }),
        }
    }

    /// The byte strings of a BYTES tensor, row-major, borrowed.
    ///
    /// # Errors
    /// When the datatype is another.
    pub fn byte_strings(&self) -> Result<ByteStrings<'_>, OipError> {
        if self.datatype() != DataType::Bytes {
            return Err(self.is_no("BYTES"));
        }
        Ok(ByteStrings::new(self.wire(), self.len()))
    }

    /// The texts of a BYTES tensor, row-major, borrowed.
    ///
    /// # Errors
    /// When the datatype is another, or an element is not UTF-8.
    pub fn strings(&self) -> Result<Vec<&str>, OipError> {
        let elements = self.byte_strings()?;
        let text = |(index, bytes)| {
            std::str::from_utf8(bytes).map_err(|_not_utf8| OipError::NotText { place: self.place(), index })
        };
        elements.enumerate().map(text).collect()
    }

    /// Elements whose size is that of `T`: the caller has looked at the datatype.
    pub(crate) fn elements<T: Element>(&self) -> impl ExactSizeIterator<Item = T> + use<'_, T> {
        self.wire().chunks_exact(T::SIZE_BYTES).map(T::read)
    }

    fn integers<T>(
        &self,
        to: DataType,
        change: impl Fn(i128) -> Result<T, Change>,
    ) -> Result<Vec<T>, OipError> {
        match self.datatype() {
            DataType::Uint8 => self.convert::<u8, _>(to, |number| change(number.into())),
            DataType::Uint16 => self.convert::<u16, _>(to, |number| change(number.into())),
            DataType::Uint32 => self.convert::<u32, _>(to, |number| change(number.into())),
            DataType::Uint64 => self.convert::<u64, _>(to, |number| change(number.into())),
            DataType::Int8 => self.convert::<i8, _>(to, |number| change(number.into())),
            DataType::Int16 => self.convert::<i16, _>(to, |number| change(number.into())),
            DataType::Int32 => self.convert::<i32, _>(to, |number| change(number.into())),
            DataType::Int64 => self.convert::<i64, _>(to, |number| change(number.into())),
            _ => Err(self.is_no("an integer")),
        }
    }

    fn convert<S: Element, T>(
        &self,
        to: DataType,
        change: impl Fn(S) -> Result<T, Change>,
    ) -> Result<Vec<T>, OipError> {
        let mut out = Vec::with_capacity(self.len());
        for (index, element) in self.elements::<S>().enumerate() {
            out.push(change(element).map_err(|change| change.at(self.place(), index, to))?);
        }
        Ok(out)
    }

    fn whole(&self, index: usize, number: f64) -> Result<i64, OipError> {
        if !number.is_finite() {
            return Err(OipError::NotFinite { place: self.place(), index });
        }
        // As i128 a float saturates far outside of i64.
        let whole = number as i128;
        if whole as f64 != number {
            return Err(Change::Inexact.at(self.place(), index, DataType::Int64));
        }
        i64::try_from(whole).map_err(|_beyond| Change::Range.at(self.place(), index, DataType::Int64))
    }

    fn is_no(&self, expected: &'static str) -> OipError {
        OipError::Datatype { place: self.place(), found: self.datatype(), expected }
    }
}

/// Why an element cannot be had in another type.
enum Change {
    Range,
    Inexact,
}

impl Change {
    fn at(self, place: String, index: usize, datatype: DataType) -> OipError {
        match self {
            Self::Range => OipError::OutOfRange { place, index, datatype },
            Self::Inexact => OipError::Inexact { place, index, datatype },
        }
    }
}
