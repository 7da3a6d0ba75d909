//! Probe: asks a model one made-up row. A server that says READY and does not answer is not believed.

use std::time::Duration;

use orrery_domain::{Failure, FailureClass};
use orrery_oip::{
    DataType, DecodeOptions, Dialect, EncodeOptions, Encoding, HEADER_LENGTH, InferRequest, InferResponse,
    Limits, Tensor,
    control::{ModelMetadata, TensorMetadata},
    decode_response, encode_request,
};
use reqwest::Method;

use super::{
    client::{Reply, Server},
    identity,
};

/// Longest that a probe may take.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Most elements of a made-up tensor.
const MOST: u64 = 1 << 20;

/// What a probe says about a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// It answered with outputs that agree with themselves.
    Answers,
    /// It could not be asked: the metadata does not say how, or it refused the made-up row as a bad request.
    Unproved(String),
    /// It does not answer.
    Fails(String),
}

impl Proof {
    /// Whether it is proved; `None` where it is not known.
    pub fn verdict(&self) -> Option<bool> {
        match self {
            Self::Answers => Some(true),
            Self::Unproved(_) => None,
            Self::Fails(_) => Some(false),
        }
    }
}

/// A request of one made-up row: zeros and empty texts, open lengths taken as 1.
///
/// # Errors
/// Why none can be made.
pub fn made_up(metadata: &ModelMetadata) -> Result<InferRequest<'static>, String> {
    if metadata.inputs.is_empty() {
        return Err("its metadata names no inputs".to_owned());
    }
    let inputs = metadata.inputs.iter().map(zeros).collect::<Result<_, _>>()?;
    // Triton and KServe have no JSON for these: they are asked for as bytes, where the server's dialect has bytes.
    let short = metadata.outputs.iter().any(|output| is_short_float(DataType::from_name(&output.datatype)));
    let binary_output = short.then_some(true);
    Ok(InferRequest { id: Some("probe".to_owned()), inputs, binary_output, ..InferRequest::default() })
}

fn is_short_float(datatype: Option<DataType>) -> bool {
    matches!(datatype, Some(DataType::Fp16 | DataType::Bf16))
}

fn zeros(input: &TensorMetadata) -> Result<Tensor<'static>, String> {
    let datatype = DataType::from_name(&input.datatype)
        .ok_or_else(|| format!("the input '{}' has the datatype {}", input.name, input.datatype))?;
    let shape: Vec<u64> = input.shape.iter().map(|&length| u64::try_from(length).unwrap_or(1)).collect();
    let shape = if shape.is_empty() { vec![1] } else { shape };
    let count = shape.iter().try_fold(1_u64, |count, &length| count.checked_mul(length));
    let count = count
        .filter(|&count| count <= MOST)
        .ok_or_else(|| format!("the input '{}' is too large", input.name))?;
    let name = input.name.clone();
    let tensor = if datatype == DataType::Bytes {
        Tensor::from_strings(name, shape, &vec![""; count as usize])
    } else {
        let size = datatype.size_bytes().unwrap_or(1);
        Tensor::from_wire(name, datatype, shape, vec![0; count as usize * size])
    };
    let tensor = tensor.map_err(|error| error.to_string())?;
    Ok(if is_short_float(Some(datatype)) { tensor.with_encoding(Encoding::Binary) } else { tensor })
}

/// Sends a request and reads the answer.
///
/// # Errors
/// When nothing came, the server refused, or the answer is none.
pub async fn infer(
    server: &Server,
    dialect: Dialect,
    model: &str,
    version: Option<&str>,
    request: &InferRequest<'_>,
) -> Result<(InferResponse<'static>, f64), Failure> {
    let reply = send(server, dialect, model, version, request).await?;
    if !reply.status.is_success() {
        let class = if reply.status.is_client_error() { FailureClass::Client } else { FailureClass::Model };
        return Err(Failure::new(class, format!("'{model}' answered with {}.", reply.complaint())));
    }
    let response = read(&reply, dialect)?;
    Ok((response, reply.secs))
}

/// Sends a request, whatever comes back.
///
/// # Errors
/// When nothing came, or the request cannot be written for that server.
pub async fn send(
    server: &Server,
    dialect: Dialect,
    model: &str,
    version: Option<&str>,
    request: &InferRequest<'_>,
) -> Result<Reply, Failure> {
    let encoded = encode_request(request, &EncodeOptions::of(dialect)).map_err(|error| {
        Failure::new(FailureClass::Client, format!("The request cannot be written: {error}"))
    })?;
    let path = format!("{}/infer", identity::path(model, version));
    server.ask(Method::POST, &path, Some(encoded.body), encoded.header_length, PATIENCE).await
}

/// Reads an answer.
///
/// # Errors
/// When it is none.
pub fn read(reply: &Reply, dialect: Dialect) -> Result<InferResponse<'static>, Failure> {
    decode_response(&reply.body, reply.header_length, &DecodeOptions::of(dialect, Limits::default()))
        .map(InferResponse::into_owned)
        .map_err(|error| Failure::new(FailureClass::Data, format!("The answer cannot be read: {error}")))
}

/// Asks a model one made-up row.
pub async fn prove(server: &Server, dialect: Dialect, model: &str, version: Option<&str>) -> Proof {
    let metadata = match identity::metadata(server, model, version).await {
        Ok(metadata) => metadata,
        Err(failure) => return Proof::Fails(failure.message),
    };
    let request = match made_up(&metadata) {
        Ok(request) => request,
        Err(why) => return Proof::Unproved(format!("No probe: {why}.")),
    };
    match infer(server, dialect, model, version, &request).await {
        Ok((response, _)) if response.outputs.is_empty() => {
            Proof::Fails("It answered without outputs.".to_owned())
        }
        Ok(_) => Proof::Answers,
        Err(failure) if failure.class == FailureClass::Client => {
            Proof::Unproved(format!("It refused the made-up row: {}", failure.message))
        }
        Err(failure) => Proof::Fails(failure.message),
    }
}

/// A request whose every output is asked for in binary.
pub fn in_binary(mut request: InferRequest<'_>) -> InferRequest<'_> {
    request.binary_output = Some(true);
    request.inputs =
        request.inputs.into_iter().map(|tensor| tensor.with_encoding(Encoding::Binary)).collect();
    request
}

/// The header that marks a binary answer, as messages name it.
pub const BINARY_HEADER: &str = HEADER_LENGTH;

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(inputs: &[(&str, &str, &[i64])]) -> ModelMetadata {
        let input = |&(name, datatype, shape): &(&str, &str, &[i64])| TensorMetadata {
            name: name.to_owned(),
            datatype: datatype.to_owned(),
            shape: shape.to_vec(),
        };
        ModelMetadata {
            name: "m".to_owned(),
            versions: Vec::new(),
            platform: String::new(),
            inputs: inputs.iter().map(input).collect(),
            outputs: Vec::new(),
        }
    }

    #[test]
    fn a_made_up_row_fits_the_metadata() {
        let request = made_up(&metadata(&[("x", "FP32", &[-1, 4]), ("t", "BYTES", &[-1])])).expect("made");
        assert_eq!(request.inputs[0].shape(), [1, 4]);
        assert_eq!(request.inputs[0].as_f32().expect("floats"), [0.0; 4]);
        assert_eq!(request.inputs[1].strings().expect("texts"), [""]);
        let mut half = metadata(&[("h", "FP16", &[-1])]);
        assert_eq!(made_up(&half).expect("made").binary_output, None);
        half.outputs = half.inputs.clone();
        let request = made_up(&half).expect("made");
        assert_eq!(request.binary_output, Some(true));
        for dialect in [Dialect::Orrery, Dialect::Triton, Dialect::KServe, Dialect::MlServer] {
            assert!(encode_request(&request, &EncodeOptions::of(dialect)).is_ok(), "{dialect:?}");
        }
        assert!(made_up(&metadata(&[])).is_err());
        assert!(made_up(&metadata(&[("x", "COMPLEX", &[1])])).is_err());
        assert!(made_up(&metadata(&[("x", "FP32", &[i64::MAX, 2])])).is_err());
        assert!(made_up(&metadata(&[("x", "FP32", &[])])).is_ok());
    }
}
