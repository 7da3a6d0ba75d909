//! Pictures in the real window: a folder of them imported, a small convolutional network trained, and its heat maps saved.

use std::{fs, path::Path};

use super::{pictures::Pictures, window::Window};
use crate::program::Program;

/// Side of the pictures.
const SIDE: u32 = 8;
/// Pictures of each class.
const COPIES: u32 = 30;
const CLASSES: [&str; 3] = ["left", "middle", "right"];

/// A picture with a bright bar where its class says, and noise of its own. `[line * 8 + place]`
fn bar(class: usize, copy: u32) -> Vec<u8> {
    let value = |at: u32| {
        let on = (at % SIDE / 3) as usize == class;
        let noise = (copy * 7919 + at * 104_729 + class as u32) % 40;
        noise as u8 + if on { 200 } else { 0 }
    };
    (0..SIDE * SIDE).map(value).collect()
}

/// Writes a sub-folder of PNG files for each class.
fn write_bars(folder: &Path) {
    for (class, name) in CLASSES.into_iter().enumerate() {
        fs::create_dir_all(folder.join(name)).expect("a folder");
        for copy in 0..COPIES {
            let picture = image::GrayImage::from_raw(SIDE, SIDE, bar(class, copy)).expect("64 values");
            picture.save(folder.join(name).join(format!("{copy}.png"))).expect("written");
        }
    }
}

#[test]
fn pictures_are_imported_learnt_and_explained_in_the_window() {
    let program = Program::for_window();
    let folder = program.home().with_file_name("bars");
    write_bars(&folder);
    let mut pictures = Pictures::of(program.home());
    let mut window = Window::open(program.home(), "1440x900", &["--page", "data"]);

    window.wait_text("No data yet", 60);
    window.press("Open a file…");
    window.answer_path(&folder);
    window.wait_text("Imported 'bars': 90 rows.", 60);
    window.press("Pictures");
    window.wait_text("8x8 of 3 classes", 20);
    pictures.take(&mut window, "data-pictures");

    // The kind and the target follow from what the dataset is.
    window.press("Train…");
    window.wait_text("Convolutional network", 20);
    window.fill("Width", "8");
    window.press("Start training");
    window.wait_text("State: Finished", 180);
    window.press("Show model");
    window.press("Explain…");
    window.wait_text("What is explained", 20);
    window.fill("How many rows", "6");
    window.press("Explain model");
    window.wait_text("All pictures: mean of 6 pictures", 120);
    window.press("One picture");
    window.wait_text("Picture 0: answer", 20);
    pictures.take(&mut window, "explain-pictures");

    let file = program.home().with_file_name("heat.csv");
    window.scroll_to("Export picture 0");
    window.press("Export picture 0");
    window.press("Values as CSV…");
    window.answer_path(&file);
    window.wait_text(&format!("Saved {}.", file.display()), 20);
    let saved = fs::read_to_string(&file).expect("text");
    let mut lines = saved.lines();
    assert_eq!(lines.next(), Some("channel,line,place,value,figure"));
    let cells: Vec<Vec<f64>> =
        lines.map(|line| line.split(',').map(|cell| cell.parse().expect("a number")).collect()).collect();
    let values: Vec<u8> = cells.iter().map(|cells| cells[3] as u8).collect();
    let mut written = (0..CLASSES.len()).flat_map(|class| (0..COPIES).map(move |copy| bar(class, copy)));
    assert!(written.any(|picture| picture == values), "one of the files: {values:?}");
    assert!(cells.iter().any(|cells| cells[4].abs() > 0.0), "the pixels have figures");
}
