//! A folder of ONNX files as a client meets it: versions, loading, what is broken, and answers as our own model gives them.

use serde_json::{Value, json};

use super::{outputs, start, train};
use crate::program::{Program, text};

/// A folder with the network's file in two versions, one that is bare, and one that is damaged.
fn repository(program: &Program) -> String {
    train(program, "net", "mlp");
    let models = program.home().join("v2");
    let bytes = std::fs::read(program.home().join("models/net/1/model.onnx")).expect("exported");
    for (path, bytes) in [
        ("net/1/model.onnx", bytes.as_slice()),
        ("net/3/model.onnx", &bytes),
        ("bare/model.onnx", &bytes),
        ("bare/config.pbtxt", b"name: \"bare\""),
        ("broken/1/model.onnx", &bytes[..bytes.len() / 2]),
    ] {
        let file = models.join(path);
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        crate::program::put(&file, bytes);
    }
    models.to_str().expect("UTF-8").to_owned()
}

fn infer(shape: &[usize], data: &[f64]) -> String {
    json!({ "inputs": [{ "name": "x", "datatype": "FP32", "shape": shape, "data": data }] }).to_string()
}

/// A field of a protocol buffer that holds bytes.
fn field(tag: u8, bytes: &[u8]) -> Vec<u8> {
    let mut all = vec![tag << 3 | 2];
    let mut length = bytes.len();
    while length >= 0x80 {
        all.push(length as u8 | 0x80);
        length >>= 7;
    }
    all.push(length as u8);
    all.extend_from_slice(bytes);
    all
}

/// A field of a protocol buffer that holds a number.
fn number(tag: u8, mut value: u64) -> Vec<u8> {
    let mut all = vec![tag << 3];
    while value >= 0x80 {
        all.push(value as u8 | 0x80);
        value >>= 7;
    }
    all.push(value as u8);
    all
}

/// A float tensor of one axis of this length, as an ONNX graph declares it.
fn declared(name: &str, length: u64) -> Vec<u8> {
    let shape = field(1, &number(1, length));
    let tensor = [number(1, 1), field(2, &shape)].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// A graph from `x` to `y` with one node, which has one constant input of 64 bits where it is given.
fn graph(operator: &str, constant: Option<u64>, length: u64) -> Vec<u8> {
    let input = if constant.is_some() { "s" } else { "x" };
    let node = [field(1, input.as_bytes()), field(2, b"y"), field(4, operator.as_bytes())].concat();
    let mut graph = field(1, &node);
    if let Some(value) = constant {
        let tensor = [number(1, 1), number(2, 7), field(8, b"s"), field(9, &value.to_le_bytes())].concat();
        graph.extend(field(5, &tensor));
    }
    graph.extend(field(11, &declared("x", length)));
    graph.extend(field(12, &declared("y", constant.unwrap_or(length))));
    [number(1, 8), field(8, &number(2, 13)), field(7, &graph)].concat()
}

#[test]
fn a_file_that_breaks_the_runtime_breaks_a_process_of_its_own() {
    let program = Program::new();
    let models = program.home().join("v2");
    for (name, bytes) in [
        ("sound", graph("Relu", None, 3)),
        ("wide", graph("Relu", None, 1 << 40)),
        ("greedy", graph("ConstantOfShape", Some(1 << 36), 1)),
    ] {
        std::fs::create_dir_all(models.join(name)).expect("made");
        crate::program::put(&models.join(name).join("model.onnx"), &bytes);
    }
    let node = start(&program, &["--models", models.to_str().expect("UTF-8")]);
    let index = node.post("/v2/repository/index", "").json();
    let reason = |name: &str| {
        let all = index.as_array().expect("a list");
        let entry = all.iter().find(|entry| entry["name"] == name).expect("it is there");
        (entry["state"].clone(), entry["reason"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(reason("sound").0, "READY", "{index}");
    let (state, why) = reason("wide");
    assert!(state == "UNAVAILABLE" && why.contains("1099511627776"), "{why}");
    let (state, why) = reason("greedy");
    assert!(state == "UNAVAILABLE" && why.contains("broke down"), "{why}");
    let body =
        json!({ "inputs": [{ "name": "x", "datatype": "FP32", "shape": [3], "data": [-1.0, 0.5, 2.0] }] });
    let answer = node.post("/v2/models/sound/infer", &body.to_string());
    assert_eq!(outputs(&answer)[0]["data"], json!([0.0, 0.5, 2.0]));
}

#[test]
fn onnx_files_are_served_loaded_and_unloaded_and_a_broken_one_never_is_ready() {
    let program = Program::new();
    let folder = repository(&program);
    let node = start(&program, &["--models", &folder]);
    let index = node.post("/v2/repository/index", "").json();
    let states: Vec<String> = index
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| format!("{} {} {}", entry["name"], entry["version"], entry["state"]).replace('"', ""))
        .collect();
    let expected = ["bare 1 READY", "broken 1 UNAVAILABLE", "net 1 UNAVAILABLE", "net 3 READY"];
    assert_eq!(states, expected, "{index}");
    assert!(index[1]["reason"].as_str().expect("a reason").contains("cannot be served"), "{index}");
    assert_eq!(node.get("/v2/models/broken/ready").status, 503);
    assert_eq!(node.post("/v2/repository/models/broken/load", "").status, 500);

    let metadata = node.get("/v2/models/net").json();
    assert_eq!((&metadata["platform"], &metadata["versions"]), (&json!("rten_onnx"), &json!(["3"])));
    assert_eq!(metadata["inputs"][0]["datatype"], "FP32");
    assert_eq!(metadata["inputs"][0]["shape"][0], -1);
    let width = metadata["inputs"][0]["shape"][1].as_u64().expect("a width") as usize;
    let rows: Vec<f64> = (0..2 * width).map(|at| at as f64 / 10.0 - 0.3).collect();
    let both = outputs(&node.post("/v2/models/net/infer", &infer(&[2, width], &rows)));
    let one = outputs(&node.post("/v2/models/bare/infer", &infer(&[1, width], &rows[width..])));
    let numbers = |output: &Value| -> Vec<f64> {
        output["data"].as_array().expect("numbers").iter().filter_map(Value::as_f64).collect()
    };
    let (both, one) = (numbers(&both[0]), numbers(&one[0]));
    assert!(one.iter().zip(&both[both.len() / 2..]).all(|(a, b)| (a - b).abs() < 1e-5), "{one:?} {both:?}");

    for (body, words) in [
        (infer(&[1, width + 1], &vec![0.0; width + 1]), "was expected"),
        (infer(&[width], &rows[..width]), "was expected"),
        (infer(&[0, width], &[]), "is empty"),
        (
            json!({ "inputs": [{ "name": "z", "datatype": "FP32", "shape": [1], "data": [1] }] }).to_string(),
            "no input 'z'",
        ),
    ] {
        let refused = node.post("/v2/models/net/infer", &body);
        assert_eq!(refused.status, 400, "{}", text(&refused.body));
        assert!(text(&refused.body).contains(words), "{}", text(&refused.body));
    }

    let first = json!({ "parameters": { "version": "1" } }).to_string();
    assert_eq!(node.post("/v2/repository/models/net/load", &first).status, 200);
    assert_eq!(node.get("/v2/models/net/versions/1/ready").status, 200);
    assert_eq!(node.post("/v2/repository/models/net/unload", "").status, 200);
    assert_eq!(node.get("/v2/models/net/ready").status, 503);
    assert_eq!(node.end(), Some(0));
    let none = program.run(&["node", "--listen", "127.0.0.1:0", "--models", "/none/such"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("--models"), "{}", text(&none.stderr));
}
