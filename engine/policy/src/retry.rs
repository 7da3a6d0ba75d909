//! What is asked for instead, when a job did not fit.

use orrery_domain::{
    Failure, FailureClass,
    training::{ModelKind, TrainConfig},
};

/// Rows a step that a request without one is taken to have meant, when it has to be halved.
const USUAL_BATCH: u32 = 256;

/// Smallest batch that is still tried.
const SMALLEST_BATCH: u32 = 8;

/// Rows a step for the second try of a run that was out of memory: half of the first's, once. `None`: do not try again.
pub fn smaller_batch(failure: &Failure, config: &TrainConfig, tried_before: bool) -> Option<u32> {
    // Trees and linear models take no batches: a smaller one would change nothing for them.
    let takes_batches = config.model.is_network() || config.model == ModelKind::Auto;
    if failure.class != FailureClass::Capacity || tried_before || !takes_batches {
        return None;
    }
    let batch = config.hyper.batch_size.unwrap_or(USUAL_BATCH);
    (batch >= 2 * SMALLEST_BATCH).then_some(batch / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_capacity_is_retried_and_only_once() {
        let mut config = TrainConfig::new("y");
        let capacity = Failure::new(FailureClass::Capacity, "");
        assert_eq!(smaller_batch(&capacity, &config, false), Some(128));
        config.hyper.batch_size = Some(1000);
        assert_eq!(smaller_batch(&capacity, &config, false), Some(500));
        assert_eq!(smaller_batch(&capacity, &config, true), None);
        assert_eq!(smaller_batch(&Failure::new(FailureClass::Bug, ""), &config, false), None);
        config.model = ModelKind::Gbt;
        assert_eq!(smaller_batch(&capacity, &config, false), None);
        config.model = ModelKind::Mlp;
        config.hyper.batch_size = Some(8);
        assert_eq!(smaller_batch(&capacity, &config, false), None);
    }
}
