//! Space: the settings that a tuning may choose from, as a grid of five axes.

use serde::{Deserialize, Serialize};

use crate::{ids::ModelRef, serving::ServingSettings};

/// One way to serve a model: which version of it, and how.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TuneSetting {
    /// The version: its precision.
    pub model: ModelRef,
    /// How it is served.
    pub serving: ServingSettings,
}

impl TuneSetting {
    /// In words.
    pub fn words(&self) -> String {
        format!("{}: {}", self.model, self.serving.words())
    }
}

/// The grid: every combination of these values. Each axis ascends and has no value twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TuneSpace {
    /// Versions of one model, of several precisions.
    pub versions: Vec<ModelRef>,
    /// Most rows that are computed together.
    pub batch_rows: Vec<u32>,
    /// Threads an instance.
    pub threads: Vec<u32>,
    /// Instances.
    pub instances: Vec<u32>,
    /// Microseconds that a request waits for others.
    pub delay_micros: Vec<u64>,
}

impl TuneSpace {
    /// Axes.
    pub const AXES: usize = 5;
    /// Most settings of a space.
    pub const MOST: usize = 20_000;

    /// A space for a machine of so many cores.
    pub fn of(versions: Vec<ModelRef>, cores: u32) -> Self {
        let powers = |most: u32| -> Vec<u32> {
            (0..8).map(|power| 1 << power).take_while(|value| *value <= most.max(1)).collect()
        };
        Self {
            versions,
            batch_rows: vec![4, 16, 64, 256, 1024],
            threads: powers(cores),
            instances: powers(cores.saturating_mul(2)),
            delay_micros: vec![0, 200, 500, 1000, 2000],
        }
    }

    /// Values of each axis: versions, batch rows, threads, instances, delays.
    pub fn lengths(&self) -> [usize; Self::AXES] {
        [
            self.versions.len(),
            self.batch_rows.len(),
            self.threads.len(),
            self.instances.len(),
            self.delay_micros.len(),
        ]
    }

    /// Settings.
    pub fn len(&self) -> usize {
        self.lengths().iter().product()
    }

    /// Whether an axis has no value.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Places on the axes of the setting of that number, the last axis varying fastest.
    pub fn places(&self, mut number: usize) -> [usize; Self::AXES] {
        let mut places = [0; Self::AXES];
        for (place, length) in places.iter_mut().zip(self.lengths()).rev() {
            *place = number % length;
            number /= length;
        }
        places
    }

    /// The setting of that number, below [`Self::len`].
    pub fn setting(&self, number: usize) -> TuneSetting {
        let [version, batch, threads, instances, delay] = self.places(number);
        TuneSetting {
            model: self.versions[version].clone(),
            serving: ServingSettings {
                batch_rows: self.batch_rows[batch],
                threads: self.threads[threads],
                instances: self.instances[instances],
                delay_micros: self.delay_micros[delay],
            },
        }
    }

    /// The number of a setting; `None` where it is not on the grid.
    pub fn number(&self, setting: &TuneSetting) -> Option<usize> {
        let serving = &setting.serving;
        let places = [
            self.versions.iter().position(|model| *model == setting.model)?,
            self.batch_rows.iter().position(|rows| *rows == serving.batch_rows)?,
            self.threads.iter().position(|threads| *threads == serving.threads)?,
            self.instances.iter().position(|instances| *instances == serving.instances)?,
            self.delay_micros.iter().position(|micros| *micros == serving.delay_micros)?,
        ];
        Some(places.iter().zip(self.lengths()).fold(0, |number, (place, length)| number * length + place))
    }

    /// Why nothing can be chosen from it; `None`: it is sound.
    pub fn refusal(&self) -> Option<String> {
        fn ascends<T: PartialOrd>(values: &[T]) -> bool {
            values.windows(2).all(|pair| pair[0] < pair[1])
        }
        if self.is_empty() {
            return Some("Every axis needs a value.".to_owned());
        }
        if self
            .lengths()
            .iter()
            .try_fold(1_usize, |all, length| all.checked_mul(*length))
            .is_none_or(|all| all > Self::MOST)
        {
            return Some(format!("The space has more than {} settings. Leave values out.", Self::MOST));
        }
        let name = &self.versions[0].name;
        if self.versions.iter().any(|model| model.name != *name) {
            return Some("The versions are not those of one model.".to_owned());
        }
        let sorted = ascends(&self.versions)
            && ascends(&self.batch_rows)
            && ascends(&self.threads)
            && ascends(&self.instances)
            && ascends(&self.delay_micros);
        if !sorted {
            return Some("Values of an axis must ascend, and none may stand twice.".to_owned());
        }
        let ends = [0, self.len() - 1].map(|number| self.setting(number).serving);
        ends.iter().find_map(ServingSettings::refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> TuneSpace {
        let version = |version| ModelRef { name: "m".to_owned(), version };
        TuneSpace::of(vec![version(1), version(2)], 4)
    }

    #[test]
    fn every_number_is_a_setting_and_back() {
        let space = space();
        assert_eq!(space.len(), 2 * 5 * 3 * 4 * 5);
        for number in 0..space.len() {
            assert_eq!(space.number(&space.setting(number)), Some(number));
        }
        let mut other = space.setting(7);
        other.serving.batch_rows = 5;
        assert_eq!(space.number(&other), None);
        assert_eq!(space.refusal(), None);
    }

    #[test]
    fn spaces_that_make_no_sense_are_refused() {
        let with = |change: fn(&mut TuneSpace)| {
            let mut space = space();
            change(&mut space);
            space.refusal()
        };
        assert!(with(|space| space.threads.clear()).is_some());
        assert!(with(|space| space.batch_rows = vec![16, 4]).is_some());
        assert!(with(|space| space.batch_rows = vec![0, 4]).is_some());
        assert!(with(|space| space.instances = vec![1, 300]).is_some());
        assert!(with(|space| space.versions[1].name = "other".to_owned()).is_some());
        assert!(with(|space| space.delay_micros = (0..10_000).collect()).is_some());
    }
}
