//! Requests and responses written as bodies: the JSON, then the binary tensors in their order.

use super::text;
use crate::{
    DataType, EncodeOptions, Encoding, InferRequest, InferResponse, OipError, Parameter, Parameters,
    RequestedOutput, Tensor,
    json::{push_string, push_value},
};

/// A body and the header that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The bytes of the body.
    pub body: Vec<u8>,
    /// What `Inference-Header-Content-Length` must say; `None` when all of the body is JSON.
    pub header_length: Option<usize>,
}

impl Encoded {
    /// The `Content-Type` that servers give such a body.
    pub const fn content_type(&self) -> &'static str {
        if self.header_length.is_some() { "application/octet-stream" } else { "application/json" }
    }
}

/// Writes a request.
///
/// # Errors
/// When a tensor cannot be written that way: a datatype the server does not know, a number that is not finite, BYTES
/// that are no text.
pub fn encode_request(request: &InferRequest<'_>, options: &EncodeOptions) -> Result<Encoded, OipError> {
    let InferRequest { id, parameters, binary_output, inputs, outputs } = request;
    let mut json = Json::with_room_for(inputs, options);
    json.text("id", id.as_deref());
    let flag = binary_output.filter(|_| options.binary).map(|flag| ("binary_data_output", flag.into()));
    json.parameters(parameters, flag, true);
    json.tensors("inputs", inputs, options)?;
    if !outputs.is_empty() {
        json.list("outputs", outputs, |json, output| {
            json.output(output, options);
            Ok(())
        })?;
    }
    Ok(json.finish(inputs, options))
}

/// Writes a response.
///
/// # Errors
/// As [`encode_request`].
pub fn encode_response(response: &InferResponse<'_>, options: &EncodeOptions) -> Result<Encoded, OipError> {
    let InferResponse { model_name, model_version, id, parameters, outputs } = response;
    let mut json = Json::with_room_for(outputs, options);
    json.text("model_name", Some(model_name));
    json.text("model_version", model_version.as_deref());
    json.text("id", id.as_deref());
    json.parameters(parameters, None, true);
    json.tensors("outputs", outputs, options)?;
    Ok(json.finish(outputs, options))
}

/// Whether a tensor goes as bytes after the JSON.
fn is_binary(tensor: &Tensor<'_>, options: &EncodeOptions) -> bool {
    options.binary && tensor.encoding == Encoding::Binary
}

/// A body under way.
struct Json {
    out: Vec<u8>,
    /// Whether an object was just begun, so that its first field needs no comma.
    is_fresh: bool,
}

impl Json {
    fn with_room_for(tensors: &[Tensor<'_>], options: &EncodeOptions) -> Self {
        let room = tensors.iter().map(|tensor| {
            let data = if is_binary(tensor, options) { tensor.wire().len() } else { tensor.wire().len() * 2 };
            data + 128
        });
        let mut json = Self { out: Vec::with_capacity(room.sum::<usize>() + 256), is_fresh: true };
        json.begin();
        json
    }

    /// Begins an object.
    fn begin(&mut self) {
        self.out.push(b'{');
        self.is_fresh = true;
    }

    /// Begins a field.
    fn key(&mut self, name: &str) {
        if !self.is_fresh {
            self.out.push(b',');
        }
        self.is_fresh = false;
        push_string(&mut self.out, name);
        self.out.push(b':');
    }

    fn text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.key(name);
            push_string(&mut self.out, text);
        }
    }

    /// `parameters`, with one more; names of the binary extension in `parameters` give way.
    fn parameters(&mut self, parameters: &Parameters, extra: Option<(&str, Parameter)>, content_type: bool) {
        let reserved = ["binary_data_size", "binary_data", "binary_data_output"];
        let own = parameters
            .iter()
            .filter(|(name, _)| !reserved.contains(name) && (content_type || *name != "content_type"));
        let all = own.chain(extra.as_ref().map(|(name, value)| (*name, value)));
        let mut is_first = true;
        for (name, value) in all {
            if is_first {
                self.key("parameters");
            }
            self.out.push(if is_first { b'{' } else { b',' });
            is_first = false;
            push_string(&mut self.out, name);
            self.out.push(b':');
            match value {
                Parameter::Bool(flag) => push_value(&mut self.out, flag),
                Parameter::Int(number) => push_value(&mut self.out, number),
                Parameter::Uint(number) => push_value(&mut self.out, number),
                Parameter::Float(number) => push_value(&mut self.out, number),
                Parameter::Text(text) => push_string(&mut self.out, text),
                Parameter::Json(json) => self.out.extend_from_slice(json.as_bytes()),
            }
        }
        if !is_first {
            self.out.push(b'}');
        }
    }

    fn list<T>(
        &mut self,
        name: &str,
        items: &[T],
        mut item: impl FnMut(&mut Self, &T) -> Result<(), OipError>,
    ) -> Result<(), OipError> {
        self.key(name);
        self.out.push(b'[');
        for (index, one) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            self.begin();
            item(self, one)?;
            self.out.push(b'}');
        }
        self.out.push(b']');
        Ok(())
    }

    fn tensors(
        &mut self,
        name: &str,
        tensors: &[Tensor<'_>],
        options: &EncodeOptions,
    ) -> Result<(), OipError> {
        self.list(name, tensors, |json, tensor| json.tensor(tensor, options))
    }

    fn tensor(&mut self, tensor: &Tensor<'_>, options: &EncodeOptions) -> Result<(), OipError> {
        let binary = is_binary(tensor, options);
        check(tensor, binary, options)?;
        self.text("name", Some(&tensor.name));
        self.key("datatype");
        push_string(&mut self.out, tensor.datatype().name());
        self.key("shape");
        push_value(&mut self.out, tensor.shape());
        let is_packed = !binary && options.base64 && text::needs_base64(tensor);
        let extra = match (binary, is_packed) {
            (true, _) => Some(("binary_data_size", Parameter::Uint(tensor.wire().len() as u64))),
            (false, true) => Some(("content_type", "base64".into())),
            (false, false) => None,
        };
        self.parameters(&tensor.parameters, extra, !is_packed);
        if binary {
            return Ok(());
        }
        self.key("data");
        text::push_data(&mut self.out, tensor, options)
    }

    fn output(&mut self, output: &RequestedOutput, options: &EncodeOptions) {
        self.text("name", Some(&output.name));
        let flag = output.binary.filter(|_| options.binary).map(|flag| ("binary_data", flag.into()));
        self.parameters(&output.parameters, flag, true);
    }

    fn finish(self, tensors: &[Tensor<'_>], options: &EncodeOptions) -> Encoded {
        let Self { out: mut body, is_fresh: _ } = self;
        body.push(b'}');
        let length = body.len();
        let mut binary = tensors.iter().filter(|tensor| is_binary(tensor, options)).peekable();
        let header_length = binary.peek().map(|_| length);
        binary.for_each(|tensor| body.extend_from_slice(tensor.wire()));
        Encoded { body, header_length }
    }
}

/// Refuses a datatype that the server does not take this way.
fn check(tensor: &Tensor<'_>, binary: bool, options: &EncodeOptions) -> Result<(), OipError> {
    let datatype = tensor.datatype();
    let is_half = matches!(datatype, DataType::Fp16 | DataType::Bf16);
    let reason = match datatype {
        DataType::Bf16 if !options.bf16 => "this server does not know",
        _ if is_half && !binary && !options.half_in_json => "this server takes as binary data only",
        _ => return Ok(()),
    };
    Err(OipError::Unsupported { place: tensor.place(), datatype, reason })
}
