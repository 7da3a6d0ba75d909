//! Page Train driven by role and label.

use std::sync::Arc;

use egui::accesskit::Role;
use egui_kittest::{Harness, kittest::Queryable as _};
use orrery_domain::{
    Command, RunId, Snapshot,
    snapshot::ForecastState,
    training::{Forecast, HyperParameters, ModelKind, TargetTransform, Task, TrainConfig},
    units::{Figure, Unit},
};

use super::{
    TrainPage,
    data::{self, ForecastView, Place, Typed},
    fields::Field,
};
use crate::{
    command::UiCommand,
    draft::Drafts,
    pages::stage::{Stage, fixture, harness},
    route::Route,
};

type Train = Harness<'static, Stage<TrainPage>>;

fn open(snapshot: Snapshot, edit: impl FnOnce(&mut TrainConfig)) -> Train {
    let route = Route::Train { dataset: Some(fixture::flights().id) };
    let mut stage = Stage::new(TrainPage::default(), snapshot, route);
    stage.page.state.open = [true; 4];
    let draft = stage.drafts.edit(&fixture::flights().id);
    draft.target = "late".to_owned();
    edit(draft);
    let mut page = harness(stage);
    // Tall enough that every field of the open folds can be reached without scrolling.
    page.set_size(egui::vec2(1280.0, 1800.0));
    page.run_steps(3);
    page
}

fn draft(page: &Train) -> &TrainConfig {
    page.state().drafts.get(&fixture::flights().id).expect("begun")
}

fn form(edit: impl FnOnce(&mut TrainConfig), typed: &Typed) -> data::FormView {
    let mut drafts = Drafts::default();
    let id = fixture::flights().id;
    drafts.edit(&id).target = "late".to_owned();
    edit(drafts.edit(&id));
    data::of(&fixture::busy(), Some(&id), drafts.get(&id), typed).form.expect("a form")
}

#[test]
fn each_fold_says_in_one_line_what_it_holds() {
    let edit = |config: &mut TrainConfig| {
        config.model = ModelKind::Mlp;
        config.exclude = vec!["flight".to_owned()];
        config.hyper.epochs = Some(3);
        config.hyper.width = Some(256);
    };
    let view = form(edit, &Typed { name: "late-1".to_owned(), errors: Vec::new() });
    assert_eq!(
        view.summaries,
        [
            "late · binary classification · 8 features · 1 excluded · automatic split",
            "Multilayer perceptron · width 256 · named late-1",
            "AdamW · epochs 3",
            "Automatic · The CPU measured 118k rows/s; no other device is usable.",
        ]
    );
    assert_eq!(view.problems, []);
    assert_eq!(view.forecast, ForecastView::Waiting(None));
}

#[test]
fn what_keeps_a_training_from_starting_is_said_where_it_belongs() {
    type Edit = fn(&mut TrainConfig);
    let cases: [(Edit, Place, &str); 8] = [
        (|c| c.target.clear(), Place::Target, "Choose the column to predict"),
        (|c| c.target = "gone".into(), Place::Target, "This dataset has no such column; choose another"),
        (|c| c.task = Some(Task::Regression), Place::Task, "Only numbers can be predicted by regression"),
        (|c| c.target_transform = TargetTransform::Log, Place::Transform, "Only a number has a logarithm"),
        (|c| c.weight = Some("carrier".into()), Place::Weight, "A weight must be a number"),
        (
            |c| c.split = orrery_domain::training::Split::Time { column: String::new() },
            Place::Split,
            "Choose the column that divides the rows",
        ),
        (
            |c| c.device = orrery_domain::device::DeviceChoice::Gpu(7),
            Place::Device,
            "This device is not there; choose another",
        ),
        (
            |c| c.exclude = fixture::flights().columns.iter().map(|column| column.name.clone()).collect(),
            Place::Features,
            "Every column is excluded; leave at least one to learn from",
        ),
    ];
    for (edit, place, message) in cases {
        let view = form(edit, &Typed::default());
        assert_eq!(view.problem(place), Some(message), "{:?}", view.problems);
        assert_eq!(view.forecast, ForecastView::Blocked);
    }
    let typed =
        Typed { name: "../x".to_owned(), errors: vec![(Field::Epochs, "Use a whole number".to_owned())] };
    let view = form(|config| config.model = ModelKind::Mlp, &typed);
    assert!(view.problem(Place::Name).expect("refused").starts_with("'../x' cannot name a model"));
    assert_eq!(view.problem(Place::Field(Field::Epochs)), Some("Use a whole number"));
    let view = form(|config| config.model = ModelKind::Gbt, &typed);
    assert_eq!(view.problem(Place::Field(Field::Epochs)), None, "trees have no epochs");
}

#[test]
fn an_unusable_device_says_why() {
    let view = form(|config| config.device = orrery_domain::device::DeviceChoice::Gpu(0), &Typed::default());
    assert!(view.problem(Place::Device).expect("refused").contains("signal 11"));
}

#[test]
fn starting_sends_the_request_and_goes_to_the_run_when_it_is_there() {
    let mut page = open(fixture::busy(), |config| config.model = ModelKind::Gbt);
    page.state_mut().take_sent();
    page.state_mut().invoked = Some(UiCommand::StartTraining);
    page.run_steps(2);
    let config = draft(&page).clone();
    let sent = page.state_mut().take_sent();
    let flights = fixture::flights().id;
    let train = Command::Train { dataset: flights.clone(), config: Box::new(config.clone()), name: None };
    assert!(sent.contains(&train), "{sent:?}");
    assert!(page.query_by_label("Starting").is_some());
    page.state_mut().change(|snapshot| {
        let mut run = (*snapshot.runs[0]).clone();
        run.id = RunId("flights-gbt-9".to_owned());
        run.config = config;
        Arc::make_mut(&mut snapshot.runs).insert(0, Arc::new(run));
    });
    page.run_steps(2);
    assert_eq!(page.state().route, Route::Runs { run: Some(RunId("flights-gbt-9".to_owned())) });
}

#[test]
fn starting_an_incomplete_request_says_what_is_missing() {
    let mut page = open(fixture::busy(), |config| config.exclude = vec!["late".to_owned()]);
    page.state_mut().drafts.edit(&fixture::flights().id).target.clear();
    page.run_steps(2);
    page.state_mut().take_sent();
    page.state_mut().invoked = Some(UiCommand::StartTraining);
    page.run_steps(2);
    assert_eq!(page.state().toasts, ["Choose the column to predict."]);
    assert!(page.state_mut().take_sent().iter().all(|command| !matches!(command, Command::Train { .. })));
}

#[test]
fn a_forecast_is_asked_for_once_the_request_rests() {
    let mut page = open(fixture::busy(), |config| config.model = ModelKind::Mlp);
    page.run_steps(3);
    let asked =
        |sent: &[Command]| sent.iter().filter(|command| matches!(command, Command::Forecast { .. })).count();
    assert_eq!(asked(&page.state_mut().take_sent()), 1);
    page.get_by_role_and_label(Role::RadioButton, "Linear model").click();
    page.run_steps(1);
    assert_eq!(asked(&page.state_mut().take_sent()), 0, "not while it still changes");
    page.run_steps(40);
    assert_eq!(asked(&page.state_mut().take_sent()), 1, "once, when it rests");
}

#[test]
fn the_forecast_says_how_sure_it_is_and_what_the_defaults_are() {
    let mut snapshot = fixture::busy();
    let mut config = TrainConfig::new("late");
    config.model = ModelKind::Mlp;
    snapshot.forecast = Some(Arc::new(ForecastState {
        dataset: fixture::flights().id,
        config: Box::new(config),
        answer: Ok(Forecast {
            parameters: 141_313,
            memory: Figure::estimated(5.2e8, Unit::Bytes),
            epoch: Figure::measured(6.5, Unit::Seconds),
            total: Figure::unknown(Unit::Seconds),
            train_rows: 229_964,
            basis: "A run like it took 6.5 s an epoch here.".to_owned(),
            resolved: Some(Box::new(HyperParameters {
                batch_size: Some(1024),
                ..HyperParameters::default()
            })),
        }),
    }));
    let page = open(snapshot, |config| config.model = ModelKind::Mlp);
    for words in ["Time per epoch 6.5 s measured", "Time in all – unknown", "Peak memory 496 MiB estimated"]
    {
        assert!(page.query_by_label(words).is_some(), "{words} is missing");
    }
    assert!(page.query_by_label("default 1,024").is_some(), "the batch size's default");
}

#[test]
fn a_typed_setting_reaches_the_request_and_reset_takes_it_back() {
    let mut page = open(fixture::busy(), |config| config.model = ModelKind::Gbt);
    let field = page.get_by_role_and_label(Role::TextInput, "Trees");
    field.focus();
    page.run_steps(1);
    page.get_by_role_and_label(Role::TextInput, "Trees").type_text("250");
    page.run_steps(2);
    assert_eq!(draft(&page).hyper.trees, Some(250));
    page.get_by_label("Reset trees to its default").click();
    page.run_steps(2);
    assert_eq!(draft(&page).hyper.trees, None);
}

#[test]
fn unchecking_a_feature_excludes_it() {
    let mut page = open(fixture::busy(), |_| {});
    page.get_by_role_and_label(Role::CheckBox, "carrier").click();
    page.run_steps(2);
    assert_eq!(draft(&page).exclude, ["carrier"]);
    page.get_by_role_and_label(Role::Button, "Use all").click();
    page.run_steps(2);
    assert!(draft(&page).exclude.is_empty());
}

#[test]
fn without_data_it_teaches_to_open_a_file() {
    let stage = Stage::new(TrainPage::default(), fixture::empty(), Route::Train { dataset: None });
    let mut page = harness(stage);
    page.get_by_role_and_label(Role::Button, "Open a file…").click();
    page.run_steps(2);
    assert_eq!(page.state().ran, [UiCommand::OpenFile]);
}
