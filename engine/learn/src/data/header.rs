//! Headers: column names made unique, with a warning for each that had to change.

use std::collections::{HashMap, HashSet};

use super::text;

/// Longest name, in characters: a longer one is a text that lost its closing quote.
const LONGEST: usize = 1000;

/// Warnings that are said one by one.
const MOST_WARNINGS: usize = 20;

/// Names without blanks around them, none empty, none twice, none beyond 1,000 characters; what changed is said in `warnings`.
pub(super) fn unique_names(names: &[String], warnings: &mut Vec<String>) -> Vec<String> {
    let short: Vec<&str> = names.iter().map(|name| shortened(name.trim())).collect();
    let mut taken: HashSet<String> = short.iter().map(|name| (*name).to_owned()).collect();
    let mut seen: HashSet<String> = HashSet::new();
    // Where to go on looking for a free number, by name.
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut unique = Vec::with_capacity(names.len());
    let mut changes = Vec::new();
    for (index, (name, whole)) in short.iter().copied().zip(names).enumerate() {
        let mut kept = name.to_owned();
        if name.len() < whole.trim().len() {
            changes.push(format!(
                "The name of column {} has more than {LONGEST} characters; its beginning is kept.",
                index + 1
            ));
        }
        if name.is_empty() {
            kept = free(format!("column_{}", index + 1), &taken);
            changes.push(format!("Column {} has no name; it is called '{kept}'.", index + 1));
        } else if seen.contains(name) {
            let count = counts.entry(name).or_insert(1);
            while taken.contains(&format!("{name}.{count}")) {
                *count += 1;
            }
            kept = format!("{name}.{count}");
            changes.push(format!(
                "The name '{}' occurs again in column {}; that one is called '{}'.",
                text::shown(name),
                index + 1,
                text::shown(&kept)
            ));
        }
        taken.insert(kept.clone());
        seen.insert(kept.clone());
        unique.push(kept);
    }
    let more = changes.len().saturating_sub(MOST_WARNINGS);
    changes.truncate(MOST_WARNINGS);
    warnings.append(&mut changes);
    if more > 0 {
        warnings.push(format!("{more} more names were changed for the same reasons."));
    }
    unique
}

fn shortened(name: &str) -> &str {
    name.char_indices().nth(LONGEST).map_or(name, |(end, _)| &name[..end])
}

fn free(name: String, taken: &HashSet<String>) -> String {
    let mut free = name;
    while taken.contains(&free) {
        free.push('_');
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_unique_and_say_so() {
        let mut warnings = Vec::new();
        let names = ["a", " a ", "", "a.1", "b", "column_3"].map(String::from).to_vec();
        assert_eq!(unique_names(&names, &mut warnings), ["a", "a.2", "column_3_", "a.1", "b", "column_3"]);
        assert_eq!(warnings.len(), 2);
    }
}
