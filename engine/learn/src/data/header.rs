//! Headers: column names made unique, with a warning for each that had to change.

use std::collections::HashSet;

/// Names without blanks around them, none empty, none twice; what changed is said in `warnings`.
pub(super) fn unique_names(names: &[String], warnings: &mut Vec<String>) -> Vec<String> {
    let mut taken: HashSet<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    let mut seen: HashSet<String> = HashSet::new();
    let mut unique = Vec::with_capacity(names.len());
    for (index, name) in names.iter().enumerate() {
        let name = name.trim();
        let mut kept = name.to_owned();
        if name.is_empty() {
            kept = free(format!("column_{}", index + 1), &taken);
            warnings.push(format!("Column {} has no name; it is called '{kept}'.", index + 1));
        } else if seen.contains(name) {
            let mut count = 1;
            while taken.contains(&format!("{name}.{count}")) {
                count += 1;
            }
            kept = format!("{name}.{count}");
            warnings.push(format!(
                "The name '{name}' occurs again in column {}; that one is called '{kept}'.",
                index + 1
            ));
        }
        taken.insert(kept.clone());
        seen.insert(kept.clone());
        unique.push(kept);
    }
    unique
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
