//! What page Models shows, as plain data: the chosen version's card made ready to draw.

use std::sync::Arc;

use orrery_domain::{
    ModelRef, Snapshot,
    curves::{Curves, ThresholdRow},
    device::DeviceChoice,
    metric::{MetricId, MetricValue},
    model::ModelCard,
    snapshot::{JobEntry, JobKind, ModelEntry},
    training::Task,
};
use serde::Serialize;

use crate::{format, theme::State, widgets::tile::Tile};

/// The page's view model.
#[derive(Clone, Debug)]
pub struct ModelsView {
    /// The chosen version; `None` when there is none.
    pub chosen: Option<ModelEntry>,
    /// What its card says, once loaded.
    pub card: Option<CardView>,
    /// Predictions with the chosen version since the program started, newest first.
    pub predictions: Vec<JobEntry>,
    /// Versions in the list, and how many of them are in the bin.
    pub versions: usize,
    /// Versions in the bin.
    pub deleted: usize,
}

/// A card made ready to draw.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CardView {
    /// Test metrics, the primary one first.
    pub tiles: Vec<Tile>,
    /// Baselines' primary metric, beside the model's own.
    pub beside: Vec<(String, String)>,
    /// Whether it beat them.
    #[serde(skip)]
    pub verdict: Option<(State, &'static str, String)>,
    /// Facts in lines: label and value.
    pub facts: Vec<(&'static str, String)>,
}

/// The view model of a snapshot and a choice.
pub fn of(snapshot: &Snapshot, chosen: Option<&ModelRef>) -> ModelsView {
    let entry = chosen.and_then(|model| snapshot.models.iter().find(|entry| entry.model == *model)).cloned();
    let predictions = snapshot.jobs.iter().filter(|job| match &job.kind {
        JobKind::Predict { model, .. } => Some(model) == chosen,
        _ => false,
    });
    ModelsView {
        card: entry.as_ref().and_then(|entry| entry.card.as_ref()).map(card),
        chosen: entry,
        predictions: predictions.cloned().collect(),
        versions: snapshot.models.len(),
        deleted: snapshot.models.iter().filter(|entry| entry.deleted).count(),
    }
}

/// The unit of a card's target; nobody states one yet, so it is the target's own, named after the column.
pub fn target_unit(_card: &ModelCard) -> &'static str {
    ""
}

fn card(card: &Arc<ModelCard>) -> CardView {
    let primary = MetricId::primary(card.task);
    let none = MetricValue { value: None, low: None, high: None };
    let tiles = MetricId::of(card.task)
        .iter()
        .filter(|id| card.test.contains_key(id))
        .map(|id| {
            let mut tile = Tile::metric(*id, card.test.get(id).unwrap_or(&none), target_unit(card));
            let baselines = card.baselines.iter().filter_map(|baseline| {
                let value = baseline.test.get(id)?.value?;
                Some(format!("{} {}", baseline.name, format::metric(*id, Some(value))))
            });
            tile.baseline = Some(baselines.collect::<Vec<_>>().join(" · "));
            tile
        })
        .collect();
    let beside = card.baselines.iter().map(|baseline| {
        (
            baseline.name.clone(),
            format::metric(primary, baseline.test.get(&primary).and_then(|metric| metric.value)),
        )
    });
    CardView { tiles, beside: beside.collect(), verdict: verdict(card), facts: facts(card) }
}

fn verdict(card: &ModelCard) -> Option<(State, &'static str, String)> {
    let verdict = card.verdict.as_ref()?;
    let (state, word) = match verdict.better {
        Some(true) => (State::Ok, "Better than its baselines"),
        Some(false) => (State::Failed, "Worse than a baseline"),
        None => (State::Warning, "Not distinguishable from a baseline"),
    };
    Some((state, word, verdict.message.clone()))
}

fn facts(card: &ModelCard) -> Vec<(&'static str, String)> {
    let rows = &card.rows;
    let mut facts = vec![
        ("Family", card.kind.title().to_owned()),
        ("Task", task_words(card.task).to_owned()),
        ("Target", card.target.clone()),
        (
            "Rows",
            format!(
                "{} training · {} validation · {} test",
                format::count(rows.train),
                format::count(rows.valid),
                format::count(rows.test)
            ),
        ),
        (
            "Size",
            match card.parameters {
                0 => format::NONE.to_owned(),
                parameters => format!("{} parameters or leaves", format::count(parameters)),
            },
        ),
        ("Trained on", format!("{} · {}", card.device, format::plural(card.threads.into(), "thread"))),
        (
            "Training",
            format!(
                "{} · {} rows/s",
                format::duration(card.train_secs),
                format::count_short(card.samples_per_sec)
            ),
        ),
        ("Seed", card.seed.to_string()),
        ("Made", format!("{} UTC", format::moment(card.created_at))),
    ];
    if rows.without_target > 0 {
        facts.push(("Left out", format!("{} without a target", format::plural(rows.without_target, "row"))));
    }
    if card.config.device != DeviceChoice::Auto {
        facts.push(("Device asked for", card.config.device.to_string()));
    }
    if !card.candidates.is_empty() {
        let words = card
            .candidates
            .iter()
            .map(|(kind, loss)| format!("{} {}", kind.name(), format::significant(*loss, 4)));
        facts.push(("Tried", format!("{} (validation loss)", words.collect::<Vec<_>>().join(" · "))));
    }
    facts
}

/// A task in words.
pub fn task_words(task: Task) -> &'static str {
    match task {
        Task::Binary => "Binary classification",
        Task::Multiclass => "Multiclass classification",
        Task::Regression => "Regression",
    }
}

/// What a threshold gives.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AtThreshold {
    /// The row of the table of thresholds.
    #[serde(skip)]
    pub row: ThresholdRow,
    /// Share of positive calls that are right; `None` without a positive call.
    pub precision: Option<f64>,
    /// Share of positives found.
    pub recall: Option<f64>,
    /// Harmonic mean of both.
    pub f1: Option<f64>,
    /// Share of all calls that are right.
    pub accuracy: Option<f64>,
    /// Share of negatives called positive.
    pub false_positive_rate: Option<f64>,
}

/// What the threshold nearest to `threshold` gives; `None` for a model without thresholds.
pub fn at_threshold(curves: &Curves, threshold: f64) -> Option<AtThreshold> {
    let Curves::Classification { thresholds, .. } = curves else { return None };
    let distance = |row: &ThresholdRow| (row.threshold - threshold).abs();
    let row = thresholds.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)))?;
    let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    Some(AtThreshold {
        row: *row,
        precision: ratio(row.tp, row.tp + row.fp),
        recall: ratio(row.tp, row.tp + row.fn_),
        f1: ratio(2 * row.tp, 2 * row.tp + row.fp + row.fn_),
        accuracy: ratio(row.tp + row.tn, row.tp + row.fp + row.tn + row.fn_),
        false_positive_rate: ratio(row.fp, row.fp + row.tn),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_gives_the_ratios_of_its_counts() {
        let row = ThresholdRow { threshold: 0.3, tp: 30, fp: 10, tn: 50, fn_: 10 };
        let never = ThresholdRow { threshold: 1.0, tp: 0, fp: 0, tn: 60, fn_: 40 };
        let curves = Curves::Classification {
            classes: Vec::new(),
            labels: Vec::new(),
            confusion: Vec::new(),
            thresholds: vec![row, never],
        };
        let at = at_threshold(&curves, 0.31).expect("has thresholds");
        assert_eq!((at.precision, at.recall, at.f1), (Some(0.75), Some(0.75), Some(0.75)));
        assert_eq!(at.accuracy, Some(0.8));
        let none = at_threshold(&curves, 1.0).expect("has thresholds");
        assert_eq!(none.precision, None, "no positive call has no precision, not 0");
        assert_eq!(none.recall, Some(0.0));
    }
}
