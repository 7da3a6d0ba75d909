//! Imports and profiles: identity, warnings and their remedies.

use std::fmt::Write as _;

use orrery_domain::{
    dataset::Dataset,
    profile::{DataWarning, Profile, Remedy, WarningKind},
    training::Task,
};
use rand::{RngExt, SeedableRng};

use super::*;
use crate::data::{import, profile};

fn import_with(path: &Path, options: &ImportOptions, blobs: &Path) -> Result<(Dataset, Profile), Interrupt> {
    import(path, options, &ImportBudget::default(), blobs, &Unwatched)
}

#[test]
fn the_same_bytes_with_the_same_options_are_the_same_dataset() {
    let (_one, first) = file("flights.csv.gz", "a,b\n1,x\n2,y\n");
    let (_two, second) = file("copy.csv", "a,b\n1,x\n2,y\n");
    let blobs = tempfile::tempdir().expect("a folder");
    let blobs = blobs.path().join("blobs");
    let plain = ImportOptions::default();
    let (dataset, profile) = import_with(&first, &plain, &blobs).expect("it imports");
    assert_eq!(dataset.name, "flights");
    assert_eq!(import_with(&second, &plain, &blobs).expect("again"), (dataset.clone(), profile));
    let table = Table::read_arrow(&blobs.join(format!("{}.arrow", dataset.blob)), &dataset.columns)
        .expect("the blob");
    assert_eq!(table.rows(), 2);

    let retyped = ImportOptions { types: [("a".to_owned(), ColumnType::Category)].into(), ..plain.clone() };
    let (other, _) = import_with(&first, &retyped, &blobs).expect("it imports");
    assert_ne!(other.id, dataset.id);
    assert!(other.columns[0].overridden);
    let sorted =
        |tokens: [&str; 2]| ImportOptions { null_tokens: tokens.map(String::from).into(), ..plain.clone() };
    let id = |options| import_with(&first, options, &blobs).expect("it imports").0.id;
    assert_eq!(id(&sorted(["?", "-"])), id(&sorted(["-", "?"])));

    // A lost blob is made again; the record's content stays.
    std::fs::remove_file(blobs.join(format!("{}.arrow", dataset.blob))).expect("removed");
    let (again, _) = import_with(&second, &plain, &blobs).expect("it imports");
    assert_eq!((&again.id, &again.blob, &again.columns), (&dataset.id, &dataset.blob, &dataset.columns));

    let unknown = ImportOptions { types: [("zz".to_owned(), ColumnType::Float)].into(), ..plain };
    let failure = failure_of(import_with(&first, &unknown, &blobs));
    assert!(failure.class == FailureClass::Client && failure.message.contains("'zz'"), "{failure}");
}

fn profiled(csv: &str, target: Option<&str>) -> Profile {
    let (_folder, path) = file("t.csv", csv);
    let blobs = tempfile::tempdir().expect("a folder");
    let (dataset, first) = import_with(&path, &ImportOptions::default(), blobs.path()).expect("it imports");
    let Some(target) = target else { return first };
    let table = Table::read_arrow(&blobs.path().join(format!("{}.arrow", dataset.blob)), &dataset.columns)
        .expect("the blob");
    profile(&dataset, &table, Some(target), &Unwatched).expect("it profiles")
}

/// Warnings about a column.
fn about<'a>(profile: &'a Profile, column: &str) -> Vec<&'a DataWarning> {
    profile.warnings.iter().filter(|warning| warning.column.as_deref() == Some(column)).collect()
}

#[test]
fn suspicious_columns_are_named_with_their_remedy() {
    let mut csv = String::from("id,name,constant,copy,value,sparse,size,day,mixed,prose,count\n");
    for row in 0..200 {
        let sparse = if row % 4 == 0 { "1.5" } else { "" };
        let mixed = if row == 7 { "unknown".to_owned() } else { format!("{}", row % 60) };
        writeln!(
            csv,
            "{row},user{row},7,{v},{v},{sparse},\"{},000\",{},{mixed},\
             a long text that somebody wrote about something that happened there {row},{}",
            row % 9 + 1,
            20_130_101 + row % 28,
            row * row,
            v = f64::from(row % 10) / 4.0,
        )
        .expect("a string");
    }
    let profile = profiled(&csv, None);
    let kinds =
        |column: &str| about(&profile, column).iter().map(|warning| &warning.kind).collect::<Vec<_>>();
    assert_eq!(kinds("id"), [&WarningKind::IdLike]);
    assert_eq!(kinds("name"), [&WarningKind::IdLike]);
    assert_eq!(kinds("constant"), [&WarningKind::Constant]);
    assert_eq!(kinds("value"), [&WarningKind::DuplicateOf { column: "copy".into() }]);
    assert_eq!(kinds("sparse"), [&WarningKind::MostlyMissing { share: 0.75 }]);
    assert_eq!(kinds("size"), [&WarningKind::LooksLike { kind_hint: ColumnType::Integer }]);
    assert_eq!(kinds("day"), [&WarningKind::LooksLike { kind_hint: ColumnType::Datetime }]);
    assert_eq!(kinds("mixed"), [&WarningKind::LooksLike { kind_hint: ColumnType::Integer }]);
    assert!(kinds("prose").is_empty() && kinds("count").is_empty() && kinds("copy").is_empty());
    assert_eq!(about(&profile, "id")[0].remedy, Some(Remedy::Exclude { column: "id".into() }));
    let retype = Remedy::Retype { column: "size".into(), to: ColumnType::Integer };
    assert_eq!(about(&profile, "size")[0].remedy, Some(retype));
    assert_eq!(profile.preview.len(), 100);
    assert_eq!(profile.column("name").expect("there").text_length, Some((6, 7)));

    // The remedies work: what was asked for reads without loss.
    let options = ImportOptions {
        types: [("size".to_owned(), ColumnType::Integer), ("day".to_owned(), ColumnType::Datetime)].into(),
        ..ImportOptions::default()
    };
    let (table, report) = read_with(&csv, &options).expect("it reads");
    assert_eq!(table.text(6, 0).as_deref(), Some("1000"));
    assert_eq!(table.text(7, 0).as_deref(), Some("2013-01-01 00:00:00"));
    assert!(report.warnings.is_empty(), "{:?}", report.warnings);
}

#[test]
fn leaks_are_found_and_strong_columns_are_not() {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(5);
    let mut csv = String::from("strong,leak,code,missing_says,steep,noise,late,price,grade\n");
    for _ in 0..4000 {
        let hidden: f64 = rng.random_range(-1.0..1.0);
        let late = hidden + rng.random_range(-0.3..0.3) > 0.6;
        let price = (hidden * 3.0).exp() * 1000.0;
        let grade = ["a", "b", "c"][((hidden + 1.0) * 1.499) as usize];
        writeln!(
            csv,
            "{},{},{},{},{},{},{},{price:?},{grade}",
            hidden + rng.random_range(-0.2..0.2),
            if late { rng.random_range(5.0..9.0) } else { rng.random_range(0.0..5.1) },
            if late { "L1" } else { ["E0", "E1"][usize::from(hidden > 0.0)] },
            if late { "" } else { "1" },
            price.powi(4),
            rng.random_range(0.0..1.0),
            if late { "yes" } else { "no" },
        )
        .expect("a string");
    }
    let leaks = |target: &str| {
        let profile = profiled(&csv, Some(target));
        let leaking = profile
            .warnings
            .into_iter()
            .filter(|warning| matches!(warning.kind, WarningKind::Leaking { .. }));
        let names: Vec<String> = leaking.filter_map(|warning| warning.column).collect();
        (profile.task, names)
    };
    assert_eq!(
        leaks("late"),
        (Some(Task::Binary), ["leak", "code", "missing_says"].map(String::from).to_vec())
    );
    assert_eq!(leaks("price"), (Some(Task::Regression), vec!["steep".to_owned()]));
    assert_eq!(leaks("grade"), (Some(Task::Multiclass), ["steep", "price"].map(String::from).to_vec()));
    assert_eq!(leaks("noise"), (Some(Task::Regression), Vec::new()));
}

#[test]
fn targets_are_judged() {
    let mut csv = String::from("x,y\n");
    for row in 0..1000 {
        writeln!(
            csv,
            "{},{}",
            row % 7,
            if row % 100 == 3 {
                "rare"
            } else if row % 50 == 0 {
                ""
            } else {
                "common"
            }
        )
        .expect("a string");
    }
    let profile = profiled(&csv, Some("y"));
    assert_eq!(profile.task, Some(Task::Binary));
    let found: Vec<&WarningKind> = profile.warnings.iter().map(|warning| &warning.kind).collect();
    let share = 10.0 / 980.0;
    assert_eq!(
        found,
        [&WarningKind::MissingTarget { rows: 20 }, &WarningKind::Imbalance { class: "rare".into(), share }]
    );
    assert_eq!(profile.warnings[1].remedy, Some(Remedy::WeightClasses));
}

#[test]
fn real_tables_have_no_false_leaks() {
    let Some(data) = shared_data() else {
        eprintln!(
            "SKIPPED real_tables_have_no_false_leaks: no real data (set ORRERY_SHARED to a folder that holds data/)"
        );
        return;
    };
    for (name, target, task) in [
        ("diamonds", "price", Task::Regression),
        ("flights_delay", "late", Task::Binary),
        ("digits", "target", Task::Multiclass),
    ] {
        let path = data.join(format!("{name}.parquet"));
        let (table, report) =
            read_table(&path, &ImportOptions::default(), &ImportBudget::default(), &Unwatched)
                .expect("it reads");
        let blobs = tempfile::tempdir().expect("a folder");
        let (dataset, _) = import_with(&path, &ImportOptions::default(), blobs.path()).expect("it imports");
        let profile = profile(&dataset, &table, Some(target), &Unwatched).expect("it profiles");
        assert_eq!(profile.task, Some(task), "{name}");
        let leaking = |warning: &&DataWarning| matches!(warning.kind, WarningKind::Leaking { .. });
        assert_eq!(profile.warnings.iter().find(leaking), None, "{name}");
        assert!(report.warnings.is_empty(), "{name}: {:?}", report.warnings);
    }
}
