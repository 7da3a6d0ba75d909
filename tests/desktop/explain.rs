//! Page Explain in the real window: a network explained, the answer saved in every format, a row edited, a long explanation cancelled.

use std::{fs, path::Path};

use egui::accesskit::Role;
use serde_json::Value;

use super::{pictures::Pictures, prepared, window::Window};
use crate::program::Program;

#[test]
fn a_network_is_explained_saved_edited_and_a_long_explanation_is_cancelled() {
    let program = prepared::with_network();
    let mut pictures = Pictures::of(program.home());
    let mut window = Window::open(program.home(), "1440x900", &["--page", "explain"]);

    window.wait_text("What is explained", 60);
    window.press("Explain model");
    window.wait_text("Beeswarm", 120);
    window.wait_text("The parts add up", 20);
    pictures.take(&mut window, "explain");

    window.scroll_to("Export importance");
    for (words, ending) in [("Values as CSV…", "csv"), ("Picture as SVG…", "svg"), ("Picture as PNG…", "png")]
    {
        let file = program.home().with_file_name(format!("saved.{ending}"));
        window.press("Export importance");
        window.press(words);
        window.answer_path(&file);
        window.wait_text(&format!("Saved {}.", file.display()), 20);
    }
    check_saved(&program);

    window.scroll_to("What is explained");
    window.press("One row");
    window.wait_text("Row 0: from", 20);
    window.activate("Explain the edited row");
    window.wait_text("Edited row: from", 60);
    pictures.take(&mut window, "explain-row");

    window.click(Role::ComboBox, "Method");
    window.press("Kernel SHAP");
    window.fill("How many rows", "1500");
    window.press("Explain model");
    window.wait_text("Progress of the explanation", 60);
    window.activate("Cancel this explanation");
    window.wait_text("State: Cancelled", 60);
}

/// The files hold what the command finds of the same rows.
fn check_saved(program: &Program) {
    let saved = |ending: &str| program.home().with_file_name(format!("saved.{ending}"));
    let read = |file: &Path| fs::read_to_string(file).expect("text");
    let values = read(&saved("csv"));
    let mut lines = values.lines();
    assert_eq!(lines.next(), Some("column,importance,low,high"));
    let asked = ["explain", "--model", "flights-mlp", "--rows", "0..300", "--quick"];
    let report = program.document(&asked);
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 300);
    let mut columns = 0_usize;
    for line in lines {
        let cells: Vec<&str> = line.split(',').collect();
        let part = |row: &Value| row["attributions"][cells[0]].as_f64().expect("a part").abs();
        let mean = rows.iter().map(part).sum::<f64>() / 300.0;
        let importance: f64 = cells[1].parse().expect("a number");
        assert!((importance - mean).abs() <= 1e-3 * mean + 1e-6, "{line}: {mean} by the command");
        columns += 1;
    }
    let card = &program.document(&["models", "show", "flights-mlp"])["card"];
    assert_eq!(
        Some(columns),
        card["features"].as_array().map(Vec::len),
        "every column that the network takes"
    );

    let first = values.lines().nth(1).and_then(|line| line.split(',').next()).expect("a column");
    let drawing = read(&saved("svg"));
    assert!(drawing.contains("<svg") && drawing.contains(first), "{drawing:.200}");
    let picture = image::open(saved("png")).expect("a PNG");
    assert!(picture.width() > 300 && picture.height() > 100, "{}x{}", picture.width(), picture.height());
}
