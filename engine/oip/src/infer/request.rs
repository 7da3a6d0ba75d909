//! Inference requests: what a client asks for, read from a body.

use std::borrow::Cow;

use super::{
    draft::{self, Budget},
    fields,
    split::split,
};
use crate::{DecodeOptions, NonFinite, OipError, Parameters, Tensor, json::Reader, place::Place};

/// An output that a request asks for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RequestedOutput {
    /// Its name.
    pub name: String,
    /// Whether it shall come as binary data; `None` where the request's `binary_data_output` decides.
    pub binary: Option<bool>,
    /// Other parameters, such as Triton's `classification`.
    pub parameters: Parameters,
}

/// What `POST v2/models/NAME[/versions/VERSION]/infer` carries.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InferRequest<'a> {
    /// The client's own id, which the response repeats.
    pub id: Option<String>,
    /// Parameters, without `binary_data_output`.
    pub parameters: Parameters,
    /// Whether outputs shall come as binary data where they do not say themselves (`binary_data_output`).
    pub binary_output: Option<bool>,
    /// At least one tensor, names differing.
    pub inputs: Vec<Tensor<'a>>,
    /// The outputs wanted; all when empty.
    pub outputs: Vec<RequestedOutput>,
}

impl<'a> InferRequest<'a> {
    /// The input of that name.
    pub fn input(&self, name: &str) -> Option<&Tensor<'a>> {
        self.inputs.iter().find(|tensor| tensor.name == name)
    }

    /// Whether this output is wanted: named, or none is named.
    pub fn wants(&self, output: &str) -> bool {
        self.outputs.is_empty() || self.outputs.iter().any(|wanted| wanted.name == output)
    }

    /// Whether this output shall come as binary data.
    pub fn wants_binary(&self, output: &str) -> bool {
        let named = self.outputs.iter().find(|wanted| wanted.name == output);
        named.and_then(|wanted| wanted.binary).or(self.binary_output).unwrap_or(false)
    }

    /// The same request, borrowing nothing.
    pub fn into_owned(self) -> InferRequest<'static> {
        let Self { id, parameters, binary_output, inputs, outputs } = self;
        let inputs = inputs.into_iter().map(Tensor::into_owned).collect();
        InferRequest { id, parameters, binary_output, inputs, outputs }
    }
}

/// Reads a request. `header_length` is the number of `Inference-Header-Content-Length` where the request has it.
///
/// # Errors
/// When the body is no request, its tensors are not exactly their shapes, or a limit is passed; the error names the
/// place, and [`OipError::status`] the HTTP status.
pub fn decode_request<'a>(
    body: &'a [u8],
    header_length: Option<usize>,
    options: &DecodeOptions,
) -> Result<InferRequest<'a>, OipError> {
    const PLACE: Place<'static> = Place::Part("the request");
    let parts = split(body, header_length, &options.limits)?;
    let mut reader = Reader::new(parts.json, &options.limits, options.non_finite == NonFinite::Literals)?;
    let mut budget = Budget { elements: options.limits.elements, tail: parts.tail };
    let (mut id, mut parameters, mut inputs, mut outputs) = (None, None, None, None);
    reader.object(|reader, field| match &*field {
        "id" => fields::once(&mut id, fields::optional_text(reader)?, PLACE, &field),
        "parameters" => {
            let found = fields::parameters(reader, PLACE, &options.limits)?;
            fields::once(&mut parameters, found, PLACE, &field)
        }
        "inputs" => {
            let read =
                |reader: &mut Reader<'a>, at: Place<'_>| draft::tensor(reader, at, &mut budget, options);
            let found = fields::list(reader, "inputs", options, read, |tensor| &tensor.name)?;
            fields::once(&mut inputs, found, PLACE, &field)
        }
        "outputs" if reader.null() => Ok(()),
        "outputs" => {
            let read = |reader: &mut Reader<'a>, at: Place<'_>| requested(reader, at, options);
            let found = fields::list(reader, "outputs", options, read, |output| &output.name)?;
            fields::once(&mut outputs, found, PLACE, &field)
        }
        _ => reader.skip().map(drop),
    })?;
    reader.end()?;
    let inputs = fields::required(inputs, PLACE, "inputs")?;
    if inputs.is_empty() {
        return Err(OipError::NoInputs);
    }
    budget.done()?;
    let mut parameters = parameters.unwrap_or_default();
    let binary_output = fields::take_flag(&mut parameters, "binary_data_output", PLACE)?;
    Ok(InferRequest {
        id: id.flatten(),
        parameters,
        binary_output,
        inputs,
        outputs: outputs.unwrap_or_default(),
    })
}

fn requested(
    reader: &mut Reader<'_>,
    position: Place<'_>,
    options: &DecodeOptions,
) -> Result<RequestedOutput, OipError> {
    let (mut name, mut parameters): (Option<Cow<'_, str>>, Option<Parameters>) = (None, None);
    reader.object(|reader, field| match &*field {
        "name" => fields::once(&mut name, reader.string()?, position, &field),
        "parameters" => {
            let found = fields::parameters(reader, position, &options.limits)?;
            fields::once(&mut parameters, found, position, &field)
        }
        _ => reader.skip().map(drop),
    })?;
    let name = fields::required(name, position, "name")?.into_owned();
    let mut parameters = parameters.unwrap_or_default();
    let binary = fields::take_flag(&mut parameters, "binary_data", position)?;
    if parameters.get("shared_memory_region").is_some() {
        return Err(OipError::SharedMemory { place: position.text() });
    }
    Ok(RequestedOutput { name, binary, parameters })
}
