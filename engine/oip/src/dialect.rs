//! How servers differ in what they take and send, as settings of the codec.

use crate::Limits;

/// A family of servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Dialect {
    /// Our own node: everything the protocol and the binary extension know.
    #[default]
    Orrery,
    /// NVIDIA Triton.
    Triton,
    /// Seldon's `MLServer`: JSON only, no BF16, base64 by `content_type`.
    MlServer,
    /// `KServe`'s Python server: binary tensors, no FP16 in JSON.
    KServe,
}

/// What stands in JSON, which has no such numbers, for NaN and the infinities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NonFinite {
    /// Nothing: such a value is an error.
    #[default]
    Refuse,
    /// `null`, as `MLServer` writes it; read as NaN.
    Null,
    /// `NaN`, `Infinity`, `-Infinity`, as Triton and its client write them (no valid JSON); `null` is read as NaN too.
    Literals,
}

/// How a body is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeOptions {
    /// What the body may ask for.
    pub limits: Limits,
    /// What is read as NaN or infinite. Binary tensors hold any bits.
    pub non_finite: NonFinite,
    /// Refuse FP16 and BF16 in JSON, as Triton and `KServe` do.
    pub refuse_half_in_json: bool,
    /// Take BYTES in JSON whose `content_type` is `base64` as base64, and hold the bytes.
    pub base64: bool,
}

impl DecodeOptions {
    /// Reads whatever a server of that family sends, or a client made for it: as tolerant as is safe.
    pub fn of(dialect: Dialect, limits: Limits) -> Self {
        let non_finite = match dialect {
            Dialect::Orrery | Dialect::Triton | Dialect::KServe => NonFinite::Literals,
            Dialect::MlServer => NonFinite::Null,
        };
        Self { limits, non_finite, refuse_half_in_json: false, base64: true }
    }
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncodeOptions {
    /// What is written for NaN and the infinities in JSON.
    pub non_finite: NonFinite,
    /// Whether binary tensors may be sent; if not, tensors marked binary go as JSON.
    pub binary: bool,
    /// Whether FP16 and BF16 may stand in JSON.
    pub half_in_json: bool,
    /// Whether BF16 is known at all.
    pub bf16: bool,
    /// Whether BYTES that are no UTF-8 go into JSON as base64, said by `content_type`.
    pub base64: bool,
}

impl EncodeOptions {
    /// Writes what a server of that family accepts.
    pub fn of(dialect: Dialect) -> Self {
        let all = Self {
            non_finite: NonFinite::Refuse,
            binary: true,
            half_in_json: true,
            bf16: true,
            base64: false,
        };
        match dialect {
            Dialect::Orrery => Self { base64: true, ..all },
            Dialect::Triton => Self { non_finite: NonFinite::Literals, half_in_json: false, ..all },
            Dialect::MlServer => Self { binary: false, bf16: false, base64: true, ..all },
            Dialect::KServe => Self { half_in_json: false, ..all },
        }
    }
}

impl Default for EncodeOptions {
    fn default() -> Self {
        Self::of(Dialect::Orrery)
    }
}
