//! Malformed bodies written by hand.

use super::{Body, Says};

/// Written by hand: a name, the JSON, and words that the message must hold.
const JSON: [(&str, &str, &str); 96] = [
    ("nothing", "", "an object"),
    ("white space", " \n\t\r ", "an object"),
    ("null", "null", "an object"),
    ("an array", "[]", "an object"),
    ("a number", "7", "an object"),
    ("a string", r#""inputs""#, "an object"),
    ("an empty object", "{}", "no 'inputs'"),
    ("half an object", "{", "a string"),
    ("no value", r#"{"inputs""#, "':'"),
    ("no value after the colon", r#"{"inputs":"#, "an array"),
    ("single quotes", "{'inputs':[]}", "a string"),
    ("a comment", "{/* */}", "a string"),
    ("a name without quotes", "{inputs:[]}", "a string"),
    ("two colons", r#"{"a"::1,"inputs":[]}"#, "a value"),
    ("two commas", r#"{"a":1,,"inputs":[]}"#, "a string"),
    ("a comma first", r#"{,"inputs":[]}"#, "a string"),
    ("a comma last", r#"{"inputs":[I],}"#, "a string"),
    ("no comma", r#"{"a":1 "inputs":[I]}"#, "',' or '}'"),
    ("the wrong bracket", r#"{"inputs":[I}}"#, "',' or ']'"),
    ("text behind", r#"{"inputs":[I]}x"#, "the end of the JSON"),
    ("an object behind", r#"{"inputs":[I]}{}"#, "the end of the JSON"),
    ("a null byte behind", "{\"inputs\":[I]}\0", "the end of the JSON"),
    ("a byte order mark", "\u{feff}{\"inputs\":[I]}", "an object"),
    ("no inputs", r#"{"inputs":[]}"#, "'inputs' is empty"),
    ("inputs null", r#"{"inputs":null}"#, "an array"),
    ("inputs an object", r#"{"inputs":{}}"#, "an array"),
    ("inputs a string", r#"{"inputs":"x"}"#, "an array"),
    ("inputs twice", r#"{"inputs":[I],"inputs":[I]}"#, "'inputs' twice"),
    ("an input a number", r#"{"inputs":[1]}"#, "an object"),
    ("an input null", r#"{"inputs":[null]}"#, "an object"),
    ("an input an array", r#"{"inputs":[[I]]}"#, "an object"),
    ("an input empty", r#"{"inputs":[{}]}"#, "inputs[0] has no 'name'"),
    ("a comma after the inputs", r#"{"inputs":[I,]}"#, "an object"),
    ("the same name twice", r#"{"inputs":[I,I]}"#, "'x' stands twice in 'inputs'"),
    ("id a number", r#"{"id":7,"inputs":[I]}"#, "a string"),
    ("id an object", r#"{"id":{},"inputs":[I]}"#, "a string"),
    ("id twice", r#"{"id":"a","id":"b","inputs":[I]}"#, "'id' twice"),
    ("parameters an array", r#"{"parameters":[],"inputs":[I]}"#, "an object"),
    ("parameters a string", r#"{"parameters":"x","inputs":[I]}"#, "an object"),
    ("parameters twice", r#"{"parameters":{},"parameters":{},"inputs":[I]}"#, "'parameters' twice"),
    ("a parameter twice", r#"{"parameters":{"a":1,"a":2},"inputs":[I]}"#, "'a' twice"),
    (
        "binary_data_output a number",
        r#"{"parameters":{"binary_data_output":1},"inputs":[I]}"#,
        "true or false",
    ),
    (
        "binary_data_output a string",
        r#"{"parameters":{"binary_data_output":"true"},"inputs":[I]}"#,
        "true or false",
    ),
    ("outputs an object", r#"{"inputs":[I],"outputs":{}}"#, "an array"),
    ("outputs of strings", r#"{"inputs":[I],"outputs":["p"]}"#, "an object"),
    ("an output without name", r#"{"inputs":[I],"outputs":[{}]}"#, "outputs[0] has no 'name'"),
    ("an output's name null", r#"{"inputs":[I],"outputs":[{"name":null}]}"#, "a string"),
    ("an output's name twice", r#"{"inputs":[I],"outputs":[{"name":"p","name":"q"}]}"#, "'name' twice"),
    (
        "an output twice",
        r#"{"inputs":[I],"outputs":[{"name":"p"},{"name":"p"}]}"#,
        "'p' stands twice in 'outputs'",
    ),
    (
        "binary_data a number",
        r#"{"inputs":[I],"outputs":[{"name":"p","parameters":{"binary_data":1}}]}"#,
        "true or false",
    ),
    (
        "an output in shared memory",
        r#"{"inputs":[I],"outputs":[{"name":"p","parameters":{"shared_memory_region":"r"}}]}"#,
        "shared memory",
    ),
    ("outputs twice", r#"{"inputs":[I],"outputs":[],"outputs":[]}"#, "'outputs' twice"),
    ("an unknown field broken", r#"{"x":tru,"inputs":[I]}"#, "true or false"),
    ("an unknown field nul", r#"{"x":nul,"inputs":[I]}"#, "a value"),
    ("an unknown field undefined", r#"{"x":undefined,"inputs":[I]}"#, "a value"),
    ("an unknown field NaN", r#"{"x":NaN,"inputs":[I]}"#, "a value"),
    ("an unknown field +1", r#"{"x":+1,"inputs":[I]}"#, "a value"),
    ("an unknown field 01", r#"{"x":01,"inputs":[I]}"#, "a number"),
    ("an unknown field 1.", r#"{"x":1.,"inputs":[I]}"#, "a number"),
    ("an unknown field 1e", r#"{"x":1e,"inputs":[I]}"#, "a number"),
    ("an unknown field -", r#"{"x":-,"inputs":[I]}"#, "a number"),
    ("an unknown field 0x10", r#"{"x":0x10,"inputs":[I]}"#, "',' or '}'"),
    ("an unknown array broken", r#"{"x":[1 2],"inputs":[I]}"#, "',' or ']'"),
    ("an unknown object broken", r#"{"x":{"a"},"inputs":[I]}"#, "':'"),
    ("a string without end", r#"{"id":"abc"#, "the end of a string"),
    ("a string ends in an escape", r#"{"id":"abc\"#, "the end of a string"),
    ("a wrong escape", r#"{"id":"\x","inputs":[I]}"#, "a valid escape"),
    ("an escaped line end", "{\"id\":\"\\\n\",\"inputs\":[I]}", "a valid escape"),
    ("a short escape", r#"{"id":"\u12","inputs":[I]}"#, "a valid escape"),
    ("an escape of no digits", r#"{"id":"\uzzzz","inputs":[I]}"#, "a valid escape"),
    ("an escape with a sign", r#"{"id":"\u+123","inputs":[I]}"#, "a valid escape"),
    ("a high surrogate alone", r#"{"id":"\ud800","inputs":[I]}"#, "a valid escape"),
    ("a low surrogate alone", r#"{"id":"\udc00","inputs":[I]}"#, "a valid escape"),
    ("two high surrogates", r#"{"id":"\ud800\ud800","inputs":[I]}"#, "a valid escape"),
    ("a surrogate and a letter", r#"{"id":"\ud800abcdef","inputs":[I]}"#, "a valid escape"),
    ("a line end in a string", "{\"id\":\"a\nb\",\"inputs\":[I]}", "control character"),
    ("a null byte in a string", "{\"id\":\"a\0b\",\"inputs\":[I]}", "control character"),
    ("a tab in a name", "{\"i\td\":1,\"inputs\":[I]}", "control character"),
    (
        "data and binary_data_size",
        r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],"parameters":{"binary_data_size":4}}]}"#,
        "both",
    ),
    (
        "binary_data_size without header",
        r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}"#,
        "no Inference-Header-Content-Length",
    ),
    (
        "shared memory",
        r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","parameters":{"shared_memory_region":"r"}}]}"#,
        "shared memory",
    ),
    (
        "base64 without end",
        r#"{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","parameters":{"content_type":"base64"},"data":["YQ"]}]}"#,
        "base64",
    ),
    (
        "base64 of other letters",
        r#"{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","parameters":{"content_type":"base64"},"data":["****"]}]}"#,
        "base64",
    ),
    (
        "base64 told late",
        r#"{"inputs":[{"name":"x","shape":[1],"datatype":"BYTES","data":["é"],"parameters":{"content_type":"base64"}}]}"#,
        "base64",
    ),
    (
        "data told before its type",
        r#"{"inputs":[{"data":[1.5],"name":"x","shape":[1],"datatype":"INT8"}]}"#,
        "element 0 is no INT8",
    ),
    (
        "data broken before its type",
        r#"{"inputs":[{"data":[1.5,],"name":"x","shape":[1],"datatype":"FP32"}]}"#,
        "a value",
    ),
    (
        "data twice",
        r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":[1],"data":[1]}]}"#,
        "'data' twice",
    ),
    (
        "name twice",
        r#"{"inputs":[{"name":"x","name":"y","shape":[1],"datatype":"FP32","data":[1]}]}"#,
        "'name' twice",
    ),
    (
        "shape twice",
        r#"{"inputs":[{"name":"x","shape":[1],"shape":[1],"datatype":"FP32","data":[1]}]}"#,
        "'shape' twice",
    ),
    (
        "datatype twice",
        r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","datatype":"FP32","data":[1]}]}"#,
        "'datatype' twice",
    ),
    (
        "tensor parameters twice",
        r#"{"inputs":[{"name":"x","parameters":{},"parameters":{},"shape":[1],"datatype":"FP32","data":[1]}]}"#,
        "'parameters' twice",
    ),
    ("name a number", r#"{"inputs":[{"name":7,"shape":[1],"datatype":"FP32","data":[1]}]}"#, "a string"),
    ("datatype null", r#"{"inputs":[{"name":"x","shape":[1],"datatype":null,"data":[1]}]}"#, "a string"),
    ("data null", r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":null}]}"#, "an array"),
    ("data a number", r#"{"inputs":[{"name":"x","shape":[],"datatype":"FP32","data":1}]}"#, "an array"),
    (
        "data an object",
        r#"{"inputs":[{"name":"x","shape":[1],"datatype":"FP32","data":{"0":1}}]}"#,
        "an array",
    ),
];

/// What `I` stands for above.
pub const INPUT: &str = r#"{"name":"x","shape":[1],"datatype":"FP32","data":[1]}"#;

pub fn by_hand() -> Vec<Body> {
    JSON.iter()
        .map(|(name, text, says)| {
            let text = text.replace("[I", &format!("[{INPUT}")).replace(",I", &format!(",{INPUT}"));
            Body { name: (*name).to_owned(), bytes: text.into_bytes(), header: None, says: Says::Words(says) }
        })
        .collect()
}
