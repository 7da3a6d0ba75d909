//! The fields that most people leave alone: how much is drawn for a row, which rows, from which seed, and whether the longer checks run.

use egui::Ui;
use orrery_domain::explain::ExplainMethod;
use serde::{Deserialize, Serialize};

use super::form::{MOST_ROWS, number};
use crate::{
    theme::Theme,
    widgets::{
        advanced::advanced,
        choice::checkbox,
        form::{FormRow, short_row},
    },
};

/// Most samples a row.
const MOST_SAMPLES: u32 = 1_000_000;

/// What was typed; an empty field is the usual value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Advanced {
    samples: String,
    /// Place of the first row, from 0.
    first: String,
    /// Rows that a method looks at which tells of all at once.
    many: String,
    seed: String,
    /// Leaves out the checks that take a while.
    quick: bool,
    open: bool,
}

/// What the method draws for each row: its name, its help, and how much of it is usual; none: it draws nothing.
fn drawn(method: ExplainMethod) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match method {
        ExplainMethod::IntegratedGradients => {
            ("Points", "Points on the way from the baseline to a row", "empty: as many as needed")
        }
        ExplainMethod::ExpectedGradients => {
            ("Points", "Points on the ways from the background to a row", "empty: 200")
        }
        ExplainMethod::KernelShap => {
            ("Sets of columns", "Sets that the regression is over, for a row", "empty: 2,048 and 2 a column")
        }
        ExplainMethod::PermutationShap => {
            ("Orders", "Orders that the columns are switched on in, each forth and back", "empty: 10")
        }
        ExplainMethod::Lime => {
            ("Neighbours", "Made-up rows that the linear model is fitted to", "empty: 1,000")
        }
        ExplainMethod::TreeShap
        | ExplainMethod::ExactShapley
        | ExplainMethod::Counterfactual
        | ExplainMethod::PermutationImportance
        | ExplainMethod::PartialDependence
        | ExplainMethod::Saliency
        | ExplainMethod::Occlusion => return None,
    })
}

/// A whole number where one was typed.
fn given(text: &str, least: u32, most: u32) -> Result<Option<u32>, String> {
    if text.trim().is_empty() { Ok(None) } else { number(text, least, most).map(Some) }
}

impl Advanced {
    /// How much is drawn for a row; none: the method's own number.
    pub fn samples(&self, method: ExplainMethod) -> Result<Option<u32>, String> {
        match drawn(method) {
            Some(_) => given(&self.samples, 1, MOST_SAMPLES),
            None => Ok(None),
        }
    }

    fn first(&self) -> Result<Option<u32>, String> {
        given(&self.first, 0, u32::MAX)
    }

    /// Rows from the first to before the second; `many` is the form's number, for methods that explain single rows. None: as many as the
    /// method takes.
    pub fn rows(&self, method: ExplainMethod, many: &str) -> Result<Option<(u64, u64)>, String> {
        let first = self.first()?;
        let many = if method.is_global() {
            given(&self.many, 1, MOST_ROWS)?
        } else {
            Some(number(many, 1, MOST_ROWS)?)
        };
        if first.is_none() && many.is_none() {
            return Ok(None);
        }
        let first = u64::from(first.unwrap_or(0));
        Ok(Some((first, first + u64::from(many.unwrap_or(MOST_ROWS)))))
    }

    /// Seed of everything that is drawn.
    pub fn seed(&self) -> Result<u64, String> {
        match self.seed.trim() {
            "" => Ok(0),
            text => text.parse().ok().ok_or_else(|| "A whole number, 0 or more".to_owned()),
        }
    }

    /// Whether the longer checks run.
    pub fn checks(&self, method: ExplainMethod) -> bool {
        !(self.quick && method.attributes())
    }

    /// Which rows are meant, beside their number.
    pub fn beginning(&self) -> String {
        match self.first() {
            Ok(Some(first)) if first > 0 => format!("from row {first} on"),
            _ => "the first ones".to_owned(),
        }
    }

    fn many(&self, method: ExplainMethod) -> Result<Option<u32>, String> {
        if method.is_global() { given(&self.many, 1, MOST_ROWS) } else { Ok(None) }
    }

    fn wrong(&self, method: ExplainMethod) -> bool {
        self.samples(method).is_err()
            || self.first().is_err()
            || self.many(method).is_err()
            || self.seed().is_err()
    }

    /// What is not as usual, in a few words.
    fn words(&self, method: ExplainMethod) -> String {
        let mut all = Vec::new();
        if let (Some((name, ..)), Ok(Some(samples))) = (drawn(method), self.samples(method)) {
            all.push(format!("{} {samples}", name.to_lowercase()));
        }
        if let Ok(Some(first)) = self.first() {
            all.push(format!("from row {first} on"));
        }
        if let Ok(Some(many)) = self.many(method) {
            all.push(format!("{many} rows"));
        }
        if let Ok(seed) = self.seed()
            && seed > 0
        {
            all.push(format!("seed {seed}"));
        }
        if !self.checks(method) {
            all.push("without the longer checks".to_owned());
        }
        if all.is_empty() { "first row, seed, what is drawn, checks".to_owned() } else { all.join(", ") }
    }

    /// Draws the line that opens them, and the fields.
    pub fn show(&mut self, method: ExplainMethod, theme: &Theme, ui: &mut Ui) {
        let (words, wrong) = (self.words(method), self.wrong(method));
        let mut open = self.open;
        advanced(ui, theme, &words, wrong, &mut open, |ui| self.fields(method, theme, ui));
        self.open = open;
    }

    fn fields(&mut self, method: ExplainMethod, theme: &Theme, ui: &mut Ui) {
        if let Some((label, help, usual)) = drawn(method) {
            let error = self.samples(method).err();
            short_row(ui, theme, (label, help), &mut self.samples, usual, error.as_deref());
        }
        let error = self.first().err();
        let help = "Its place among the rows, counted from 0";
        short_row(ui, theme, ("First row", help), &mut self.first, "empty: 0", error.as_deref());
        if method.is_global() {
            let error = self.many(method).err();
            let usual = "empty: as many as the method takes";
            short_row(
                ui,
                theme,
                ("How many rows", "From the first row on"),
                &mut self.many,
                usual,
                error.as_deref(),
            );
        }
        let error = self.seed().err();
        let help = "Of everything that is drawn: the background, samples, shuffles";
        short_row(ui, theme, ("Seed", help), &mut self.seed, "empty: 0", error.as_deref());
        if method.attributes() {
            let help = "Infidelity, sensitivity and the test with shuffled weights take a while; whether the parts add up is always looked at";
            FormRow::new("Checks", help).show(ui, theme, |ui| {
                let mut run = !self.quick;
                checkbox(ui, theme, &mut run, "Run the longer checks, too");
                self.quick = !run;
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_begin_where_they_are_told_to() {
        let mut fields = Advanced::default();
        let local = ExplainMethod::KernelShap;
        let all = ExplainMethod::PermutationImportance;
        assert_eq!(fields.rows(local, "300"), Ok(Some((0, 300))));
        assert_eq!(fields.rows(all, "300"), Ok(None), "the form's number is for single rows");
        "40".clone_into(&mut fields.first);
        assert_eq!(fields.rows(local, "1,000"), Ok(Some((40, 1040))));
        assert_eq!(fields.rows(all, ""), Ok(Some((40, 10_040))));
        "20".clone_into(&mut fields.many);
        assert_eq!(fields.rows(all, ""), Ok(Some((40, 60))));
        assert!(fields.rows(local, "0").is_err());
        "-1".clone_into(&mut fields.first);
        assert!(fields.rows(all, "").is_err() && fields.wrong(all));
    }

    #[test]
    fn only_methods_that_draw_take_a_number_of_samples() {
        let fields = Advanced { samples: "500".to_owned(), quick: true, ..Advanced::default() };
        assert_eq!(fields.samples(ExplainMethod::Lime), Ok(Some(500)));
        assert_eq!(fields.samples(ExplainMethod::TreeShap), Ok(None));
        let none = Advanced { samples: "0".to_owned(), ..Advanced::default() };
        assert!(none.samples(ExplainMethod::KernelShap).is_err());
        assert!(none.samples(ExplainMethod::TreeShap).is_ok(), "what is not shown is not wrong");
        assert!(!fields.checks(ExplainMethod::Lime) && fields.checks(ExplainMethod::PartialDependence));
        assert_eq!(fields.words(ExplainMethod::Lime), "neighbours 500, without the longer checks");
    }

    #[test]
    fn a_seed_is_any_whole_number() {
        let seed = |text: &str| Advanced { seed: text.to_owned(), ..Advanced::default() }.seed();
        assert_eq!((seed(""), seed(" 7 ")), (Ok(0), Ok(7)));
        assert_eq!(seed("18446744073709551615"), Ok(u64::MAX));
        assert!(seed("x").is_err() && seed("-1").is_err());
    }
}
