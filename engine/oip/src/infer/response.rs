//! Inference responses: what a server answers, read from a body.

use super::{
    draft::{self, Budget},
    fields,
    split::split,
};
use crate::{
    DecodeOptions, Encoding, InferRequest, NonFinite, OipError, Parameters, Tensor, json::Reader,
    place::Place,
};

/// What an inference answers.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InferResponse<'a> {
    /// The model that answered.
    pub model_name: String,
    /// Its version, where the server has versions.
    pub model_version: Option<String>,
    /// The request's id; `MLServer` makes one up where there was none.
    pub id: Option<String>,
    /// Parameters.
    pub parameters: Parameters,
    /// The tensors, names differing.
    pub outputs: Vec<Tensor<'a>>,
}

impl<'a> InferResponse<'a> {
    /// The output of that name.
    pub fn output(&self, name: &str) -> Option<&Tensor<'a>> {
        self.outputs.iter().find(|tensor| tensor.name == name)
    }

    /// Answers a request: repeats its id, drops outputs it did not ask for, and marks those it wants as binary data.
    pub fn answer(&mut self, request: &InferRequest<'_>) {
        self.id.clone_from(&request.id);
        self.outputs.retain(|tensor| request.wants(&tensor.name));
        for tensor in &mut self.outputs {
            let binary = request.wants_binary(&tensor.name);
            tensor.encoding = if binary { Encoding::Binary } else { Encoding::Json };
        }
    }

    /// The same response, borrowing nothing.
    pub fn into_owned(self) -> InferResponse<'static> {
        let Self { model_name, model_version, id, parameters, outputs } = self;
        let outputs = outputs.into_iter().map(Tensor::into_owned).collect();
        InferResponse { model_name, model_version, id, parameters, outputs }
    }
}

/// Reads a response. `header_length` is the number of `Inference-Header-Content-Length` where the response has it.
///
/// # Errors
/// When the body is no response, its tensors are not exactly their shapes, or a limit is passed.
pub fn decode_response<'a>(
    body: &'a [u8],
    header_length: Option<usize>,
    options: &DecodeOptions,
) -> Result<InferResponse<'a>, OipError> {
    const PLACE: Place<'static> = Place::Part("the response");
    let parts = split(body, header_length, &options.limits)?;
    let mut reader = Reader::new(parts.json, &options.limits, options.non_finite == NonFinite::Literals)?;
    let mut budget = Budget { elements: options.limits.elements, tail: parts.tail };
    let (mut name, mut version, mut id, mut parameters, mut outputs) = (None, None, None, None, None);
    reader.object(|reader, field| match &*field {
        "model_name" => fields::once(&mut name, reader.string()?.into_owned(), PLACE, &field),
        "model_version" => fields::once(&mut version, fields::optional_text(reader)?, PLACE, &field),
        "id" => fields::once(&mut id, fields::optional_text(reader)?, PLACE, &field),
        "parameters" => {
            let found = fields::parameters(reader, PLACE, &options.limits)?;
            fields::once(&mut parameters, found, PLACE, &field)
        }
        "outputs" => {
            let read =
                |reader: &mut Reader<'a>, at: Place<'_>| draft::tensor(reader, at, &mut budget, options);
            let found = fields::list(reader, "outputs", options, read, |tensor| &tensor.name)?;
            fields::once(&mut outputs, found, PLACE, &field)
        }
        _ => reader.skip().map(drop),
    })?;
    reader.end()?;
    let model_name = fields::required(name, PLACE, "model_name")?;
    let outputs = fields::required(outputs, PLACE, "outputs")?;
    budget.done()?;
    Ok(InferResponse {
        model_name,
        model_version: version.flatten(),
        id: id.flatten(),
        parameters: parameters.unwrap_or_default(),
        outputs,
    })
}
