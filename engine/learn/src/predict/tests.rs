//! Tests of prediction on files and rows, with a model simple enough to check by hand: the log-odds are the column `x`.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use arrow::array::AsArray;
use orrery_domain::{
    Failure, FailureClass,
    dataset::ColumnType,
    job::{JobEvent, PredictReport},
    metric::MetricId,
    training::Task,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::{Answer, Column, Predictor, Scores, evaluate::evaluate_with, file};
use crate::{
    control::{Interrupt, JobControl, Unwatched, Wish},
    explain::Explained,
    model::{tests::card, write_atomic},
    prepare::TransformReport,
    table::Table,
};

/// Gives `x` back (0 where missing) as log-odds or value.
struct Echo;

impl Scores for Echo {
    fn encoded_columns(&self) -> usize {
        1
    }

    fn score_encoded(&self, rows: &crate::nets::Encoded) -> Result<Vec<f64>, Failure> {
        Ok(vec![0.0; rows.rows])
    }

    fn score(&self, table: &Table) -> Result<(Vec<f64>, usize, TransformReport), Failure> {
        let place = table.position("x").expect("checked before");
        assert!(table.schema[place].kind.is_numeric(), "texts are parsed before the model sees them");
        let x = table.numbers(place);
        let carrier = table.position("carrier").expect("checked before");
        let unseen = (0..table.rows())
            .filter(|row| table.text(carrier, *row).is_some_and(|text| text != "AA" && text != "007"))
            .count() as u64;
        let outside = x.iter().filter(|x| x.abs() > 10.0).count() as u64;
        let counted =
            |count: u64, name: &str| if count > 0 { vec![(name.to_owned(), count)] } else { Vec::new() };
        let report =
            TransformReport { unseen: counted(unseen, "carrier"), out_of_range: counted(outside, "x") };
        Ok((x.into_iter().map(|x| if x.is_nan() { 0.0 } else { x }).collect(), 1, report))
    }

    fn explained(&self) -> Explained<'_> {
        panic!("nothing to explain")
    }
}

/// Gives numbers that are not finite.
struct Broken;

impl Scores for Broken {
    fn encoded_columns(&self) -> usize {
        1
    }

    fn score_encoded(&self, rows: &crate::nets::Encoded) -> Result<Vec<f64>, Failure> {
        Ok(vec![0.0; rows.rows])
    }

    fn score(&self, table: &Table) -> Result<(Vec<f64>, usize, TransformReport), Failure> {
        Ok((vec![f64::NAN; table.rows()], 1, TransformReport::default()))
    }

    fn explained(&self) -> Explained<'_> {
        panic!("nothing to explain")
    }
}

fn predictor(task: Task, classes: &[&str]) -> Predictor {
    let features = [("x", ColumnType::Integer), ("carrier", ColumnType::Category)];
    Predictor { card: card(task, classes, &features), scores: Box::new(Echo) }
}

struct Place {
    _dir: tempfile::TempDir,
    input: PathBuf,
    out: PathBuf,
}

fn place(text: &str, out: &str) -> Place {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let input = dir.path().join("input.csv");
    write_atomic(&input, text.as_bytes()).expect("written");
    let out = dir.path().join(out);
    Place { _dir: dir, input, out }
}

fn predict(predictor: &Predictor, place: &Place) -> Result<PredictReport, Interrupt> {
    let format = file::Format::of(&place.out)?;
    file::predict_with(predictor, format, &place.input, &place.out, &Unwatched)
}

fn failure<T: std::fmt::Debug>(outcome: Result<T, Interrupt>) -> Failure {
    match outcome {
        Err(Interrupt::Failed(failure)) => failure,
        other => panic!("a failure was expected: {other:?}"),
    }
}

fn records(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).expect("readable");
    reader.records().map(|record| record.expect("valid").iter().map(str::to_owned).collect()).collect()
}

#[test]
fn a_csv_keeps_every_column_in_order_and_adds_the_predictions() {
    let place = place(
        "note,x,carrier,day,prediction,code\n=1+1,0,AA,2013-01-02,old,-5\nplain,2.5,007,,old,7\n\"a,\"\"b\"\"\",-3,,2013-12-31,old,\n",
        "out.csv",
    );
    let report = predict(&predictor(Task::Binary, &["no", "yes"]), &place).expect("predicted");
    assert_eq!(report.rows, 3);
    assert_eq!(report.added_columns, ["prediction_2", "probability_no", "probability_yes"]);
    assert_eq!(report.extra_columns, ["note", "day", "prediction", "code"]);
    let rows = records(&place.out);
    let added = ["prediction_2", "probability_no", "probability_yes"];
    assert_eq!(rows[0], [&["note", "x", "carrier", "day", "prediction", "code"][..], &added].concat());
    assert_eq!(
        rows[1][..7],
        ["'=1+1", "0", "AA", "2013-01-02", "old", "-5", "yes"],
        "0.5 is at the threshold"
    );
    assert_eq!(rows[2][..7], ["plain", "2.5", "007", "", "old", "7", "yes"], "a code keeps its zeros");
    assert_eq!(rows[3][..7], ["a,\"b\"", "-3", "", "2013-12-31", "old", "", "no"]);
    let yes: f64 = rows[2][8].parse().expect("a number");
    assert!((yes - 1.0 / (1.0 + (-2.5_f64).exp())).abs() < 1e-15);
}

#[test]
fn a_threshold_of_the_card_decides() {
    let place = place("x,carrier\n1,AA\n3,AA\n", "out.csv");
    let mut predictor = predictor(Task::Binary, &["0", "1"]);
    predictor.card.threshold = Some(0.9);
    predict(&predictor, &place).expect("predicted");
    let rows = records(&place.out);
    assert_eq!((rows[1][2].as_str(), rows[2][2].as_str()), ("0", "1"));
}

#[test]
fn many_rows_come_out_in_order_as_typed_parquet() {
    let rows = 150_000;
    let text: String = std::iter::once("x,carrier\n".to_owned())
        .chain(
            (0..rows).map(|row| format!("{},{}\n", row % 21 - 10, if row % 1000 == 0 { "ZZ" } else { "AA" })),
        )
        .collect();
    let place = place(&text, "out.PARQUET");
    let report = predict(&predictor(Task::Binary, &["0", "1"]), &place).expect("predicted");
    assert_eq!(report.unseen_categories, [("carrier".to_owned(), 150)]);
    assert!(report.rows_per_sec > 0.0);
    let file = fs::File::open(&place.out).expect("written");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).expect("parquet").build().expect("readable");
    let mut seen: i64 = 0;
    for batch in reader {
        let batch = batch.expect("readable");
        let x = batch.column(0).as_primitive::<arrow::datatypes::Int64Type>();
        let class = batch.column(2).as_primitive::<arrow::datatypes::Int64Type>();
        let yes = batch.column(4).as_primitive::<arrow::datatypes::Float64Type>();
        for row in 0..batch.num_rows() {
            assert_eq!(x.value(row), seen % 21 - 10);
            assert_eq!(class.value(row), i64::from(yes.value(row) >= 0.5));
            seen += 1;
        }
    }
    assert_eq!(seen, i64::from(rows));
}

#[test]
fn a_missing_column_is_named_with_the_nearest_and_nothing_is_written() {
    let place = place("X,price\n1,2\n", "out.csv");
    let failure = failure(predict(&predictor(Task::Binary, &["no", "yes"]), &place));
    assert_eq!(failure.class, FailureClass::Data);
    for words in ["'x' (the file has 'X')", "'carrier'", "2 columns are missing"] {
        assert!(failure.message.contains(words), "{failure}");
    }
    assert!(!place.out.exists());
}

#[test]
fn texts_among_numbers_count_as_missing_and_stay_as_they_were() {
    let place = place("x,carrier\n4,AA\nunknown?,AA\n1.5,AA\n", "out.csv");
    let report = predict(&predictor(Task::Regression, &[]), &place).expect("predicted");
    assert!(report.warnings.iter().any(|w| w.contains("'unknown?' in row 2")), "{:?}", report.warnings);
    let rows = records(&place.out);
    assert_eq!(rows[2], ["unknown?", "AA", "0"]);
    assert_eq!(rows[3], ["1.5", "AA", "1.5"]);
    let nothing = self::place("x,carrier\nfoo,AA\nbar,AA\n", "out.csv");
    let failure = failure(predict(&predictor(Task::Regression, &[]), &nothing));
    assert!(failure.message.contains("'x' holds texts such as 'foo'"), "{failure}");
}

#[test]
fn what_is_odd_is_counted_and_said() {
    let place = place("x,carrier\n1,AA\n50,QQ\n-60,QQ\n", "out.csv");
    let report = predict(&predictor(Task::Regression, &[]), &place).expect("predicted");
    assert_eq!(report.unseen_categories, [("carrier".to_owned(), 2)]);
    assert_eq!(report.out_of_range, [("x".to_owned(), 2)]);
    assert!(
        report.warnings.is_empty(),
        "what has a field of its own is not said twice: {:?}",
        report.warnings
    );
}

#[test]
fn a_file_without_rows_gives_a_file_without_rows() {
    for out in ["out.csv", "out.parquet"] {
        let place = place("x,carrier\n", out);
        let outcome = predict(&predictor(Task::Binary, &["no", "yes"]), &place);
        // The import may refuse a file without rows; what it may not do is leave half a file.
        match outcome {
            Ok(report) => assert!(report.rows == 0 && place.out.exists()),
            Err(_) => assert!(!place.out.exists()),
        }
    }
}

#[test]
fn numbers_that_are_not_finite_and_odd_endings_are_refused() {
    let place = place("x,carrier\n1,AA\n", "out.csv");
    let broken = Predictor { scores: Box::new(Broken), ..predictor(Task::Binary, &["no", "yes"]) };
    assert_eq!(failure(predict(&broken, &place)).class, FailureClass::Model);
    assert!(!place.out.exists());
    let odd = Place { out: place.out.with_extension("xlsx"), ..place };
    assert_eq!(failure(predict(&broken, &odd)).class, FailureClass::Client);
    let three = predictor(Task::Multiclass, &["a", "b", "c"]);
    let place = self::place("x,carrier\n1,AA\n", "out.csv");
    assert!(failure(predict(&three, &place)).message.contains("does not fit its card"));
}

/// Cancels once prediction has begun.
struct Impatient(AtomicUsize);

impl JobControl for Impatient {
    fn emit(&self, event: JobEvent) {
        if matches!(event, JobEvent::Progress { progress, .. } if progress.phase == "Predicting") {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn wish(&self) -> Wish {
        if self.0.load(Ordering::Relaxed) > 0 { Wish::Cancel } else { Wish::Continue }
    }
}

#[test]
fn a_cancelled_job_keeps_what_was_there_and_leaves_nothing_else() {
    let text: String = std::iter::once("x,carrier\n".to_owned())
        .chain((0..70_000).map(|row| format!("{},AA\n", row % 7)))
        .collect();
    let place = place(&text, "out.csv");
    write_atomic(&place.out, "before".as_bytes()).expect("written");
    let predictor = predictor(Task::Regression, &[]);
    let impatient = Impatient(AtomicUsize::new(0));
    let outcome = file::predict_with(&predictor, file::Format::Csv, &place.input, &place.out, &impatient);
    assert_eq!(outcome, Err(Interrupt::Cancelled));
    assert_eq!(fs::read_to_string(&place.out).expect("kept"), "before");
    let folder = place.out.parent().expect("a folder");
    assert_eq!(fs::read_dir(folder).expect("readable").count(), 2, "no temporary file stays");
}

#[test]
fn evaluation_uses_rows_with_a_target_and_knows_classes_by_their_value() {
    let place = place("x,carrier,late\n2,AA,1\n-1,AA,0\n3,AA,\n0.5,AA,0\n1,AA,1\n", "out.csv");
    let predictor = predictor(Task::Binary, &["0", "1"]);
    let (metrics, rows) = evaluate_with(&predictor, &place.input, &Unwatched).expect("measured");
    assert_eq!(rows, 4);
    assert_eq!(metrics[&MetricId::Accuracy].value, Some(0.75));
    assert_eq!(metrics[&MetricId::Auroc].value, Some(1.0));
    assert!(metrics[&MetricId::Auroc].low.is_some());
}

#[test]
fn evaluation_refuses_a_class_the_model_does_not_know_and_a_file_without_targets() {
    let predictor = predictor(Task::Binary, &["0", "1"]);
    let unknown = place("x,carrier,late\n2,AA,1\n1,AA,2\n", "out.csv");
    let failure_of = |place: &Place| failure(evaluate_with(&predictor, &place.input, &Unwatched));
    assert!(failure_of(&unknown).message.contains("'late' holds '2'"));
    assert!(failure_of(&place("x,carrier\n2,AA\n", "out.csv")).message.contains("'late' is missing"));
    assert!(failure_of(&place("x,carrier,late\n2,AA,\n3,AA,\n", "out.csv")).message.contains("'late'"));
}

fn row(values: &[(&str, Option<&str>)]) -> Vec<(String, Option<String>)> {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect()
}

#[test]
fn one_row_is_predicted_with_its_warnings() {
    let predictor = predictor(Task::Binary, &["no", "yes"]);
    let answer = predictor
        .row(&row(&[("x", Some(" 2.0 ")), ("carrier", Some("QQ")), ("late", Some("yes")), ("extra", None)]))
        .expect("predicted");
    assert_eq!(answer.prediction, "yes");
    assert_eq!(answer.value, None);
    assert!((answer.probabilities[1].1 - 1.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-15);
    assert_eq!(answer.warnings.len(), 2, "{:?}", answer.warnings);
    assert!(answer.secs < 0.05);
    let empty = predictor.row(&[]).expect("everything missing is legal");
    assert!((empty.probabilities[0].1 - 0.5).abs() < 1e-15);
    let value =
        super::tests::predictor(Task::Regression, &[]).row(&row(&[("x", Some("-3.5"))])).expect("predicted");
    assert_eq!((value.prediction.as_str(), value.value), ("-3.5", Some(-3.5)));
}

#[test]
fn one_row_with_a_text_for_a_number_is_refused_by_name() {
    let predictor = predictor(Task::Regression, &[]);
    for text in ["abc", "1,5", "inf", "NaN", "1e999"] {
        let failure = predictor.row(&row(&[("x", Some(text))])).expect_err("refused");
        assert_eq!(failure.class, FailureClass::Client);
        assert!(failure.message.contains(&format!("'{text}' is no value for 'x'")), "{failure}");
    }
}

fn texts(values: &[&str]) -> Column {
    Column::Texts(values.iter().map(|value| (*value).to_owned()).collect())
}

fn request(x: Column, carrier: Column) -> Vec<(String, Column)> {
    vec![("x".to_owned(), x), ("carrier".to_owned(), carrier)]
}

#[test]
fn columns_of_a_program_are_answered_in_the_classes_own_type() {
    let columns = request(Column::Numbers(vec![2.0, -2.0, f64::NAN]), texts(&["AA", "", "ZZ"]));
    for (classes, expected) in [
        (["0", "1"], Answer::Integers(vec![1, 0, 1])),
        (["false", "true"], Answer::Booleans(vec![true, false, true])),
        (["no", "yes"], Answer::Texts(["yes", "no", "yes"].map(str::to_owned).to_vec())),
    ] {
        let answers = predictor(Task::Binary, &classes).serve(&columns).expect("it answers");
        assert_eq!(answers.prediction, expected);
        let probabilities = answers.probabilities.clone().expect("of each class");
        assert_eq!(probabilities.len(), 6);
        assert!((probabilities[1] - 1.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-12);
        let parts = answers.clone().split(&[1, 2]);
        assert_eq!((parts[0].prediction.rows(), parts[1].prediction.rows()), (1, 2));
        assert_eq!(parts[1].probabilities.as_deref(), Some(&probabilities[2..]));
    }
    let columns = request(texts(&["1.5", " "]), texts(&["AA", "AA"]));
    let answers = predictor(Task::Regression, &[]).serve(&columns).expect("it answers");
    assert_eq!((answers.prediction, answers.probabilities), (Answer::Values(vec![1.5, 0.0]), None));
}

#[test]
fn columns_that_do_not_fit_are_named() {
    let good = || request(Column::Numbers(vec![1.0]), texts(&["AA"]));
    let refused = |columns: Vec<(String, Column)>| {
        let failure = predictor(Task::Regression, &[]).serve(&columns).expect_err("refused");
        assert_eq!(failure.class, FailureClass::Client);
        failure.message
    };
    assert!(refused(good()[..1].to_vec()).contains("'carrier' must be given once"));
    assert!(refused([good(), good()].concat()).contains("'x' must be given once"));
    let unknown = [good(), vec![("y".to_owned(), Column::Numbers(vec![1.0]))]].concat();
    assert!(refused(unknown).contains("no input 'y'"));
    assert!(
        refused(request(Column::Numbers(vec![1.0, 2.0]), texts(&["AA"]))).contains("'carrier' has 1 rows")
    );
    assert!(
        refused(request(texts(&["one"]), texts(&["AA"]))).contains("'one' is no value for the input 'x'")
    );
    let numbers = request(Column::Numbers(vec![1.0]), Column::Numbers(vec![7.0]));
    assert!(refused(numbers).contains("'carrier' takes texts"));
}
