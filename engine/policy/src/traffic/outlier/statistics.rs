//! Which endpoints stand out by the answers of one interval.

use super::{Cause, OutlierConfig};

/// The endpoints that stand out, with why, of `(endpoint, good answers, all answers)` of those that are in.
///
/// Success rate: below `mean - factor / 1000 × σ` over the endpoints with enough answers, σ of the whole population.
/// Failure percentage: at or above the threshold.
pub fn outliers(config: &OutlierConfig, answers: &[(usize, u64, u64)]) -> Vec<(usize, Cause)> {
    let rates = |volume: u64, hosts: u32| -> Vec<(usize, f64)> {
        let rates: Vec<(usize, f64)> = answers
            .iter()
            .filter(|(_, _, total)| *total >= volume)
            .map(|&(endpoint, good, total)| (endpoint, 100.0 * good as f64 / total as f64))
            .collect();
        if rates.len() >= hosts as usize { rates } else { Vec::new() }
    };
    let compared = rates(config.success_rate_request_volume, config.success_rate_minimum_hosts);
    let threshold = threshold(&compared, f64::from(config.success_rate_stdev_factor) / 1000.0);
    let slow = compared.iter().filter(|(_, rate)| *rate < threshold);
    let counted = rates(config.failure_percentage_request_volume, config.failure_percentage_minimum_hosts);
    let limit = 100.0 - f64::from(config.failure_percentage_threshold);
    let failing = counted.iter().filter(|(_, rate)| *rate <= limit);
    slow.map(|&(endpoint, _)| (endpoint, Cause::SuccessRate))
        .chain(failing.map(|&(endpoint, _)| (endpoint, Cause::FailurePercentage)))
        .collect()
}

/// `mean - factor × σ` of the rates.
fn threshold(rates: &[(usize, f64)], factor: f64) -> f64 {
    let count = rates.len().max(1) as f64;
    let mean = rates.iter().map(|(_, rate)| rate).sum::<f64>() / count;
    let variance = rates.iter().map(|(_, rate)| (rate - mean).powi(2)).sum::<f64>() / count;
    mean - factor * variance.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envoys_own_example_of_a_threshold() {
        // Envoy's unit test `successRateNominal`: rates 50, 100 × 4, factor 1.9, threshold 52.
        let rates: Vec<(usize, f64)> = [50.0, 100.0, 100.0, 100.0, 100.0].into_iter().enumerate().collect();
        assert!((threshold(&rates, 1.9) - 52.0).abs() < 1e-9);
    }

    #[test]
    fn few_hosts_or_answers_are_no_statistics() {
        let config = OutlierConfig::default();
        let mut answers: Vec<(usize, u64, u64)> = (0..5).map(|host| (host, 200, 200)).collect();
        answers[2] = (2, 20, 200);
        let found = outliers(&config, &answers);
        assert_eq!(found, [(2, Cause::SuccessRate), (2, Cause::FailurePercentage)]);
        assert_eq!(outliers(&config, &answers[..4]), []);
        let thin: Vec<(usize, u64, u64)> =
            answers.iter().map(|&(host, good, _)| (host, good.min(10), 49)).collect();
        assert_eq!(outliers(&config, &thin), []);
    }

    #[test]
    fn thresholds_count_themselves() {
        let config = OutlierConfig { success_rate_stdev_factor: 100_000, ..OutlierConfig::default() };
        let mut answers: Vec<(usize, u64, u64)> = (0..5).map(|host| (host, 100, 100)).collect();
        answers[1] = (1, 15, 100);
        assert_eq!(outliers(&config, &answers), [(1, Cause::FailurePercentage)]);
        answers[1] = (1, 16, 100);
        assert_eq!(outliers(&config, &answers), []);
        let good = |host| if host == 3 { 0 } else { 50 };
        let full: Vec<(usize, u64, u64)> = (0..5).map(|host| (host, good(host), 50)).collect();
        assert_eq!(outliers(&config, &full), [(3, Cause::FailurePercentage)]);
    }
}
