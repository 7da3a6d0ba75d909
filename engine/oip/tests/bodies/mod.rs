//! Malformed bodies: some written by hand, the others made by rule, one damage at a time to bodies that are sound.

pub mod by_hand;

use orrery_oip::{DataType, DecodeOptions, Limits};

/// What the message must hold.
#[derive(Debug)]
pub enum Says {
    /// These words.
    Words(&'static str),
    /// The tensor's name.
    Tensor,
    /// Any sentence.
    Anything,
}

/// One body and its header.
#[derive(Debug)]
pub struct Body {
    pub name: String,
    pub bytes: Vec<u8>,
    pub header: Option<usize>,
    pub says: Says,
}

/// Strict options with small limits.
pub fn options() -> DecodeOptions {
    let limits = Limits {
        body_bytes: 100_000,
        tensors: 16,
        elements: 10_000,
        dimensions: 8,
        json_depth: 12,
        string_bytes: 4096,
        parameters: 16,
        ..Limits::default()
    };
    DecodeOptions { limits, base64: true, ..DecodeOptions::default() }
}

/// A request with one JSON tensor `x`.
pub fn tensor(datatype: &str, shape: &str, data: &str) -> String {
    format!(r#"{{"inputs":[{{"name":"x","datatype":"{datatype}","shape":{shape},"data":{data}}}]}}"#)
}

/// A sound element, as JSON.
fn element(datatype: DataType) -> &'static str {
    match datatype {
        DataType::Bool => "true",
        DataType::Bytes => r#""ab""#,
        _ => "1",
    }
}

/// A sound JSON body of two elements.
pub fn json(datatype: DataType) -> Body {
    let one = element(datatype);
    of(format!("{datatype} in JSON"), tensor(datatype.name(), "[2]", &format!("[{one},{one}]")).into(), None)
}

/// A sound binary body of two elements.
pub fn binary(datatype: DataType) -> Body {
    sized(format!("{datatype} in binary"), datatype, "[2]", None, &wire(datatype))
}

fn wire(datatype: DataType) -> Vec<u8> {
    match datatype.size_bytes() {
        Some(size) => vec![1; size * 2],
        None => b"\x02\0\0\0ab\0\0\0\0".to_vec(),
    }
}

fn of(name: String, bytes: Vec<u8>, header: Option<usize>) -> Body {
    Body { name, bytes, header, says: Says::Tensor }
}

fn saying(says: Says, body: Body) -> Body {
    Body { says, ..body }
}

/// A body with one binary tensor, whose size is told as it is or otherwise.
fn sized(name: String, datatype: DataType, shape: &str, told: Option<&str>, tail: &[u8]) -> Body {
    let told = told.map_or_else(|| tail.len().to_string(), str::to_owned);
    let json = format!(
        r#"{{"inputs":[{{"name":"x","datatype":"{datatype}","shape":{shape},"parameters":{{"binary_data_size":{told}}}}}]}}"#
    );
    let header = Some(json.len());
    of(name, [json.as_bytes(), tail].concat(), header)
}

/// All of them.
pub fn all() -> Vec<Body> {
    let mut all = by_hand::by_hand();
    for datatype in DataType::ALL {
        elements(datatype, &mut all);
        sizes(datatype, &mut all);
    }
    ranges(&mut all);
    shapes(&mut all);
    nesting(&mut all);
    fields(&mut all);
    depths(&mut all);
    headers(&mut all);
    packed(&mut all);
    encodings(&mut all);
    all
}

/// Elements of another kind, and too many or too few.
fn elements(datatype: DataType, all: &mut Vec<Body>) {
    let one = element(datatype);
    let mut wrong = vec!["null", "{}", "NaN", "Infinity", "-Infinity", "tru", ""];
    match datatype {
        DataType::Bool => wrong.extend(["0", "1", r#""true""#, "True"]),
        DataType::Bytes => wrong.extend(["1", "true", "1.5"]),
        _ if datatype.is_float() => wrong.extend(["true", r#""1""#, "1.", "01", ".5", "+1"]),
        _ => wrong.extend(["true", r#""1""#, "1.5", "1.0", "1e2", "01"]),
    }
    for element in wrong {
        let body = tensor(datatype.name(), "[2]", &format!("[{one},{element}]"));
        let body = of(format!("{datatype} element {element}"), body.into(), None);
        // Where the JSON itself breaks, the position is told.
        all.push(saying(Says::Anything, body));
    }
    for (shape, data) in [
        ("[2]", format!("[{one}]")),
        ("[2]", format!("[{one},{one},{one}]")),
        ("[2]", "[]".to_owned()),
        ("[0]", format!("[{one}]")),
        ("[]", "[]".to_owned()),
        ("[2,2]", format!("[[{one},{one}],[{one}]]")),
    ] {
        let body = tensor(datatype.name(), shape, &data);
        all.push(of(format!("{datatype} {shape} of {data}"), body.into(), None));
    }
}

/// Binary tensors of another size.
fn sizes(datatype: DataType, all: &mut Vec<Body>) {
    let good = wire(datatype);
    let short = &good[..good.len() - 1];
    let long = [&good[..], &[0]].concat();
    let named = |what: &str| format!("{datatype} binary: {what}");
    all.push(sized(named("a byte short"), datatype, "[2]", None, short));
    all.push(sized(named("a byte long"), datatype, "[2]", None, &long));
    all.push(sized(named("of three"), datatype, "[3]", None, &good));
    all.push(sized(named("of none"), datatype, "[0]", None, &good));
    let more = (good.len() + 1).to_string();
    all.push(sized(named("cut"), datatype, "[2]", Some(&more), &good));
    let trailing = sized(named("bytes behind"), datatype, "[2]", Some(&good.len().to_string()), &long);
    all.push(saying(Says::Words("belong to no tensor"), trailing));
}

fn ranges(all: &mut Vec<Body>) {
    let wrong = [
        ("UINT8", &["-1", "256"][..]),
        ("UINT16", &["-1", "65536"]),
        ("UINT32", &["-1", "4294967296"]),
        ("UINT64", &["-1", "18446744073709551616"]),
        ("INT8", &["-129", "128"]),
        ("INT16", &["-32769", "32768"]),
        ("INT32", &["-2147483649", "2147483648"]),
        (
            "INT64",
            &["-9223372036854775809", "9223372036854775808", "1000000000000000000000000000000000000000000"],
        ),
        ("FP16", &["65520", "-65520", "1e39", "1e400"]),
        ("BF16", &["3.4e38", "-3.4e38", "1e400"]),
        ("FP32", &["3.5e38", "-3.5e38", "1e400", "1e999999999999"]),
        ("FP64", &["1.8e308", "-1.8e308", "1e400"]),
    ];
    for (datatype, elements) in wrong {
        for element in elements {
            let body = tensor(datatype, "[1]", &format!("[{element}]"));
            let body = of(format!("{datatype} beyond its range: {element}"), body.into(), None);
            all.push(saying(Says::Words("element 0 is out of the range of"), body));
        }
    }
    let odd = sized("a flag of 2".to_owned(), DataType::Bool, "[2]", None, &[1, 2]);
    all.push(saying(Says::Words("element 1 is no BOOL; 0 or 1"), odd));
}

fn shapes(all: &mut Vec<Body>) {
    for shape in [
        "[-1]",
        "[1,-1]",
        "[1.0]",
        "[1e0]",
        "[true]",
        "[null]",
        "[\"1\"]",
        "[[1]]",
        "[{}]",
        "[9223372036854775808]",
        "[18446744073709551616]",
        "[-9223372036854775809]",
        "[4294967296,4294967296]",
        "[0,9223372036854775807,3]",
        "[3037000500,3037000500]",
        "[9223372036854775807]",
        "[65536,65536,65536,65536]",
        "[1000000]",
        "[10001]",
        "[1,1,1,1,1,1,1,1,1]",
        "[0,0,0,0,0,0,0,0,0]",
    ] {
        let body = tensor("FP32", shape, "[1]");
        all.push(of(format!("shape {shape}"), body.into(), None));
        // With the data first, what the shape claims is not reserved either.
        let body = format!(r#"{{"inputs":[{{"name":"x","data":[1],"datatype":"FP64","shape":{shape}}}]}}"#);
        all.push(of(format!("data, then shape {shape}"), body.into(), None));
        all.push(sized(format!("binary shape {shape}"), DataType::Bool, shape, None, &[1]));
    }
    for shape in ["null", "1", "{}", "\"[1]\"", "[1", "[1,]", "[,]", "[1 1]"] {
        let body = of(format!("shape {shape}"), tensor("FP32", shape, "[1]").into(), None);
        all.push(saying(Says::Anything, body));
    }
}

fn nesting(all: &mut Vec<Body>) {
    for (shape, data) in [
        ("[4]", "[[1,2],[3,4]]"),
        ("[2,2]", "[[1,2,3],[4]]"),
        ("[2,2]", "[[1,2],[3,4],[5,6]]"),
        ("[2,2]", "[[1,2]]"),
        ("[2,2]", "[[1,2],3,4]"),
        ("[2,2]", "[1,2,[3,4]]"),
        ("[2,2]", "[[1,2],[3,[4]]]"),
        ("[2,2]", "[[[1,2],[3,4]]]"),
        ("[2,2]", "[[],[]]"),
        ("[2,2,1]", "[[1,2],[3,4]]"),
        ("[]", "[[1]]"),
        ("[1]", "[[1]]"),
        ("[0]", "[[]]"),
        ("[2,0]", "[[]]"),
        ("[2,0]", "[[],[],[]]"),
        ("[2,0]", "[[1],[]]"),
        ("[1,1,1]", "[[[1],[1]]]"),
    ] {
        all.push(of(format!("{data} for {shape}"), tensor("FP32", shape, data).into(), None));
    }
}

/// Fields that are not there, and datatypes that are none.
fn fields(all: &mut Vec<Body>) {
    let fields = [r#""name":"x""#, r#""datatype":"FP32""#, r#""shape":[1]"#, r#""data":[1]"#];
    for missing in 0..fields.len() {
        let kept: Vec<_> =
            fields.iter().enumerate().filter(|(at, _)| *at != missing).map(|(_, f)| *f).collect();
        let body = of(
            format!("without {}", fields[missing]),
            format!(r#"{{"inputs":[{{{}}}]}}"#, kept.join(",")).into(),
            None,
        );
        all.push(saying(Says::Anything, body));
    }
    for datatype in ["", "fp32", "FLOAT", "FP8", "STRING", "INT", "UINT128", "BYTES ", "TYPE_FP32", "INVALID"]
    {
        all.push(of(format!("datatype '{datatype}'"), tensor(datatype, "[1]", "[1]").into(), None));
    }
    let long = "y".repeat(300);
    all.push(of("a long datatype".to_owned(), tensor(&long, "[1]", "[1]").into(), None));
    for size in [
        "-1",
        "1.5",
        "\"4\"",
        "true",
        "[4]",
        "18446744073709551615",
        "9223372036854775807",
        "99999999999999999999",
    ] {
        all.push(sized(format!("binary_data_size {size}"), DataType::Fp32, "[1]", Some(size), &[0; 4]));
    }
}

/// Arrays and objects in each other, wherever one may stand.
fn depths(all: &mut Vec<Body>) {
    for depth in [13, 200, 20_000] {
        let open = "[".repeat(depth);
        let closed = format!("{open}{}", "]".repeat(depth));
        let objects = format!("{}1{}", "{\"a\":".repeat(depth.min(9000)), "}".repeat(depth.min(9000)));
        for (place, body) in [
            ("an unknown field", format!(r#"{{"x":{closed}}}"#)),
            ("an unknown field, open", format!(r#"{{"x":{open}"#)),
            ("objects", format!(r#"{{"x":{objects}}}"#)),
            ("a parameter", format!(r#"{{"parameters":{{"p":{closed}}}}}"#)),
            ("an unknown field of a tensor", format!(r#"{{"inputs":[{{"x":{closed}}}]}}"#)),
            ("data without a type", format!(r#"{{"inputs":[{{"data":{closed}}}]}}"#)),
            ("the body", closed.clone()),
        ] {
            all.push(saying(Says::Anything, of(format!("{depth} deep: {place}"), body.into(), None)));
        }
        for shape in ["[1]", "[1,1,1,1,1,1,1,1]"] {
            all.push(of(
                format!("{depth} deep: data of {shape}"),
                tensor("INT8", shape, &closed).into(),
                None,
            ));
        }
    }
}

fn headers(all: &mut Vec<Body>) {
    let good = binary(DataType::Fp32);
    let length = good.header.unwrap_or(0);
    let ends = [0, 1, length - 1, length + 1, length + 7, length + 8, length + 9, 1 << 40, usize::MAX];
    for header in ends.map(Some).into_iter().chain([None]) {
        let body = of(format!("header {header:?} for {length}"), good.bytes.clone(), header);
        all.push(saying(Says::Anything, body));
    }
    for header in [0, 5, 1000] {
        let body = of(format!("header {header} for no body"), Vec::new(), Some(header));
        all.push(saying(Says::Anything, body));
    }
    let plain = tensor("FP32", "[1]", "[1]");
    let behind = of("binary data of nobody".to_owned(), format!("{plain}abcd").into(), Some(plain.len()));
    all.push(saying(Says::Words("4 bytes of the body belong to no tensor"), behind));
}

/// BYTES whose lengths lie.
fn packed(all: &mut Vec<Body>) {
    for (what, tail) in [
        ("half a length", &b"\x01\0"[..]),
        ("a length without its bytes", b"\x01\0\0\0"),
        ("the largest length", b"\xff\xff\xff\xffab"),
        ("a length into the next", b"\x06\0\0\0ab\0\0\0\0a"),
        ("a length big-endian", b"\0\0\0\x02ab\0\0\0\0"),
        ("three", b"\0\0\0\0\0\0\0\0\0\0\0\0"),
        ("one", b"\0\0\0\0"),
        ("bytes behind", b"\0\0\0\0\0\0\0\0a"),
        ("none", b""),
    ] {
        all.push(sized(format!("BYTES: {what}"), DataType::Bytes, "[2]", None, tail));
    }
}

/// What is no UTF-8, wherever text may stand.
fn encodings(all: &mut Vec<Body>) {
    for bad in
        [&b"\xff"[..], b"\xc3", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"]
    {
        for (place, head, rest) in [
            ("a name", r#"{"inputs":[{"name":""#, r#"","datatype":"BOOL","shape":[0],"data":[]}]}"#),
            ("an element", r#"{"inputs":[{"name":"x","datatype":"BYTES","shape":[1],"data":[""#, r#""]}]}"#),
            ("the end", r#"{"inputs":[{"name":"x","datatype":"BOOL","shape":[0],"data":[]}]}"#, ""),
        ] {
            let bytes = [head.as_bytes(), bad, rest.as_bytes()].concat();
            let body = of(format!("{bad:?} in {place}"), bytes, None);
            all.push(saying(Says::Words("not valid UTF-8"), body));
        }
    }
}
