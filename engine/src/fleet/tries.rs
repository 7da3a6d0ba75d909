//! Tries: asks a deployed model one row that a person typed.

use std::time::Duration;

use orrery_domain::{
    Failure, FailureClass,
    explain::Explanation,
    fleet::{ServerKind, TensorSchema, TryEndpointState},
};
use orrery_oip::{DataType, EncodeOptions, Encoding, InferRequest, Tensor, control::TensorMetadata};
use serde_json::{Map, Value, json};

use super::{client::Server, identity, probe};

/// Longest that an explanation may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A model's inputs and outputs as a form needs them.
///
/// # Errors
/// When the server does not say.
pub async fn describe(
    server: &Server,
    endpoint: &str,
    model: &str,
    version: Option<&str>,
) -> Result<TryEndpointState, Failure> {
    let metadata = identity::metadata(server, model, version).await?;
    let schema = |tensor: TensorMetadata| TensorSchema {
        name: tensor.name,
        datatype: tensor.datatype,
        shape: tensor.shape,
    };
    Ok(TryEndpointState {
        endpoint: endpoint.to_owned(),
        model: model.to_owned(),
        version: version.map(str::to_owned),
        inputs: metadata.inputs.into_iter().map(schema).collect(),
        outputs: metadata.outputs.into_iter().map(schema).collect(),
        answer: None,
        waiting: false,
        secs: None,
        explanation: None,
    })
}

/// Asks the row, and one of our own servers also why it answers so.
pub async fn ask(
    server: &Server,
    kind: ServerKind,
    mut state: TryEndpointState,
    row: &[(String, Option<String>)],
) -> TryEndpointState {
    let answered = async {
        let dialect = identity::dialect(kind);
        let binary = EncodeOptions::of(dialect).binary;
        let mut request = request(&state.inputs, row, binary)?;
        let half = |tensor: &TensorSchema| matches!(tensor.datatype.as_str(), "FP16" | "BF16");
        if binary && state.inputs.iter().chain(&state.outputs).any(half) {
            // Triton and KServe have no JSON for these.
            request = probe::in_binary(request);
        }
        probe::infer(server, dialect, &state.model, state.version.as_deref(), &request).await
    };
    match answered.await {
        Ok((response, secs)) => {
            let text = |tensor: &Tensor<'_>| (tensor.name.to_string(), shown(tensor));
            state.answer = Some(Ok(response.outputs.iter().map(text).collect()));
            state.secs = Some(secs);
            if kind == ServerKind::Orrery {
                state.explanation = Some(explain(server, &state, row).await);
            }
        }
        Err(failure) => state.answer = Some(Err(failure)),
    }
    state.waiting = false;
    state
}

/// What each column added to the answer for the row.
async fn explain(
    server: &Server,
    state: &TryEndpointState,
    row: &[(String, Option<String>)],
) -> Result<Explanation, Failure> {
    let value = |input: &TensorSchema| {
        let text = row.iter().find(|(name, _)| *name == input.name).and_then(|(_, text)| text.clone());
        (input.name.clone(), text.map_or(Value::Null, Value::String))
    };
    let row: Map<String, Value> = state.inputs.iter().map(value).collect();
    let asked = json!({ "model": state.model, "version": state.version, "rows": [row] });
    let reply = server.post("/api/ml/explain", asked.to_string().into_bytes(), PATIENCE).await?;
    if !reply.status.is_success() {
        let message = format!("The server did not explain its answer: {}.", reply.complaint());
        return Err(Failure::new(FailureClass::Client, message));
    }
    serde_json::from_slice(&reply.body).map_err(|error| {
        Failure::new(FailureClass::Transient, format!("The server's explanation cannot be read: {error}."))
    })
}

/// One row as tensors. A tensor of several elements takes them separated by commas; a number that is left out is no number, which
/// JSON cannot say: it goes to a server that takes `binary` tensors only.
fn request(
    inputs: &[TensorSchema],
    row: &[(String, Option<String>)],
    binary: bool,
) -> Result<InferRequest<'static>, Failure> {
    let tensors = inputs.iter().map(|input| {
        let text = row.iter().find(|(name, _)| *name == input.name).and_then(|(_, text)| text.as_deref());
        let tensor = tensor(input, text)?;
        let finite = |values: Vec<f64>| values.iter().all(|value| value.is_finite());
        if !is_float(&tensor) || tensor.as_f64().is_ok_and(finite) {
            return Ok(tensor);
        }
        if binary {
            return Ok(tensor.with_encoding(Encoding::Binary));
        }
        let message = format!(
            "'{}' needs a number: this server takes no missing ones. The row was not sent.",
            input.name
        );
        Err(Failure::new(FailureClass::Client, message))
    });
    Ok(InferRequest { inputs: tensors.collect::<Result<_, _>>()?, ..InferRequest::default() })
}

fn is_float(tensor: &Tensor<'_>) -> bool {
    matches!(tensor.datatype(), DataType::Fp32 | DataType::Fp64)
}

fn tensor(input: &TensorSchema, text: Option<&str>) -> Result<Tensor<'static>, Failure> {
    let wrong = |what: &str| {
        let message = format!("'{}' takes {what} ({}). The row was not sent.", input.name, input.datatype);
        Failure::new(FailureClass::Client, message)
    };
    let datatype =
        DataType::from_name(&input.datatype).ok_or_else(|| wrong("a type this program does not know"))?;
    let mut shape: Vec<u64> = input.shape.iter().map(|&length| u64::try_from(length).unwrap_or(1)).collect();
    if shape.is_empty() {
        shape.push(1);
    }
    let count = shape.iter().product::<u64>() as usize;
    let name = input.name.clone();
    if datatype == DataType::Bytes && count == 1 {
        return Tensor::from_strings(name, shape, &[text.unwrap_or_default()])
            .map_err(|_error| wrong("a text"));
    }
    let parts: Vec<&str> = match text.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => text.split(',').map(str::trim).collect(),
        None if matches!(datatype, DataType::Fp32 | DataType::Fp64) => vec!["nan"; count],
        None => return Err(wrong("a value")),
    };
    if parts.len() != count {
        return Err(wrong(&format!("{count} values, separated by commas")));
    }
    let numbers = || -> Result<Vec<f64>, Failure> {
        parts.iter().map(|part| part.parse().map_err(|_error| wrong("numbers"))).collect()
    };
    let whole = || -> Result<Vec<i64>, Failure> {
        parts.iter().map(|part| part.parse().map_err(|_error| wrong("whole numbers"))).collect()
    };
    let made = match datatype {
        DataType::Bytes => Tensor::from_strings(name, shape, &parts),
        DataType::Fp64 => Tensor::from_slice(name, shape, &numbers()?),
        DataType::Fp32 => {
            let narrow: Vec<f32> = numbers()?.into_iter().map(|value| value as f32).collect();
            Tensor::from_slice(name, shape, &narrow)
        }
        DataType::Int64 => Tensor::from_slice(name, shape, &whole()?),
        DataType::Int32 => {
            let narrow: Result<Vec<i32>, _> = whole()?.into_iter().map(i32::try_from).collect();
            Tensor::from_slice(name, shape, &narrow.map_err(|_error| wrong("numbers of 32 bits"))?)
        }
        DataType::Bool => {
            let flag = |part: &&str| match part.to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" => Ok(true),
                "false" | "0" | "no" => Ok(false),
                _ => Err(wrong("true or false")),
            };
            let flags: Vec<bool> = parts.iter().map(flag).collect::<Result<_, _>>()?;
            Tensor::from_slice(name, shape, &flags)
        }
        _ => return Err(wrong("a type that this form cannot send")),
    };
    made.map_err(|error| Failure::new(FailureClass::Client, error.to_string()))
}

/// A tensor's first values as text.
fn shown(tensor: &Tensor<'_>) -> String {
    const FIRST: usize = 12;
    let values: Vec<String> = if let Ok(texts) = tensor.strings() {
        texts.into_iter().map(str::to_owned).collect()
    } else if let Ok(flags) = tensor.as_bools() {
        flags.into_iter().map(|flag| flag.to_string()).collect()
    } else if let Ok(whole) = tensor.as_i64() {
        whole.into_iter().map(|value| value.to_string()).collect()
    } else if let Ok(numbers) = tensor.as_f64() {
        numbers.into_iter().map(|value| format!("{value:.6}")).collect()
    } else {
        return format!("{} of {:?}", tensor.datatype().name(), tensor.shape());
    };
    let more = values.len().saturating_sub(FIRST);
    let mut text = values.into_iter().take(FIRST).collect::<Vec<_>>().join(", ");
    if more > 0 {
        text.push_str(", … ");
        text.push_str(&more.to_string());
        text.push_str(" more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, datatype: &str, shape: &[i64]) -> TensorSchema {
        TensorSchema { name: name.to_owned(), datatype: datatype.to_owned(), shape: shape.to_vec() }
    }

    #[test]
    fn typed_rows_become_tensors_or_say_what_is_wrong() {
        let row = |text: &str| vec![("x".to_owned(), Some(text.to_owned()))];
        let made = |datatype: &str, shape: &[i64], text: &str| {
            request(&[input("x", datatype, shape)], &row(text), true)
        };
        assert_eq!(
            made("FP32", &[-1, 3], "1, 2.5,-3").expect("made").inputs[0].as_f32().expect("f32"),
            [1.0, 2.5, -3.0]
        );
        assert_eq!(made("INT64", &[-1], "7").expect("made").inputs[0].as_i64().expect("i64"), [7]);
        assert_eq!(made("BYTES", &[-1], "a, b").expect("made").inputs[0].strings().expect("texts"), ["a, b"]);
        assert_eq!(made("BOOL", &[-1], "Yes").expect("made").inputs[0].as_bools().expect("bools"), [true]);
        let empty = made("FP64", &[-1], "").expect("made");
        assert!(empty.inputs[0].as_f64().expect("f64")[0].is_nan());
        assert_eq!(empty.inputs[0].encoding, Encoding::Binary, "JSON has no word for it");
        let refused = request(&[input("x", "FP64", &[-1])], &row(""), false).expect_err("JSON only");
        assert!(refused.message.contains("no missing ones"), "{refused}");
        for (datatype, shape, text) in [
            ("FP32", &[-1, 3][..], "1,2"),
            ("INT64", &[-1], "x"),
            ("INT32", &[-1], "9999999999"),
            ("ODD", &[1], "1"),
        ] {
            let failure = made(datatype, shape, text).expect_err("refused");
            assert!(failure.message.contains("'x'"), "{}", failure.message);
        }
    }
}
