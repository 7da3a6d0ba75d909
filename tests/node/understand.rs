//! Rows sent to a node: what turns an answer, what matters over all of them, and a report of several versions.

use serde_json::{Value, json};

use super::{Node, rows, start, train, with_model};
use crate::program::text;

fn found(node: &Node, path: &str, asked: &Value) -> Value {
    let answer = node.post(path, &asked.to_string());
    assert_eq!(answer.status, 200, "{asked}: {}", text(&answer.body));
    answer.json()
}

fn refused(node: &Node, path: &str, asked: &Value, words: &str) {
    let answer = node.post(path, &asked.to_string());
    assert_eq!(answer.status, 400, "{asked}");
    let detail = answer.json()["detail"].as_str().expect("a detail").to_owned();
    assert!(detail.contains(words), "{asked}: {detail}");
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("no number: {value}"))
}

#[test]
fn what_turns_an_answer_is_found_among_the_rows_that_are_sent() {
    let program = with_model("trees");
    let node = start(&program, &[]);
    let ask = |more: Value| {
        let mut asked = json!({ "model": "trees", "method": "counterfactual", "rows": rows(false) });
        let more = more.as_object().expect("an object").clone();
        asked.as_object_mut().expect("an object").extend(more);
        asked
    };
    let explain = "/api/ml/explain";
    let turned = found(&node, explain, &ask(json!({ "wanted": "yes" })));
    assert_eq!((&turned["found"], &turned["wanted"]), (&json!("counterfactuals"), &json!("yes")));
    assert_eq!(turned["check"], json!({ "name": "validity", "value": 0.0, "limit": 0.0, "passed": true }));
    let sent = rows(false);
    for (place, row) in turned["rows"].as_array().expect("rows").iter().enumerate() {
        // From 6 on the answer is yes anyway.
        assert_eq!(row["already"], json!(place >= 5), "{row}");
        if place >= 5 {
            continue;
        }
        let mut changed = sent[place].clone();
        for change in row["nearest"]["changes"].as_array().expect("changes") {
            changed[change["column"].as_str().expect("a name")] = change["to"].clone();
        }
        let again = found(&node, explain, &json!({ "model": "trees", "rows": [changed] }));
        assert!(number(&again["rows"][0]["prediction"]) > 0.0, "the changed row is a yes: {changed}");
    }
    // The other column turns nothing, and that is said.
    let fixed = found(&node, explain, &ask(json!({ "wanted": "yes", "columns": ["c"] })));
    assert_eq!((&fixed["rows"][0]["nearest"], &fixed["check"]["passed"]), (&Value::Null, &json!(false)));
    // One row needs others beside it.
    let one = ask(json!({ "rows": [sent[0].clone()] }));
    refused(&node, explain, &one, "background");
    let beside = found(&node, explain, &ask(json!({ "rows": [sent[0].clone()], "background": sent })));
    assert_eq!(beside["rows"][0]["nearest"]["changes"][0]["column"], "x", "{beside}");
    refused(&node, explain, &ask(json!({ "wanted": "maybe" })), "no class 'maybe'");
    refused(&node, explain, &ask(json!({ "columns": ["z"] })), "no column 'z'");
    assert_eq!(node.end(), Some(0));
}

#[test]
fn what_matters_over_the_rows_that_are_sent() {
    let program = with_model("trees");
    let node = start(&program, &[]);
    let explain = "/api/ml/explain";
    let asked = |method: &str, target: bool| json!({ "model": "trees", "method": method, "rows": rows(target), "repeats": 3, "columns": [] });
    let importance = found(&node, explain, &asked("permutation-importance", true));
    assert_eq!((&importance["found"], &importance["metric"]), (&json!("importance"), &json!("auroc")));
    assert!(number(&importance["whole"]) > 0.999, "{importance}");
    let columns = importance["columns"].as_array().expect("columns");
    assert_eq!(columns[0]["column"], "x", "what decides comes first: {importance}");
    assert!(number(&columns[0]["importance"]["value"]) > number(&columns[1]["importance"]["value"]));
    assert_eq!(columns[0]["repeats"].as_array().map(Vec::len), Some(3));
    refused(&node, explain, &asked("permutation-importance", false), "Send 'y' with the rows");
    for method in ["permutation-importance", "partial-dependence"] {
        let mut beside = asked(method, true);
        beside["background"] = json!(rows(false));
        refused(&node, explain, &beside, "no background");
    }
    let mut many = asked("permutation-importance", true);
    many["repeats"] = json!(1000);
    refused(&node, explain, &many, "2 to 100 times");

    let mut moved = asked("partial-dependence", false);
    moved["columns"] = json!(["x"]);
    let dependence = found(&node, explain, &moved);
    assert_eq!((&dependence["found"], &dependence["class"]), (&json!("dependence"), &json!("yes")));
    let columns = dependence["columns"].as_array().expect("columns");
    assert_eq!((columns.len(), &columns[0]["column"]), (1, &json!("x")));
    let grid = columns[0]["grid"].as_array().expect("a grid");
    let (first, last) = (&grid[0], &grid[grid.len() - 1]);
    assert!(number(&first["x"]) < number(&last["x"]) && number(&first["mean"]) < 0.0, "{dependence}");
    assert!(number(&last["mean"]) > 0.0, "{dependence}");
    assert_eq!(
        (&dependence["against"]["rows"], &dependence["against"]["of"]),
        (&json!(10), &json!("the rows of the request"))
    );
    assert_eq!(node.end(), Some(0));
}

#[test]
fn several_versions_are_reported_on_together() {
    let program = with_model("small");
    train(&program, "small", "linear");
    train(&program, "small", "gbt");
    let node = start(&program, &[]);
    for version in ["1", "2"] {
        let body = json!({ "parameters": { "version": version } }).to_string();
        assert_eq!(node.post("/v2/repository/models/small/load", &body).status, 200);
    }
    let compare = "/api/ml/models/compare";
    let version = |version: u32| json!({ "model": "small", "version": version });
    let many: Vec<Value> = (0..20).flat_map(|_| rows(true)).collect();
    let report = found(
        &node,
        compare,
        &json!({
            "versions": [version(1), version(2), version(3)],
            "rows": many, "metric": "log_loss", "slice_columns": ["c"], "min_slice_rows": 20,
        }),
    );
    assert_eq!((&report["metric"], &report["rows"]["used"]), (&json!("log_loss"), &json!(200)));
    let models = report["models"].as_array().expect("versions");
    assert_eq!(models.iter().map(|one| &one["model"]).collect::<Vec<_>>(), ["small:1", "small:2", "small:3"]);
    for model in models {
        assert!(model["calibration"]["brier"].is_object() && number(&model["latency"]["median_secs"]) > 0.0);
    }
    assert_eq!(models[1]["slices"]["asked"].as_array().map(Vec::len), Some(2), "{}", models[1]["slices"]);
    let pairs = report["pairs"].as_array().expect("pairs");
    assert_eq!(pairs.len(), 3);
    // Three tests were made, and the smallest p counts three times.
    let smallest = pairs.iter().map(|pair| number(&pair["verdict"]["p"])).fold(1.0, f64::min);
    let adjusted = pairs.iter().map(|pair| number(&pair["verdict"]["p_adjusted"])).fold(1.0, f64::min);
    assert!((adjusted - (3.0 * smallest).min(1.0)).abs() < 1e-12, "{smallest} {adjusted}");
    // The same trees twice are not told apart; the pair's figures are those of the question for two.
    assert_eq!(pairs[1]["verdict"]["better"], "not_distinguishable", "{}", pairs[1]["verdict"]);
    let two = found(&node, compare, &json!({ "a": version(1), "b": version(2), "rows": many }));
    let (ours, theirs) = (&pairs[0]["metrics"], &two["metrics"]);
    assert_eq!(ours.as_array().map(Vec::len), Some(8), "{ours}");
    for (ours, theirs) in ours.as_array().into_iter().flatten().zip(theirs.as_array().into_iter().flatten()) {
        assert_eq!(ours["metric"], theirs["metric"]);
        assert!((number(&ours["a"]) - number(&theirs["a"])).abs() < 1e-9, "{ours} {theirs}");
        assert!((number(&ours["b"]) - number(&theirs["b"])).abs() < 1e-9, "{ours} {theirs}");
    }
    assert_eq!(pairs[0]["mcnemar"], two["mcnemar"]);

    for (asked, words) in [
        (json!({ "versions": [version(1)], "rows": many }), "2 to 8 versions, and 1"),
        (json!({ "versions": [version(1), version(1)], "rows": many }), "given twice"),
        (json!({ "versions": [version(1), version(2)], "rows": rows(false) }), "Send 'y' with the rows"),
        (json!({ "versions": [version(1), version(2)], "rows": many, "metric": "rmse" }), "no metric of"),
        (json!({ "a": version(1), "versions": [version(1), version(2)], "rows": many }), "two to eight"),
        (json!({ "a": version(1), "rows": many }), "two to eight"),
    ] {
        refused(&node, compare, &asked, words);
    }
    assert_eq!(node.end(), Some(0));
}
