//! Curves: ROC, precision-recall, calibration, confusion, thresholds and residuals, ready to draw.

use orrery_domain::{
    curves::{CalibrationBin, ClassCurves, CurvePoint, Curves, ThresholdRow},
    training::Task,
};

use super::{
    DEFAULT_THRESHOLD, Predictions, Truth,
    bootstrap::{SplitMix, quantile},
    classes::{BINS, bin, decide},
    decimate::decimate,
    ranking::{MOST_ROWS, Ranking},
};

/// Most points of a drawn curve.
const MOST_POINTS: usize = 512;
/// Most residuals drawn.
const MOST_RESIDUALS: usize = 2000;

/// Everything drawn about the test rows. `labels` are the class names in output order (ignored for regression). Where truth and
/// predictions do not fit each other or are not finite, the curves are empty.
pub fn curves(task: Task, truth: &Truth<'_>, predictions: &Predictions, labels: &[String]) -> Curves {
    match (task, truth, predictions) {
        (Task::Regression, Truth::Values(truth), Predictions::Values(predicted)) => {
            regression(truth, predicted)
        }
        (Task::Regression, ..) => regression(&[], &[]),
        (_, Truth::Classes { codes, .. }, Predictions::Probabilities { classes, values }) => {
            let fits = codes.len() * classes == values.len()
                && labels.len() == *classes
                && *classes >= 2
                && codes.len() < MOST_ROWS
                && codes.iter().all(|code| (*code as usize) < *classes)
                && values.iter().all(|value| value.is_finite());
            if fits { classification(codes, values, labels) } else { classification(&[], &[], labels) }
        }
        _ => classification(&[], &[], labels),
    }
}

/// `probabilities` are row-major `[rows, labels]`.
fn classification(codes: &[u32], probabilities: &[f64], labels: &[String]) -> Curves {
    let k = labels.len();
    let binary = k == 2;
    let threshold = binary.then_some(DEFAULT_THRESHOLD);
    let mut confusion = vec![vec![0; k]; k];
    for (code, row) in codes.iter().zip(probabilities.chunks_exact(k.max(1))) {
        confusion[*code as usize][decide(row, threshold)] += 1;
    }
    let drawn = if binary { 1..2 } else { 0..k };
    let mut classes = Vec::new();
    let mut thresholds = Vec::new();
    for class in drawn {
        let scores: Vec<f64> = probabilities.iter().skip(class).step_by(k).copied().collect();
        let positive = |row: usize| codes[row] as usize == class;
        let steps = Ranking::new(&scores, positive).steps(&scores);
        classes.push(ClassCurves {
            class: labels[class].clone(),
            roc: roc(&steps),
            pr: precision_recall(&steps),
            calibration: calibration(&scores, positive),
        });
        if binary {
            thresholds = at_thresholds(&steps);
        }
    }
    Curves::Classification { classes, labels: labels.to_vec(), confusion, thresholds }
}

/// False against true positive rate, from (0, 0) to (1, 1). Empty unless there are rows of both kinds.
fn roc(steps: &[(u64, u64, f64)]) -> Vec<CurvePoint> {
    let Some((positives, negatives, _)) = steps.last().copied().filter(|(p, n, _)| *p > 0 && *n > 0) else {
        return Vec::new();
    };
    let start = CurvePoint { x: 0.0, y: 0.0, threshold: None };
    let points = steps.iter().map(|(tp, fp, score)| CurvePoint {
        x: *fp as f64 / negatives as f64,
        y: *tp as f64 / positives as f64,
        threshold: Some(*score),
    });
    decimate(&std::iter::once(start).chain(points).collect::<Vec<_>>(), MOST_POINTS)
}

/// Recall against precision, from recall 0 and precision 1 on. Empty without positive rows.
fn precision_recall(steps: &[(u64, u64, f64)]) -> Vec<CurvePoint> {
    let Some((positives, ..)) = steps.last().copied().filter(|(p, ..)| *p > 0) else { return Vec::new() };
    let start = CurvePoint { x: 0.0, y: 1.0, threshold: None };
    let points = steps.iter().map(|(tp, fp, score)| CurvePoint {
        x: *tp as f64 / positives as f64,
        y: *tp as f64 / (tp + fp) as f64,
        threshold: Some(*score),
    });
    decimate(&std::iter::once(start).chain(points).collect::<Vec<_>>(), MOST_POINTS)
}

/// Predicted against observed share in equal-width bins, empty ones left out.
fn calibration(scores: &[f64], positive: impl Fn(usize) -> bool) -> Vec<CalibrationBin> {
    let mut bins = [(0.0, 0_u64, 0_u64); BINS];
    for (row, score) in scores.iter().enumerate() {
        let (sum, hits, count) = &mut bins[bin(*score)];
        *sum += score;
        *hits += u64::from(positive(row));
        *count += 1;
    }
    bins.into_iter()
        .filter(|(_, _, count)| *count > 0)
        .map(|(sum, hits, count)| CalibrationBin {
            predicted: sum / count as f64,
            observed: hits as f64 / count as f64,
            count,
        })
        .collect()
}

/// What each of the thresholds 0.00, 0.01, … 1.00 would give.
fn at_thresholds(steps: &[(u64, u64, f64)]) -> Vec<ThresholdRow> {
    let (positives, negatives) = steps.last().map_or((0, 0), |(tp, fp, _)| (*tp, *fp));
    (0..=100)
        .map(|hundredth| {
            let threshold = f64::from(hundredth) / 100.0;
            let called = steps.partition_point(|(_, _, score)| *score >= threshold);
            let (tp, fp) = called.checked_sub(1).map_or((0, 0), |last| (steps[last].0, steps[last].1));
            ThresholdRow { threshold, tp, fp, tn: negatives - fp, fn_: positives - tp }
        })
        .collect()
}

fn regression(truth: &[f64], predicted: &[f64]) -> Curves {
    let finite =
        truth.len() == predicted.len() && truth.iter().chain(predicted).all(|value| value.is_finite());
    let rows = if finite { truth.len() } else { 0 };
    let residuals = sample(rows)
        .into_iter()
        .map(|row| CurvePoint { x: predicted[row], y: truth[row] - predicted[row], threshold: None })
        .collect();
    let mut sorted: Vec<f64> = truth.iter().zip(predicted).take(rows).map(|(t, p)| t - p).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    let (edges, counts) = histogram(&sorted);
    Curves::Regression { residuals, edges, counts }
}

/// At most [`MOST_RESIDUALS`] rows in order, each equally likely (Knuth, vol. 2, 3.4.2, algorithm S); always the same ones.
fn sample(rows: usize) -> Vec<usize> {
    let mut random = SplitMix::new(0, 0);
    let mut wanted = rows.min(MOST_RESIDUALS);
    let mut chosen = Vec::with_capacity(wanted);
    for row in 0..rows {
        if random.below(rows - row) < wanted {
            chosen.push(row);
            wanted -= 1;
        }
    }
    chosen
}

/// Equal-width bins over the whole range, 10 to 100 of them by the rule of Freedman and Diaconis (1981).
fn histogram(sorted: &[f64]) -> (Vec<f64>, Vec<u64>) {
    let (Some(first), Some(last)) = (sorted.first().copied(), sorted.last().copied()) else {
        return (Vec::new(), Vec::new());
    };
    // A single value gets a bin of its own, widened by as much as its size allows.
    let margin = if last > first { 0.0 } else { first.abs().max(1.0) / 2.0 };
    let (low, width) = (first - margin, (last - first) + 2.0 * margin);
    let spread = 2.0 * (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / (sorted.len() as f64).cbrt();
    let bins = if spread > 0.0 { (width / spread).ceil().clamp(10.0, 100.0) as usize } else { 10 };
    let edges: Vec<f64> = (0..=bins).map(|edge| low + width * (edge as f64 / bins as f64)).collect();
    if edges.iter().any(|edge| !edge.is_finite()) {
        return (Vec::new(), Vec::new());
    }
    let mut counts = vec![0; bins];
    for value in sorted {
        counts[edges[1..bins].partition_point(|edge| edge <= value)] += 1;
    }
    (edges, counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("c{class}")).collect()
    }

    fn binary(codes: &[u32], positive: &[f64]) -> Curves {
        let values = positive.iter().flat_map(|p| [1.0 - p, *p]).collect();
        let names = labels(2);
        let truth = Truth::Classes { codes, classes: &names };
        curves(Task::Binary, &truth, &Predictions::Probabilities { classes: 2, values }, &names)
    }

    #[test]
    fn a_small_binary_case_by_hand() {
        let Curves::Classification { classes, confusion, thresholds, .. } =
            binary(&[0, 0, 1, 1], &[0.1, 0.4, 0.35, 0.8])
        else {
            panic!("classification expected")
        };
        // scikit-learn: roc_curve([0,0,1,1], [.1,.4,.35,.8], drop_intermediate=False)
        let roc: Vec<_> = classes[0].roc.iter().map(|point| (point.x, point.y)).collect();
        assert_eq!(roc, [(0.0, 0.0), (0.0, 0.5), (0.5, 0.5), (0.5, 1.0), (1.0, 1.0)]);
        let pr: Vec<_> = classes[0].pr.iter().map(|point| (point.x, point.y)).collect();
        assert_eq!(pr, [(0.0, 1.0), (0.5, 1.0), (0.5, 0.5), (1.0, 2.0 / 3.0), (1.0, 0.5)]);
        assert_eq!(confusion, [[2, 0], [1, 1]]);
        assert_eq!(thresholds.len(), 101);
        let at = |hundredth: usize| {
            let row = thresholds[hundredth];
            (row.tp, row.fp, row.tn, row.fn_)
        };
        assert_eq!(at(0), (2, 2, 0, 0));
        assert_eq!(at(35), (2, 1, 1, 0), "a score at the threshold is positive");
        assert_eq!(at(100), (0, 0, 2, 2));
        assert_eq!(classes[0].calibration.iter().map(|bin| bin.count).sum::<u64>(), 4);
    }

    #[test]
    fn one_class_and_no_rows_give_empty_curves() {
        let Curves::Classification { classes, thresholds, .. } = binary(&[0, 0], &[0.2, 0.9]) else {
            panic!("classification expected")
        };
        assert!(classes[0].roc.is_empty() && classes[0].pr.is_empty() && thresholds.len() == 101);
        let Curves::Classification { confusion, .. } = binary(&[], &[]) else {
            panic!("classification expected")
        };
        assert_eq!(confusion, [[0, 0], [0, 0]]);
        let Curves::Classification { confusion, .. } = binary(&[0, 1], &[f64::NAN, 0.5]) else {
            panic!("classification expected")
        };
        assert_eq!(confusion, [[0, 0], [0, 0]]);
    }

    #[test]
    fn the_histogram_counts_every_residual_whatever_their_range() {
        for truth in
            [vec![1.0; 5], vec![1e308, -1e308], vec![0.0, 1.0, 5.0, 5.0], vec![1e-300, 2e-300], vec![]]
        {
            let predicted = vec![0.0; truth.len()];
            let Curves::Regression { residuals, edges, counts } =
                curves(Task::Regression, &Truth::Values(&truth), &Predictions::Values(predicted), &[])
            else {
                panic!("regression expected")
            };
            assert_eq!(residuals.len(), truth.len());
            assert!(counts.is_empty() || counts.iter().sum::<u64>() == truth.len() as u64);
            assert!(counts.is_empty() || edges.len() == counts.len() + 1);
        }
    }

    #[test]
    fn many_residuals_are_sampled_evenly() {
        let chosen = sample(100_000);
        assert_eq!(chosen.len(), MOST_RESIDUALS);
        assert!(chosen.is_sorted_by(|a, b| a < b));
        let upper = chosen.iter().filter(|row| **row >= 50_000).count();
        assert!((900..1100).contains(&upper), "{upper}");
    }
}
