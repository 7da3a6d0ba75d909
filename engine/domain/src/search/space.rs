//! Spaces: what a search may choose, and from which ranges.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

use super::setting::{Setting, SettingKind};
use crate::training::ModelKind;

/// The parameter that chooses the model family; others may belong to some of its values.
pub const MODEL: &str = "model";

/// Most values of a choice.
const MOST_OPTIONS: usize = 100;

/// One value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// One of several options.
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) if *value != 0.0 && !(1e-3..1e5).contains(&value.abs()) => {
                write!(f, "{value:.3e}")
            }
            Self::Float(value) => {
                let digits = if *value == 0.0 { 0.0 } else { 3.0 - value.abs().log10().floor() };
                write!(f, "{value:.*}", digits.clamp(0.0, 8.0) as usize)
            }
            Self::Text(value) => f.write_str(value),
        }
    }
}

impl Value {
    /// The number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(*value as f64),
            Self::Float(value) => Some(*value),
            Self::Text(_) => None,
        }
    }
}

/// Values by parameter; one that plays no part is absent.
pub type Values = BTreeMap<String, Value>;

/// What a parameter may be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Range {
    /// A number from `low` to `high`.
    Float {
        /// Least.
        low: f64,
        /// Most.
        high: f64,
        /// Whether equal ratios count alike, not equal differences.
        #[serde(default)]
        log: bool,
    },
    /// A whole number from `low` to `high`, both included.
    Int {
        /// Least.
        low: i64,
        /// Most.
        high: i64,
        /// Whether equal ratios count alike, not equal differences.
        #[serde(default)]
        log: bool,
    },
    /// One of several texts.
    Choice {
        /// The texts.
        options: Vec<String>,
    },
}

impl Range {
    /// Whether a value lies in it.
    pub fn holds(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Float { low, high, .. }, value) => {
                value.number().is_some_and(|number| (*low..=*high).contains(&number))
            }
            (Self::Int { low, high, .. }, Value::Int(value)) => (low..=high).contains(&value),
            (Self::Choice { options }, Value::Text(value)) => options.contains(value),
            _ => false,
        }
    }

    /// Where a value lies on the range's own scale, 0 at the low end, 1 at the high one; options stand at equal distances.
    pub fn place(&self, value: &Value) -> Option<f64> {
        let share = |number: f64, low: f64, high: f64, log: bool| {
            let scale = |number: f64| if log { number.ln() } else { number };
            if high > low { (scale(number) - scale(low)) / (scale(high) - scale(low)) } else { 0.5 }
        };
        match self {
            Self::Float { low, high, log } => Some(share(value.number()?, *low, *high, *log)),
            Self::Int { low, high, log } => Some(share(value.number()?, *low as f64, *high as f64, *log)),
            Self::Choice { options } => {
                let Value::Text(text) = value else { return None };
                let at = options.iter().position(|option| option == text)?;
                Some(if options.len() > 1 { at as f64 / (options.len() - 1) as f64 } else { 0.5 })
            }
        }
    }

    /// Why it cannot be searched, or `None`.
    fn fault(&self) -> Option<String> {
        match self {
            Self::Float { low, high, log } => {
                if !(low.is_finite() && high.is_finite() && low <= high) {
                    return Some(format!("{low}..{high} is no range"));
                }
                (*log && *low <= 0.0).then(|| "a logarithmic range begins above 0".to_owned())
            }
            Self::Int { low, high, log } => {
                if low > high {
                    return Some(format!("{low}..{high} is no range"));
                }
                if low.unsigned_abs().max(high.unsigned_abs()) > 1 << 53 {
                    return Some("whole numbers go to 2^53".to_owned());
                }
                (*log && *low <= 0).then(|| "a logarithmic range begins above 0".to_owned())
            }
            Self::Choice { options } => {
                let mut sorted = options.clone();
                sorted.sort();
                sorted.dedup();
                if options.is_empty() || options.len() > MOST_OPTIONS {
                    return Some(format!("a choice has 1 to {MOST_OPTIONS} options"));
                }
                (sorted.len() < options.len()).then(|| "an option is there twice".to_owned())
            }
        }
    }

    /// Reads `log:1e-4..1e-2`, `0..0.5`, `64..512` (whole where the parameter is), `a|b|c` or a single value.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read(text: &str, kind: SettingKind) -> Result<Self, String> {
        let (log, rest) = text.strip_prefix("log:").map_or((false, text), |rest| (true, rest));
        let Some((low, high)) = rest.split_once("..") else {
            if log {
                return Err("write log:LOW..HIGH".to_owned());
            }
            let options: Vec<String> = rest.split('|').map(|option| option.trim().to_owned()).collect();
            return match (kind, options.as_slice()) {
                (SettingKind::Int, [one]) => {
                    let value = one.parse().ok().ok_or_else(|| format!("'{one}' is no whole number"))?;
                    Ok(Self::Int { low: value, high: value, log: false })
                }
                (SettingKind::Float, [one]) => {
                    let value = one.parse().ok().ok_or_else(|| format!("'{one}' is no number"))?;
                    Ok(Self::Float { low: value, high: value, log: false })
                }
                _ => Ok(Self::Choice { options }),
            };
        };
        let (low, high) = (low.trim(), high.trim());
        match kind {
            SettingKind::Int => {
                let read =
                    |text: &str| text.parse().ok().ok_or_else(|| format!("'{text}' is no whole number"));
                Ok(Self::Int { low: read(low)?, high: read(high)?, log })
            }
            SettingKind::Float => {
                let read = |text: &str| text.parse().ok().ok_or_else(|| format!("'{text}' is no number"));
                Ok(Self::Float { low: read(low)?, high: read(high)?, log })
            }
            SettingKind::Choice => Err("it takes options: write a|b|c".to_owned()),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let log = |log: bool| if log { "log:" } else { "" };
        match self {
            Self::Float { low, high, .. } if low.total_cmp(high).is_eq() => write!(f, "{low}"),
            Self::Int { low, high, .. } if low == high => write!(f, "{low}"),
            Self::Float { low, high, log: on } => write!(f, "{}{low}..{high}", log(*on)),
            Self::Int { low, high, log: on } => write!(f, "{}{low}..{high}", log(*on)),
            Self::Choice { options } => f.write_str(&options.join("|")),
        }
    }
}

/// One thing that a search chooses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Name, unique in the space. In a space of trainings: a [`Setting`], or `KIND.SETTING` for one model family alone.
    pub name: String,
    /// Its range.
    pub range: Range,
    /// Values of [`MODEL`] with which it plays a part; empty: with any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
}

/// Everything that a search chooses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Space(pub Vec<Parameter>);

impl Space {
    /// The parameter of that name.
    pub fn get(&self, name: &str) -> Option<&Parameter> {
        self.0.iter().find(|parameter| parameter.name == name)
    }

    /// Whether a parameter plays a part where the model is the one in `values`.
    pub fn is_active(parameter: &Parameter, values: &Values) -> bool {
        parameter.only.is_empty()
            || matches!(values.get(MODEL), Some(Value::Text(model)) if parameter.only.contains(model))
    }

    /// Model families that it chooses between.
    pub fn models(&self) -> Vec<String> {
        match self.get(MODEL).map(|parameter| &parameter.range) {
            Some(Range::Choice { options }) => options.clone(),
            _ => Vec::new(),
        }
    }

    /// Why it cannot be searched, or `None`.
    pub fn fault(&self) -> Option<String> {
        if self.0.is_empty() {
            return Some("The space is empty: there is nothing to choose.".to_owned());
        }
        for (at, parameter) in self.0.iter().enumerate() {
            if let Some(why) = parameter.range.fault() {
                return Some(format!("The range of '{}' cannot be searched: {why}.", parameter.name));
            }
            if self.0[..at].iter().any(|other| other.name == parameter.name) {
                return Some(format!("'{}' is in the space twice.", parameter.name));
            }
            let models = self.models();
            if let Some(stray) = parameter.only.iter().find(|model| !models.contains(model)) {
                return Some(format!("'{}' belongs to '{stray}', which is not searched.", parameter.name));
            }
        }
        None
    }

    /// What is searched of these model families where nothing else is said.
    pub fn of_models(kinds: &[ModelKind]) -> Self {
        let names: Vec<String> = kinds.iter().map(|kind| kind.name().to_owned()).collect();
        let mut all =
            vec![Parameter { name: MODEL.into(), range: Range::Choice { options: names }, only: Vec::new() }];
        for kind in kinds {
            for (setting, range) in Setting::searched(*kind) {
                let prefix = if kinds.len() > 1 { format!("{}.", kind.name()) } else { String::new() };
                all.push(Parameter {
                    name: format!("{prefix}{}", setting.name()),
                    range,
                    only: if kinds.len() > 1 { vec![kind.name().to_owned()] } else { Vec::new() },
                });
            }
        }
        Self(all)
    }

    /// Changes the space by one line, `NAME=RANGE`: another range, a single value, or `NAME=-` to leave it at its default.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn set(&mut self, line: &str) -> Result<(), String> {
        let (name, text) = line.split_once('=').ok_or("write NAME=RANGE")?;
        let (name, text) = (name.trim(), text.trim());
        if text == "-" {
            if name == MODEL || self.get(name).is_none() {
                return Err(format!("'{name}' is not searched"));
            }
            self.0.retain(|parameter| parameter.name != name);
            return Ok(());
        }
        let (model, setting) = name.split_once('.').map_or((None, name), |(kind, name)| (Some(kind), name));
        if name == MODEL {
            return Err("name the models with --models".to_owned());
        }
        let setting = Setting::from_name(setting).ok_or_else(|| {
            let names: Vec<&str> = Setting::ALL.iter().map(|setting| setting.name()).collect();
            format!("'{setting}' is no setting: use {}", names.join(", "))
        })?;
        let models = self.models();
        if let Some(model) = model.filter(|model| !models.iter().any(|known| known == model)) {
            return Err(format!("'{model}' is not searched"));
        }
        let range = Range::read(text, setting.kind())?;
        setting.check(&range)?;
        if let Some(known) = self.0.iter_mut().find(|parameter| parameter.name == name) {
            known.range = range;
            return Ok(());
        }
        let plays = |kind: &String| {
            ModelKind::from_name(kind).is_some_and(|kind| setting.plays(kind))
                && model.is_none_or(|model| model == kind)
        };
        let only: Vec<String> = models.iter().filter(|kind| plays(kind)).cloned().collect();
        if only.is_empty() {
            return Err(format!("'{name}' plays no part in {}", models.join(", ")));
        }
        // A setting of all families takes the place of what each had of its own.
        if model.is_none() {
            let own = format!(".{}", setting.name());
            self.0.retain(|parameter| !parameter.name.ends_with(&own));
        }
        let only = if only.len() == models.len() { Vec::new() } else { only };
        self.0.push(Parameter { name: name.to_owned(), range, only });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_read_back_as_they_are_written() {
        for (text, kind) in [
            ("log:0.0001..0.01", SettingKind::Float),
            ("0..0.5", SettingKind::Float),
            ("log:64..512", SettingKind::Int),
            ("3", SettingKind::Int),
            ("128|256|512", SettingKind::Int),
            ("adamw|sgd", SettingKind::Choice),
        ] {
            let range = Range::read(text, kind).expect("legal");
            assert_eq!(range.to_string(), text);
            let json = serde_json::to_string(&range).expect("JSON");
            assert_eq!(serde_json::from_str::<Range>(&json).expect("reads back"), range);
        }
        assert!(Range::read("1.5..2", SettingKind::Int).is_err());
        assert!(Range::read("a..b", SettingKind::Float).is_err());
    }

    #[test]
    fn places_follow_the_scale() {
        let range = Range::Float { low: 1e-4, high: 1e-2, log: true };
        assert!((range.place(&Value::Float(1e-3)).expect("a place") - 0.5).abs() < 1e-12);
        let range = Range::Choice { options: vec!["a".into(), "b".into(), "c".into()] };
        assert_eq!(range.place(&Value::Text("c".into())), Some(1.0));
        assert_eq!(range.place(&Value::Int(1)), None);
    }

    #[test]
    fn a_line_changes_one_parameter() {
        let mut space = Space::of_models(&[ModelKind::Mlp, ModelKind::Gbt]);
        assert_eq!(space.fault(), None);
        space.set("mlp.width=32..64").expect("legal");
        assert_eq!(space.get("mlp.width").expect("there").range.to_string(), "32..64");
        space.set("dropout=0").expect("legal");
        assert!(space.get("mlp.dropout").is_none(), "one for all takes its place");
        assert_eq!(space.get("dropout").expect("there").only, ["mlp"]);
        space.set("mlp.depth=-").expect("legal");
        assert!(space.get("mlp.depth").is_none());
        for bad in ["speed=1..2", "tabm.width=1..2", "mlp.width=0..8", "width", "mlp.dropout=0..2", "model=-"]
        {
            assert!(space.set(bad).is_err(), "{bad}");
        }
        assert_eq!(space.fault(), None);
    }

    #[test]
    fn spaces_that_make_no_sense_are_refused() {
        let space = |range| Space(vec![Parameter { name: "x".into(), range, only: Vec::new() }]);
        assert!(Space::default().fault().is_some());
        assert!(space(Range::Float { low: 1.0, high: 0.0, log: false }).fault().is_some());
        assert!(space(Range::Float { low: 0.0, high: 1.0, log: true }).fault().is_some());
        assert!(space(Range::Choice { options: vec!["a".into(), "a".into()] }).fault().is_some());
        assert!(space(Range::Int { low: 1, high: 1, log: false }).fault().is_none());
    }
}
