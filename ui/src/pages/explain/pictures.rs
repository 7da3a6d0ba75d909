//! Explanations of pictures: each pixel's figure as a heat map, beside the picture and over it.

use std::borrow::Cow;

use egui::Ui;
use orrery_domain::{
    explain::{Explanation, RowExplanation},
    image::{ImageShape, PixelColumns},
};

use super::{ExplainPage, data, one_row};
use crate::{
    context::PageContext,
    format,
    theme::space,
    widgets::{
        attributions::figure,
        pixels::{Face, Panel, Pixels, pixels_card, white},
        table_csv::csv,
    },
};

/// Where the pixels of an explanation stand among its columns.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grid {
    shape: ImageShape,
    /// The column of each value. `[channels * height * width]`
    places: Vec<usize>,
}

impl Grid {
    /// Of an explanation whose columns are pixels and nothing else.
    pub fn of(found: &Explanation) -> Option<Self> {
        let names: Vec<&str> =
            found.rows.first()?.attributions.0.iter().map(|(name, _)| name.as_str()).collect();
        let pixels = PixelColumns::among(names.iter().copied())?;
        if pixels.columns.len() != names.len() {
            return None;
        }
        let place = |column: &String| names.iter().position(|name| name == column);
        // Most often they stand in their order already.
        let in_order = pixels.columns.iter().zip(&names).all(|(column, name)| column == name);
        let places = if in_order {
            (0..names.len()).collect()
        } else {
            pixels.columns.iter().map(place).collect::<Option<Vec<usize>>>()?
        };
        Some(Self { shape: pixels.shape, places })
    }

    /// The picture. `[channels * height * width]`
    fn values(&self, row: &RowExplanation) -> Vec<f64> {
        let value = |place: &usize| row.values.get(*place)?.as_ref()?.parse().ok();
        self.places.iter().map(|place| value(place).unwrap_or(0.0)).collect()
    }

    /// Each pixel's figure, its channels added up. `[height * width]`
    fn figures(&self, row: &RowExplanation, of: impl Fn(f64) -> f64) -> Vec<f64> {
        let plane = self.shape.width as usize * self.shape.height as usize;
        let mut sums = vec![0.0; plane];
        for (at, place) in self.places.iter().enumerate() {
            sums[at % plane] += of(row.attributions.0.get(*place).map_or(0.0, |(_, value)| *value));
        }
        sums
    }
}

/// One picture: itself, its figures, and both.
pub(super) fn one<'a>(title: &'a str, grid: &Grid, row: &RowExplanation) -> Pixels<'a> {
    let (values, figures) = (grid.values(row), grid.figures(row, |value| value));
    let most = largest(&figures);
    let white = white(values.iter().copied());
    let summary = format!(
        "answer {}, largest figure of a pixel {}",
        format::significant(row.prediction, 3),
        format::significant(most, 3)
    );
    let panel = |name: &str, face: Face| Panel { name: name.to_owned(), face };
    let panels = vec![
        panel("Picture", Face::Picture { values: values.clone(), most: white }),
        panel("Figures over it", Face::Both { values, white, figures: figures.clone(), most }),
        panel("Figures", Face::Heat { figures, most }),
    ];
    Pixels { title, shape: grid.shape, panels, summary }
}

/// The mean size of each pixel's figure over the rows.
pub(super) fn all<'a>(title: &'a str, grid: &Grid, found: &Explanation) -> Pixels<'a> {
    let plane = grid.shape.width as usize * grid.shape.height as usize;
    let (mut values, mut figures) = (vec![0.0; grid.places.len()], vec![0.0; plane]);
    let many = found.rows.len().max(1) as f64;
    for row in &found.rows {
        let add = |sum: &mut [f64], more: &[f64]| {
            sum.iter_mut().zip(more).for_each(|(sum, value)| *sum += value / many);
        };
        add(&mut values, &grid.values(row));
        add(&mut figures, &grid.figures(row, f64::abs));
    }
    let most = largest(&figures);
    let summary = format!("mean of {}", data::shown(found.rows.len(), found, "picture"));
    let panel = |name: &str, face: Face| Panel { name: name.to_owned(), face };
    let white = white(values.iter().copied());
    let panels = vec![
        panel("Mean picture", Face::Picture { values, most: white }),
        panel("Mean size of the figures", Face::Heat { figures, most }),
    ];
    Pixels { title, shape: grid.shape, panels, summary }
}

fn largest(figures: &[f64]) -> f64 {
    figures.iter().fold(0.0_f64, |top, value| top.max(value.abs()))
}

/// One picture's values and figures as CSV.
pub(super) fn one_csv(grid: &Grid, row: &RowExplanation) -> String {
    let (width, plane) = (grid.shape.width as usize, grid.shape.width as usize * grid.shape.height as usize);
    let values = grid.values(row);
    let lines = grid.places.iter().zip(values).enumerate().map(|(at, (place, value))| {
        let figure = row.attributions.0.get(*place).map_or(0.0, |(_, value)| *value);
        let (channel, pixel) = (at / plane, at % plane);
        let numbers = [channel, pixel / width, pixel % width].map(|number| number.to_string());
        numbers.into_iter().chain([value, figure].map(|value| value.to_string())).map(Cow::Owned).collect()
    });
    String::from_utf8_lossy(&csv(&["channel", "line", "place", "value", "figure"], lines)).into_owned()
}

/// Draws the tab of one picture.
pub(super) fn one_picture(
    page: &mut ExplainPage,
    grid: &Grid,
    found: &Explanation,
    ctx: &mut PageContext<'_>,
    ui: &mut Ui,
) {
    page.row = page.row.min(found.rows.len().saturating_sub(1));
    one_row::choice(page, found, ctx, ui);
    let Some(row) = found.rows.get(page.row) else { return };
    let title = format!("Picture {}", row.row);
    pixels_card(&one(&title, grid, row), || one_csv(grid, row), ctx, ui);
    ui.add_space(space::S);
    let words = format!(
        "Answer {} in {}, {} at the baseline. One colour speaks for the answer, the other against it.",
        figure(row.prediction).trim_start_matches('+'),
        data::unit(found.scale, found.class.as_ref()),
        figure(row.baseline).trim_start_matches('+')
    );
    ui.add(egui::Label::new(ctx.theme.weak(words)).wrap());
}

/// Draws the tab of all pictures.
pub(super) fn all_pictures(grid: &Grid, found: &Explanation, ctx: &mut PageContext<'_>, ui: &mut Ui) {
    pixels_card(&all("All pictures", grid, found), || data::rows_csv(found), ctx, ui);
}

#[cfg(test)]
mod tests {
    use orrery_domain::explain::{Attributions, ExplainCheck, ExplainMethod, ExplainScale};

    use super::*;

    fn explanation() -> Explanation {
        // The columns stand in another order than the pixels.
        let names = ["pixel_1_0", "pixel_1_1", "pixel_0_0", "pixel_0_1"];
        let row = |row: u64, figures: [f64; 4]| RowExplanation {
            row,
            prediction: 2.0,
            baseline: -1.0,
            attributions: Attributions(names.iter().map(|name| (*name).to_owned()).zip(figures).collect()),
            standard_errors: None,
            values: ["10", "11", "0", "1"].iter().map(|text| Some((*text).to_owned())).collect(),
        };
        Explanation {
            totals: None,
            method: ExplainMethod::Occlusion,
            class: Some("7".to_owned()),
            scale: ExplainScale::LogOdds,
            rows: vec![row(3, [1.0, -2.0, 0.5, 0.0]), row(4, [-1.0, 0.0, 0.5, 0.0])],
            check: ExplainCheck::new("deletion", 0.1, 0.5),
            checks: Vec::new(),
            against: None,
        }
    }

    #[test]
    fn figures_stand_where_their_pixels_are() {
        let found = explanation();
        let grid = Grid::of(&found).expect("pixels");
        assert_eq!(grid.places, [2, 3, 0, 1]);
        let picture = one("Picture 3", &grid, &found.rows[0]);
        let Face::Heat { figures, most } = &picture.panels[2].face else { panic!("a map") };
        assert_eq!((figures.as_slice(), *most), ([0.5, 0.0, 1.0, -2.0].as_slice(), 2.0));
        let Face::Picture { values, most } = &picture.panels[0].face else { panic!("a picture") };
        assert_eq!((values.as_slice(), *most), ([0.0, 1.0, 10.0, 11.0].as_slice(), 16.0));
        let whole = all("All", &grid, &found);
        let Face::Heat { figures, .. } = &whole.panels[1].face else { panic!("a map") };
        assert_eq!(figures.as_slice(), [0.5, 0.0, 1.0, 1.0]);
        let text = one_csv(&grid, &found.rows[0]);
        assert!(text.contains("\r\n0,1,1,11,-2\r\n"), "{text}");
    }

    #[test]
    fn other_columns_are_no_picture() {
        let mut found = explanation();
        found.rows[0].attributions.0.push(("age".to_owned(), 0.0));
        assert_eq!(Grid::of(&found), None);
    }
}
