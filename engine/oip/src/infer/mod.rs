//! Inference: requests and responses, read and written with their binary tails.

mod data;
mod draft;
mod encode;
mod fields;
mod request;
mod response;
mod split;
mod text;

pub use encode::{Encoded, encode_request, encode_response};
pub use request::{InferRequest, RequestedOutput, decode_request};
pub use response::{InferResponse, decode_response};
pub use split::{HEADER_LENGTH, parse_header_length};
