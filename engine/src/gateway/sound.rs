//! Sound: whether a good status comes with an answer that can be one.

use axum::{
    body::Bytes,
    http::{HeaderMap, header},
};
use orrery_oip::{
    DecodeOptions, Dialect, HEADER_LENGTH, InferResponse, Limits, OipError, Tensor, decode_request,
    decode_response, parse_header_length,
};
use serde::{Deserialize, Serialize};

use super::{
    content::{Content, Outgoing},
    tries::Asked,
    upstream::Answered,
};

/// How far good answers to inferences are looked into before they go to a caller. An answer that fails counts as the server's failure and is
/// asked for elsewhere, as far as retries go. Answers above 1 MiB and compressed ones are passed on unread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerCheck {
    /// It begins and ends like JSON.
    Frame,
    /// And every tensor holds as many elements, of its type, as its shape says.
    #[default]
    Tensors,
    /// And every tensor has as many rows as the request's inputs, where these agree: for models that answer each row by itself.
    Rows,
}

/// Whether an answer to a request can be one, as far as it is looked into.
pub fn is_sound(answered: &Answered, asked: &Asked<'_>, check: AnswerCheck) -> bool {
    let Content::Whole(body) = &answered.body else { return true };
    if !answered.status.is_success() || is_compressed(&answered.headers) {
        return true;
    }
    if body.is_empty() {
        return !asked.infer;
    }
    if !asked.infer || check == AnswerCheck::Frame {
        return is_framed(&answered.headers, body, asked.infer);
    }
    let Ok(length) = header_length(&answered.headers) else { return false };
    match decode_response(body, length, &options()) {
        Ok(answer) => check < AnswerCheck::Rows || asked.rows().is_none_or(|rows| has_rows(&answer, rows)),
        Err(error) => !is_broken(&error),
    }
}

/// Whether an answer that cannot be read is broken, and not just beyond what is read here: shared memory, unknown types, odd elements.
fn is_broken(error: &OipError) -> bool {
    matches!(
        error,
        OipError::NotUtf8 { .. }
            | OipError::Json { .. }
            | OipError::HeaderLength { .. }
            | OipError::HeaderBeyondBody { .. }
            | OipError::Missing { .. }
            | OipError::Dimension { .. }
            | OipError::ShapeOverflow { .. }
            | OipError::Count { .. }
            | OipError::Nesting { .. }
            | OipError::BinarySize { .. }
            | OipError::BinaryTruncated { .. }
            | OipError::BinaryTrailing { .. }
            | OipError::BinaryWithoutHeader { .. }
            | OipError::BytesTruncated { .. }
            | OipError::NoData { .. }
            | OipError::DataTwice { .. }
    )
}

/// Rows of a request: the first dimension that all of its inputs have. `None` where they differ, or where it cannot be read.
pub fn rows(head: &HeaderMap, body: &Outgoing) -> Option<u64> {
    let Outgoing::Whole(body) = body else { return None };
    let length = header_length(head).ok()?;
    let request = decode_request(body, length, &options()).ok()?;
    let mut firsts = request.inputs.iter().map(first);
    let rows = firsts.next()??;
    firsts.all(|first| first == Some(rows)).then_some(rows)
}

fn first(tensor: &Tensor<'_>) -> Option<u64> {
    tensor.shape().first().copied()
}

fn has_rows(answer: &InferResponse<'_>, rows: u64) -> bool {
    answer.outputs.iter().all(|output| first(output) == Some(rows))
}

/// Whatever any server sends that is sound.
fn options() -> DecodeOptions {
    DecodeOptions::of(Dialect::Triton, Limits::default())
}

/// Length of the JSON part, where binary tensors follow it.
fn header_length(headers: &HeaderMap) -> Result<Option<usize>, ()> {
    let Some(value) = headers.get(HEADER_LENGTH) else { return Ok(None) };
    value.to_str().ok().and_then(|text| parse_header_length(text).ok()).map(Some).ok_or(())
}

fn is_compressed(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity")
}

/// JSON of an inference begins and ends with brackets, other JSON may be a single value; binary tensors say how long their head is.
fn is_framed(headers: &HeaderMap, body: &Bytes, infer: bool) -> bool {
    let json = headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        kind.as_bytes().split(|byte| *byte == b';').next().map(<[u8]>::trim_ascii)
            == Some(b"application/json")
    });
    if !json || headers.contains_key(HEADER_LENGTH) {
        return true;
    }
    let text = body.trim_ascii();
    let bracketed =
        matches!((text.first(), text.last()), (Some(b'{'), Some(b'}')) | (Some(b'['), Some(b']')));
    bracketed || !infer && serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}
