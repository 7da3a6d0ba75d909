//! Files nobody should have made: each ends with a sentence, never with a panic, and never without end.

use std::io::Write as _;

use proptest::prelude::*;

use super::*;
use crate::control::{JobControl, Wish};

#[test]
fn files_without_a_table_say_what_is_wrong() {
    for (bytes, says) in [
        (&b""[..], "is empty"),
        (b"\n\n  \n", "blank lines only"),
        (b"a,b,c\n", "no rows"),
        (b"a,b\n1,2,3\n4,5,6\n", "None of the 2 rows can be read. Line 2: It has 3 fields"),
        (b"\x00\x01\x02\x03\x05\x00\x01\x02\x03\x05\x06\x07", "no text"),
        (b"PK\x03\x04rest", "Excel"),
        (b"[{\"a\":1}]", "JSON array"),
        (b"{\"a\":", "No line is a JSON object"),
        (b"{}\n{}\n", "no fields"),
        (b"PAR1", "Parquet file is damaged"),
        (b"PAR1xxxxxxxxxxxxxxxxxxxxxxxxxxxxPAR1", "Parquet file is damaged"),
        (b"ARROW1\0\0", "Arrow file is damaged"),
        (b"\xff\xff\xff\xff\x10\x00\x00\x00", "Arrow file is damaged"),
        (b"\x1f\x8b\x08\x00", "gzip file is damaged"),
        (b"SQLite format 3\0", "SQLite"),
    ] {
        let failure = failure(bytes);
        assert!(failure.message.contains(says), "{:?}: {failure}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn rows_with_nul_bytes_are_bad_rows() {
    let (table, report) = read(b"name,value\nx,1\ny\x00y,2\nz,3\n");
    assert_eq!((table.rows(), report.bad_rows, report.bad_row_list[0].line), (2, 1, 3));
}

#[test]
fn what_is_no_file_is_refused() {
    let refused = |path: &Path| {
        failure_of(read_table(path, &ImportOptions::default(), &ImportBudget::default(), &Unwatched))
    };
    let folder = tempfile::tempdir().expect("a folder");
    assert!(refused(folder.path()).message.contains("holds no pictures"));
    assert!(refused(&folder.path().join("nothing")).message.contains("Check the path"));
    #[cfg(unix)]
    {
        assert!(refused(Path::new("/dev/zero")).message.contains("device"));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(folder.path().join("gone"), &link).expect("a link");
        assert!(refused(&link).message.contains("cannot be read"));
        let (_folder, path) = file("x.csv", "a\n1\n");
        std::fs::remove_file(&link).expect("removed");
        std::os::unix::fs::symlink(path, &link).expect("a link");
        assert!(read_table(&link, &ImportOptions::default(), &ImportBudget::default(), &Unwatched).is_ok());
    }
}

fn within(bytes: &[u8], budget: ImportBudget) -> Failure {
    let (_folder, path) = file("x", bytes);
    failure_of(read_table(&path, &ImportOptions::default(), &budget, &Unwatched))
}

#[test]
fn budgets_hold() {
    let small = ImportBudget { memory_bytes: 10 << 20, rows: 1000, columns: 3 };
    assert!(within(b"a,b,c,d\n1,2,3,4\n", small).message.contains("4 columns"));
    assert!(within("a,b\n1,2\n".repeat(2000).as_bytes(), small).message.contains("rows"));
    assert!(within(b"{\"a\":1,\"b\":2,\"c\":3,\"d\":4}\n", small).message.contains("columns"));
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    bomb.write_all(&vec![b'1'; 64 << 20]).expect("packed");
    let bomb = bomb.finish().expect("packed");
    assert!(bomb.len() < 1 << 20);
    let failure = within(&bomb, small);
    assert_eq!(failure.class, FailureClass::Capacity);
    // More columns than text: the table would be larger than the file.
    let wide = format!("{}\n{}", ["a"; 3].join(","), ",,\n".repeat(900));
    assert!(
        within(wide.as_bytes(), ImportBudget { memory_bytes: 3000, ..small }).class == FailureClass::Capacity
    );
}

#[test]
fn damaged_bytes_never_panic() {
    let table = read("a,b,c\n1,x,2013-01-01\n2,y,2013-01-02\n").0;
    let mut parquet = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut parquet, table.batch.schema(), None).expect("a writer");
    writer.write(&table.batch).expect("written");
    writer.close().expect("closed");
    let mut arrow = Vec::new();
    let mut writer =
        arrow::ipc::writer::StreamWriter::try_new(&mut arrow, &table.batch.schema()).expect("a writer");
    writer.write(&table.batch).expect("written");
    writer.finish().expect("closed");
    drop(writer);
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all("a,b\n1,2\n".repeat(50).as_bytes()).expect("packed");
    let gz = gz.finish().expect("packed");
    let budget = ImportBudget { memory_bytes: 64 << 20, ..ImportBudget::default() };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("damaged");
    for whole in [&parquet, &arrow, &gz] {
        for cut in (1..whole.len()).step_by(7) {
            put(&path, &whole[..cut]);
            // A stream may end after whole messages; everything else must be refused.
            let read = read_table(&path, &ImportOptions::default(), &budget, &Unwatched);
            assert!(read.is_err() || std::ptr::eq(whole, &raw const arrow), "cut at {cut}");
        }
        for at in (4..whole.len()).step_by(5) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << (at % 8);
            put(&path, &bytes);
            if let Err(Interrupt::Failed(failure)) =
                read_table(&path, &ImportOptions::default(), &budget, &Unwatched)
            {
                assert_ne!(failure.class, FailureClass::Bug, "{failure}");
            }
        }
    }
}

#[test]
fn quotes_everywhere_take_linear_time() {
    let started = std::time::Instant::now();
    for pattern in ["\"\n", "\"\"\"a,\n", "a\"b,\"\n", "\",\"\n", "\"a\"b\"c,\"\"\n"] {
        let csv = format!("a,b\n1,2\n{}", pattern.repeat((4 << 20) / pattern.len()));
        let (_, report) = read(&csv);
        assert!(report.bad_row_list.len() <= 1000);
    }
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn gzip_out_of_proportion_is_refused_and_garbage_after_it_is_said() {
    let pack = |bytes: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(bytes).expect("packed");
        packer.finish().expect("packed")
    };
    let table = pack(b"a,b\n1,2\n");
    let (_, report) = read([table.as_slice(), b"rest"].concat());
    assert!(
        report.warnings.iter().any(|warning| warning.starts_with("4 bytes after")),
        "{:?}",
        report.warnings
    );
    assert!(read([table.as_slice(), &[0; 512]].concat()).1.warnings.is_empty());
    assert_eq!(read([table.as_slice(), &pack(b"3,4\n")].concat()).0.rows(), 2);
    // Below 128 MB any proportion will do.
    assert_eq!(read(pack("a\n".repeat(1 << 22).as_bytes())).0.rows(), (1 << 22) - 1);
    let bomb = failure(pack("a\n".repeat(70 << 20).as_bytes()));
    assert!(bomb.class == FailureClass::Capacity && bomb.message.contains("more than 16 times"), "{bomb}");
    assert!(failure(pack(&pack(b"a\n1\n"))).message.contains("packed twice"));
}

#[test]
fn long_first_cells_do_not_hide_the_delimiter() {
    let long = "word,\n".repeat(100_000);
    let (table, _) = read(format!("a;b;c\n\"{long}\";2;3\n4;5;6\n"));
    assert_eq!((table.schema.len(), table.rows()), (3, 2));
    let (table, report) = read(format!("\"{long}\";b;c\n1;2;3\n4;5;6\n"));
    assert_eq!((table.schema.len(), table.rows()), (3, 2));
    assert!(report.warnings[0].contains("more than 1000 characters"), "{:?}", report.warnings);
}

#[test]
fn first_lines_that_are_no_names_are_said() {
    let (table, report) = read("sep=;\na;b\n1;2\n");
    assert_eq!((table.schema.len(), report.warnings.len()), (2, 1));
    assert_eq!(read("sep=\n1\n").0.schema[0].name, "sep=");
    let (_, report) = read("\"a,b\n1,2\n");
    assert!(report.warnings.iter().any(|warning| warning.contains("never closed")), "{:?}", report.warnings);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_text_panics(text in "[a-c0-9,;\"\n\r\t|.é \u{0}{}:-]{0,120}") {
        drop(read_with(&text, &ImportOptions::default()));
        drop(read_with(format!("{{\"{text}"), &ImportOptions::default()));
    }
}

struct Cancelled;

impl JobControl for Cancelled {
    fn emit(&self, _event: orrery_domain::job::JobEvent) {}

    fn wish(&self) -> Wish {
        Wish::Cancel
    }
}

#[test]
fn a_wish_to_end_is_heard() {
    let (_folder, path) = file("x.csv", "a\n1\n");
    let read = read_table(&path, &ImportOptions::default(), &ImportBudget::default(), &Cancelled);
    assert_eq!(read.err(), Some(Interrupt::Cancelled));
}
