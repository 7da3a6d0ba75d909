//! Names: made for models and runs, and guessed where a person mistyped one.

use orrery_domain::{ModelRef, training::ModelKind};

/// A name for the model of a run on a dataset of that name; always legal in the registry.
pub fn model_name(dataset: &str, kind: ModelKind) -> String {
    let legal: String = dataset
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '-' })
        .collect();
    let stem = legal.trim_matches(['-', '_']);
    let stem: String = if stem.is_empty() { "model".to_owned() } else { stem.chars().take(48).collect() };
    let name = match kind {
        ModelKind::Auto => stem,
        kind => format!("{stem}-{}", kind.name()),
    };
    debug_assert!(ModelRef::check_name(&name).is_ok(), "{name}");
    name
}

/// The candidate nearest to `name` (Levenshtein distance, case ignored), if it is near enough to be meant.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    let limit = (wanted.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters (Wagner and Fischer 1974, one row kept).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_names_are_always_legal() {
        for dataset in ["flights delay (2013)", "", "..", "äöü", &"x".repeat(500), "-a-", "_"] {
            for kind in ModelKind::ALL {
                let name = model_name(dataset, kind);
                assert!(ModelRef::check_name(&name).is_ok(), "{dataset:?} gave {name:?}");
            }
        }
        assert_eq!(model_name("flights", ModelKind::Tabm), "flights-tabm");
        assert_eq!(model_name("flights", ModelKind::Auto), "flights");
    }

    #[test]
    fn distance_is_levenshteins() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("flaw", "lawn"), 2);
    }

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let columns = ["late", "carrier", "distance"];
        assert_eq!(nearest("lat", columns), Some("late"));
        assert_eq!(nearest("Carier", columns), Some("carrier"));
        assert_eq!(nearest("dep_time", columns), None);
    }
}
