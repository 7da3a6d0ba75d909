//! Page Data driven by role and label.

use std::sync::Arc;

use egui::accesskit::Role;
use egui_kittest::{Harness, kittest::Queryable as _};
use orrery_domain::{
    Command, Failure, FailureClass, Snapshot,
    dataset::ColumnType,
    profile::{Remedy, WarningKind},
    run::Progress,
    snapshot::{JobEntry, JobKind, JobOutcome},
    training::Task,
};

use super::{
    DataPage,
    data::{self, ColumnRole, ProfileState},
};
use crate::{
    command::UiCommand,
    draft::Drafts,
    pages::stage::{Stage, fixture, harness},
    route::Route,
};

type Data = Harness<'static, Stage<DataPage>>;

fn open(snapshot: Snapshot) -> Data {
    harness(Stage::new(DataPage::default(), snapshot, Route::Data { dataset: None }))
}

#[test]
fn the_view_model_is_plain_text() {
    let (snapshot, flights) = (fixture::busy(), fixture::flights());
    let mut drafts = Drafts::default();
    drafts.edit(&flights.id).target = "late".to_owned();
    drafts.edit(&flights.id).exclude = vec!["flight".to_owned()];
    let view = data::of(&snapshot, Some(&flights.id), &drafts);
    let shown = view.shown.as_ref().expect("shown");
    assert_eq!(shown.profile, ProfileState::Ready);
    assert_eq!((shown.rows, shown.bad_rows, shown.excluded, shown.task), (328_521, 3, 1, Some(Task::Binary)));
    let roles: Vec<String> = shown
        .columns
        .iter()
        .filter(|column| column.role != ColumnRole::Feature || !column.warnings.is_empty())
        .map(|column| {
            let warnings: Vec<String> = column
                .warnings
                .iter()
                .map(|w| {
                    format!(
                        "{} -> {}",
                        w.title,
                        w.remedy.as_ref().map_or("-", |remedy| remedy.words.as_str())
                    )
                })
                .collect();
            format!("{} {:?} {:?} {}", column.name, column.kind, column.role, warnings.join("; "))
        })
        .collect();
    assert_eq!(roles, ["late Boolean Target ", "flight Integer Excluded Looks like an id -> Excluded"]);
    assert_eq!(view.imports.len(), 1);
    let text = serde_json::to_string(&view).expect("a view model is plain data");
    assert!(text.contains("flights-3m.parquet"));
}

#[test]
fn an_empty_workspace_teaches_the_first_step() {
    let mut page = open(fixture::empty());
    page.get_by_role_and_label(Role::Button, "Open a file…").click();
    page.run();
    page.get_by_label("Import a folder of pictures…").click();
    page.run();
    page.get_by_label("Open the sample instead").click();
    page.run();
    let all = [UiCommand::OpenFile, UiCommand::ImportFolder, UiCommand::OpenSample];
    assert_eq!(page.state().ran, all);
}

#[test]
fn the_newest_dataset_is_shown_first_and_a_click_shows_another() {
    let mut page = open(fixture::busy());
    assert_eq!(page.state().route, Route::Data { dataset: Some(fixture::flights().id) });
    page.get_by_role_and_label(Role::ListItem, "diamonds").click();
    page.run();
    assert!(page.query_by_role_and_label(Role::Row, "carat").is_some(), "its columns are listed");
    let Route::Data { dataset: Some(id) } = &page.state().route else { panic!("no dataset") };
    assert_ne!(*id, fixture::flights().id);
}

#[test]
fn a_remedy_excludes_the_column_and_a_second_click_takes_it_back() {
    let mut page = open(fixture::busy());
    let flights = fixture::flights().id;
    page.get_by_role_and_label(Role::Button, "Exclude flight").click();
    page.run();
    assert_eq!(page.state().drafts.get(&flights).expect("begun").exclude, ["flight"]);
    page.get_by_role_and_label(Role::Button, "Excluded flight").click();
    page.run();
    assert!(page.state().drafts.get(&flights).expect("begun").exclude.is_empty());
    page.get_by_role_and_label(Role::Button, "Weight classes").click();
    page.run();
    assert!(page.state().drafts.get(&flights).expect("begun").class_weights);
}

#[test]
fn a_retype_reads_the_file_again_and_the_new_dataset_takes_over_the_draft() {
    let mut snapshot = fixture::busy();
    let entries = Arc::make_mut(&mut snapshot.datasets);
    let mut profile = (**entries[0].profile.as_ref().expect("profiled")).clone();
    profile.warnings[0].kind = WarningKind::LooksLike { kind_hint: ColumnType::Category };
    profile.warnings[0].remedy = Some(Remedy::Retype { column: "flight".into(), to: ColumnType::Category });
    entries[0].profile = Some(Arc::new(profile));
    let mut page = open(snapshot);
    page.state_mut().take_sent();
    page.get_by_role_and_label(Role::Button, "Read as category flight").click();
    page.run();
    let sent = page.state_mut().take_sent();
    let [Command::ImportFile { file, options }] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!(file.to_str(), Some("/data/flights_delay.parquet"));
    assert_eq!(options.types.get("flight"), Some(&ColumnType::Category));

    let again = orrery_domain::DatasetId("again".to_owned());
    page.state_mut().change(|snapshot| {
        let mut entry = snapshot.datasets[0].clone();
        let mut dataset = (*entry.dataset).clone();
        dataset.id = again.clone();
        entry.dataset = Arc::new(dataset);
        entry.profile = None;
        Arc::make_mut(&mut snapshot.datasets).insert(0, entry);
        Arc::make_mut(&mut snapshot.jobs).insert(0, imported(&again));
    });
    page.run_steps(3);
    assert_eq!(page.state().route, Route::Data { dataset: Some(again.clone()) });
    assert_eq!(page.state().drafts.get(&again).expect("carried over").target, "late");
}

fn imported(dataset: &orrery_domain::DatasetId) -> JobEntry {
    JobEntry {
        id: 10,
        kind: JobKind::Import { file: "/data/flights_delay.parquet".into() },
        progress: Progress::default(),
        started_at: fixture::NOW,
        outcome: Some(JobOutcome::Imported { dataset: dataset.clone() }),
    }
}

#[test]
fn choosing_a_target_asks_for_its_profile_once() {
    let mut page = open(fixture::busy());
    let flights = fixture::flights().id;
    page.state_mut().drafts.edit(&flights).target = "origin".to_owned();
    page.state_mut().change(|_| {});
    page.run_steps(5);
    let asked = Command::LoadProfile { dataset: flights, target: Some("origin".to_owned()) };
    assert_eq!(page.state_mut().take_sent(), [asked]);
    assert!(page.query_by_label_contains("Looking at the target").is_some());
}

#[test]
fn an_import_shows_its_progress_and_can_be_cancelled() {
    let mut page = open(fixture::busy());
    page.state_mut().take_sent();
    assert!(page.query_by_role_and_label(Role::ProgressIndicator, "Import of flights-3m.parquet").is_some());
    page.get_by_label("Cancel the import of flights-3m.parquet").click();
    page.run();
    assert_eq!(page.state_mut().take_sent(), [Command::CancelJob { job: 9 }]);
}

#[test]
fn a_failed_import_is_a_card_that_can_be_put_aside() {
    let mut snapshot = fixture::busy();
    let failure = Failure::new(FailureClass::Data, "The file ends in the middle of a row group.");
    Arc::make_mut(&mut snapshot.jobs)[0].outcome = Some(JobOutcome::Failed { failure });
    let mut page = open(snapshot);
    assert!(page.query_by_label_contains("flights-3m.parquet was not imported").is_some());
    assert!(page.query_by_label_contains("in the middle of a row group").is_some());
    page.get_by_label("Put this message aside").click();
    page.run();
    assert!(page.query_by_label_contains("was not imported").is_none());
}

#[test]
fn the_footer_leads_to_the_bad_rows() {
    let mut page = open(fixture::busy());
    page.get_by_label("3 bad rows").click();
    page.run();
    assert!(page.query_by_role_and_label(Role::Cell, "88,012").is_some());
    assert!(page.query_by_role_and_label(Role::Cell, "A quote is never closed.").is_some());
}

#[test]
fn the_preview_shows_rows_as_text() {
    let mut page = open(fixture::busy());
    page.get_by_label("Preview").click();
    page.run();
    assert!(page.query_by_role_and_label(Role::Table, "Preview").is_some());
    assert!(page.get_all_by_role_and_label(Role::Cell, "UA").next().is_some());
}

#[test]
fn a_profile_that_failed_says_why_and_can_be_asked_for_again() {
    let mut snapshot = fixture::busy();
    let flights = fixture::flights().id;
    Arc::make_mut(&mut snapshot.datasets)[0].profile = None;
    let mut page = open(snapshot);
    assert_eq!(page.state_mut().take_sent().len(), 1);
    page.state_mut().change(|snapshot| {
        let failure = Failure::new(FailureClass::Capacity, "Not enough memory for the profile.");
        Arc::make_mut(&mut snapshot.jobs).insert(
            0,
            JobEntry {
                id: 11,
                kind: JobKind::Profile { dataset: flights.clone() },
                progress: Progress::default(),
                started_at: fixture::NOW,
                outcome: Some(JobOutcome::Failed { failure }),
            },
        );
    });
    page.run_steps(3);
    assert!(page.state_mut().take_sent().is_empty(), "it is not asked for again by itself");
    page.get_by_role_and_label(Role::Button, "Profile again").click();
    page.run_steps(3);
    assert_eq!(page.state_mut().take_sent(), [Command::LoadProfile { dataset: flights, target: None }]);
}

#[test]
fn the_list_keeps_its_width_through_an_import_and_its_error() {
    let width = |page: &Data| {
        let row = page.get_all_by_role(Role::ListItem).next().expect("a dataset");
        row.rect().width()
    };
    let mut snapshot = fixture::busy();
    snapshot.jobs = Arc::default();
    let mut page = open(snapshot);
    let before = width(&page);
    let job = |outcome| JobEntry {
        id: 77,
        kind: JobKind::Import {
            file: "/data/a-table-with-a-name-that-is-long-enough-for-two-lists.parquet".into(),
        },
        progress: Progress { phase: "reading".to_owned(), fraction: Some(0.5), ..Progress::default() },
        started_at: 0.0,
        outcome,
    };
    page.state_mut().change(|snapshot| snapshot.jobs = Arc::new(vec![job(None)]));
    page.run_steps(40);
    assert!((width(&page) - before).abs() < 1.0, "importing: {} instead of {before}", width(&page));
    let message = "A sentence about what is wrong with this file. ".repeat(12);
    let failure = Failure::new(FailureClass::Data, message);
    page.state_mut().change(|snapshot| {
        snapshot.jobs = Arc::new(vec![job(Some(JobOutcome::Failed { failure }))]);
    });
    page.run_steps(40);
    assert!(page.query_by_label_contains("was not imported").is_some());
    assert!((width(&page) - before).abs() < 1.0, "with the error: {} instead of {before}", width(&page));
}
