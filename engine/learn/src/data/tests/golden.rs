//! Figures that pandas computed (`tests/peers/pandas_profile.py` writes the golden files).

use orrery_domain::profile::Profile;
use serde_json::Value;

use super::*;
use crate::data::import;

fn golden(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name);
    serde_json::from_slice(&std::fs::read(path).expect("the golden file")).expect("JSON")
}

fn profile_of(path: &Path) -> Profile {
    let blobs = tempfile::tempdir().expect("a folder");
    let (_, profile) =
        import(path, &ImportOptions::default(), &ImportBudget::default(), blobs.path(), &Unwatched)
            .expect("it imports");
    profile
}

fn check(profile: &Profile, truth: &Value) {
    assert_eq!(profile.rows, truth["rows"]);
    assert_eq!(profile.duplicate_rows, truth["duplicate_rows"]);
    let columns = truth["columns"].as_object().expect("columns");
    assert_eq!(profile.columns.len(), columns.len());
    for (column, (name, truth)) in profile.columns.iter().zip(columns) {
        assert_eq!(column.name, *name);
        assert_eq!(column.missing, truth["missing"], "{name}");
        assert_eq!(column.distinct, truth["distinct"], "{name}");
        assert_eq!(column.top_values.first().map_or(0, |top| top.count), truth["most_frequent"], "{name}");
        let close = |ours: f64, key: &str, theirs: &Value| {
            let theirs = theirs.as_f64().expect("a number");
            assert!(
                (ours - theirs).abs() <= 1e-12 + 1e-9 * theirs.abs(),
                "{name} {key}: {ours}, pandas has {theirs}"
            );
        };
        let Some(numeric) = &column.numeric else {
            assert!(truth["numeric"].is_null(), "{name}");
            continue;
        };
        let truth = &truth["numeric"];
        close(numeric.min, "min", &truth["min"]);
        close(numeric.max, "max", &truth["max"]);
        close(numeric.mean, "mean", &truth["mean"]);
        close(numeric.std.expect("two values"), "std", &truth["std"]);
        for (ours, theirs) in numeric.quantiles.iter().zip(truth["quantiles"].as_array().expect("five")) {
            close(*ours, "quantile", theirs);
        }
        assert_eq!(numeric.zeros, truth["zeros"], "{name}");
        let histogram = column.histogram.as_ref().expect("numbers have one");
        assert_eq!(histogram.counts.iter().sum::<u64>() + column.missing, profile.rows, "{name}");
    }
}

#[test]
fn a_small_file_of_everything_equals_pandas() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/mixed.csv");
    check(&profile_of(&path), &golden("mixed_profile.json"));
}

#[test]
fn all_flights_of_2013_equal_pandas() {
    let Some(data) = shared_data() else {
        eprintln!(
            "SKIPPED all_flights_of_2013_equal_pandas: no real data (set ORRERY_SHARED to a folder that holds data/)"
        );
        return;
    };
    check(&profile_of(&data.join("flights_raw.csv.gz")), &golden("flights_raw_profile.json"));
}

/// Prints how long reading and profiling take: run it alone, with `--ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn measure_reading_and_profiling() {
    let data = shared_data().expect("real data: set ORRERY_SHARED to a folder that holds data/");
    let mut raw = Vec::new();
    let packed = std::fs::File::open(data.join("flights_raw.csv.gz")).expect("it is there");
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed), &mut raw).expect("unpacked");
    let (_folder, plain) = file("flights.csv", &raw);
    drop(raw);
    for path in [plain, data.join("flights_raw.csv.gz"), data.join("flights_delay.parquet")] {
        let (mut read, mut both) = (f64::MAX, f64::MAX);
        for _ in 0..5 {
            let began = std::time::Instant::now();
            let table = read_table(&path, &ImportOptions::default(), &ImportBudget::default(), &Unwatched);
            assert!(table.expect("it reads").0.rows() > 300_000);
            read = read.min(began.elapsed().as_secs_f64());
            let began = std::time::Instant::now();
            profile_of(&path);
            both = both.min(began.elapsed().as_secs_f64());
        }
        eprintln!("{}: read {read:.3} s, import with profile {both:.3} s", path.display());
    }
    if let Ok(status) = std::fs::read_to_string("/proc/self/status") {
        let line =
            |key: &str| status.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
        eprintln!("{}", line("VmHWM"));
    }
}
