//! What fuzzing feeds the codec of the Open Inference Protocol: a header length, then a body.

use orrery_oip::{
    DecodeOptions, Dialect, EncodeOptions, InferRequest, InferResponse, Limits, NonFinite, OipError, Tensor,
    control::{
        self, ErrorBody, IndexRequest, LoadRequest, ModelMetadata, Readiness, RepositoryIndex,
        ServerMetadata, StatisticsResponse, UnloadRequest,
    },
    decode_request, decode_response, encode_request, encode_response,
};

/// Limits that an input of 64 KiB can pass.
const LIMITS: Limits = Limits {
    body_bytes: 60_000,
    control_bytes: 60_000,
    tensors: 50,
    elements: 40_000,
    dimensions: 10,
    json_depth: 20,
    string_bytes: 20_000,
    parameters: 20,
};

/// Reads a body as each message there is, and writes again what could be read.
///
/// # Panics
/// When a promise is broken.
pub fn oip(bytes: &[u8]) {
    let Some((prefix, body)) = bytes.split_first_chunk() else { return };
    let header = Some(u32::from_le_bytes(*prefix)).filter(|length| *length != u32::MAX);
    let header = header.map(|length| length as usize);
    let strict =
        DecodeOptions { limits: LIMITS, refuse_half_in_json: true, base64: true, ..DecodeOptions::default() };
    for options in
        [strict, DecodeOptions::of(Dialect::Triton, LIMITS), DecodeOptions::of(Dialect::MlServer, LIMITS)]
    {
        match decode_request(body, header, &options) {
            Ok(request) => asked(&request),
            Err(error) => told(&error),
        }
        match decode_response(body, header, &options) {
            Ok(response) => answered(&response),
            Err(error) => told(&error),
        }
    }
    messages(body);
}

/// Options that write all there is, and limits that take it again.
fn again() -> (EncodeOptions, DecodeOptions) {
    let wide = Limits { body_bytes: 1 << 30, string_bytes: 1 << 30, ..Limits::default() };
    let written = EncodeOptions { non_finite: NonFinite::Literals, ..EncodeOptions::default() };
    (written, DecodeOptions::of(Dialect::Triton, wide))
}

fn asked(request: &InferRequest<'_>) {
    let (written, read) = again();
    tensors(&request.inputs);
    let encoded = encode_request(request, &written).expect("what was read is written");
    let second =
        decode_request(&encoded.body, encoded.header_length, &read).expect("what was written is read");
    same(&request.inputs, &second.inputs);
    assert_eq!(request.id, second.id);
    assert_eq!(request.outputs.len(), second.outputs.len());
    assert_eq!(request.clone().into_owned(), *request);
}

fn answered(response: &InferResponse<'_>) {
    let (written, read) = again();
    tensors(&response.outputs);
    let encoded = encode_response(response, &written).expect("what was read is written");
    let second =
        decode_response(&encoded.body, encoded.header_length, &read).expect("what was written is read");
    same(&response.outputs, &second.outputs);
    assert_eq!(response.model_name, second.model_name);
    assert_eq!(response.clone().into_owned(), *response);
}

fn same(one: &[Tensor<'_>], other: &[Tensor<'_>]) {
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(other) {
        assert_eq!((&one.name, one.datatype(), one.shape()), (&other.name, other.datatype(), other.shape()));
        assert_eq!((one.encoding, one.wire()), (other.encoding, other.wire()));
    }
}

/// Tensors are exactly their shapes, and each view holds all elements or says why not.
fn tensors(tensors: &[Tensor<'_>]) {
    for tensor in tensors {
        let count = tensor.shape().iter().product::<u64>() as usize;
        assert_eq!(tensor.len(), count);
        if let Some(size) = tensor.datatype().size_bytes() {
            assert_eq!(tensor.wire().len(), count * size);
        }
        let lengths = [
            tensor.as_f32().map(|view| view.len()),
            tensor.as_f64().map(|view| view.len()),
            tensor.as_i64().map(|view| view.len()),
            tensor.as_bools().map(|view| view.len()),
            tensor.strings().map(|view| view.len()),
            tensor.byte_strings().map(Iterator::count),
        ];
        for length in lengths {
            match length {
                Ok(length) => assert_eq!(length, count),
                Err(error) => told(&error),
            }
        }
    }
}

/// An error is a sentence of bearable length, and the client's fault.
fn told(error: &OipError) {
    let message = error.to_string();
    assert!((1..2000).contains(&message.len()) && !message.contains(char::is_control), "{message:?}");
    assert!(matches!(error.status(), 400 | 413));
}

fn messages(body: &[u8]) {
    fn check<T: serde::de::DeserializeOwned + serde::Serialize>(body: &[u8]) {
        match control::decode::<T>(body, &LIMITS) {
            Ok(message) => {
                let written = control::encode(&message).expect("is written");
                control::decode::<T>(&written, &Limits::default()).expect("what was written is read");
            }
            Err(error) => told(&error),
        }
    }
    check::<ServerMetadata>(body);
    check::<ModelMetadata>(body);
    check::<RepositoryIndex>(body);
    check::<IndexRequest>(body);
    check::<UnloadRequest>(body);
    check::<StatisticsResponse>(body);
    match LoadRequest::decode(body, &LIMITS) {
        Ok(load) => {
            let second = LoadRequest::decode(&load.encode(), &again().1.limits);
            assert_eq!(second.expect("what was written is read"), load);
        }
        Err(error) => told(&error),
    }
    drop(ErrorBody::heard(body, &LIMITS));
    drop(Readiness::heard(200, body, &LIMITS));
}
