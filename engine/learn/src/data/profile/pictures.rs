//! Pictures of a profile: a few of each class, spread over its rows, to look at.

use orrery_domain::{
    dataset::Dataset,
    image::CLASS,
    profile::{PictureSample, SamplePicture},
};

use crate::table::Table;

/// Classes that are shown.
const CLASSES: usize = 12;
/// Pictures of a class.
const EACH: usize = 8;
/// Pictures where there are no classes.
const WITHOUT: usize = 48;

/// Some pictures of each class of the target (else of the column `class`); `None` where no columns are pixels.
pub(super) fn sample(dataset: &Dataset, table: &Table, target: Option<usize>) -> Option<PictureSample> {
    let pixels = dataset.pixels()?;
    let places: Vec<usize> = pixels.columns.iter().filter_map(|name| table.position(name)).collect();
    let labels = target.or_else(|| table.position(CLASS)).map(|column| table.labels(column));
    let mut rows: Vec<(Option<String>, Vec<usize>)> = Vec::new();
    match labels.filter(|labels| labels.classes.len() <= 1_000) {
        Some(labels) => {
            for (class, name) in labels.classes.iter().enumerate().take(CLASSES) {
                let own = labels.codes.iter().enumerate().filter(|(_, code)| **code == Some(class as u32));
                let own: Vec<usize> = own.map(|(row, _)| row).collect();
                rows.push((Some(name.clone()), spread(&own, EACH)));
            }
        }
        None => rows.push((None, spread(&(0..table.rows()).collect::<Vec<usize>>(), WITHOUT))),
    }
    let columns: Vec<Vec<f64>> = {
        // Only the chosen rows' values are kept.
        let chosen: Vec<usize> = rows.iter().flat_map(|(_, rows)| rows).copied().collect();
        let of = |place: &usize| {
            let values = table.numbers(*place);
            chosen.iter().map(|row| values[*row]).collect()
        };
        places.iter().map(of).collect()
    };
    let mut at = 0;
    let mut pictures = Vec::new();
    for (class, rows) in rows {
        for row in rows {
            let finite = |column: &Vec<f64>| if column[at].is_finite() { column[at] as f32 } else { 0.0 };
            let values = columns.iter().map(finite).collect();
            pictures.push(SamplePicture { row: row as u64, class: class.clone(), values });
            at += 1;
        }
    }
    Some(PictureSample { shape: pixels.shape, pictures })
}

/// So many of some rows, evenly.
fn spread(rows: &[usize], many: usize) -> Vec<usize> {
    let count = rows.len().min(many);
    (0..count).map(|at| rows[at * rows.len() / count]).collect()
}
