//! What NVIDIA's client sends is read to the bit; what it was seen to read is what we write (goldens/make.py --check).

use std::{
    env, fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use orrery_oip::{
    Bf16, DataType, DecodeOptions, Dialect, EncodeOptions, Encoded, Encoding, F16, InferRequest,
    InferResponse, Limits, NonFinite, OipError, Parameter, Tensor,
    control::{self, IndexRequest, LoadFile, LoadRequest, UnloadRequest},
    decode_request, decode_response, encode_request, encode_response, parse_header_length,
};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

fn golden(list: &str, name: &str) -> (Vec<u8>, Option<usize>) {
    let body = fs::read(folder(list).join(format!("{name}.body"))).expect("the golden is there");
    let header = fs::read_to_string(folder(list).join(format!("{name}.header"))).ok();
    (body, header.map(|header| parse_header_length(&header).expect("a number")))
}

fn options() -> DecodeOptions {
    DecodeOptions::of(Dialect::Triton, Limits::default())
}

fn request(name: &str) -> InferRequest<'static> {
    let (body, header) = golden("requests", name);
    let request = decode_request(&body, header, &options());
    request.unwrap_or_else(|error| panic!("{name}: {error}")).into_owned()
}

const BYTES: [&[u8]; 4] = [b"", b"plain", "Köln".as_bytes(), b"\x00\xff\x80"];
const TEXTS: [&str; 4] = ["", "say \"hi\"\n", "Köln ☃", "\u{1f980}"];

/// The arrays of make.py.
#[expect(clippy::excessive_precision, reason = "the numbers are written as in make.py")]
fn arrays(name: &'static str) -> Vec<Tensor<'static>> {
    let shape = || vec![2, 2];
    let half = |number: f32| F16::from_f32(number);
    let brain = |number: f32| Bf16::from_f32(number);
    [
        Tensor::from_slice(name, shape(), &[true, false, false, true]),
        Tensor::from_slice(name, shape(), &[0_u8, 255, 1, 2]),
        Tensor::from_slice(name, shape(), &[0_u16, 65535, 1, 2]),
        Tensor::from_slice(name, shape(), &[0, u32::MAX, 1, 2]),
        Tensor::from_slice(name, shape(), &[0, u64::MAX, 1, 2]),
        Tensor::from_slice(name, shape(), &[i8::MIN, i8::MAX, -1, 0]),
        Tensor::from_slice(name, shape(), &[i16::MIN, i16::MAX, -1, 0]),
        Tensor::from_slice(name, shape(), &[i32::MIN, i32::MAX, -1, 0]),
        Tensor::from_slice(name, shape(), &[i64::MIN, i64::MAX, -1, 0]),
        Tensor::from_slice(name, shape(), &[half(0.1), half(-65504.0), half(5.960_464_5e-8), half(1.0)]),
        Tensor::from_slice(name, shape(), &[brain(0.1), brain(-3.0), brain(1e-40), brain(3.389_531_389e38)]),
        Tensor::from_slice(name, shape(), &[0.1, -f32::MAX, 1e-45, 16_777_216.0]),
        Tensor::from_slice(name, shape(), &[0.1, -f64::MAX, 5e-324, 9_007_199_254_740_993.0]),
    ]
    .map(|tensor| tensor.expect("fits"))
    .into()
}

fn of(name: &'static str, datatype: DataType) -> Tensor<'static> {
    arrays(name).into_iter().find(|tensor| tensor.datatype() == datatype).expect("is there")
}

fn bytes(name: &'static str) -> Tensor<'static> {
    Tensor::from_strings(name, vec![4], &BYTES).expect("fits")
}

fn texts(name: &'static str) -> Tensor<'static> {
    Tensor::from_strings(name, vec![4], &TEXTS).expect("fits")
}

fn binary(tensor: Tensor<'static>) -> Tensor<'static> {
    tensor.with_encoding(Encoding::Binary)
}

#[test]
fn every_datatype_of_the_client_is_read_to_the_bit() {
    for tensor in arrays("x") {
        let name = tensor.datatype().name().to_lowercase();
        if tensor.datatype() != DataType::Bf16 {
            assert_eq!(request(&format!("{name}_json")).inputs, std::slice::from_ref(&tensor), "{name}");
        }
        let read = request(&format!("{name}_binary"));
        assert_eq!((read.binary_output, read.parameters.len(), read.outputs.len()), (Some(true), 0, 0));
        assert_eq!(read.inputs, [binary(tensor)], "{name}");
    }
    assert_eq!(request("bytes_binary").inputs, [binary(bytes("x"))]);
    assert_eq!(request("bytes_json").inputs, [texts("x")]);
    assert_eq!(request("scalar_json").inputs, [Tensor::from_slice("x", vec![], &[7_i32]).expect("fits")]);
    let empty = Tensor::from_slice::<f32>("x", vec![0, 3], &[]).expect("fits");
    let none = Tensor::from_strings::<&str>("s", vec![0], &[]).expect("fits");
    assert_eq!(request("empty_json").inputs, std::slice::from_ref(&empty));
    assert_eq!(request("empty_binary").inputs, [binary(empty), binary(none)]);
}

#[test]
fn numbers_that_are_not_finite_come_as_the_client_writes_them() {
    for name in ["special_binary", "special_json"] {
        let numbers = request(name).inputs[0].as_f32().expect("numbers");
        assert!(numbers[0].is_nan(), "{name}");
        assert_eq!(numbers[1..], [f32::INFINITY, f32::NEG_INFINITY], "{name}");
    }
    let (body, header) = golden("requests", "special_json");
    let strict = DecodeOptions { non_finite: NonFinite::Refuse, ..options() };
    assert!(matches!(decode_request(&body, header, &strict), Err(OipError::NotFinite { index: 0, .. })));
}

#[test]
fn mixed_tensors_outputs_and_parameters_are_read() {
    let wanted = [binary(of("a", DataType::Fp32)), texts("b"), binary(bytes("c")), of("d", DataType::Int64)];
    assert_eq!(request("mixed").inputs, wanted);
    let outputs = request("outputs");
    assert_eq!((outputs.id.as_deref(), outputs.binary_output), (Some("run-7"), None));
    let flags: Vec<_> = outputs.outputs.iter().map(|output| (output.name.as_str(), output.binary)).collect();
    assert_eq!(flags, [("p", Some(true)), ("q", Some(false)), ("r", Some(true))]);
    assert_eq!(outputs.outputs[2].parameters.get("classification"), Some(&Parameter::Int(3)));
    assert!(outputs.wants_binary("p") && !outputs.wants_binary("q") && !outputs.wants("z"));
    let parameters = request("parameters");
    assert_eq!(parameters.id.as_deref(), Some("é"));
    assert_eq!(parameters.parameters.get("sequence_id"), Some(&Parameter::Uint(u64::MAX)));
    assert_eq!(parameters.parameters.get("level"), Some(&Parameter::Int(-3)));
    assert_eq!(parameters.parameters.get("flag").and_then(Parameter::as_bool), Some(false));
    assert!(parameters.wants_binary("anything"));
    let (body, header) = golden("requests", "shared_memory");
    let refused = decode_request(&body, header, &options());
    assert!(matches!(refused, Err(OipError::SharedMemory { .. })), "{refused:?}");
}

#[test]
fn tensors_borrow_the_binary_part_of_the_body() {
    let (body, header) = golden("requests", "mixed");
    let read = decode_request(&body, header, &options()).expect("reads");
    let within = |tensor: &Tensor<'_>| body.as_ptr_range().contains(&tensor.wire().as_ptr());
    assert_eq!(read.inputs.iter().map(within).collect::<Vec<_>>(), [true, false, true, false]);
}

#[test]
fn every_request_of_the_client_goes_round() {
    let mut count = 0;
    for entry in fs::read_dir(folder("requests")).expect("goldens") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        let is_request =
            path.extension().is_some_and(|ending| ending == "body") && !name.starts_with("control");
        if !is_request || name == "shared_memory" || name.starts_with("special") {
            continue;
        }
        let read = request(name);
        let Encoded { body, header_length } =
            encode_request(&read, &EncodeOptions::default()).expect("is written");
        assert_eq!(decode_request(&body, header_length, &options()).expect("reads"), read, "{name}");
        count += 1;
    }
    assert!(count > 30, "{count} goldens");
}

#[test]
fn repository_control_of_the_client_is_read() {
    let limits = Limits::default();
    let body = |name: &str| golden("requests", &format!("control_{name}")).0;
    assert_eq!(control::decode(&body("index"), &limits), Ok(IndexRequest { ready: false }));
    assert_eq!(LoadRequest::decode(&body("load"), &limits), Ok(LoadRequest::default()));
    let config =
        LoadRequest { config: Some(r#"{"backend":"onnxruntime"}"#.to_owned()), ..LoadRequest::default() };
    assert_eq!(LoadRequest::decode(&body("load_config"), &limits), Ok(config.clone()));
    assert_eq!(config.encode(), body("load_config"));
    let file = LoadFile { path: "1/model.onnx".to_owned(), content: b"\x00\xffonnx".to_vec() };
    let files = LoadRequest { config: Some("{}".to_owned()), files: vec![file], ..LoadRequest::default() };
    assert_eq!(LoadRequest::decode(&body("load_files"), &limits), Ok(files.clone()));
    assert_eq!(files.encode(), body("load_files"));
    for (name, dependents) in [("unload", false), ("unload_dependents", true)] {
        let unload: UnloadRequest = control::decode(&body(name), &limits).expect("reads");
        assert_eq!(unload.parameters.unload_dependents, dependents);
        assert_eq!(control::encode(&unload).expect("is written"), body(name));
    }
}

/// The responses of `goldens/responses`, which the client was seen to read.
fn responses() -> Vec<(String, InferResponse<'static>, EncodeOptions)> {
    let ours = EncodeOptions::default();
    let special =
        || Tensor::from_slice("y", vec![3], &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]).expect("fits");
    let empty = Tensor::from_slice::<f32>("y", vec![0, 3], &[]).expect("fits");
    let none = Tensor::from_strings::<&str>("s", vec![0], &[]).expect("fits");
    let mut all = Vec::new();
    for tensor in arrays("y") {
        let name = tensor.datatype().name().to_lowercase();
        all.push((format!("{name}_json"), vec![tensor.clone()], ours));
        all.push((format!("{name}_binary"), vec![binary(tensor)], ours));
    }
    let mixed =
        vec![binary(of("a", DataType::Fp32)), texts("b"), binary(bytes("c")), of("d", DataType::Int64)];
    let literals = EncodeOptions { non_finite: NonFinite::Literals, ..ours };
    let null = EncodeOptions { non_finite: NonFinite::Null, ..ours };
    all.extend([
        ("bytes_binary".to_owned(), vec![binary(bytes("y"))], ours),
        ("bytes_json".to_owned(), vec![texts("y")], ours),
        ("empty_binary".to_owned(), vec![binary(empty), binary(none)], ours),
        ("mixed".to_owned(), mixed, ours),
        ("special_binary".to_owned(), vec![binary(special())], ours),
        ("special_literals".to_owned(), vec![special()], literals),
        ("special_null".to_owned(), vec![special()], null),
    ]);
    let response = |outputs| InferResponse {
        model_name: "m".to_owned(),
        model_version: Some("1".to_owned()),
        id: Some("run-7".to_owned()),
        outputs,
        ..InferResponse::default()
    };
    all.into_iter().map(|(name, outputs, options)| (name, response(outputs), options)).collect()
}

fn write(name: &str, content: &[u8]) {
    let mut file = fs::File::create(folder("responses").join(name)).expect("is made");
    file.write_all(content).expect("is written");
}

/// `ORRERY_WRITE_GOLDENS=1` writes them anew; then `make.py --check` must be run.
#[test]
fn our_responses_are_those_the_client_reads() {
    let is_writing = env::var_os("ORRERY_WRITE_GOLDENS").is_some();
    for (name, response, options) in responses() {
        let encoded = encode_response(&response, &options).unwrap_or_else(|error| panic!("{name}: {error}"));
        if is_writing {
            write(&format!("{name}.body"), &encoded.body);
            if let Some(length) = encoded.header_length {
                write(&format!("{name}.header"), length.to_string().as_bytes());
            }
        }
        assert_eq!((encoded.body.clone(), encoded.header_length), golden("responses", &name), "{name}");
        if !name.starts_with("special") {
            let read = decode_response(&encoded.body, encoded.header_length, &self::options());
            assert_eq!(read, Ok(response), "{name}");
        }
    }
}
