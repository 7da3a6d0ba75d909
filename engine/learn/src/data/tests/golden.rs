//! Figures that pandas computed.

use super::*;

#[test]
fn flights_timing() {
    let Some(data) = shared_data() else {
        eprintln!("skipped: no real data");
        return;
    };
    let mut raw = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::read::GzDecoder::new(std::fs::File::open(data.join("flights_raw.csv.gz")).expect("there")),
        &mut raw,
    )
    .expect("unpacked");
    let (_folder, plain) = file("flights.csv", &raw);
    for path in [plain, data.join("flights_raw.csv.gz")] {
        for _ in 0..4 {
            let started = std::time::Instant::now();
            let (table, report) =
                read_table(&path, &ImportOptions::default(), &ImportBudget::default(), &Unwatched).expect("reads");
            eprintln!("{:?} {} rows {:?} {:?}", started.elapsed(), table.rows(), report.warnings, kinds(&table));
        }
    }
}
