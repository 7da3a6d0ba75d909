//! Devices: what can compute here, whether it may be trusted, and how fast it was.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::units::UnixSecs;

/// Where a person wants to compute. Written `auto`, `cpu`, `gpu` or `gpu:N`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum DeviceChoice {
    /// Let the measurements decide.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The N-th adapter of `orrery devices`, counted from 0.
    Gpu(u32),
}

/// The text is no device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a device: use auto, cpu, gpu or gpu:N (see `orrery devices`)")]
pub struct DeviceChoiceError(pub String);

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(index) => write!(f, "gpu:{index}"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceChoiceError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "gpu" => Ok(Self::Gpu(0)),
            _ => text
                .strip_prefix("gpu:")
                .and_then(|index| index.parse().ok())
                .map(Self::Gpu)
                .ok_or_else(|| DeviceChoiceError(text.to_owned())),
        }
    }
}

impl From<DeviceChoice> for String {
    fn from(choice: DeviceChoice) -> Self {
        choice.to_string()
    }
}

impl TryFrom<String> for DeviceChoice {
    type Error = DeviceChoiceError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// What a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceKind {
    /// The processor.
    Cpu,
    /// A graphics card of its own.
    DiscreteGpu,
    /// A graphics unit beside the processor.
    IntegratedGpu,
    /// A graphics unit lent to a virtual machine.
    VirtualGpu,
    /// Software that pretends to be a graphics unit; never faster than the CPU.
    SoftwareRasterizer,
    /// The driver does not say.
    Other,
}

impl DeviceKind {
    /// A few words for a person.
    pub fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU",
            Self::DiscreteGpu => "Discrete GPU",
            Self::IntegratedGpu => "Integrated GPU",
            Self::VirtualGpu => "Virtual GPU",
            Self::SoftwareRasterizer => "Software rasterizer",
            Self::Other => "Unknown adapter",
        }
    }
}

/// Whether a device may be used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum DeviceState {
    /// Not probed yet.
    Unprobed,
    /// Probed, gradients checked against the CPU's, measured.
    Usable {
        /// Training rows a second on the fixed workload.
        rows_per_sec: f64,
        /// Largest relative difference of a gradient from the CPU's (0 for the CPU itself).
        gradient_error: f64,
    },
    /// Not usable.
    Unusable {
        /// Why: a sentence.
        reason: String,
    },
}

/// A device of this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// How to choose it.
    pub choice: DeviceChoice,
    /// Its name, as the driver gives it.
    pub name: String,
    /// What it is.
    pub kind: DeviceKind,
    /// Graphics interface (`vulkan`, `metal`, …), empty for the CPU.
    pub api: String,
    /// Driver name and version, empty for the CPU.
    pub driver: String,
    /// Threads used for computing (CPU only).
    pub threads: Option<u32>,
    /// Whether it may be used.
    pub state: DeviceState,
    /// When it was probed.
    pub probed_at: Option<UnixSecs>,
}
