//! Which failover level takes how much of the traffic, and when a level is so ill that its health no longer counts.

use serde::{Deserialize, Serialize};

use super::config::{ConfigError, in_range, percent};

/// Envoy's settings of failover between levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriorityConfig {
    /// A level counts as whole while its healthy share times this is 100 or more, in percent, 100 to 1,000.
    pub overprovisioning_factor: u32,
    /// Below this share of healthy endpoints, in percent, a level is in panic where all levels together are not
    /// whole; 0 turns panic off.
    pub healthy_panic_threshold: u32,
    /// In panic, refuse instead of asking all endpoints, the ill ones too.
    pub fail_traffic_on_panic: bool,
}

impl Default for PriorityConfig {
    fn default() -> Self {
        Self { overprovisioning_factor: 140, healthy_panic_threshold: 50, fail_traffic_on_panic: false }
    }
}

impl PriorityConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// Names the first field outside of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        in_range("overprovisioning_factor", self.overprovisioning_factor, 100..=1000)?;
        percent("healthy_panic_threshold", self.healthy_panic_threshold)
    }
}

/// How many endpoints of a level there are, and how many are healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelHealth {
    /// Healthy ones, at most `total`.
    pub healthy: u32,
    /// All.
    pub total: u32,
}

/// What a level takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LevelLoad {
    /// Share of the traffic in percent; the shares of all levels add up to 100, or to 0 where there is no endpoint.
    pub percent: u32,
    /// Whether its health is not looked at.
    pub panic: bool,
}

/// The share of each level, the first served first (Envoy, "Priority levels" and "Panic threshold").
///
/// ```text
/// health(Px) = min(100, floor(factor × healthy / total))        normalized = min(100, Σ health)
/// load(Px)   = min(100 - Σ before, round(health(Px) × 100 / normalized))
/// ```
///
/// What rounding leaves goes to the first level with any health. Panic is looked for only while normalized is below
/// 100; when every level with endpoints is in panic, the traffic is shared by their numbers of endpoints.
pub fn loads(config: &PriorityConfig, levels: &[LevelHealth]) -> Vec<LevelLoad> {
    let health: Vec<u32> = levels.iter().map(|level| score(config, *level)).collect();
    let normalized = health.iter().sum::<u32>().min(100);
    if normalized == 0 {
        return without_health(config, levels);
    }
    let mut left = 100;
    let mut loads: Vec<LevelLoad> = health
        .iter()
        .map(|&health| {
            let percent = ((health * 200 + normalized) / (2 * normalized)).min(left);
            left -= percent;
            LevelLoad { percent, panic: false }
        })
        .collect();
    if let Some(first) = health.iter().position(|&health| health > 0) {
        loads[first].percent += left;
    }
    if normalized < 100 {
        for (load, level) in loads.iter_mut().zip(levels) {
            load.panic = in_panic(config, *level);
        }
        if loads.iter().zip(levels).all(|(load, level)| load.panic || level.total == 0) {
            return by_size(levels, true);
        }
    }
    loads
}

/// Health of a level, 0 to 100.
fn score(config: &PriorityConfig, level: LevelHealth) -> u32 {
    let grown = u64::from(config.overprovisioning_factor) * u64::from(level.healthy.min(level.total));
    grown.checked_div(u64::from(level.total)).unwrap_or(0).min(100) as u32
}

fn in_panic(config: &PriorityConfig, level: LevelHealth) -> bool {
    level.total > 0
        && u64::from(level.healthy) * 100 < u64::from(config.healthy_panic_threshold) * u64::from(level.total)
}

/// Nothing is healthy anywhere: panic everywhere, or everything to the first level where panic is turned off.
fn without_health(config: &PriorityConfig, levels: &[LevelHealth]) -> Vec<LevelLoad> {
    if config.healthy_panic_threshold > 0 {
        return by_size(levels, true);
    }
    let first = levels.iter().position(|level| level.total > 0);
    let percent = |level| if Some(level) == first { 100 } else { 0 };
    (0..levels.len()).map(|level| LevelLoad { percent: percent(level), panic: false }).collect()
}

/// Traffic shared by the numbers of endpoints; what rounding leaves goes to the first level with endpoints.
fn by_size(levels: &[LevelHealth], panic: bool) -> Vec<LevelLoad> {
    let total: u64 = levels.iter().map(|level| u64::from(level.total)).sum();
    let share = |level: &LevelHealth| (u64::from(level.total) * 100).checked_div(total).unwrap_or(0) as u32;
    let mut loads: Vec<LevelLoad> = levels
        .iter()
        .map(|level| LevelLoad { percent: share(level), panic: panic && level.total > 0 })
        .collect();
    let given: u32 = loads.iter().map(|load| load.percent).sum();
    if let Some(first) = levels.iter().position(|level| level.total > 0) {
        loads[first].percent += 100 - given;
    }
    loads
}

/// The level that `lot`, 0 to 99, falls on.
pub fn level(loads: &[LevelLoad], lot: u32) -> Option<usize> {
    let mut sum = 0;
    loads.iter().position(|load| {
        sum += load.percent;
        lot < sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(levels: &[(u32, u32)]) -> Vec<(u32, bool)> {
        let levels: Vec<_> = levels.iter().map(|&(healthy, total)| LevelHealth { healthy, total }).collect();
        loads(&PriorityConfig::default(), &levels).iter().map(|load| (load.percent, load.panic)).collect()
    }

    #[test]
    fn panic_is_looked_for_only_where_all_together_are_not_whole() {
        assert_eq!(of(&[(1, 10), (10, 10)]), [(14, false), (86, false)]);
        assert_eq!(of(&[(1, 10), (6, 10)]), [(14, true), (86, false)]);
        assert_eq!(of(&[(1, 10), (2, 30)]), [(25, true), (75, true)], "all in panic: by size");
        assert_eq!(of(&[(0, 1), (0, 2)]), [(34, true), (66, true)]);
        assert_eq!(of(&[(0, 0), (0, 2)]), [(0, false), (100, true)]);
        assert_eq!(of(&[(0, 0)]), [(0, false)]);
        assert_eq!(of(&[]), []);
    }

    #[test]
    fn without_a_threshold_there_is_no_panic() {
        let config = PriorityConfig { healthy_panic_threshold: 0, ..PriorityConfig::default() };
        let levels = [LevelHealth { healthy: 0, total: 3 }, LevelHealth { healthy: 0, total: 3 }];
        let expected = [100, 0].map(|percent| LevelLoad { percent, panic: false });
        assert_eq!(loads(&config, &levels), expected);
    }

    #[test]
    fn lots_fall_on_levels_by_their_shares() {
        let loads = [0, 35, 65].map(|percent| LevelLoad { percent, panic: false });
        assert_eq!((level(&loads, 0), level(&loads, 34)), (Some(1), Some(1)));
        assert_eq!((level(&loads, 35), level(&loads, 99)), (Some(2), Some(2)));
        assert_eq!(level(&[], 0), None);
    }
}
