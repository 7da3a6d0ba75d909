//! Pictures from the command line: an IDX pair and a folder of PNG files imported, networks trained on them, and what follows.

use std::path::Path;

use serde_json::Value;

use crate::program::{Program, put, text};

/// Side of the pictures.
const SIDE: usize = 8;

/// A picture of a line: class 0 falls, 1 rises, 2 lies; no two are alike.
fn picture(row: usize, class: usize) -> Vec<u8> {
    let shift = (row / 3 % 5) as i32 - 2;
    let mut values = Vec::new();
    for (y, x) in (0..SIDE as i32).flat_map(|y| (0..SIDE as i32).map(move |x| (y, x))) {
        let on = match class {
            0 => y + shift == x,
            1 => 7 - y + shift == x,
            _ => y == 4 + shift,
        };
        let noise = (row * 7919 + (y * 8 + x) as usize * 104_729) % 40;
        values.push(if on { 215 } else { 0 } + noise as u8);
    }
    values
}

fn idx(dimensions: &[usize], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    bytes.extend(dimensions.iter().flat_map(|size| (*size as u32).to_be_bytes()));
    bytes.extend(values);
    bytes
}

/// Writes an IDX pair of so many pictures; the pictures' file.
pub(super) fn pair(folder: &Path, name: &str, many: usize) -> String {
    let pixels: Vec<u8> = (0..many).flat_map(|row| picture(row, row % 3)).collect();
    let labels: Vec<u8> = (0..many).map(|row| (row % 3) as u8).collect();
    let images = folder.join(format!("{name}-images-idx3-ubyte"));
    put(&images, &idx(&[many, SIDE, SIDE], &pixels));
    put(&folder.join(format!("{name}-labels-idx1-ubyte")), &idx(&[many], &labels));
    images.to_str().expect("UTF-8").to_owned()
}

pub(super) fn accuracy(metrics: &Value) -> f64 {
    metrics["accuracy"]["value"].as_f64().expect("a number")
}

#[test]
fn networks_over_pictures_are_trained_served_explained_and_refused_where_they_do_not_fit() {
    let program = Program::new();
    let images = pair(program.home(), "train", 240);
    let imported = program.document(&["data", "import", &images]);
    assert_eq!(imported["dataset"]["source"]["format"], "idx");
    let sample = &imported["profile"]["pictures"];
    assert_eq!(
        (&sample["shape"]["width"], sample["pictures"].as_array().map(Vec::len)),
        (&8.into(), Some(24))
    );
    let begin = ["train", "--data", &images, "--target", "class", "--width", "8", "--epochs", "25"];
    for (model, name) in [("cnn", "lines"), ("resnet-cnn", "deep")] {
        let more = ["--model", model, "--name", name, "--augment-rotate", "5", "--learning-rate", "0.01"];
        let lines = program.lines(&[&begin, more.as_slice()].concat());
        let last = lines.last().expect("an end");
        assert_eq!(last["event"], "finished", "{last}");
        assert!(accuracy(&last["test"]) > 0.9, "{model}: {last}");
    }
    let card = &program.document(&["models", "show", "lines"])["card"];
    assert_eq!(card["features"].as_array().map(Vec::len), Some(64));
    assert_eq!((&card["kind"], &card["config"]["hyper"]["augment"]["rotate"]), (&"cnn".into(), &5.0.into()));

    // New pictures of another IDX pair, judged and predicted.
    let others = pair(program.home(), "t10k", 60);
    let judged = program.document(&["evaluate", "--model", "lines", "--data", &others]);
    assert!(accuracy(&judged["metrics"]) > 0.9, "{judged}");
    let out = program.home().join("predicted.csv");
    let predicted = program.document(&[
        "predict",
        "--model",
        "deep",
        "--data",
        &others,
        "--out",
        out.to_str().expect("UTF-8"),
    ]);
    assert_eq!(predicted["rows"], 60);

    // Explained, each method with its own check.
    for (method, check) in
        [("saliency", "slope"), ("occlusion", "deletion"), ("integrated-gradients", "completeness")]
    {
        let arguments =
            ["explain", "--model", "lines", "--method", method, "--rows", "0..4", "--background", "20"];
        let report = program.document(&arguments);
        assert_eq!((&report["method"], &report["check"]["name"]), (&method.into(), &check.into()));
        assert_eq!(report["check"]["passed"], true, "{}", report["check"]);
        let parts = report["rows"][0]["attributions"].as_object().expect("parts");
        assert_eq!((parts.len(), parts.contains_key("pixel_7_7")), (64, true));
        let named: Vec<&str> = report["checks"]
            .as_array()
            .expect("checks")
            .iter()
            .filter_map(|check| check["name"].as_str())
            .collect();
        assert!(named.contains(&"randomized_weights"), "{named:?}");
    }
    let printed =
        program.run(&["explain", "--model", "lines", "--method", "occlusion", "--rows", "0..1", "--quick"]);
    let printed = text(&printed.stdout);
    assert!(
        printed.contains("passed: Covering the tenth") && printed.contains("24 more columns"),
        "{printed}"
    );
    let refused = program.run(&["explain", "--model", "lines", "--method", "occlusion", "--samples", "9"]);
    assert!(text(&refused.stderr).contains("larger than pictures of 8x8"), "{}", text(&refused.stderr));
}

#[test]
fn a_network_over_pictures_is_quantized_judged_predicted_with_and_explained() {
    let program = Program::new();
    let images = pair(program.home(), "train", 240);
    let begin = ["train", "--data", &images, "--target", "class", "--width", "8", "--epochs", "25"];
    let more = ["--model", "cnn", "--name", "lines", "--augment-rotate", "5", "--learning-rate", "0.01"];
    program.lines(&[&begin, more.as_slice()].concat());
    let others = pair(program.home(), "t10k", 60);
    for (scheme, version, more) in [
        ("dynamic-int8", 2, &[][..]),
        ("static-int8", 3, &["--calibration", "mse"]),
        ("weight-int8", 4, &[]),
        ("weight-int4", 5, &["--block", "16", "--epochs", "2"]),
    ] {
        let report = program.document(&[&["quantize", "lines:1", "--scheme", scheme], more].concat());
        assert_eq!(report["model"], format!("lines:{version}"));
        let layers = report["layers"].as_array().expect("layers");
        let named: Vec<&str> = layers.iter().filter_map(|layer| layer["layer"].as_str()).collect();
        let expected = ["stages.0.conv.weight", "stages.1.conv.weight", "stages.2.conv.weight"];
        assert_eq!((&named[..3], &named[3..]), (&expected[..], &["hidden.weight", "head.weight"][..]));
        // Of the first layer there are 8 filters of one channel and 3 by 3 places.
        assert_eq!((&layers[0]["parameters"], &layers[0]["quantized"]), (&72.into(), &true.into()));
        assert!(report["agreement"].as_f64().is_some_and(|share| share > 0.9), "{scheme}: {report}");
        let bytes = |figures: &Value| figures["bytes"].as_f64().expect("bytes");
        assert!(bytes(&report["after"]) < bytes(&report["before"]), "{scheme}: {report}");
        assert_eq!(report["aware"].is_object(), scheme == "weight-int4", "{report}");
        let model = format!("lines:{version}");
        let judged = program.document(&["evaluate", "--model", &model, "--data", &others]);
        assert!(accuracy(&judged["metrics"]) > 0.85, "{scheme}: {judged}");
    }
    let size = |version: u32, name: &str| {
        let path = program.home().join(format!("models/lines/{version}/{name}"));
        std::fs::metadata(path).expect("a file").len() as f64
    };
    assert!(
        size(5, "weights.safetensors") < size(4, "weights.safetensors"),
        "half the bits, and a scale a block"
    );
    let folder = program.home().join("models/lines/3");
    assert!(folder.join("model.qdq.onnx").is_file() && !folder.join("weights.safetensors").exists());

    // It has no slopes: what needs them is asked of the network that it was made from.
    let refused = program.run(&["explain", "--model", "lines:3", "--method", "saliency"]);
    let said = text(&refused.stderr);
    assert!(said.contains("whole numbers") && said.contains("Explain lines:1"), "{said}");
    let report =
        program.document(&["explain", "--model", "lines:3", "--method", "occlusion", "--rows", "0..2"]);
    assert_eq!(report["rows"][0]["attributions"].as_object().map(serde_json::Map::len), Some(64));
}

#[test]
fn a_folder_of_png_files_is_imported_by_its_classes_and_trained_on() {
    let program = Program::new();
    let folder = program.home().join("lines");
    let names = ["falls", "rises", "lies"];
    for row in 0..90 {
        let place = folder.join(names[row % 3]);
        std::fs::create_dir_all(&place).expect("a folder");
        let side = SIDE as u32;
        let png = image::GrayImage::from_raw(side, side, picture(row, row % 3)).expect("as many values");
        png.save(place.join(format!("{row}.png"))).expect("written");
    }
    put(&folder.join("falls/notes.png"), b"no picture");
    let path = folder.to_str().expect("UTF-8");
    let imported = program.document(&["data", "import", path]);
    let dataset = &imported["dataset"];
    assert_eq!((&dataset["source"]["format"], &dataset["rows"]), (&"images".into(), &90.into()));
    assert_eq!(dataset["bad_rows"], 1, "what is no picture is left out and said: {dataset}");
    // The name of the file, its class, and a column for each pixel.
    assert_eq!(dataset["columns"].as_array().map(Vec::len), Some(SIDE * SIDE + 2), "{dataset}");
    let begin = ["train", "--data", path, "--target", "class", "--model", "cnn", "--width", "8"];
    let lines = program.lines(&[begin.as_slice(), &["--epochs", "1", "--name", "lines"]].concat());
    let last = lines.last().expect("an end");
    assert_eq!((&last["event"], &last["model"]), (&"finished".into(), &"lines:1".into()));
    let card = &program.document(&["models", "show", "lines"])["card"];
    assert_eq!(card["classes"], serde_json::json!(["falls", "lies", "rises"]));
    assert_eq!(card["lineage"]["dataset"], dataset["id"], "it is the dataset that was imported");
    // New files in the same kind of folder are answered.
    let out = program.home().join("predicted.csv");
    let out = out.to_str().expect("UTF-8");
    let predicted = program.document(&["predict", "--model", "lines", "--data", path, "--out", out]);
    assert_eq!(predicted["rows"], 90);
}

#[test]
fn columns_that_are_no_pixels_are_refused_with_the_way_out() {
    let program = Program::new();
    let table = program.home().join("table.csv");
    let mut lines = "a,b,c,d,y\n".to_owned();
    for row in 0..120 {
        let (a, b, c, d) = (row % 7, row % 5, row % 3, row % 11);
        let last = if a > 3 { "yes" } else { "no" };
        lines.extend([format!("{a},{b},{c},{d},{last}\n")]);
    }
    put(&table, lines.as_bytes());
    let table = table.to_str().expect("UTF-8");
    let train = |more: &[&str]| {
        program.run(
            &[&["train", "--data", table, "--target", "y", "--model", "cnn", "--epochs", "2"], more].concat(),
        )
    };
    let refused = train(&[]);
    assert!(text(&refused.stderr).contains("--image-shape WIDTHxHEIGHT"), "{}", text(&refused.stderr));
    let refused = train(&["--image-shape", "3x3"]);
    assert!(text(&refused.stderr).contains("9 values, and there are 4"), "{}", text(&refused.stderr));
    assert_eq!(train(&["--image-shape", "3x"]).status.code(), Some(2));
    assert_eq!(train(&["--augment-shift", "2"]).status.code(), Some(2));
    let done = train(&["--image-shape", "2x2"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
}

/// Scikit-learn's digits, where they are there: a few passes are enough for nine of ten.
#[test]
fn handwritten_digits_are_learnt_in_seconds() {
    let shared = std::env::var_os("ORRERY_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), std::path::PathBuf::from);
    let digits = shared.join("data/digits.parquet");
    if !digits.is_file() {
        println!("skipped: the digits are not there");
        return;
    }
    let program = Program::new();
    let digits = digits.to_str().expect("UTF-8");
    let arguments = ["train", "--data", digits, "--target", "target", "--split-column", "split"];
    let more = ["--model", "cnn", "--width", "16", "--epochs", "8"];
    let lines = program.lines(&[arguments.as_slice(), more.as_slice()].concat());
    let last = lines.last().expect("an end");
    assert!(last["event"] == "finished" && accuracy(&last["test"]) > 0.9, "{last}");
}
