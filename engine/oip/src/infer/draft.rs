//! One tensor of a body, its fields in any order, put together and checked.

use std::borrow::Cow;

use super::{
    data::{self, Target},
    fields,
};
use crate::{
    DataType, DecodeOptions, Encoding, OipError, Parameter, Parameters, Tensor, error::shown, json::Reader,
    place::Place, shape, tensor::check_wire,
};

/// What the tensors of one body share: elements they may still have, and the binary data not yet taken.
#[derive(Debug)]
pub(super) struct Budget<'a> {
    pub elements: usize,
    pub tail: Option<&'a [u8]>,
}

impl Budget<'_> {
    /// Refuses binary data that no tensor has taken.
    pub(super) fn done(&self) -> Result<(), OipError> {
        match self.tail.map_or(0, <[u8]>::len) {
            0 => Ok(()),
            bytes => Err(OipError::BinaryTrailing { bytes }),
        }
    }
}

/// The fields read so far.
#[derive(Debug, Default)]
struct Draft<'a> {
    name: Option<Cow<'a, str>>,
    datatype: Option<DataType>,
    shape: Option<(Vec<u64>, usize)>,
    parameters: Option<Parameters>,
    /// Where `data` stands, and its elements if they could be read at once.
    data: Option<(usize, Option<Vec<u8>>)>,
}

/// Reads one tensor. `position` names it until its own name is known, as in `inputs[0]`.
pub(super) fn tensor<'a>(
    reader: &mut Reader<'a>,
    position: Place<'_>,
    budget: &mut Budget<'a>,
    options: &DecodeOptions,
) -> Result<Tensor<'a>, OipError> {
    let mut draft = Draft::default();
    reader.object(|reader, field| draft.field(reader, &field, position, budget, options))?;
    draft.finish(reader, position, budget, options)
}

impl<'a> Draft<'a> {
    fn field(
        &mut self,
        reader: &mut Reader<'a>,
        field: &str,
        position: Place<'_>,
        budget: &mut Budget<'a>,
        options: &DecodeOptions,
    ) -> Result<(), OipError> {
        if !matches!(field, "name" | "datatype" | "shape" | "parameters" | "data") {
            return reader.skip().map(drop);
        }
        // A copy, but only for fields that stand there once: a long name is not copied for each of many others.
        let name = self.name.clone();
        let place = name.as_deref().map_or(position, Place::Tensor);
        match field {
            "name" => fields::once(&mut self.name, reader.string()?, place, field),
            "datatype" => {
                let name = reader.string()?;
                let datatype = DataType::from_name(&name)
                    .ok_or_else(|| OipError::UnknownDatatype { place: place.text(), found: shown(&name) })?;
                fields::once(&mut self.datatype, datatype, place, field)
            }
            "shape" => {
                let lengths = lengths(reader, place, options)?;
                let count = shape::elements(&lengths, place)?;
                fields::once(&mut self.shape, (lengths, count), place, field)?;
                spend(budget, count, place, options)
            }
            "parameters" => {
                let parameters = fields::parameters(reader, place, &options.limits)?;
                fields::once(&mut self.parameters, parameters, place, field)
            }
            "data" => {
                let position = reader.position();
                let elements = if let Some(target) = self.target(place, options) {
                    Some(data::read(reader, &target)?)
                } else {
                    reader.skip()?;
                    None
                };
                fields::once(&mut self.data, (position, elements), place, field)
            }
            _ => reader.skip().map(drop),
        }
    }

    /// What `data` should hold, once datatype and shape are known.
    fn target<'t>(&'t self, place: Place<'t>, options: &DecodeOptions) -> Option<Target<'t>> {
        let (shape, count) = self.shape.as_ref()?;
        Some(Target {
            place,
            datatype: self.datatype?,
            shape,
            count: *count,
            non_finite: options.non_finite,
            refuse_half: options.refuse_half_in_json,
            base64: options.base64 && self.is_base64(),
        })
    }

    /// Whether `content_type` says that BYTES in JSON are base64, as `MLServer` has it.
    fn is_base64(&self) -> bool {
        let parameters = self.parameters.as_ref();
        parameters.and_then(|all| all.get("content_type")).and_then(Parameter::as_str) == Some("base64")
    }

    fn finish(
        mut self,
        reader: &Reader<'a>,
        position: Place<'_>,
        budget: &mut Budget<'a>,
        options: &DecodeOptions,
    ) -> Result<Tensor<'a>, OipError> {
        let name = self.name.clone();
        let place = name.as_deref().map_or(position, Place::Tensor);
        let mut parameters = self.parameters.take().unwrap_or_default();
        let size = fields::take_size(&mut parameters, place)?;
        let is_shared = parameters.get("shared_memory_region").is_some();
        self.parameters = Some(parameters);
        fields::required(self.name.as_ref(), place, "name")?;
        fields::required(self.datatype, place, "datatype")?;
        fields::required(self.shape.as_ref(), place, "shape")?;
        let (data, encoding) = match (self.data.take(), size) {
            (Some(_), Some(_)) => return Err(OipError::DataTwice { place: place.text() }),
            (None, None) if is_shared => return Err(OipError::SharedMemory { place: place.text() }),
            (None, None) => return Err(OipError::NoData { place: place.text() }),
            (Some((at, early)), None) => {
                (Cow::Owned(self.json_data(reader, at, early, place, options)?), Encoding::Json)
            }
            (None, Some(size)) => (Cow::Borrowed(self.tail_data(size, place, budget)?), Encoding::Binary),
        };
        let (name, datatype) = (self.name.unwrap_or_default(), self.datatype.unwrap_or(DataType::Bytes));
        let (shape, count) = self.shape.unwrap_or_default();
        let mut tensor = Tensor::checked(name, datatype, shape, count, data);
        tensor.encoding = encoding;
        tensor.parameters = self.parameters.unwrap_or_default();
        Ok(tensor)
    }

    /// `data`, read again where datatype, shape or `content_type` came after it.
    fn json_data(
        &mut self,
        reader: &Reader<'a>,
        at: usize,
        early: Option<Vec<u8>>,
        place: Place<'_>,
        options: &DecodeOptions,
    ) -> Result<Vec<u8>, OipError> {
        let is_packed = options.base64 && self.datatype == Some(DataType::Bytes) && self.is_base64();
        let early = early.filter(|_| !is_packed);
        let elements = match (early, self.target(place, options)) {
            (Some(elements), _) => elements,
            (None, Some(target)) => data::read(&mut reader.back_at(at), &target)?,
            (None, None) => return Err(OipError::NoData { place: place.text() }),
        };
        if is_packed && let Some(parameters) = &mut self.parameters {
            parameters.take("content_type");
        }
        Ok(elements)
    }

    /// The tensor's part of the binary tail.
    fn tail_data(
        &self,
        size: usize,
        place: Place<'_>,
        budget: &mut Budget<'a>,
    ) -> Result<&'a [u8], OipError> {
        let tail = budget.tail.ok_or_else(|| OipError::BinaryWithoutHeader { place: place.text() })?;
        let (data, rest) = tail.split_at_checked(size).ok_or_else(|| OipError::BinaryTruncated {
            place: place.text(),
            needed: size,
            left: tail.len(),
        })?;
        budget.tail = Some(rest);
        if let (Some(datatype), Some((shape, count))) = (self.datatype, &self.shape) {
            check_wire(datatype, shape, *count, data, place)?;
        }
        Ok(data)
    }
}

/// Takes a tensor's elements off what the body may have.
fn spend(
    budget: &mut Budget<'_>,
    count: usize,
    place: Place<'_>,
    options: &DecodeOptions,
) -> Result<(), OipError> {
    let limit = options.limits.elements;
    budget.elements = budget.elements.checked_sub(count).ok_or_else(|| OipError::TooMany {
        place: place.text(),
        what: "elements",
        limit,
    })?;
    Ok(())
}

fn lengths(reader: &mut Reader<'_>, place: Place<'_>, options: &DecodeOptions) -> Result<Vec<u64>, OipError> {
    let mut lengths = Vec::new();
    reader.array(|reader| {
        shape::check_rank(lengths.len() + 1, place, &options.limits)?;
        let wrong = || OipError::Dimension { place: place.text(), dimension: lengths.len() };
        let length = match reader.peek() {
            Some(b'-' | b'0'..=b'9') => reader.number()?.integer(),
            _ => None,
        };
        // Beyond i64 no server counts.
        let length = length.and_then(|length| i64::try_from(length).ok());
        let length = length.and_then(|length| u64::try_from(length).ok()).ok_or_else(wrong)?;
        lengths.push(length);
        Ok(())
    })?;
    lengths.shrink_to_fit();
    Ok(lengths)
}
