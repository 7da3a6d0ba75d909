//! Some pictures of each class of a dataset.

use std::borrow::Cow;

use egui::Ui;
use orrery_domain::profile::PictureSample;

use super::data::DatasetView;
use crate::{
    context::PageContext,
    format,
    widgets::{
        pixels::white,
        table_csv::csv,
        thumbnails::{Line, Thumbnails, thumbnails_card},
    },
};

/// Draws them.
pub(super) fn show(ctx: &mut PageContext<'_>, ui: &mut Ui, dataset: &DatasetView) {
    let Some(sample) = &dataset.pictures else { return };
    let values = sample.pictures.iter().flat_map(|picture| &picture.values);
    let most = white(values.map(|value| f64::from(*value)));
    let lines = lines(sample);
    let classes = lines.len();
    let summary = format!(
        "{} of {}, {} of {}",
        format::plural(sample.pictures.len() as u64, "picture"),
        format::count(dataset.rows),
        sample.shape,
        if lines.iter().any(|line| line.name != WITHOUT) {
            format::plural(classes as u64, "class")
        } else {
            "no classes".to_owned()
        }
    );
    let pictures = Thumbnails { title: "Pictures", shape: sample.shape, most, lines, summary };
    egui::ScrollArea::vertical().id_salt("pictures").auto_shrink(false).show(ui, |ui| {
        thumbnails_card(&pictures, || values_csv(sample), ctx, ui);
    });
}

/// Name of the line of pictures without a class.
const WITHOUT: &str = "No class";

/// One line a class, in the sample's order; of a sample without classes, lines of a dozen.
pub(super) fn lines(sample: &PictureSample) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for picture in &sample.pictures {
        let name = picture.class.clone().unwrap_or_else(|| WITHOUT.to_owned());
        let full = picture.class.is_none() && lines.last().is_some_and(|line| line.pictures.len() >= 12);
        if full || lines.last().is_none_or(|line| line.name != name) {
            lines.push(Line { name: name.clone(), pictures: Vec::new() });
        }
        let values = picture.values.iter().map(|value| f64::from(*value)).collect();
        let words = format!("row {}: {name}", format::count(picture.row + 1));
        if let Some(line) = lines.last_mut() {
            line.pictures.push((words, values));
        }
    }
    lines
}

/// The pictures as CSV: row, class and every value.
fn values_csv(sample: &PictureSample) -> String {
    let columns = sample.shape.columns();
    let head: Vec<&str> = ["row", "class"].into_iter().chain(columns.iter().map(String::as_str)).collect();
    let rows = sample.pictures.iter().map(|picture| {
        let begin = [picture.row.to_string(), picture.class.clone().unwrap_or_default()];
        begin.into_iter().chain(picture.values.iter().map(ToString::to_string)).map(Cow::Owned).collect()
    });
    String::from_utf8_lossy(&csv(&head, rows)).into_owned()
}

#[cfg(test)]
mod tests {
    use orrery_domain::{image::ImageShape, profile::SamplePicture};

    use super::*;

    #[test]
    fn a_class_is_a_line_and_all_values_are_in_the_file() {
        let picture = |row, class: Option<&str>| SamplePicture {
            row,
            class: class.map(str::to_owned),
            values: vec![0.0, 1.0, 2.0, 3.0],
        };
        let shape = ImageShape { width: 2, height: 2, channels: 1 };
        let pictures = vec![picture(0, Some("a")), picture(5, Some("a")), picture(7, Some("b"))];
        let sample = PictureSample { shape, pictures };
        let found = lines(&sample);
        assert_eq!(found.iter().map(|line| line.pictures.len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(found[0].pictures[1].0, "row 6: a");
        let text = values_csv(&sample);
        assert!(
            text.starts_with("row,class,pixel_0_0,pixel_0_1,pixel_1_0,pixel_1_1\r\n0,a,0,1,2,3\r\n"),
            "{text}"
        );
        let many = PictureSample { shape, pictures: (0..30).map(|row| picture(row, None)).collect() };
        assert_eq!(lines(&many).len(), 3);
    }
}
