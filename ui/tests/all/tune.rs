//! Page Tune: what was measured, the question before, and what is applied and undone.

use std::sync::Arc;

use egui::Role;
use egui_kittest::kittest::Queryable;
use orrery_domain::{
    Command, Failure, FailureClass, ModelRef,
    run::Progress,
    snapshot::{JobEntry, JobKind, JobOutcome},
    tune::{Figure, Goals, Limit, Pace, TuneAsk, Workload},
};
use orrery_ui::route::PageId;

use crate::pictures::picture;
use crate::support::{
    fixture,
    harness::{click_role, fill, settle, tall, window},
};

#[test]
fn without_a_tuning_the_page_teaches_what_to_do() {
    let (mut first, engine) = window(fixture::empty(), PageId::Tune);
    assert!(first.query_by_label("Nothing was tuned yet").is_some());
    assert!(engine.asked().contains(&Command::LoadTunings), "what other processes measured is read");
    click_role(&mut first, Role::Button, "Train");
    assert!(first.query_by_label("Nothing was tuned yet").is_none());
    let mut snapshot = fixture::busy();
    snapshot.tunings = Arc::default();
    let (mut second, _) = window(snapshot, PageId::Tune);
    picture(&mut second, "tune_first");
    click_role(&mut second, Role::Button, "Tune…");
    assert!(second.query_by_label("Find the best way to serve a model").is_some());
    picture(&mut second, "tune_question");
}

#[test]
fn a_tuning_shows_its_best_its_front_and_what_is_noisy() {
    for theme in ["dark", "light"] {
        let mut snapshot = fixture::busy();
        snapshot.window_state = Some(format!(r#"{{"theme":"{theme}"}}"#).into());
        let (mut window, _) = tall(snapshot, PageId::Tune);
        assert!(window.query_by_label_contains("flights-tabm:2 is in force").is_some());
        assert!(window.query_by_label_contains("1 of 19 measurements are noisy").is_some());
        assert!(window.query_by_label_contains("1 of 19 settings could not be measured").is_some());
        assert!(window.query_by_label_contains("on the Pareto front; best").is_some());
        picture(&mut window, &format!("tune_{theme}_tall"));
    }
}

#[test]
fn a_setting_is_applied_and_undone_only_after_a_question() {
    let (mut window, engine) = tall(fixture::busy(), PageId::Tune);
    engine.asked();
    click_role(&mut window, Role::Button, "Apply the best…");
    assert!(window.query_by_label_contains("no request is lost").is_some());
    picture(&mut window, "tune_apply");
    click_role(&mut window, Role::Button, "Not now");
    assert!(engine.asked().is_empty(), "nothing is changed");
    click_role(&mut window, Role::Button, "Apply the best…");
    click_role(&mut window, Role::Button, "Apply");
    let best = fixture::tuned::report("7f3a", 19).best;
    assert_eq!(engine.asked(), [Command::ApplyTuning { tuning: "7f3a".to_owned(), measurement: best }]);
    click_role(&mut window, Role::Button, "Undo what is applied…");
    click_role(&mut window, Role::Button, "Undo it");
    assert_eq!(engine.asked(), [Command::UndoTuning { model: "flights-tabm".to_owned() }]);
    click_role(&mut window, Role::Button, "Measure more");
    assert_eq!(engine.asked(), [Command::ResumeTuning { tuning: "7f3a".to_owned() }]);
}

#[test]
fn the_question_takes_only_what_makes_sense() {
    let (mut window, engine) = window(fixture::busy(), PageId::Tune);
    click_role(&mut window, Role::Button, "Tune…");
    fill(&mut window, "95% latency", "soon");
    assert!(window.query_by_label("A number above 0").is_some());
    fill(&mut window, "95% latency", "5");
    fill(&mut window, "99% latency", "12.5");
    fill(&mut window, "Median latency", "2");
    fill(&mut window, "Clients at once", "0");
    assert!(window.query_by_label("From 1 to 256").is_some());
    fill(&mut window, "Clients at once", "16");
    fill(&mut window, "Measurements", "12");
    click_role(&mut window, Role::CheckBox, "Batching delay");
    settle(&mut window);
    engine.asked();
    click_role(&mut window, Role::Button, "Measure");
    let model = ModelRef { name: "flights-tabm".to_owned(), version: 1 };
    let limit = |figure, ms: f64| Limit { figure, bound: ms * 1e-3 };
    let limits = vec![limit(Figure::P50, 2.0), limit(Figure::P95, 5.0), limit(Figure::P99, 12.5)];
    let ask = TuneAsk {
        workload: Workload { clients: 16, rows: 4 },
        pace: Pace::default(),
        delay_micros: Some(vec![0]),
        max_measurements: Some(12),
        ..TuneAsk::new(model, Goals { objective: Figure::Throughput, limits })
    };
    assert_eq!(engine.asked(), [Command::Tune { ask: Box::new(ask) }]);
    assert!(window.query_by_label("Find the best way to serve a model").is_none(), "the question is closed");
}

#[test]
fn what_goes_on_can_be_cancelled_and_what_failed_says_why() {
    let mut snapshot = fixture::busy();
    let job = |id, outcome| JobEntry {
        id,
        kind: JobKind::Tune { tuning: "7f3a".to_owned(), request: Box::new(fixture::tuned::request()) },
        progress: Progress {
            phase: "Measuring version 2: 1 instance".to_owned(),
            fraction: Some(0.4),
            ..Progress::default()
        },
        started_at: fixture::NOW,
        outcome,
    };
    let failure = Failure::new(FailureClass::Client, "The tuning 7f3a is going on already.");
    let jobs = Arc::make_mut(&mut snapshot.jobs);
    jobs.insert(0, job(901, Some(JobOutcome::Failed { failure })));
    jobs.insert(0, job(900, None));
    let (mut window, engine) = window(snapshot, PageId::Tune);
    assert!(window.query_by_label_contains("is going on already").is_some());
    assert!(window.query_by_label("Being measured").is_some());
    engine.asked();
    for button in ["Cancel this tuning", "Cancel tuning"] {
        click_role(&mut window, Role::Button, button);
        assert_eq!(engine.asked(), [Command::CancelJob { job: 900 }], "{button}");
    }
}
