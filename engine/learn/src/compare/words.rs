//! Words: the sentences of a comparison.

use orrery_domain::{
    ModelRef,
    compare::{Better, ComparedPair, MetricComparison, SignificanceTest},
    metric::MetricId,
    training::Task,
    words::count,
};

/// Classes that are named.
const NAMED: usize = 6;

/// A task in a sentence.
pub(super) fn task(task: Task) -> &'static str {
    match task {
        Task::Binary => "one of two classes",
        Task::Multiclass => "one of several classes",
        Task::Regression => "a number",
    }
}

/// The first class names.
pub(super) fn classes(classes: &[String]) -> String {
    let named: Vec<&str> = classes.iter().take(NAMED).map(String::as_str).collect();
    let more = if classes.len() > NAMED { ", …" } else { "" };
    format!("[{}{more}]", named.join(", "))
}

/// What came of a pair.
pub(super) struct Judged<'a> {
    pub a: &'a ModelRef,
    pub b: &'a ModelRef,
    pub metric: MetricId,
    pub found: Option<&'a MetricComparison>,
    pub test: SignificanceTest,
    pub p: Option<f64>,
    pub p_adjusted: Option<f64>,
    pub better: Better,
    pub pairs: usize,
    pub rows: u64,
}

/// A pair's verdict as a sentence.
pub(super) fn verdict(judged: &Judged<'_>) -> String {
    let Judged { a, b, metric, .. } = judged;
    let title = metric.title();
    let Some(found) = judged.found else {
        return format!(
            "{a} and {b} cannot be compared: {title} is not defined on these {} rows.",
            count(judged.rows)
        );
    };
    let begin = match judged.better {
        Better::A => format!("{a} is better than {b}"),
        Better::B => format!("{b} is better than {a}"),
        Better::NotDistinguishable => {
            format!("{a} and {b} are not distinguishable on these {} rows", count(judged.rows))
        }
    };
    // The better one first, as the sentence begins.
    let (first, second) = if judged.better == Better::B { (found.b, found.a) } else { (found.a, found.b) };
    let interval = match (found.difference.low, found.difference.high) {
        (Some(low), Some(high)) => {
            let (low, high) = if judged.better == Better::B { (low, high) } else { (-high, -low) };
            format!("difference {}, 95% interval {} to {}", figure(first - second), figure(low), figure(high))
        }
        _ => "too few rows for an interval".to_owned(),
    };
    let p = match (judged.p, judged.p_adjusted) {
        (Some(p), Some(adjusted)) if judged.pairs > 1 => {
            format!(
                "; {} p {}, {} after Holm's correction over {} pairs",
                judged.test.title(),
                small(p),
                small(adjusted),
                judged.pairs
            )
        }
        (Some(p), _) => format!("; {} p {}", judged.test.title(), small(p)),
        (None, _) => String::new(),
    };
    format!("{begin}: {title} {} against {} ({interval}{p}).", figure(first), figure(second))
}

/// The whole result as a sentence; `values` are the versions' by the deciding metric.
pub(super) fn summary(
    values: &[(ModelRef, Option<f64>)],
    metric: MetricId,
    pairs: &[ComparedPair],
) -> String {
    if let [pair] = pairs {
        return pair.verdict.message.clone();
    }
    let sign = if metric.higher_is_better() { 1.0 } else { -1.0 };
    let best = values
        .iter()
        .filter_map(|(model, value)| value.map(|value| (model, value)))
        .max_by(|(_, a), (_, b)| (a * sign).total_cmp(&(b * sign)));
    let Some((best, value)) = best else {
        return format!("No version can be judged: {} is not defined on these rows.", metric.title());
    };
    let with_best = pairs.iter().filter(|pair| pair.a == *best || pair.b == *best);
    let level: Vec<String> = with_best
        .filter(|pair| pair.verdict.better == Better::NotDistinguishable)
        .map(|pair| if pair.a == *best { pair.b.to_string() } else { pair.a.to_string() })
        .collect();
    let (title, value) = (metric.title(), figure(value));
    match level.len() {
        0 => {
            format!("{best} is better than each of the other {} versions: {title} {value}.", values.len() - 1)
        }
        1 => format!(
            "{best} has the best {title} ({value}), but {} is not distinguishable from it on these rows.",
            level[0]
        ),
        _ => format!(
            "{best} has the best {title} ({value}), but {} are not distinguishable from it on these rows.",
            level.join(", ")
        ),
    }
}

/// A p as one reads it.
pub(super) fn small(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("{p:.4}") }
}

/// Four significant digits.
pub(super) fn figure(value: f64) -> String {
    crate::metrics::figure(value)
}
