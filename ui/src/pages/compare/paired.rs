//! The paired tests of an answer: in sentences, and as a file of every pair.

use std::borrow::Cow;

use orrery_domain::{
    compare::{Better, CompareReport, ComparedPair, CrossValidated},
    metric::MetricId,
    words::plural,
};

use super::data::p;
use crate::{format, widgets::table_csv::csv};

/// The tests of a pair in sentences; its verdict among them where there are `several` pairs or nothing else is to say.
pub(super) fn sentences(pair: &ComparedPair, several: bool) -> Vec<String> {
    let mut all = Vec::new();
    if several {
        all.push(pair.verdict.message.clone());
    }
    if let Some(found) = &pair.delong {
        let z = found.z.map_or_else(|| "both rank every row alike".to_owned(), |z| format!("z {z:.3}"));
        all.push(format!("DeLong's test of the AUROCs: {z}, p {}.", p(found.p)));
    }
    if let Some(found) = &pair.mcnemar {
        let kind = match found.chi_square {
            Some(chi) => format!("chi-square {} with continuity correction", format::significant(chi, 4)),
            None => "exact".to_owned(),
        };
        all.push(format!(
            "McNemar's test of the predicted classes: only {} right in {}, only {} in {}; {kind}, p {}.",
            pair.a,
            plural(found.only_a, "row"),
            pair.b,
            plural(found.only_b, "row"),
            p(found.p)
        ));
    }
    all.extend(pair.cross_validated.as_ref().map(cross_validated));
    if all.is_empty() {
        all.push(pair.verdict.message.clone());
    }
    all
}

fn cross_validated(found: &CrossValidated) -> String {
    let f = match found.f.zip(found.f_p) {
        Some((f, chance)) => format!("combined F {}, p {}", format::significant(f, 4), p(chance)),
        None => "nothing varies".to_owned(),
    };
    let mean = format::significant(found.mean, 3);
    format!("5x2 cross-validation of the requests: mean difference {mean} {}; {f}.", found.metric.title())
}

/// A test's line of the file.
#[derive(Default)]
struct Line {
    test: String,
    metric: &'static str,
    /// Second less first.
    difference: Option<f64>,
    statistic: &'static str,
    value: Option<f64>,
    p: Option<f64>,
    /// After Holm's correction over the pairs.
    p_holm: Option<f64>,
    better: Option<Better>,
}

fn lines(pair: &ComparedPair) -> Vec<Line> {
    let verdict = &pair.verdict;
    let decides = pair.metrics.iter().find(|found| found.metric == verdict.metric);
    let mut all = vec![Line {
        test: format!("Verdict by {}", verdict.test.title()),
        metric: verdict.metric.name(),
        difference: decides.map(|found| found.b - found.a),
        p: verdict.p,
        p_holm: verdict.p_adjusted,
        better: Some(verdict.better),
        ..Line::default()
    }];
    all.extend(pair.delong.as_ref().map(|found| Line {
        test: "DeLong".to_owned(),
        metric: MetricId::Auroc.name(),
        difference: found.difference.value,
        statistic: "z",
        value: found.z,
        p: Some(found.p),
        ..Line::default()
    }));
    all.extend(pair.mcnemar.as_ref().map(|found| Line {
        test: format!("McNemar, {} and {} rows right in one alone", found.only_a, found.only_b),
        statistic: if found.exact { "exact" } else { "chi_square" },
        value: found.chi_square,
        p: Some(found.p),
        ..Line::default()
    }));
    if let Some(found) = &pair.cross_validated {
        let line = |test: &str, statistic, value, p| Line {
            test: test.to_owned(),
            metric: found.metric.name(),
            difference: Some(found.mean),
            statistic,
            value,
            p,
            ..Line::default()
        };
        all.push(Line {
            better: Some(found.better),
            ..line("5x2 cross-validation, combined F", "f", found.f, found.f_p)
        });
        all.push(line("5x2 cross-validation, paired t", "t", found.t, found.t_p));
    }
    all
}

/// Every test of every pair as CSV.
pub(super) fn tests_csv(report: &CompareReport) -> Vec<u8> {
    let head =
        ["first", "second", "test", "metric", "difference", "statistic", "value", "p", "p_holm", "better"];
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let rows = report.pairs.iter().flat_map(|pair| {
        lines(pair).into_iter().map(move |line| -> Vec<Cow<'static, str>> {
            let better = match line.better {
                Some(Better::A) => pair.a.to_string(),
                Some(Better::B) => pair.b.to_string(),
                Some(Better::NotDistinguishable) => "not distinguishable".to_owned(),
                None => String::new(),
            };
            let cells = [
                pair.a.to_string(),
                pair.b.to_string(),
                line.test,
                line.metric.to_owned(),
                number(line.difference),
                line.statistic.to_owned(),
                number(line.value),
                number(line.p),
                number(line.p_holm),
                better,
            ];
            cells.into_iter().map(Cow::Owned).collect()
        })
    });
    csv(&head, rows)
}
