//! Exports: what each button of Compare, Compress, Search and Tune hands over to be written, as pictures and as values.

use std::sync::Arc;

use egui::Role;
use orrery_domain::{Command, Snapshot};
use orrery_ui::route::PageId;

use crate::support::{
    engine::StillEngine,
    fixture,
    harness::{State, click_role, fill, sized},
};

const PATH: &str = "/tmp/exported";

/// A page that is in sight as a whole, and what it sends.
struct Exports {
    window: egui_kittest::Harness<'static, State>,
    engine: Arc<StillEngine>,
}

impl Exports {
    fn of(snapshot: Snapshot, page: PageId) -> Self {
        let (window, engine) = sized(snapshot, page, egui::vec2(1440.0, 3000.0));
        Self { window, engine }
    }

    /// Answers the question for a file; what is to be written into it.
    fn saved(&mut self) -> Vec<u8> {
        fill(&mut self.window, "Path of the file to write", PATH);
        click_role(&mut self.window, Role::Button, "Save");
        let saved = self.engine.asked().into_iter().find_map(|command| match command {
            Command::SaveFile { path, bytes } => Some((path, bytes)),
            _ => None,
        });
        let (path, bytes) = saved.expect("a file is written");
        assert_eq!(path, std::path::Path::new(PATH));
        bytes
    }

    /// The bytes of a picture's file, by the picture's title and the menu's entry.
    fn bytes(&mut self, title: &str, entry: &str) -> Vec<u8> {
        click_role(&mut self.window, Role::Button, &format!("Export {title}"));
        click_role(&mut self.window, Role::Button, entry);
        self.saved()
    }

    fn csv(&mut self, title: &str) -> String {
        String::from_utf8(self.bytes(title, "Values as CSV…")).expect("text")
    }

    fn svg(&mut self, title: &str) -> String {
        let text = String::from_utf8(self.bytes(title, "Picture as SVG…")).expect("text");
        assert!(text.starts_with("<svg ") && text.trim_end().ends_with("</svg>"), "{title}");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{title}");
        text
    }

    /// The rows of a table.
    fn table(&mut self, name: &str) -> String {
        click_role(&mut self.window, Role::Button, &format!("Export {name} as CSV"));
        String::from_utf8(self.saved()).expect("text")
    }
}

/// The line of a file that begins so.
fn line<'a>(text: &'a str, begin: &str) -> &'a str {
    let found = text.lines().find(|line| line.starts_with(begin));
    found.unwrap_or_else(|| panic!("no line begins with '{begin}' in:\n{text}"))
}

#[test]
fn compare_saves_its_charts_with_what_their_colours_mean() {
    let mut page = Exports::of(fixture::busy(), PageId::Compare);
    let bins = page.csv("calibration");
    assert_eq!(bins.lines().next(), Some("model,predicted,observed,low,high,rows"));
    assert_eq!(bins.lines().count(), 1 + 3 * 15, "every bin of three versions");
    for (title, reference) in
        [("calibration", "Perfectly calibrated"), ("quality and latency", "Pareto front")]
    {
        let picture = page.svg(title);
        for name in ["flights-gbt:3", "flights-tabm:1", "flights-gbt:2", reference] {
            assert_eq!(picture.matches(&format!(">{name}</text>")).count(), 1, "{title}: {name}");
        }
    }
    let points = page.csv("quality and latency");
    let fast = line(&points, "flights-gbt:3,");
    assert!(fast.contains(",0.809,3400000,true"), "{fast}");
    assert_eq!(points.lines().count(), 4);
}

#[test]
fn compare_saves_a_chart_as_pixels() {
    let mut page = Exports::of(fixture::busy(), PageId::Compare);
    let bytes = page.bytes("quality and latency", "Picture as PNG…");
    let picture = image::load_from_memory(&bytes).expect("a picture").to_rgba8();
    // The card and no more of the window than that.
    assert!((400..900).contains(&picture.width()) && (250..500).contains(&picture.height()));
    let colours: std::collections::BTreeSet<[u8; 4]> = picture.pixels().map(|pixel| pixel.0).collect();
    assert!(colours.len() > 20, "only {} colours", colours.len());
}

#[test]
fn compare_saves_every_table_and_disarms_formulas() {
    let mut state = fixture::compare::state(fixture::flights().id);
    if let Some(Ok(report)) = &mut state.answer {
        report.pairs[0].architecture.settings[1].b = Some("=HYPERLINK(0)".to_owned());
    }
    let snapshot = Snapshot { comparison: Some(Arc::new(state)), ..fixture::busy() };
    let mut page = Exports::of(snapshot, PageId::Compare);
    let metrics = page.table("Metrics of both");
    assert!(metrics.starts_with("Metric,flights-gbt:3,flights-tabm:1,Difference,95% interval,p,Better\r\n"));
    assert!(line(&metrics, "AUROC (decides),").contains(",0.809,0.795,"), "{metrics}");
    assert!(line(&metrics, "AUROC (decides),").contains(",'-0.0170 to -0.0110,"), "{metrics}");
    let costs = page.table("Quality, latency and size");
    assert!(line(&costs, "flights-tabm:1").contains(",620000,41200,on it"), "{costs}");
    let slices = page.table("Worst slices");
    assert_eq!(slices.lines().count(), 1 + 3 * 2, "two slices of each version");
    assert!(slices.contains(",origin = LGA and sched_hour below 9,3120,"), "{slices}");
    let settings = page.table("Settings that differ");
    assert_eq!(line(&settings, "request.seed"), "request.seed,0,'=HYPERLINK(0)");
    assert_eq!(line(&page.table("Weights"), "layers.0"), "layers.0.weight,96 × 128,96 × 128,1.31");
}

#[test]
fn compare_saves_the_paired_tests_of_every_pair() {
    let mut page = Exports::of(fixture::busy(), PageId::Compare);
    let tests = page.table("paired tests");
    assert!(tests.starts_with("first,second,test,metric,difference,statistic,value,p,p_holm,better\r\n"));
    // A verdict, DeLong and McNemar of each of three pairs.
    assert_eq!(tests.lines().count(), 1 + 3 * 3, "{tests}");
    assert!(line(&tests, "flights-gbt:3,flights-tabm:1,Verdict").ends_with(",flights-gbt:3"), "{tests}");
    assert!(line(&tests, "flights-gbt:3,flights-gbt:2,Verdict").ends_with(",not distinguishable"), "{tests}");
    assert!(line(&tests, "flights-gbt:3,flights-tabm:1,DeLong").contains(",z,-9.21,"), "{tests}");
    let mcnemar = line(&tests, "flights-gbt:3,flights-tabm:1,\"McNemar, 2671 and 2618");
    assert!(mcnemar.ends_with(",chi_square,0.511,0.4747,,"), "{mcnemar}");
}

#[test]
fn compress_saves_its_pictures_and_its_tables() {
    let mut page = Exports::of(fixture::busy(), PageId::Compress);
    let shares = page.csv("shares of before");
    assert!(
        shares.starts_with("figure,unit,before,before_low,before_high,after,after_low,after_high,share\r\n")
    );
    assert!(
        line(&shares, "Bytes on disk").starts_with("Bytes on disk,bytes,4812113,4812113,4812113,1254882,")
    );
    let row = line(&shares, "Time of one row");
    assert!(row.starts_with("Time of one row,seconds,0.000034,"), "{row}");
    let share: f64 = row.rsplit(',').next().and_then(|text| text.parse().ok()).expect("a number");
    assert!((share - 41.0 / 34.0).abs() < 1e-9, "{row}");
    let picture = page.svg("shares of before");
    for words in [">Bytes on disk</text>", ">0.26</text>", ">Time of one row</text>", ">1.21</text>"] {
        assert!(picture.contains(words), "{words}");
    }
    let layers = page.csv("sensitivity of layers");
    let order: Vec<&str> = layers.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(order, ["head.weight", "layers.0.weight", "layers.1.weight"], "the most costly first");
    assert_eq!(line(&layers, "head"), "head.weight,65536,0.0081,false,");
    assert!(page.svg("sensitivity of layers").contains(">+0.8100%</text>"));
    let figures = page.table("Before and after");
    assert!(line(&figures, "Bytes on disk").starts_with("Bytes on disk,4812113,1254882,0.26"), "{figures}");
    let table = page.table("Layers");
    assert_eq!(line(&table, "head"), "head.weight,65536,0.0081,Floats");
}

#[test]
fn search_saves_its_pictures_and_its_trials() {
    let mut page = Exports::of(fixture::busy(), PageId::Search);
    let trials = page.csv("quality and time");
    assert!(trials.starts_with("trial,state,quality,row_secs,bytes,train_secs,run,"), "{trials}");
    assert_eq!(trials.lines().count(), 1 + 26, "every trial, the failed one too");
    assert!(line(&trials, "9,").starts_with("9,failed,,"), "{trials}");
    let picture = page.svg("quality and time");
    for name in ["Finished trial", "On the front", "Limit"] {
        assert_eq!(picture.matches(&format!(">{name}</text>")).count(), 1, "{name}");
    }
    assert_eq!(page.csv("best so far"), trials);
    assert_eq!(line(&page.csv("importance"), "gbt.learning_rate"), "gbt.learning_rate,0.41,0.06");
    assert!(page.svg("trials across parameters").contains(">gbt.learning_rate</text>"));
    let table = page.table("Trials");
    assert_eq!(table.lines().count(), 1 + 26);
    assert!(table.starts_with("Trial,State,AUROC,One row,On disk,Trained,Marks,"), "{table}");
}

#[test]
fn tune_saves_its_picture_and_its_measurements() {
    let mut page = Exports::of(fixture::busy(), PageId::Tune);
    let points = page.csv("throughput and latency");
    let head =
        "number,model,batch_rows,threads,instances,delay_micros,p95_ms,rows_per_sec,on_front,steady,noisy\n";
    assert!(points.starts_with(head), "{points}");
    assert_eq!(points.lines().count(), 1 + 18, "the one that failed has no place");
    let noisy = line(&points, "7,");
    assert!(noisy.ends_with(",false,throughput p50 p95 p99 memory cpu"), "the noisy one says so: {points}");
    assert!(line(&points, "2,").ends_with(",true,"), "and no other: {points}");
    let picture = page.svg("throughput and latency");
    for name in ["Best", "Measured", "Pareto front: nothing measured beats it in both"] {
        assert_eq!(picture.matches(&format!(">{name}</text>")).count(), 1, "{name}");
    }
    assert!(picture.matches("<circle").count() > 18, "every measurement has its dot");
    let table = page.table("Measurements");
    assert_eq!(table.lines().count(), 1 + 19);
    assert!(table.starts_with("No.,Version,Batch,Threads,Instances,"), "{table}");
}
