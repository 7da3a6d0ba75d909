//! A named tensor: constructors that check, and its data as the wire has it.

use std::borrow::Cow;

use crate::{DataType, Element, OipError, Parameters, packed, place::Place, shape};

/// How a tensor travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// As `data` in the JSON.
    #[default]
    Json,
    /// As bytes after the JSON, by the binary tensor extension.
    Binary,
}

/// A tensor of `inputs` or `outputs`. Shape and data always agree; the data may be borrowed from a body.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor<'a> {
    /// Its name, unique in its list.
    pub name: Cow<'a, str>,
    /// Its parameters, without those of the binary extension.
    pub parameters: Parameters,
    /// How it came, or shall go.
    pub encoding: Encoding,
    datatype: DataType,
    shape: Vec<u64>,
    count: usize,
    data: Cow<'a, [u8]>,
}

impl<'a> Tensor<'a> {
    /// A tensor of wire bytes: little-endian, row-major, BYTES elements behind their lengths (`u32`).
    ///
    /// # Errors
    /// When the bytes are not exactly those of the shape, or a BOOL is neither 0 nor 1.
    pub fn from_wire(
        name: impl Into<Cow<'a, str>>,
        datatype: DataType,
        shape: Vec<u64>,
        data: impl Into<Cow<'a, [u8]>>,
    ) -> Result<Self, OipError> {
        let (name, data) = (name.into(), data.into());
        let place = Place::Tensor(&name);
        let count = shape::elements(&shape, place)?;
        check_wire(datatype, &shape, count, &data, place)?;
        Ok(Self::checked(name, datatype, shape, count, data))
    }

    /// A tensor of numbers or flags.
    ///
    /// # Errors
    /// When there are more or fewer elements than the shape needs.
    pub fn from_slice<T: Element>(
        name: impl Into<Cow<'a, str>>,
        shape: Vec<u64>,
        elements: &[T],
    ) -> Result<Self, OipError> {
        let name = name.into();
        let count = counted(&name, &shape, elements.len())?;
        let mut data = Vec::with_capacity(elements.len() * T::SIZE_BYTES);
        for element in elements {
            element.push(&mut data);
        }
        Ok(Self::checked(name, T::DATATYPE, shape, count, data.into()))
    }

    /// A BYTES tensor of texts or byte strings.
    ///
    /// # Errors
    /// When there are more or fewer elements than the shape needs, or one is longer than 4 GiB.
    pub fn from_strings<S: AsRef<[u8]>>(
        name: impl Into<Cow<'a, str>>,
        shape: Vec<u64>,
        elements: &[S],
    ) -> Result<Self, OipError> {
        let name = name.into();
        let count = counted(&name, &shape, elements.len())?;
        let bytes = elements.iter().map(|element| element.as_ref().len() + packed::PREFIX_BYTES).sum();
        let mut data = Vec::with_capacity(bytes);
        for (index, element) in elements.iter().enumerate() {
            packed::push(&mut data, element.as_ref()).ok_or_else(|| OipError::OutOfRange {
                place: Place::Tensor(&name).text(),
                index,
                datatype: DataType::Bytes,
            })?;
        }
        Ok(Self::checked(name, DataType::Bytes, shape, count, data.into()))
    }

    /// A tensor whose data is known to fit.
    pub(crate) fn checked(
        name: Cow<'a, str>,
        datatype: DataType,
        shape: Vec<u64>,
        count: usize,
        data: Cow<'a, [u8]>,
    ) -> Self {
        Self { name, parameters: Parameters::new(), encoding: Encoding::Json, datatype, shape, count, data }
    }

    /// The same tensor, to travel that way.
    #[must_use]
    pub fn with_encoding(self, encoding: Encoding) -> Self {
        Self { encoding, ..self }
    }

    /// The type of its elements.
    pub const fn datatype(&self) -> DataType {
        self.datatype
    }

    /// Its lengths, outermost first; empty for a scalar.
    pub fn shape(&self) -> &[u64] {
        &self.shape
    }

    /// How many elements it has.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether it has none: one of its lengths is 0.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Its data as the binary extension sends it.
    pub fn wire(&self) -> &[u8] {
        &self.data
    }

    /// Its data as the binary extension sends it, still borrowed from the body where it was.
    pub fn into_wire(self) -> Cow<'a, [u8]> {
        self.data
    }

    /// How messages call it.
    pub(crate) fn place(&self) -> String {
        Place::Tensor(&self.name).text()
    }

    /// The same tensor, borrowing nothing.
    pub fn into_owned(self) -> Tensor<'static> {
        let Self { name, parameters, encoding, datatype, shape, count, data } = self;
        Tensor {
            name: Cow::Owned(name.into_owned()),
            parameters,
            encoding,
            datatype,
            shape,
            count,
            data: Cow::Owned(data.into_owned()),
        }
    }
}

fn counted(name: &str, shape: &[u64], found: usize) -> Result<usize, OipError> {
    let place = Place::Tensor(name);
    let expected = shape::elements(shape, place)?;
    if expected == found {
        return Ok(expected);
    }
    Err(OipError::Count {
        place: place.text(),
        shape: shape::shown(shape),
        expected,
        found: found.to_string(),
    })
}

/// Whether bytes are exactly `count` elements.
pub(crate) fn check_wire(
    datatype: DataType,
    shape: &[u64],
    count: usize,
    data: &[u8],
    place: Place<'_>,
) -> Result<(), OipError> {
    let Some(size) = datatype.size_bytes() else {
        return check_packed(shape, count, data, place);
    };
    let expected = count.checked_mul(size).ok_or_else(|| OipError::ShapeOverflow { place: place.text() })?;
    if data.len() != expected {
        return Err(OipError::BinarySize { place: place.text(), expected, found: data.len() });
    }
    let odd = if datatype == DataType::Bool { data.iter().position(|byte| *byte > 1) } else { None };
    odd.map_or(Ok(()), |index| {
        Err(OipError::Element { place: place.text(), index, datatype, expected: "0 or 1" })
    })
}

fn check_packed(shape: &[u64], count: usize, data: &[u8], place: Place<'_>) -> Result<(), OipError> {
    let (mut rest, mut found) = (data, 0);
    while !rest.is_empty() {
        let (_, after) = packed::split_first(rest)
            .ok_or_else(|| OipError::BytesTruncated { place: place.text(), index: found })?;
        (rest, found) = (after, found + 1);
    }
    if found == count {
        return Ok(());
    }
    Err(OipError::Count {
        place: place.text(),
        shape: shape::shown(shape),
        expected: count,
        found: found.to_string(),
    })
}
