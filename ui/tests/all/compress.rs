//! Page Compress: what was made and what it cost, the question before, and what goes on.

use std::sync::Arc;

use egui::Role;
use egui_kittest::kittest::Queryable;
use orrery_domain::{
    Command, Failure, FailureClass, ModelRef,
    compress::{
        Calibration, CompressMethod, DistilConfig, PruneConfig, PruneCriterion, PruneStructure,
        QuantizeConfig, QuantizeScheme, Student,
    },
    run::Progress,
    snapshot::{JobEntry, JobKind, JobOutcome},
    training::ModelKind,
};
use orrery_ui::route::PageId;

use crate::support::{
    fixture,
    harness::{click_role, fill, settle, window},
};

fn tabm(version: u32) -> ModelRef {
    ModelRef { name: "flights-tabm".to_owned(), version }
}

#[test]
fn without_a_network_there_is_nothing_to_compress() {
    let (mut first, _) = window(fixture::empty(), PageId::Compress);
    assert!(first.query_by_label("Nothing was compressed yet").is_some());
    click_role(&mut first, Role::Button, "Train");
    assert!(first.query_by_label("Nothing was compressed yet").is_none());
    let mut snapshot = fixture::busy();
    Arc::make_mut(&mut snapshot.models).retain(|entry| entry.compressed_from.is_none());
    let (mut second, _) = window(snapshot, PageId::Compress);
    click_role(&mut second, Role::Button, "Compress…");
    assert!(second.query_by_label("Make a model smaller").is_some());
}

#[test]
fn a_quantized_model_tells_what_got_better_and_what_got_worse() {
    let (window, _) = window(fixture::busy(), PageId::Compress);
    assert!(window.query_by_label_contains("made from flights-tabm:1: Static int8").is_some());
    assert!(window.query_by_label_contains("On disk 0.26").is_some());
    assert!(window.query_by_label_contains("One row: 1.21 times what it was (slower)").is_some());
    assert!(window.query_by_label_contains("64 rows: 0.54 times what it was (faster)").is_some());
    assert!(window.query_by_label_contains("AUROC: -0.000410, not distinguishable").is_some());
    assert!(window.query_by_label_contains("Kept as floats, within the budget: head.weight").is_some());
    assert!(window.query_by_label("2 of 3 layers in whole numbers").is_some());
}

#[test]
fn the_question_takes_only_what_makes_sense() {
    let (mut window, engine) = window(fixture::busy(), PageId::Compress);
    click_role(&mut window, Role::Button, "Compress…");
    click_role(&mut window, Role::RadioButton, "Weights in 4 bits");
    fill(&mut window, "Block", "1");
    settle(&mut window);
    assert!(window.query_by_label("From 2 to 65,536 inputs").is_some());
    fill(&mut window, "Block", "32");
    fill(&mut window, "Loss budget", "-1");
    settle(&mut window);
    assert!(window.query_by_label("A percentage, 0 or more").is_some());
    click_role(&mut window, Role::RadioButton, "Static int8");
    click_role(&mut window, Role::RadioButton, "Least error");
    fill(&mut window, "Loss budget", "0.5");
    settle(&mut window);
    engine.asked();
    click_role(&mut window, Role::Button, "Make it");
    let config = QuantizeConfig {
        scheme: QuantizeScheme::StaticInt8,
        calibration: Calibration::Mse,
        loss_budget: Some(0.005),
        ..QuantizeConfig::default()
    };
    let method = Box::new(CompressMethod::Quantize(config));
    assert_eq!(engine.asked(), [Command::Compress { model: tabm(1), method }]);
    assert!(window.query_by_label("Make a model smaller").is_none(), "the question is closed");
}

#[test]
fn pruning_and_distillation_are_asked_for_with_their_own_fields() {
    let (mut window, engine) = window(fixture::busy(), PageId::Compress);
    click_role(&mut window, Role::Button, "Compress…");
    click_role(&mut window, Role::RadioButton, "Prune");
    fill(&mut window, "Share", "100");
    settle(&mut window);
    assert!(window.query_by_label("Above 0 and below 100").is_some());
    fill(&mut window, "Share", "40");
    click_role(&mut window, Role::RadioButton, "L2 norm");
    settle(&mut window);
    engine.asked();
    click_role(&mut window, Role::Button, "Make it");
    let config = PruneConfig {
        share: 0.4,
        structure: PruneStructure::Units,
        criterion: PruneCriterion::L2,
        ..PruneConfig::default()
    };
    let method = Box::new(CompressMethod::Prune(config));
    assert_eq!(engine.asked(), [Command::Compress { model: tabm(1), method }]);

    click_role(&mut window, Role::Button, "Compress…");
    click_role(&mut window, Role::RadioButton, "Distil");
    fill(&mut window, "Widths", "32, sixty");
    settle(&mut window);
    assert!(window.query_by_label("From 1 to 8,192, with commas between").is_some());
    fill(&mut window, "Widths", "16");
    fill(&mut window, "Temperatures", "3");
    settle(&mut window);
    engine.asked();
    click_role(&mut window, Role::Button, "Make it");
    let config = DistilConfig {
        students: vec![Student { kind: ModelKind::Mlp, width: Some(16), depth: Some(2) }],
        temperatures: vec![3.0],
        ..DistilConfig::default()
    };
    let method = Box::new(CompressMethod::Distil(config));
    assert_eq!(engine.asked(), [Command::Compress { model: tabm(1), method }]);
}

#[test]
fn what_goes_on_can_be_cancelled_and_what_failed_says_why() {
    let mut snapshot = fixture::busy();
    let job = |id, outcome| JobEntry {
        id,
        kind: JobKind::Compress {
            model: tabm(1),
            method: Box::new(CompressMethod::Quantize(QuantizeConfig::default())),
        },
        progress: Progress { phase: "Measuring what each layer costs".to_owned(), ..Progress::default() },
        started_at: fixture::NOW,
        outcome,
    };
    let failure = Failure::new(FailureClass::Client, "No layer can be quantized within 0.000 % more loss.");
    let jobs = Arc::make_mut(&mut snapshot.jobs);
    jobs.insert(0, job(901, Some(JobOutcome::Failed { failure })));
    jobs.insert(0, job(900, None));
    let (mut window, engine) = window(snapshot, PageId::Compress);
    assert!(window.query_by_label_contains("No layer can be quantized").is_some());
    engine.asked();
    click_role(&mut window, Role::Button, "Cancel this compression");
    assert_eq!(engine.asked(), [Command::CancelJob { job: 900 }]);
}
