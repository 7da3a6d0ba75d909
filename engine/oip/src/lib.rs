//! Open Inference Protocol v2 over HTTP as Orrery speaks it: types and a codec, from bytes to values and back.
//!
//! ```text
//! body, Inference-Header-Content-Length
//!   └─► decode_request / decode_response   limits, then JSON in one pass, then the binary tail
//!         └─► InferRequest / InferResponse   tensors borrow their binary data from the body
//!               └─► Tensor::as_f32, strings, …   typed views, checked
//! InferRequest / InferResponse ─► encode_request / encode_response ─► Encoded { body, header_length }
//! everything else (metadata, repository, statistics, health, errors) ─► control::*
//! ```
//!
//! A tensor's data is always held as the binary tensor extension sends it: little-endian, row-major, BYTES elements
//! with a length before each. Nothing here knows HTTP, a file, a clock or a thread, and no input makes it panic.
//! Reading a body of n bytes allocates at most a small multiple of n, whatever the body claims.
//!
//! ```
//! use orrery_oip::{DecodeOptions, EncodeOptions, InferResponse, OipError, Tensor, decode_request, encode_response};
//!
//! # fn main() -> Result<(), OipError> {
//! let body = br#"{"id":"7","inputs":[{"name":"x","datatype":"FP32","shape":[1,2],"data":[[1,2.5]]}]}"#;
//! let request = decode_request(body, None, &DecodeOptions::default())?;
//! let x = request.inputs[0].as_f32()?;
//! let y = Tensor::from_slice("y", vec![1], &[x[0] + x[1]])?;
//! let mut response = InferResponse { model_name: "sum".to_owned(), outputs: vec![y], ..InferResponse::default() };
//! response.answer(&request);
//! let encoded = encode_response(&response, &EncodeOptions::default())?;
//! assert_eq!(
//!     encoded.body,
//!     br#"{"model_name":"sum","id":"7","outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[3.5]}]}"#
//! );
//! # Ok(())
//! # }
//! ```
//!
//! Sources: the protocol (kserve/open-inference-protocol), Triton's extensions (binary data, model repository,
//! statistics), and what Triton, `MLServer` and `KServe` really do.

pub mod control;
mod datatype;
mod dialect;
mod element;
mod error;
mod infer;
mod json;
mod limits;
mod packed;
mod parameters;
mod place;
mod shape;
mod tensor;
mod view;

pub use datatype::DataType;
pub use dialect::{DecodeOptions, Dialect, EncodeOptions, HalfFloats, NonFinite};
pub use element::Element;
pub use error::OipError;
pub use half::{bf16 as Bf16, f16 as F16};
pub use infer::{
    Encoded, HEADER_LENGTH, InferRequest, InferResponse, RequestedOutput, decode_request, decode_response,
    encode_request, encode_response, parse_header_length,
};
pub use limits::Limits;
pub use packed::ByteStrings;
pub use parameters::{Parameter, Parameters};
pub use tensor::{Encoding, Tensor};
