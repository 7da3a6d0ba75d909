//! Golden densities: Parzen estimators against Optuna's own (`tests/peers/search_tpe.py`).

use std::{collections::BTreeMap, path::Path};

use orrery_domain::search::{Parameter, Range, Value, Values};
use serde::Deserialize;

use super::tpe::Density;

#[derive(Deserialize)]
struct Golden {
    ranges: BTreeMap<String, Range>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    given: Given,
    expected: Vec<f64>,
}

#[derive(Deserialize)]
struct Given {
    names: Vec<String>,
    seen: Vec<Values>,
    asked: Vec<Values>,
}

#[test]
fn densities_are_optunas() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/search_parzen.json");
    let text = std::fs::read_to_string(path).expect("golden files are in the repository");
    let golden: Golden = serde_json::from_str(&text).expect("a golden file");
    assert!(golden.cases.len() > 40);
    for case in golden.cases {
        let parameters: Vec<Parameter> = case
            .given
            .names
            .iter()
            .map(|name| Parameter {
                name: name.clone(),
                range: golden.ranges[name].clone(),
                only: Vec::new(),
            })
            .collect();
        let parameters: Vec<&Parameter> = parameters.iter().collect();
        let density = Density::new(&parameters, &case.given.seen.iter().collect::<Vec<_>>());
        for (asked, expected) in case.given.asked.iter().zip(&case.expected) {
            let values: Vec<Value> = case.given.names.iter().map(|name| asked[name].clone()).collect();
            let ours = density.log(&values);
            // Optuna takes differences of masses, which lose digits in cells of a hundred millionth.
            assert!((ours - expected).abs() < 1e-6, "{:?}: {ours}, expected {expected}", case.given.names);
        }
    }
}
