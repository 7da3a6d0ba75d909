//! Verdict: whether a model beat the best baseline, or cannot be told from it.

use orrery_domain::{
    metric::{MetricId, MetricValue},
    model::Verdict,
    training::Task,
};

use super::{
    BootstrapSettings, DEFAULT_THRESHOLD, Predictions, Truth,
    bootstrap::{interval, replicate},
    scorer::Scorer,
};

/// Two models' values of the task's first metric, and whether they differ beyond chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paired {
    /// Metric.
    pub metric: MetricId,
    /// The model's value.
    pub model: f64,
    /// The other's.
    pub against: f64,
    /// 95 % interval of the model's less the other's.
    pub bounds: Option<(f64, f64)>,
    /// Whether the model is better or worse: only where the interval leaves out 0.
    pub better: Option<bool>,
}

/// The difference of two models on the same resamples of the same rows (paired bootstrap, Efron and Tibshirani 1993, section 13.3).
/// `None` where one has no value: the metric is not defined on these rows, or predictions do not fit them.
pub fn paired(
    task: Task,
    truth: &Truth<'_>,
    model: &Predictions,
    against: &Predictions,
    settings: &BootstrapSettings,
) -> Option<Paired> {
    let metric = MetricId::primary(task);
    let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
    let once = vec![1; truth.rows()];
    let scored = |predictions: &Predictions| {
        let scorer = Scorer::new(task, truth, predictions, DEFAULT_THRESHOLD)?;
        scorer.primary(&once).map(|value| (value, scorer))
    };
    let ((value, model), (other_value, other)) = (scored(model)?, scored(against)?);
    let differences = replicate(truth.rows(), model.work() + other.work(), settings, |counts| {
        Some(model.primary(counts)? - other.primary(counts)?)
    });
    let bounds = interval(differences.into_iter());
    let better = bounds.and_then(|(low, high)| match (low * sign, high * sign) {
        (a, b) if a > 0.0 && b > 0.0 => Some(true),
        (a, b) if a < 0.0 && b < 0.0 => Some(false),
        _ => None,
    });
    Some(Paired { metric, model: value, against: other_value, bounds, better })
}

/// Compares the model with the baseline that has the best primary metric, as [`paired`] does.
pub fn verdict(
    task: Task,
    truth: &Truth<'_>,
    model: &Predictions,
    baselines: &[(String, Predictions)],
    settings: &BootstrapSettings,
) -> Verdict {
    let metric = MetricId::primary(task);
    let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
    let once = vec![1; truth.rows()];
    let value =
        |predictions: &Predictions| Scorer::new(task, truth, predictions, DEFAULT_THRESHOLD)?.primary(&once);
    let best = baselines
        .iter()
        .filter_map(|(name, predictions)| value(predictions).map(|value| (name, value, predictions)))
        .max_by(|(_, a, _), (_, b, _)| (a * sign).total_cmp(&(b * sign)));
    let found = best.and_then(|(name, _, rival)| Some((name, paired(task, truth, model, rival, settings)?)));
    let Some((against, found)) = found else {
        return undecidable(metric, baselines);
    };
    Verdict {
        metric,
        against: against.clone(),
        difference: MetricValue {
            value: Some(found.model - found.against),
            low: found.bounds.map(|(low, _)| low),
            high: found.bounds.map(|(_, high)| high),
        },
        better: found.better,
        message: sentence(metric, against, (found.model, found.against), found.bounds, found.better),
    }
}

/// The verdict where one of the two has no value.
fn undecidable(metric: MetricId, baselines: &[(String, Predictions)]) -> Verdict {
    let message = if baselines.is_empty() {
        "There was no baseline to compare the model with.".to_owned()
    } else {
        format!(
            "The model cannot be compared with its baselines: {} is not defined on these test rows.",
            metric.title()
        )
    };
    Verdict {
        metric,
        against: baselines.first().map_or_else(String::new, |(name, _)| name.clone()),
        difference: MetricValue { value: None, low: None, high: None },
        better: None,
        message,
    }
}

fn sentence(
    metric: MetricId,
    against: &str,
    (model, baseline): (f64, f64),
    bounds: Option<(f64, f64)>,
    better: Option<bool>,
) -> String {
    let begin = match better {
        Some(true) => format!("The model beats the {against} baseline"),
        Some(false) => format!("The model is worse than the {against} baseline"),
        None => format!("The model cannot be told from the {against} baseline"),
    };
    let difference = bounds.map_or_else(String::new, |(low, high)| {
        format!(
            " (difference {}, 95% interval {} to {})",
            figure(model - baseline),
            figure(low),
            figure(high)
        )
    });
    format!("{begin}: {} {} against {}{difference}.", metric.title(), figure(model), figure(baseline))
}

/// A number with as many digits as a sentence needs: four significant ones.
pub(crate) fn figure(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    let size = value.abs().log10().floor();
    if !(-6.0..=9.0).contains(&size) {
        return format!("{value:.3e}");
    }
    let decimals = (3.0 - size).clamp(0.0, 9.0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: BootstrapSettings = BootstrapSettings { resamples: 400, seed: 5 };

    /// A truth of `rows` values and predictions that miss by about `error`.
    fn regression(rows: usize, error: f64) -> (Vec<f64>, Predictions) {
        let truth: Vec<f64> = (0..rows).map(|row| (row as f64 * 0.7).sin() * 10.0).collect();
        let values =
            truth.iter().enumerate().map(|(row, value)| value + error * (row as f64 * 1.3).cos()).collect();
        (truth, Predictions::Values(values))
    }

    fn judge(truth: &[f64], model: &Predictions, baselines: &[(&str, &Predictions)]) -> Verdict {
        let baselines: Vec<_> = baselines
            .iter()
            .map(|(name, predictions)| ((*name).to_owned(), (*predictions).clone()))
            .collect();
        verdict(Task::Regression, &Truth::Values(truth), model, &baselines, &SETTINGS)
    }

    #[test]
    fn the_best_baseline_is_the_one_compared_and_a_lower_error_is_better() {
        let (truth, good) = regression(300, 1.0);
        let (_, poor) = regression(300, 3.0);
        let (_, bad) = regression(300, 5.0);
        let won = judge(&truth, &good, &[("mean", &bad), ("linear", &poor)]);
        assert_eq!((won.against.as_str(), won.better), ("linear", Some(true)));
        assert!(won.difference.high.expect("interval") < 0.0);
        assert!(won.message.starts_with("The model beats the linear baseline: RMSE 0.70"), "{}", won.message);
        let lost = judge(&truth, &bad, &[("linear", &good)]);
        assert_eq!(lost.better, Some(false));
    }

    #[test]
    fn equal_predictions_and_tiny_tables_are_not_distinguishable() {
        let (truth, model) = regression(300, 1.0);
        let same = judge(&truth, &model, &[("linear", &model)]);
        assert_eq!((same.better, same.difference.value), (None, Some(0.0)));
        assert!(same.message.contains("cannot be told from"), "{}", same.message);
        let (truth, model) = regression(6, 1.0);
        let (_, other) = regression(6, 1.1);
        let Predictions::Values(mut values) = other else { panic!("values expected") };
        values[0] = truth[0];
        assert_eq!(judge(&truth, &model, &[("mean", &Predictions::Values(values))]).better, None);
    }

    #[test]
    fn a_truth_of_one_class_and_no_baseline_are_said_plainly() {
        let names = ["no".to_owned(), "yes".to_owned()];
        let truth = Truth::Classes { codes: &[1, 1, 1], classes: &names };
        let model = Predictions::Probabilities { classes: 2, values: vec![0.5; 6] };
        let judged =
            verdict(Task::Binary, &truth, &model, &[("majority".to_owned(), model.clone())], &SETTINGS);
        assert_eq!((judged.better, judged.difference.value), (None, None));
        assert!(judged.message.contains("AUROC is not defined"), "{}", judged.message);
        let alone = verdict(Task::Binary, &truth, &model, &[], &SETTINGS);
        assert!(alone.message.contains("no baseline"));
    }

    #[test]
    fn a_constant_classifier_is_beaten_on_auroc() {
        let names = ["no".to_owned(), "yes".to_owned()];
        let codes: Vec<u32> = (0..200).map(|row| u32::from(row % 3 == 0)).collect();
        let truth = Truth::Classes { codes: &codes, classes: &names };
        let positive = |row: usize| {
            if codes[row] == 1 { 0.4 + (row % 5) as f64 * 0.1 } else { 0.2 + (row % 4) as f64 * 0.1 }
        };
        let values = (0..200).flat_map(|row| [1.0 - positive(row), positive(row)]).collect();
        let constant = Predictions::Probabilities { classes: 2, values: [0.7, 0.3].repeat(200) };
        let model = Predictions::Probabilities { classes: 2, values };
        let judged = verdict(Task::Binary, &truth, &model, &[("majority".to_owned(), constant)], &SETTINGS);
        assert_eq!(judged.better, Some(true));
        assert!(judged.difference.value.expect("defined") > 0.2);
    }

    #[test]
    fn figures_are_short_and_keep_their_size() {
        assert_eq!(figure(543.218), "543.2");
        assert_eq!(figure(0.081_234), "0.08123");
        assert_eq!(figure(-0.5), "-0.5000");
        assert_eq!(figure(123_456.0), "123456");
        assert_eq!(figure(1e-12), "1.000e-12");
        assert_eq!(figure(0.0), "0");
    }
}
