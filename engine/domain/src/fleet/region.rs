//! Regions: where servers stand, in which order they are used, and how each is doing.

use serde::{Deserialize, Serialize};

use super::{endpoint::Health, gateway::LatencyFigures};
use crate::units::UnixSecs;

/// A region as a person set it up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// Its name, which is its id: 1 to 63 of `a-z`, `0-9` and `-`.
    pub name: String,
    /// Failover level: 0 is served first, 0 to 127.
    #[serde(default)]
    pub priority: u32,
    /// Price of 1,000 requests, in the workspace's currency, 0 to 1,000,000.
    #[serde(default)]
    pub price_per_1000: f64,
    /// Residency tags that its endpoints carry (`eu`, `hipaa`).
    #[serde(default)]
    pub tags: Vec<String>,
    /// Whether its endpoints are contacted. Nothing is, until a person says so.
    #[serde(default)]
    pub enabled: bool,
}

impl Region {
    /// The four regions a new workspace begins with; none is contacted.
    pub fn defaults() -> Vec<Self> {
        let region = |name: &str, priority, tag: &str| Self {
            name: name.to_owned(),
            priority,
            price_per_1000: 0.0,
            tags: vec![tag.to_owned()],
            enabled: false,
        };
        vec![
            region("us-east", 0, "us"),
            region("us-west", 1, "us"),
            region("eu-west", 2, "eu"),
            region("ap-southeast", 3, "ap"),
        ]
    }

    /// Whether a text may name a region.
    pub fn is_name(name: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        (1..=63).contains(&name.len())
            && name.bytes().all(|byte| plain(byte) || byte == b'-')
            && name.bytes().next().is_some_and(plain)
            && name.bytes().last().is_some_and(plain)
    }
}

/// How a region is doing, by its endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionHealth {
    /// Not contacted, or nothing heard yet.
    #[default]
    Unknown,
    /// All its endpoints are healthy.
    Healthy,
    /// Some are.
    Degraded,
    /// None is.
    Down,
}

/// A region with what is known of it now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegionView {
    /// As set up.
    pub region: Region,
    /// How it is doing.
    pub health: RegionHealth,
    /// Endpoints by health.
    pub endpoints: usize,
    /// Of these, healthy.
    pub healthy: usize,
    /// Latency of its answers, seconds, over the last minute.
    pub latency: LatencyFigures,
    /// Share of requests that failed over the last minute, 0 to 1.
    pub error_ratio: Option<f64>,
    /// Requests a second over the last minute.
    pub requests_per_sec: Option<f64>,
    /// How much of what its endpoints may carry is under way, 0 to 1.
    pub saturation: Option<f64>,
    /// A drill has taken it out.
    pub drilled: bool,
    /// When it was last heard of.
    pub seen_at: Option<UnixSecs>,
}

impl RegionHealth {
    /// The health of a region whose endpoints are like this.
    pub fn of(endpoints: impl IntoIterator<Item = Health>) -> Self {
        let (mut healthy, mut ill) = (0, 0);
        for health in endpoints {
            match health {
                Health::Healthy => healthy += 1,
                Health::Unhealthy | Health::Degraded => ill += 1,
                Health::Unknown => {}
            }
        }
        match (healthy, ill) {
            (0, 0) => Self::Unknown,
            (_, 0) => Self::Healthy,
            (0, _) => Self::Down,
            _ => Self::Degraded,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regions_health_follows_its_endpoints() {
        use Health::{Degraded, Healthy, Unhealthy, Unknown};
        assert_eq!(RegionHealth::of([]), RegionHealth::Unknown);
        assert_eq!(RegionHealth::of([Unknown]), RegionHealth::Unknown);
        assert_eq!(RegionHealth::of([Healthy, Unknown]), RegionHealth::Healthy);
        assert_eq!(RegionHealth::of([Healthy, Unhealthy]), RegionHealth::Degraded);
        assert_eq!(RegionHealth::of([Unhealthy, Degraded]), RegionHealth::Down);
    }

    #[test]
    fn names_are_plain() {
        assert!(Region::defaults().iter().all(|region| Region::is_name(&region.name) && !region.enabled));
        for bad in ["", "Us", "a b", "-a", "a-", "../x"] {
            assert!(!Region::is_name(bad), "{bad}");
        }
    }
}
