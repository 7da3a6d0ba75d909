//! Properties over any tensor: JSON, binary and back; and that JSON is read as serde reads it.

use orrery_oip::{
    DataType, DecodeOptions, Dialect, EncodeOptions, Encoding, InferRequest, InferResponse, Limits,
    NonFinite, Parameter, Parameters, RequestedOutput, Tensor, decode_request, decode_response,
    encode_request, encode_response,
};
use proptest::{collection::vec, prelude::*};

fn options() -> DecodeOptions {
    DecodeOptions { non_finite: NonFinite::Literals, base64: true, ..DecodeOptions::default() }
}

fn written() -> EncodeOptions {
    EncodeOptions { non_finite: NonFinite::Literals, ..EncodeOptions::default() }
}

/// Any tensor: wire bytes at random, so floats of every kind; NaN keeps no payload in JSON and is made plain.
fn tensor() -> impl Strategy<Value = Tensor<'static>> {
    let datatype = proptest::sample::select(DataType::ALL.to_vec());
    (datatype, vec(0_u64..5, 0..4), any::<bool>(), "[a-zé\"\\\\]{0,8}").prop_flat_map(
        |(datatype, shape, is_binary, name)| {
            let count = shape.iter().product::<u64>() as usize;
            let size = datatype.size_bytes();
            let packed = vec(vec(any::<u8>(), 0..6), count).prop_map(|elements| {
                elements
                    .iter()
                    .flat_map(|one| [&(one.len() as u32).to_le_bytes()[..], &one[..]].concat())
                    .collect()
            });
            let fixed = vec(any::<u8>(), count * size.unwrap_or(0));
            let wire = if size.is_none() { packed.boxed() } else { fixed.boxed() };
            let encoding = if is_binary { Encoding::Binary } else { Encoding::Json };
            wire.prop_map(move |wire: Vec<u8>| {
                let wire = tamed(datatype, wire);
                let tensor = Tensor::from_wire(name.clone(), datatype, shape.clone(), wire).expect("fits");
                tensor.with_encoding(encoding)
            })
        },
    )
}

fn tamed(datatype: DataType, mut wire: Vec<u8>) -> Vec<u8> {
    let nan: &[u8] = match datatype {
        DataType::Bool => {
            for byte in &mut wire {
                *byte &= 1;
            }
            return wire;
        }
        DataType::Fp16 => &[0x00, 0x7e],
        DataType::Bf16 => &[0xc0, 0x7f],
        DataType::Fp32 => &[0, 0, 0xc0, 0x7f],
        DataType::Fp64 => &[0, 0, 0, 0, 0, 0, 0xf8, 0x7f],
        _ => return wire,
    };
    for element in wire.chunks_exact_mut(nan.len()) {
        let one = Tensor::from_wire("", datatype, vec![], element.to_vec()).expect("one element");
        if one.as_f64().expect("a number")[0].is_nan() {
            element.copy_from_slice(nan);
        }
    }
    wire
}

fn parameters() -> impl Strategy<Value = Parameters> {
    let value = prop_oneof![
        any::<bool>().prop_map(Parameter::Bool),
        any::<i64>().prop_map(Parameter::Int),
        (i64::MAX as u64 + 1..).prop_map(Parameter::Uint),
        any::<f64>().prop_filter("finite", |x| x.is_finite()).prop_map(Parameter::Float),
        any::<String>().prop_map(Parameter::Text),
        Just(Parameter::Json(r#"{"a":[1,null]}"#.to_owned())),
    ];
    vec(("[a-y]{1,6}", value), 0..4).prop_map(|all| {
        let mut parameters = Parameters::new();
        for (name, value) in all {
            parameters.set(&name, value);
        }
        parameters
    })
}

fn distinct(mut tensors: Vec<Tensor<'static>>) -> Vec<Tensor<'static>> {
    for (index, tensor) in tensors.iter_mut().enumerate() {
        tensor.name = format!("{}{index}", tensor.name).into();
    }
    tensors
}

fn request() -> impl Strategy<Value = InferRequest<'static>> {
    let outputs = vec(("[a-z]{1,5}", any::<Option<bool>>(), parameters()), 0..3);
    let tensors = vec((tensor(), parameters()), 1..4);
    (any::<Option<String>>(), parameters(), any::<Option<bool>>(), tensors, outputs).prop_map(
        |(id, parameters, binary_output, inputs, outputs)| {
            let with = |(mut tensor, parameters): (Tensor<'static>, _)| {
                tensor.parameters = parameters;
                tensor
            };
            let inputs = distinct(inputs.into_iter().map(with).collect());
            let named = |(index, (name, binary, parameters)): (usize, (String, _, _))| RequestedOutput {
                name: format!("{name}{index}"),
                binary,
                parameters,
            };
            let outputs = outputs.into_iter().enumerate().map(named).collect();
            InferRequest { id, parameters, binary_output, inputs, outputs }
        },
    )
}

/// Nested arrays of the shape, from flat elements.
fn nested(flat: &[serde_json::Value], shape: &[u64]) -> serde_json::Value {
    match shape {
        [] => flat[0].clone(),
        [length, inner @ ..] => {
            let step = inner.iter().product::<u64>() as usize;
            let part = |index: u64| nested(&flat[index as usize * step..], inner);
            serde_json::Value::Array((0..*length).map(part).collect())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn requests_go_round(request in request()) {
        let encoded = encode_request(&request, &written()).expect("is written");
        let read = decode_request(&encoded.body, encoded.header_length, &options()).expect("reads");
        prop_assert_eq!(bits(&read.inputs), bits(&request.inputs));
        prop_assert_eq!((read.id, read.parameters), (request.id, request.parameters));
        prop_assert_eq!((read.binary_output, read.outputs), (request.binary_output, request.outputs));
    }

    #[test]
    fn responses_go_round(tensors in vec(tensor(), 0..4), name in any::<String>(), version in any::<Option<String>>()) {
        let outputs = distinct(tensors);
        let response = InferResponse { model_name: name, model_version: version, outputs, ..InferResponse::default() };
        let encoded = encode_response(&response, &written()).expect("is written");
        let read = decode_response(&encoded.body, encoded.header_length, &options()).expect("reads");
        prop_assert_eq!(bits(&read.outputs), bits(&response.outputs));
        prop_assert_eq!((read.model_name, read.model_version), (response.model_name, response.model_version));
    }

    /// A tensor sent as JSON and one sent as binary are the same tensor.
    #[test]
    fn json_and_binary_hold_the_same(tensor in tensor()) {
        let mut seen = Vec::new();
        for encoding in [Encoding::Json, Encoding::Binary] {
            let inputs = vec![tensor.clone().with_encoding(encoding)];
            let request = InferRequest { inputs, ..InferRequest::default() };
            let encoded = encode_request(&request, &written()).expect("is written");
            prop_assert_eq!(encoded.header_length.is_some(), encoding == Encoding::Binary);
            let read = decode_request(&encoded.body, encoded.header_length, &options()).expect("reads");
            seen.push(read.inputs[0].wire().to_vec());
        }
        prop_assert_eq!(&seen[0], &seen[1]);
        prop_assert_eq!(seen[0].as_slice(), tensor.wire());
    }

    /// Nested arrays, and fields in another order, say the same as what we write.
    #[test]
    fn nested_data_and_any_order_read_the_same(tensor in tensor(), turn in 0_usize..5) {
        let strict = EncodeOptions { non_finite: NonFinite::Null, ..EncodeOptions::default() };
        let inputs = vec![tensor.clone().with_encoding(Encoding::Json)];
        let encoded = encode_request(&InferRequest { inputs, ..InferRequest::default() }, &strict).expect("is written");
        let expected = decode_request(&encoded.body, None, &options()).expect("reads");
        let mut tree: serde_json::Value = serde_json::from_slice(&encoded.body).expect("is JSON");
        let fields = tree["inputs"][0].as_object_mut().expect("an object");
        if !tensor.shape().is_empty() {
            let flat = fields["data"].as_array().expect("an array").clone();
            fields["data"] = nested(&flat, tensor.shape());
        }
        let mut turned: Vec<_> = std::mem::take(fields).into_iter().collect();
        let by = turn % turned.len();
        turned.rotate_left(by);
        fields.extend(turned);
        let text = serde_json::to_string_pretty(&tree).expect("is JSON");
        let read = decode_request(text.as_bytes(), None, &options()).expect("reads");
        prop_assert_eq!(bits(&read.inputs), bits(&expected.inputs));
    }

    /// A body cut anywhere, or with one byte changed, gives an error or a sound request: never a panic.
    #[test]
    fn damaged_bodies_do_not_panic(request in request(), at in any::<prop::sample::Index>(), byte in any::<u8>(), header in any::<Option<u16>>()) {
        let encoded = encode_request(&request, &written()).expect("is written");
        let cut = at.index(encoded.body.len());
        prop_assert!(decode_request(&encoded.body[..cut], encoded.header_length, &options()).is_err());
        let mut changed = encoded.body.clone();
        changed[cut] = byte;
        for header in [encoded.header_length, header.map(usize::from)] {
            if let Ok(read) = decode_request(&changed, header, &options()) {
                for tensor in &read.inputs {
                    whole(tensor);
                }
            }
        }
    }

    /// Any text in an unknown field is taken exactly when serde takes it, and any string as serde reads it.
    #[test]
    fn json_is_read_as_serde_reads_it(text in "[\\[\\]{},:\"\\\\0-9a-fA-Eeu.+\\- \ntrulsn]{0,24}") {
        let body = |value: &str| format!(r#"{{"x":{value},"inputs":[{{"name":"a","shape":[0],"datatype":"BOOL","data":[]}}]}}"#);
        let whole = body(&text);
        let serde = serde_json::from_str::<serde::de::IgnoredAny>(&whole).is_ok();
        let options = DecodeOptions::of(Dialect::MlServer, Limits::default());
        if !text.contains("\\u") {
            let ours = decode_request(whole.as_bytes(), None, &options);
            // Fields that come twice are refused here, and passed over there.
            let twice = matches!(ours, Err(orrery_oip::OipError::DuplicateField { .. }));
            prop_assert_eq!(ours.is_ok() || twice, serde, "{}", whole);
        }
        let quoted = format!("\"{}\"", text.replace('"', ""));
        let string = serde_json::from_str::<String>(&quoted);
        let id = format!(r#"{{"id":{quoted},"inputs":[{{"name":"a","shape":[0],"datatype":"BOOL","data":[]}}]}}"#);
        let ours = decode_request(id.as_bytes(), None, &options).map(|request| request.id);
        match string {
            Ok(string) => prop_assert_eq!(ours, Ok(Some(string))),
            // An escaped last quote makes serde look at another text than ours.
            Err(_) => prop_assert!(ours.is_err() || quoted.ends_with("\\\"")),
        }
    }

    #[test]
    fn numbers_are_rounded_as_the_standard_library_does(digits in "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,3})?") {
        let body = |datatype: &str| format!(r#"{{"inputs":[{{"name":"a","shape":[1],"datatype":"{datatype}","data":[{digits}]}}]}}"#);
        let single: f32 = digits.parse().expect("a number");
        let text = body("FP32");
        match decode_request(text.as_bytes(), None, &options()) {
            Ok(read) => prop_assert_eq!(read.inputs[0].as_f32().expect("numbers")[0].to_bits(), single.to_bits()),
            Err(_) => prop_assert!(single.is_infinite()),
        }
        let double: f64 = digits.parse().expect("a number");
        let text = body("FP64");
        match decode_request(text.as_bytes(), None, &options()) {
            Ok(read) => prop_assert_eq!(read.inputs[0].as_f64().expect("numbers")[0].to_bits(), double.to_bits()),
            Err(_) => prop_assert!(double.is_infinite()),
        }
    }
}

type Bits<'t> = (&'t str, DataType, &'t [u64], Encoding, &'t [u8], &'t Parameters);

fn bits<'t>(tensors: &'t [Tensor<'_>]) -> Vec<Bits<'t>> {
    let one = |tensor: &'t Tensor<'_>| {
        (&*tensor.name, tensor.datatype(), tensor.shape(), tensor.encoding, tensor.wire(), &tensor.parameters)
    };
    tensors.iter().map(one).collect()
}

/// A tensor that was read keeps every promise.
fn whole(tensor: &Tensor<'_>) {
    let count = tensor.shape().iter().product::<u64>() as usize;
    assert_eq!(tensor.len(), count);
    match tensor.datatype().size_bytes() {
        Some(size) => assert_eq!(tensor.wire().len(), count * size),
        None => assert_eq!(tensor.byte_strings().expect("BYTES").count(), count),
    }
}
