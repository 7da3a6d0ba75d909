//! Quorum: an endpoint's health by those who look at it. One who cannot reach it alone does not make it ill.

use orrery_domain::{
    fleet::{Health, Sighting},
    units::UnixSecs,
};

/// Seconds after which a sighting counts no more.
pub const FRESH_SECS: f64 = 15.0;

/// An endpoint's health and why, by what was seen within the last [`FRESH_SECS`].
///
/// More than half of the fresh sightings decide. A tie, or a majority that is not unanimous, is [`Health::Degraded`] where the
/// endpoint still answers somebody's look, and [`Health::Unhealthy`] where the majority says so.
pub fn health(sightings: &[Sighting], now: UnixSecs) -> (Health, String) {
    let fresh: Vec<&Sighting> = sightings.iter().filter(|sighting| now - sighting.at <= FRESH_SECS).collect();
    let ill: Vec<&&Sighting> = fresh.iter().filter(|sighting| !sighting.healthy).collect();
    let reasons = || {
        ill.iter()
            .map(|sighting| format!("{}: {}", sighting.vantage, sighting.reason))
            .collect::<Vec<_>>()
            .join("; ")
    };
    match (fresh.len(), ill.len()) {
        (0, _) if sightings.is_empty() => (Health::Unknown, "Not contacted yet.".to_owned()),
        (0, _) => (Health::Unknown, format!("Nobody has looked for {FRESH_SECS:.0} s.")),
        (1, 0) => (Health::Healthy, "Ready.".to_owned()),
        (all, 0) => (Health::Healthy, format!("Ready, as all {all} who look say.")),
        (1, 1) => (Health::Unhealthy, fresh[0].reason.clone()),
        (all, ill) if ill * 2 > all => {
            (Health::Unhealthy, format!("{ill} of {all} who look say no. {}", reasons()))
        }
        (all, ill) => (Health::Degraded, format!("{ill} of {all} who look cannot use it. {}", reasons())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(vantage: &str, healthy: bool, at: f64) -> Sighting {
        Sighting {
            vantage: vantage.to_owned(),
            at,
            healthy,
            latency_secs: None,
            reason: if healthy { String::new() } else { "refused".to_owned() },
        }
    }

    #[test]
    fn a_majority_of_fresh_sightings_decides() {
        let of = |votes: &[bool]| {
            let all: Vec<_> = votes.iter().map(|&vote| seen("v", vote, 100.0)).collect();
            health(&all, 101.0).0
        };
        assert_eq!(of(&[]), Health::Unknown);
        assert_eq!(of(&[true]), Health::Healthy);
        assert_eq!(of(&[false]), Health::Unhealthy);
        assert_eq!(of(&[true, false]), Health::Degraded, "a tie makes nothing ill");
        assert_eq!(of(&[true, true, false]), Health::Degraded);
        assert_eq!(of(&[true, false, false]), Health::Unhealthy);
        assert_eq!(of(&[true, true, true]), Health::Healthy);
    }

    #[test]
    fn old_sightings_count_no_more_and_reasons_are_named() {
        let (state, _) = health(&[seen("window", false, 0.0), seen("gw", true, 100.0)], 101.0);
        assert_eq!(state, Health::Healthy);
        assert_eq!(health(&[seen("window", true, 0.0)], 101.0).0, Health::Unknown);
        let (_, reason) = health(&[seen("window", false, 100.0), seen("gw", true, 100.0)], 101.0);
        assert_eq!(reason, "1 of 2 who look cannot use it. window: refused");
    }

    #[test]
    fn every_vote_agrees_with_counting_by_hand() {
        for all in 1..=7_u32 {
            for votes in 0..1_u32 << all {
                let sightings: Vec<_> = (0..all).map(|bit| seen("v", votes >> bit & 1 == 1, 9.0)).collect();
                let healthy = votes.count_ones();
                let expected = if healthy == all {
                    Health::Healthy
                } else if (all - healthy) * 2 > all {
                    Health::Unhealthy
                } else {
                    Health::Degraded
                };
                assert_eq!(health(&sightings, 10.0).0, expected, "{healthy} of {all}");
            }
        }
    }
}
