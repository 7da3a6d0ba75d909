//! `orrery data` on the sample.

use crate::program::{Program, sample, text};

#[test]
fn a_file_is_imported_once_listed_deleted_and_brought_back() {
    let program = Program::new();
    let data = sample();
    let first = program.document(&["data", "import", &data]);
    let id = first["dataset"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(first["dataset"]["rows"], 10_000);
    assert_eq!(program.document(&["data", "import", &data])["dataset"]["id"], id.as_str());
    let listed = program.document(&["data", "list"]);
    assert_eq!(listed["datasets"].as_array().map(Vec::len), Some(1));
    assert!(program.run(&["data", "delete", &id[..8]]).status.success());
    assert_eq!(program.document(&["data", "list"])["datasets"], serde_json::json!([]));
    assert!(program.run(&["data", "restore", &id]).status.success());
    let listed = text(&program.run(&["data", "list"]).stdout);
    assert!(listed.contains(&id[..12]) && listed.contains("10,000"), "{listed}");
}

#[test]
fn a_profile_names_every_column_and_takes_types() {
    let program = Program::new();
    let data = sample();
    let profile =
        program.document(&["data", "profile", &data, "--target", "late", "--types", "month=category"]);
    let columns = profile["columns"].as_array().expect("columns");
    assert_eq!((columns.len(), &profile["target"]), (25, &"late".into()));
    assert_eq!((&columns[0]["name"], &columns[0]["type"]), (&"month".into(), &"category".into()));
    let shown = text(&program.run(&["data", "profile", &data]).stdout);
    assert!(shown.contains("wind_gust") && shown.contains("Missing"), "{shown}");
}
