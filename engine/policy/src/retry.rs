//! What a run that died is tried once more with.

use orrery_domain::{
    Failure, FailureClass,
    device::DeviceChoice,
    training::{ModelKind, TrainConfig},
};

/// Most parts that a batch is computed in.
const MOST_PASSES: u32 = 64;

/// What is changed for the second try; the result stays what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// Fewer rows at once: a batch is computed in so many parts.
    Passes(u32),
    /// The CPU in place of a lost device.
    Cpu,
}

impl Again {
    /// What is done, as the end of a sentence.
    pub fn says(self) -> &'static str {
        match self {
            Self::Passes(_) => "It goes on from its last checkpoint with half the rows at once.",
            Self::Cpu => "It goes on from its last checkpoint on the CPU.",
        }
    }
}

/// What a run that died of `failure` is tried once more with; `None`: it is not.
pub fn again(
    failure: &Failure,
    config: &TrainConfig,
    device: DeviceChoice,
    passes: u32,
    tried_before: bool,
) -> Option<Again> {
    if tried_before {
        return None;
    }
    // Trees and linear models take no batches: fewer rows at once would change nothing for them.
    let takes_batches = config.model.is_network() || config.model == ModelKind::Auto;
    match failure.class {
        FailureClass::Capacity if takes_batches && passes < MOST_PASSES => {
            Some(Again::Passes(passes.max(1) * 2))
        }
        FailureClass::Hardware if config.cpu_fallback && device != DeviceChoice::Cpu => Some(Again::Cpu),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_a_lost_device_are_tried_once_more_and_nothing_else_is() {
        let mut config = TrainConfig::new("y");
        let (cpu, gpu) = (DeviceChoice::Cpu, DeviceChoice::Gpu(0));
        let capacity = Failure::new(FailureClass::Capacity, "");
        assert_eq!(again(&capacity, &config, cpu, 1, false), Some(Again::Passes(2)));
        assert_eq!(again(&capacity, &config, cpu, 4, false), Some(Again::Passes(8)));
        assert_eq!(again(&capacity, &config, cpu, 1, true), None);
        assert_eq!(again(&Failure::new(FailureClass::Bug, ""), &config, cpu, 1, false), None);
        let hardware = Failure::new(FailureClass::Hardware, "");
        assert_eq!(again(&hardware, &config, gpu, 1, false), None, "only where it is allowed");
        config.cpu_fallback = true;
        assert_eq!(again(&hardware, &config, gpu, 1, false), Some(Again::Cpu));
        assert_eq!(again(&hardware, &config, cpu, 1, false), None);
        config.model = ModelKind::Gbt;
        assert_eq!(again(&capacity, &config, cpu, 1, false), None);
    }
}
