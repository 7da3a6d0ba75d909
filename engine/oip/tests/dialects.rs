//! What Triton, `MLServer` and `KServe` were seen to send, and what each is sent.

use orrery_oip::{
    Bf16, DataType, DecodeOptions, Dialect, EncodeOptions, Encoding, F16, InferRequest, InferResponse,
    Limits, OipError, Parameter, Tensor,
    control::{
        self, ErrorBody, IndexEntry, IndexRequest, LoadRequest, LoadResponse, ModelList, ModelMetadata,
        ModelState, Readiness, RepositoryIndex, ServerMetadata, StatisticsResponse,
    },
    decode_request, decode_response, encode_request, encode_response,
};

fn limits() -> Limits {
    Limits::default()
}

fn answer(dialect: Dialect, body: &str) -> InferResponse<'static> {
    let options = DecodeOptions::of(dialect, limits());
    decode_response(body.as_bytes(), None, &options).expect("reads").into_owned()
}

fn asked(tensor: Tensor<'static>, dialect: Dialect) -> Result<String, OipError> {
    let request = InferRequest { inputs: vec![tensor], binary_output: Some(true), ..InferRequest::default() };
    let encoded = encode_request(&request, &EncodeOptions::of(dialect))?;
    Ok(String::from_utf8_lossy(&encoded.body).into_owned())
}

#[test]
fn readiness_is_the_status_and_a_body_may_only_take_it_back() {
    for (status, body, is_ready) in [
        (200, "", true),                  // Triton, MLServer
        (400, "", false),                 // Triton, MLServer
        (200, r#"{"ready":true}"#, true), // KServe
        (200, r#"{"live":true}"#, true),  // the specification's text
        (200, r#"{"ready":false}"#, false),
        (200, r#"{"name":"m","ready":false}"#, false),
        (200, r#"{"live":false}"#, false),
        (200, "ok", true),
        (204, "", true),
        (503, r#"{"error":"Model with name m is not ready."}"#, false),
        (302, "", false),
    ] {
        let heard = Readiness::heard(status, body.as_bytes(), &limits());
        assert_eq!(heard.is_ready, is_ready, "{status} {body}");
    }
    let heard = Readiness::heard(503, br#"{"error":"loading"}"#, &limits());
    assert_eq!(heard.reason.as_deref(), Some("loading"));
}

#[test]
fn errors_come_in_four_forms() {
    let heard = |body: &str| ErrorBody::heard(body.as_bytes(), &limits()).map(|heard| heard.error);
    assert_eq!(heard(r#"{"error":"Model nope not found"}"#).as_deref(), Some("Model nope not found"));
    assert_eq!(heard(r#"{"detail":"Not Found"}"#).as_deref(), Some("Not Found"));
    assert_eq!(heard("Internal Server Error").as_deref(), Some("Internal Server Error"));
    assert_eq!(heard(""), None);
    assert_eq!(heard(" \n"), None);
    assert_eq!(heard(&"x".repeat(100_000)).map(|text| text.len()), Some(500));
    assert!(ErrorBody::heard(&[0xff; 3000], &limits()).is_some());
}

#[test]
fn metadata_may_be_nearly_empty() {
    let server: ServerMetadata =
        control::decode(br#"{"name":"mlserver","version":"1.7.1","extensions":[]}"#, &limits())
            .expect("reads");
    assert!(!server.has("binary_tensor_data"));
    let triton =
        br#"{"name":"triton","version":"2.60.0","extensions":["classification","binary_tensor_data"]}"#;
    assert!(control::decode::<ServerMetadata>(triton, &limits()).expect("reads").has("binary_tensor_data"));
    let model = br#"{"name":"iris","versions":[],"platform":"","inputs":[],"outputs":[],"parameters":{}}"#;
    let model: ModelMetadata = control::decode(model, &limits()).expect("reads");
    assert!(model.inputs.is_empty());
    let nulls = br#"{"name":"iris","versions":null,"platform":null,"inputs":[{"name":"x","datatype":"FP64","shape":[-1,4]}]}"#;
    let nulls: ModelMetadata = control::decode(nulls, &limits()).expect("reads");
    assert_eq!(nulls.inputs[0].shape, [-1, 4]);
    assert!(control::decode::<ModelMetadata>(b"{}", &limits()).is_err());
    let list: ModelList = control::decode(br#"{"models":["a","b"]}"#, &limits()).expect("reads");
    assert_eq!(list.models, ["a", "b"]);
}

#[test]
fn the_repository_index_is_read_from_each() {
    let mlserver = br#"[{"name":"iris","version":"v1","state":"READY","reason":""}]"#;
    let index: RepositoryIndex = control::decode(mlserver, &limits()).expect("reads");
    let ready = IndexEntry {
        name: "iris".to_owned(),
        version: Some("v1".to_owned()),
        state: Some(ModelState::Ready),
        reason: Some(String::new()),
    };
    assert_eq!(index, [ready]);
    let triton =
        br#"[{"name":"never-loaded"},{"name":"m","version":"1","state":"UNAVAILABLE","reason":"unloaded"},
        {"name":"n","version":"1","state":"SOMETHING_NEW"}]"#;
    let index: RepositoryIndex = control::decode(triton, &limits()).expect("reads");
    let states: Vec<_> = index.iter().map(|entry| entry.state).collect();
    assert_eq!(states, [None, Some(ModelState::Unavailable), Some(ModelState::Unknown)]);
    assert_eq!(control::encode(&index[0]), Ok(br#"{"name":"never-loaded"}"#.to_vec()));
    assert_eq!(control::decode(b"", &limits()), Ok(IndexRequest { ready: false }));
    assert_eq!(control::decode(br#"{"ready":true}"#, &limits()), Ok(IndexRequest { ready: true }));
}

#[test]
fn load_answers_may_be_empty_or_kserves() {
    let load: LoadResponse = control::decode(br#"{"name":"m","load":true}"#, &limits()).expect("reads");
    assert_eq!((load.load, load.unload), (Some(true), None));
    for (body, words) in [
        (r#"{"parameters":{"config":{}}}"#, "'config' that is not a string"),
        (r#"{"parameters":{"file:1/a":"*"}}"#, "valid base64"),
        (r#"{"parameters":{"file:1/a":7}}"#, "a string of base64"),
        (r#"{"parameters":[]}"#, "an object"),
        ("{", "a string"),
    ] {
        let message = LoadRequest::decode(body.as_bytes(), &limits()).expect_err(body).to_string();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn tritons_statistics_are_read_and_written_alike() {
    let body = br#"{"model_stats":[{"name":"m","version":"1","last_inference":1700000000000,"inference_count":8,"execution_count":2,
        "inference_stats":{"success":{"count":2,"ns":5000},"fail":{"count":1,"ns":7},"queue":{"count":2,"ns":1},
        "compute_input":{"count":2,"ns":2},"compute_infer":{"count":2,"ns":3},"compute_output":{"count":2,"ns":4},
        "cache_hit":{"count":0,"ns":0},"cache_miss":{"count":0,"ns":0}},"response_stats":{"0":{}},
        "batch_stats":[{"batch_size":4,"compute_input":{"count":2,"ns":2},"compute_infer":{"count":2,"ns":3},"compute_output":{"count":2,"ns":4}}],
        "memory_usage":[{"type":"GPU","id":0,"byte_size":4096}]}]}"#;
    let read: StatisticsResponse = control::decode(body, &limits()).expect("reads");
    let model = &read.model_stats[0];
    assert_eq!(
        (model.inference_count, model.execution_count, model.last_inference_millis),
        (8, 2, 1_700_000_000_000)
    );
    assert_eq!((model.inference_stats.success.count, model.inference_stats.success.total_nanos), (2, 5000));
    assert_eq!((model.batch_stats[0].batch_size, model.memory_usage[0].byte_size), (4, 4096));
    let again = control::encode(&read).expect("is written");
    assert_eq!(control::decode(&again, &limits()), Ok(read));
    assert!(String::from_utf8_lossy(&again).contains(r#""compute_infer":{"count":2,"ns":3}"#));
    // Older Triton sends less.
    let old = br#"{"model_stats":[{"name":"m","inference_stats":{"success":{"count":1,"ns":2}}}]}"#;
    assert!(control::decode::<StatisticsResponse>(old, &limits()).is_ok());
}

#[test]
fn mlserver_answers_are_read() {
    let body = r#"{"model_name":"iris","model_version":"v1","id":"5d3a","parameters":{"content_type":null,"headers":{"a":["b"]}},
        "outputs":[{"name":"predict","shape":[2,1],"datatype":"INT64","parameters":{"content_type":"np"},"data":[0,2]}]}"#;
    let read = answer(Dialect::MlServer, body);
    let output = read.output("predict").expect("is there");
    assert_eq!((output.shape(), output.as_i64()), (&[2, 1][..], Ok(vec![0, 2])));
    assert_eq!(output.parameters.get("content_type").and_then(Parameter::as_str), Some("np"));
    assert_eq!(read.parameters.get("headers"), Some(&Parameter::Json(r#"{"a":["b"]}"#.to_owned())));
    assert_eq!(read.parameters.get("content_type"), None);
    // NaN comes as null, byte strings as base64.
    let body = r#"{"model_name":"m","model_version":null,"id":null,"outputs":[
        {"name":"y","shape":[2],"datatype":"FP64","data":[null,1.5]},
        {"name":"b","shape":[1],"datatype":"BYTES","data":["AP8="],"parameters":{"content_type":"base64"}},
        {"name":"s","shape":[2,1],"datatype":"BYTES","parameters":{"content_type":"str"},"data":[["a"],["é"]]}]}"#;
    let read = answer(Dialect::MlServer, body);
    assert_eq!((read.model_version.as_deref(), read.id.as_deref()), (None, None));
    let numbers = read.outputs[0].as_f64().expect("numbers");
    assert!(numbers[0].is_nan());
    assert_eq!(read.outputs[1].byte_strings().expect("BYTES").collect::<Vec<_>>(), [&[0, 255][..]]);
    assert_eq!(read.outputs[2].strings(), Ok(vec!["a", "é"]));
}

#[test]
fn mlserver_is_sent_json_it_knows() {
    let numbers = Tensor::from_slice("x", vec![1, 2], &[1.0_f64, 2.5]).expect("fits");
    let text = asked(numbers.with_encoding(Encoding::Binary), Dialect::MlServer).expect("is written");
    assert_eq!(text, r#"{"inputs":[{"name":"x","datatype":"FP64","shape":[1,2],"data":[1.0,2.5]}]}"#);
    let bytes = Tensor::from_strings("b", vec![2], &[&b"\xff"[..], b"a"]).expect("fits");
    let text = asked(bytes, Dialect::MlServer).expect("is written");
    assert!(text.contains(r#""parameters":{"content_type":"base64"},"data":["/w==","YQ=="]"#), "{text}");
    let brain = Tensor::from_slice("h", vec![1], &[Bf16::from_f32(1.0)]).expect("fits");
    let refused = asked(brain.with_encoding(Encoding::Binary), Dialect::MlServer);
    assert!(matches!(refused, Err(OipError::Unsupported { .. })), "{refused:?}");
}

#[test]
fn triton_and_kserve_take_half_floats_as_binary_alone() {
    for dialect in [Dialect::Triton, Dialect::KServe] {
        let half = Tensor::from_slice("h", vec![1], &[F16::from_f32(1.5)]).expect("fits");
        assert!(matches!(asked(half.clone(), dialect), Err(OipError::Unsupported { .. })));
        let text = asked(half.with_encoding(Encoding::Binary), dialect).expect("is written");
        assert!(text.contains(r#""parameters":{"binary_data_size":2}"#), "{text}");
        assert!(text.starts_with(r#"{"parameters":{"binary_data_output":true}"#), "{text}");
        let bytes = Tensor::from_strings("b", vec![1], &[b"\xff"]).expect("fits");
        let message = asked(bytes, dialect).expect_err("no text").to_string();
        assert_eq!(message, "tensor 'b': element 0 is not valid UTF-8; send the tensor as binary data");
    }
    let strict = DecodeOptions { refuse_half_in_json: true, ..DecodeOptions::default() };
    let body = br#"{"inputs":[{"name":"h","datatype":"FP16","shape":[1],"data":[1.5]}]}"#;
    assert!(matches!(decode_request(body, None, &strict), Err(OipError::Unsupported { .. })));
    assert!(decode_request(body, None, &DecodeOptions::default()).is_ok());
}

#[test]
fn tritons_answers_hold_nan_as_a_word() {
    let body = r#"{"model_name":"m","model_version":"1","outputs":[{"name":"y","datatype":"FP32","shape":[3],"data":[NaN,Infinity,-Infinity]}]}"#;
    let numbers = answer(Dialect::Triton, body).outputs[0].as_f32().expect("numbers");
    assert!(numbers[0].is_nan() && numbers[1] == f32::INFINITY && numbers[2] == f32::NEG_INFINITY);
    let refused = decode_response(body.as_bytes(), None, &DecodeOptions::of(Dialect::MlServer, limits()));
    assert!(matches!(refused, Err(OipError::NotFinite { .. })));
}

#[test]
fn an_answer_follows_its_request() {
    let body = br#"{"id":"7","inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}],
        "outputs":[{"name":"p","parameters":{"binary_data":true}},{"name":"q"}]}"#;
    let request = decode_request(body, None, &DecodeOptions::default()).expect("reads");
    let output = |name: &'static str| Tensor::from_slice(name, vec![1], &[1.5_f32]).expect("fits");
    let mut response = InferResponse {
        model_name: "m".to_owned(),
        outputs: vec![output("p"), output("q"), output("r")],
        ..InferResponse::default()
    };
    response.answer(&request);
    let encoded = encode_response(&response, &EncodeOptions::default()).expect("is written");
    let json = r#"{"model_name":"m","id":"7","outputs":[{"name":"p","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}},{"name":"q","datatype":"FP32","shape":[1],"data":[1.5]}]}"#;
    assert_eq!(encoded.header_length, Some(json.len()));
    assert_eq!(encoded.body, [json.as_bytes(), &1.5_f32.to_le_bytes()].concat());
    assert_eq!(encoded.content_type(), "application/octet-stream");
}

#[test]
fn views_change_no_number_in_silence() {
    let wide = Tensor::from_slice("x", vec![2], &[16_777_216_i64, 16_777_217]).expect("fits");
    let message = wide.as_f32().expect_err("inexact").to_string();
    assert_eq!(message, "tensor 'x': element 1 cannot be held exactly as FP32");
    assert_eq!(wide.as_f64(), Ok(vec![16_777_216.0, 16_777_217.0]));
    let large = Tensor::from_slice("x", vec![3], &[u64::MAX, u64::MAX - 2047, 1]).expect("fits");
    assert!(matches!(large.as_f64(), Err(OipError::Inexact { index: 0, .. })));
    assert!(matches!(large.as_i64(), Err(OipError::OutOfRange { index: 0, .. })));
    let floats = Tensor::from_slice("x", vec![3], &[1.0_f64, -2.0, 1e300]).expect("fits");
    assert!(matches!(floats.as_i64(), Err(OipError::OutOfRange { index: 2, .. })));
    assert!(matches!(floats.as_f32(), Err(OipError::OutOfRange { index: 2, .. })));
    let half = Tensor::from_slice("x", vec![2], &[F16::from_f32(0.5), F16::from_f32(2.0)]).expect("fits");
    assert_eq!(half.as_f64(), Ok(vec![0.5, 2.0]));
    assert!(matches!(half.as_i64(), Err(OipError::Inexact { index: 0, .. })));
    let flags = Tensor::from_slice("x", vec![2], &[true, false]).expect("fits");
    assert_eq!((flags.as_f32(), flags.as_i64()), (Ok(vec![1.0, 0.0]), Ok(vec![1, 0])));
    let bytes = Tensor::from_slice("x", vec![2], &[1_u8, 2]).expect("fits");
    assert_eq!(bytes.values::<u8>().map(Iterator::collect::<Vec<_>>), Ok(vec![1, 2]));
    assert!(matches!(bytes.values::<i8>().map(Iterator::collect::<Vec<_>>), Err(OipError::Datatype { .. })));
    assert!(bytes.as_bools().is_err() && bytes.strings().is_err());
    assert_eq!(bytes.datatype(), DataType::Uint8);
    assert!(Tensor::from_slice("x", vec![3], &[1_u8]).is_err());
    assert!(Tensor::from_strings("x", vec![u64::MAX], &["a"]).is_err());
}
