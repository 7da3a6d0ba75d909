//! Pictures in the window: previews by class, the form of networks over pictures, and heat maps of explanations.

use std::sync::Arc;

use egui::Role;
use egui_kittest::{Harness, kittest::Queryable};
use orrery_domain::{
    Command, Snapshot,
    dataset::{ColumnSchema, ColumnType, Dataset},
    explain::{
        Against, Attributions, ExplainCheck, ExplainMethod, ExplainScale, Explanation, Findings,
        RowExplanation,
    },
    image::ImageShape,
    profile::{PictureSample, Profile, SamplePicture},
    snapshot::DatasetEntry,
    training::ModelKind,
};
use orrery_ui::route::PageId;

use crate::{
    pictures::picture,
    support::{
        fixture,
        harness::{State, click_role, settle, sized, tall},
    },
};

const SHAPE: ImageShape = ImageShape { width: 8, height: 8, channels: 1 };

/// Three digits as drawn on paper of 8 by 8.
const DIGITS: [(&str, [&str; 8]); 3] = [
    ("0", ["  ####  ", " ##  ## ", " ##  ## ", " #    # ", " #    # ", " ##  ## ", " ##  ## ", "  ####  "]),
    ("1", ["   ##   ", "  ###   ", " # ##   ", "   ##   ", "   ##   ", "   ##   ", "   ##   ", "  ####  "]),
    ("7", [" ###### ", "     ## ", "    ##  ", "    ##  ", "   ##   ", "   ##   ", "  ##    ", "  ##    "]),
];

/// Values of a digit, with noise of its own.
fn values(digit: usize, copy: usize) -> Vec<f32> {
    let ink = DIGITS[digit].1.iter().flat_map(|line| line.bytes());
    let value = |(at, byte): (usize, u8)| {
        let noise = fixture::explained::noise(copy + 1, at) as f32;
        if byte == b'#' { 11.0 + 5.0 * noise } else { 2.0 * noise }
    };
    ink.enumerate().map(|(at, byte)| value((at, byte)).round()).collect()
}

/// The busy workspace with pictures of digits as its first dataset.
fn workspace(word: &str) -> Snapshot {
    let mut snapshot = fixture::busy();
    let entry = &snapshot.datasets[0];
    let mut dataset: Dataset = (*entry.dataset).clone();
    let column = |name: String, kind| ColumnSchema { name, kind, overridden: false };
    "digits".clone_into(&mut dataset.name);
    dataset.rows = 1797;
    (dataset.bad_rows, dataset.bad_row_list) = (0, Vec::new());
    dataset.columns = vec![column("class".to_owned(), ColumnType::Category)];
    dataset.columns.extend(SHAPE.columns().into_iter().map(|name| column(name, ColumnType::Integer)));
    let pictures = (0..3).flat_map(|digit| {
        (0..8).map(move |copy| SamplePicture {
            row: (digit * 40 + copy * 5) as u64,
            class: Some(DIGITS[digit].0.to_owned()),
            values: values(digit, digit * 8 + copy),
        })
    });
    let profile = Profile {
        columns: Vec::new(),
        warnings: Vec::new(),
        preview: Vec::new(),
        target: Some("class".to_owned()),
        task: Some(orrery_domain::training::Task::Multiclass),
        pictures: Some(PictureSample { shape: SHAPE, pictures: pictures.collect() }),
        ..(**entry.profile.as_ref().expect("profiled")).clone()
    };
    let entry = DatasetEntry { dataset: Arc::new(dataset), profile: Some(Arc::new(profile)), deleted: false };
    snapshot.datasets = Arc::new(vec![entry]);
    let mut models = (*snapshot.models).clone();
    models[0].kind = ModelKind::Cnn;
    snapshot.models = Arc::new(models);
    snapshot.explanation = Some(Arc::new(fixture::explained::state(fixture::flights().id, occlusion())));
    snapshot.window_state = Some(format!(r#"{{"theme":"{word}"}}"#).into());
    snapshot
}

/// Occlusion of six digits: ink speaks for the class, one stroke of each against it.
fn occlusion() -> Findings {
    let row = |row: usize| {
        let digit = row % 3;
        let values = values(digit, row);
        let figure = |(at, value): (usize, &f32)| {
            let sign = if at / 8 == 2 { -0.6 } else { 1.0 };
            (SHAPE.columns()[at].clone(), sign * f64::from(*value) / 16.0 * 0.4)
        };
        RowExplanation {
            row: row as u64,
            prediction: 6.1,
            baseline: -2.3,
            attributions: Attributions(values.iter().enumerate().map(figure).collect()),
            standard_errors: None,
            values: values.iter().map(|value| Some(value.to_string())).collect(),
        }
    };
    Findings::Attributions(Explanation {
        totals: None,
        method: ExplainMethod::Occlusion,
        class: Some("0".to_owned()),
        scale: ExplainScale::LogOdds,
        rows: (0..6).map(row).collect(),
        check: ExplainCheck::new("deletion", 0.12, 0.5),
        checks: vec![
            ExplainCheck::new("sensitivity", 0.08, 0.5),
            ExplainCheck::new("randomized_weights", 0.04, 0.5),
        ],
        against: Some(Against::Background { rows: 100, of: "the training rows".to_owned(), seed: 0 }),
    })
}

fn said(window: &Harness<'static, State>, words: &str) {
    assert!(window.query_all_by_label_contains(words).next().is_some(), "{words}");
}

#[test]
fn a_dataset_of_pictures_shows_some_of_each_class() {
    for word in ["dark", "light"] {
        let (mut window, _) = sized(workspace(word), PageId::Data, egui::vec2(1280.0, 720.0));
        window.get_by_label("Pictures").click();
        settle(&mut window);
        said(&window, "Pictures: 24 pictures of 1,797, 8x8 of 3 classes");
        assert!(window.query_by_role_and_label(Role::Button, "Export pictures").is_some());
        picture(&mut window, &format!("data_pictures_{word}"));
    }
}

#[test]
fn networks_over_pictures_are_offered_with_their_variations_where_there_are_pictures() {
    let (mut window, _) = tall(workspace("dark"), PageId::Train);
    settle(&mut window);
    said(&window, "Convolutional network");
    let (others, _) = tall(fixture::busy(), PageId::Train);
    assert!(others.query_all_by_label_contains("Convolutional network").next().is_none());
    picture(&mut window, "train_pictures_dark");
}

#[test]
fn a_search_over_pictures_offers_their_networks_with_what_fits_them() {
    let (mut window, engine) = tall(workspace("dark"), PageId::Search);
    click_role(&mut window, Role::Button, "New search…");
    settle(&mut window);
    // The newest run was asked for another column: the class is the one that is no pixel.
    engine.asked();
    click_role(&mut window, Role::Button, "Start search");
    settle(&mut window);
    let asked = engine.asked();
    let found = asked.iter().find_map(|command| match command {
        Command::Search { space, config, .. } => Some((space, config)),
        _ => None,
    });
    let (space, config) = found.expect("a search");
    assert_eq!(config.target, "class");
    assert_eq!(space.models(), ["cnn"]);
    let names: Vec<&str> = space.0.iter().map(|parameter| parameter.name.as_str()).collect();
    assert_eq!(names, ["model", "learning_rate", "weight_decay", "dropout", "width"]);
    // With another family each has its own ranges.
    click_role(&mut window, Role::Button, "New search…");
    settle(&mut window);
    click_role(&mut window, Role::CheckBox, "Residual CNN");
    settle(&mut window);
    said(&window, "resnet-cnn.width");
    let (mut others, _) = tall(fixture::busy(), PageId::Search);
    click_role(&mut others, Role::Button, "New search…");
    settle(&mut others);
    assert!(others.query_by_role_and_label(Role::CheckBox, "Gradient-boosted trees").is_some());
    assert!(others.query_by_role_and_label(Role::CheckBox, "Residual CNN").is_none());
}

#[test]
fn an_explanation_of_pictures_is_a_heat_map_over_each() {
    for word in ["dark", "light"] {
        let (mut window, _) = sized(workspace(word), PageId::Explain, egui::vec2(1280.0, 1100.0));
        said(&window, "Covering the tenth of the pixels with the largest figures matters more");
        click_role(&mut window, Role::Tab, "One picture");
        said(&window, "Picture 0: answer 6.10, largest figure of a pixel 0.400");
        assert!(window.query_by_role_and_label(Role::Button, "Export picture 0").is_some());
        click_role(&mut window, Role::Button, "Row after");
        said(&window, "Picture 1: answer 6.10");
        picture(&mut window, &format!("explain_picture_{word}"));
        click_role(&mut window, Role::Tab, "All pictures");
        said(&window, "All pictures: mean of 6 pictures");
        assert!(window.query_by_role_and_label(Role::Tab, "One column").is_none());
        picture(&mut window, &format!("explain_pictures_{word}"));
    }
}
