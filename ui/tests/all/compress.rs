//! Page Compress: what was made and what it cost, the question before, and what goes on.

use std::sync::Arc;

use egui::Role;
use egui_kittest::kittest::Queryable;
use orrery_domain::{
    Command, Failure, FailureClass, ModelRef,
    compress::{
        Calibration, CompressMethod, CompressReport, DistilConfig, DistilTrial, LayerShape, PruneConfig,
        PruneCriterion, PruneRound, PruneStructure, QuantizeConfig, QuantizeScheme, Student,
    },
    run::Progress,
    snapshot::{JobEntry, JobKind, JobOutcome, Snapshot},
    training::ModelKind,
};
use orrery_ui::route::PageId;

use crate::pictures::picture;
use crate::support::{
    fixture,
    harness::{click_role, fill, settle, tall, window},
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

/// The fixture's smaller model, made another way.
fn made(method: CompressMethod, more: impl FnOnce(&mut CompressReport)) -> Snapshot {
    let mut snapshot = fixture::busy();
    let models = Arc::make_mut(&mut snapshot.models);
    let entry = models.iter_mut().find(|entry| entry.compressed_from.is_some()).expect("a smaller model");
    let card = Arc::make_mut(entry.card.as_mut().expect("a card"));
    let step = card.compressions.last_mut().expect("a step");
    step.method = method;
    step.report.layers.clear();
    more(&mut step.report);
    step.report.findings = step.report.find();
    snapshot
}

#[test]
fn a_pruned_model_shows_its_rounds_and_a_distilled_one_its_students() {
    let round = |parameters, valid_loss, kept| PruneRound { parameters, valid_loss, kept };
    let shape = |layer: &str, before: &[u64], after: &[u64]| LayerShape {
        layer: layer.to_owned(),
        before: before.to_vec(),
        after: after.to_vec(),
        zeros: 0,
    };
    let snapshot = made(CompressMethod::Prune(PruneConfig::default()), |report| {
        report.after.parameters = 106_752;
        report.rounds =
            vec![round(160_128, 0.4812, true), round(106_752, 0.4831, true), round(90_004, 0.5112, false)];
        report.shapes = vec![
            shape("layers.0.weight", &[236, 256], &[236, 173]),
            shape("layers.1.weight", &[256, 256], &[173, 99]),
            shape("head.weight", &[256, 1], &[99, 1]),
        ];
    });
    let (mut window, _) = tall(snapshot, PageId::Compress);
    assert!(
        window.query_by_label_contains("50% of the parameters, by units, by Taylor, in 5 rounds").is_some()
    );
    assert!(window.query_by_label("Parameters: 106,752 of 213,505 are left.").is_some());
    assert!(window.query_by_label_contains("The last round passed the budget").is_some());
    assert!(window.query_by_label("236 \u{d7} 173").is_some());
    assert!(window.query_by_label("Over the budget").is_some());
    picture(&mut window, "compress_pruned");

    let trial = |width: u32, temperature: Option<f64>, valid_loss, chosen| DistilTrial {
        student: format!("MLP 2 x {width}"),
        parameters: u64::from(width) * 300,
        temperature,
        taught: temperature.is_some(),
        valid_loss,
        chosen,
    };
    let snapshot = made(CompressMethod::Distil(DistilConfig::default()), |report| {
        report.trials = vec![
            trial(32, Some(1.0), 0.4902, false),
            trial(32, Some(4.0), 0.4841, true),
            trial(64, Some(1.0), 0.4838, false),
            trial(32, None, 0.4962, false),
        ];
    });
    let (mut window, _) = tall(snapshot, PageId::Compress);
    assert!(window.query_by_label_contains("2 x 64, by softened probabilities, 70 % of the loss").is_some());
    assert!(
        window
            .query_by_label("The same student without a teacher has 2.4% more loss on the validation rows.")
            .is_some()
    );
    assert!(window.query_by_label("Without teacher").is_some());
    picture(&mut window, "compress_distilled");
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
    fill(&mut window, "Train with rounding", "1001");
    fill(&mut window, "Size budget", "0");
    settle(&mut window);
    assert!(window.query_by_label("From 0 to 1,000").is_some());
    assert!(window.query_by_label("Above 0 and at most 100").is_some());
    fill(&mut window, "Train with rounding", "5");
    fill(&mut window, "Size budget", "25");
    settle(&mut window);
    engine.asked();
    click_role(&mut window, Role::Button, "Make it");
    let config = QuantizeConfig {
        scheme: QuantizeScheme::StaticInt8,
        calibration: Calibration::Mse,
        loss_budget: Some(0.005),
        size_budget: Some(0.25),
        epochs: 5,
        ..QuantizeConfig::default()
    };
    let method = Box::new(CompressMethod::Quantize(config));
    assert_eq!(engine.asked(), [Command::Compress { model: tabm(1), method }]);
    assert!(window.query_by_label("Make a model smaller").is_none(), "the question is closed");
}

#[test]
fn an_image_network_is_offered_for_quantization() {
    for kind in [ModelKind::Cnn, ModelKind::ResnetCnn] {
        let mut snapshot = fixture::busy();
        let models = Arc::make_mut(&mut snapshot.models);
        models.retain(|entry| entry.model == tabm(1));
        models[0].kind = kind;
        let (mut window, engine) = window(snapshot, PageId::Compress);
        click_role(&mut window, Role::Button, "Compress…");
        engine.asked();
        click_role(&mut window, Role::Button, "Make it");
        let method = Box::new(CompressMethod::Quantize(QuantizeConfig::default()));
        assert_eq!(engine.asked(), [Command::Compress { model: tabm(1), method }]);
    }
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
    fill(&mut window, "Hidden layer", "-1");
    settle(&mut window);
    assert!(window.query_by_label("From 0 to 10,000").is_some());
    fill(&mut window, "Hidden layer", "50");
    click_role(&mut window, Role::RadioButton, "Searched");
    settle(&mut window);
    assert!(window.query_by_label("Widths").is_none(), "no width is named");
    click_role(&mut window, Role::RadioButton, "Named");
    settle(&mut window);
    fill(&mut window, "Widths", "16");
    fill(&mut window, "Temperatures", "3");
    settle(&mut window);
    engine.asked();
    click_role(&mut window, Role::Button, "Make it");
    let config = DistilConfig {
        students: vec![Student { kind: ModelKind::Mlp, width: Some(16), depth: Some(2) }],
        temperatures: vec![3.0],
        features: 0.5,
        ..DistilConfig::default()
    };
    let method = Box::new(CompressMethod::Distil(config));
    assert_eq!(engine.asked(), [Command::Compress { model: tabm(1), method }]);
}

#[test]
fn a_student_over_pictures_is_asked_for_by_its_channels() {
    let (mut window, engine) = window(fixture::busy(), PageId::Compress);
    click_role(&mut window, Role::Button, "Compress…");
    click_role(&mut window, Role::RadioButton, "Distil");
    click_role(&mut window, Role::RadioButton, "Residual CNN");
    settle(&mut window);
    assert!(window.query_by_label("Widths").is_none(), "its size is said in channels");
    fill(&mut window, "Channels", "1025");
    settle(&mut window);
    assert!(window.query_by_label("From 1 to 1,024, with commas between").is_some());
    fill(&mut window, "Channels", "6");
    fill(&mut window, "Stages", "33");
    settle(&mut window);
    assert!(window.query_by_label("From 1 to 32").is_some());
    fill(&mut window, "Stages", "3");
    settle(&mut window);
    engine.asked();
    click_role(&mut window, Role::Button, "Make it");
    let students = vec![Student { kind: ModelKind::ResnetCnn, width: Some(6), depth: Some(3) }];
    let method = Box::new(CompressMethod::Distil(DistilConfig { students, ..DistilConfig::default() }));
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
