//! FP16 and BF16: the two 16-bit floats, to and from `f32`, rounding to nearest even.

/// IEEE 754 binary16, as its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct F16(pub u16);

/// Brain floating point, the upper 16 bits of an `f32`, as its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bf16(pub u16);

impl F16 {
    /// The nearest FP16; what is beyond 65,504 by half a step or more becomes infinite, NaN stays NaN.
    pub fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        let sign = ((bits >> 16) & 0x8000) as u16;
        let magnitude = bits & 0x7fff_ffff;
        if magnitude > 0x7f80_0000 {
            return Self(sign | 0x7e00 | ((magnitude >> 13) & 0x01ff) as u16);
        }
        if magnitude >= 0x4780_0000 {
            return Self(sign | 0x7c00); // 65,536 and more
        }
        if magnitude < 0x3880_0000 {
            // Subnormal: a whole number of steps of 2^-24. The product is exact, and so is the rounding.
            let steps = f32::from_bits(magnitude) * 16_777_216.0;
            return Self(sign | steps.round_ties_even() as u16);
        }
        let odd = (magnitude >> 13) & 1;
        let rounded = magnitude + 0x0fff + odd;
        // A carry walks into the exponent, at the largest into infinity, as it should.
        Self(sign | ((rounded >> 13) - (112 << 10)) as u16)
    }

    /// The same number: every FP16 is an `f32`.
    pub fn to_f32(self) -> f32 {
        let sign = u32::from(self.0 & 0x8000) << 16;
        let exponent = u32::from(self.0 >> 10) & 0x1f;
        let fraction = u32::from(self.0) & 0x03ff;
        let magnitude = match exponent {
            0 => (fraction as f32 / 16_777_216.0).to_bits(),
            0x1f => 0x7f80_0000 | (fraction << 13),
            _ => ((exponent + 112) << 23) | (fraction << 13),
        };
        f32::from_bits(sign | magnitude)
    }
}

impl Bf16 {
    /// The nearest BF16; NaN stays NaN.
    pub fn from_f32(value: f32) -> Self {
        let bits = value.to_bits();
        if value.is_nan() {
            return Self((bits >> 16) as u16 | 0x0040);
        }
        let odd = (bits >> 16) & 1;
        Self(((bits + 0x7fff + odd) >> 16) as u16)
    }

    /// The same number: every BF16 is an `f32`.
    pub fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_leads_back() {
        for bits in 0..=u16::MAX {
            let (half, brain) = (F16(bits), Bf16(bits));
            if half.to_f32().is_nan() {
                assert!(F16::from_f32(half.to_f32()).to_f32().is_nan());
            } else {
                assert_eq!(F16::from_f32(half.to_f32()), half);
            }
            if brain.to_f32().is_nan() {
                assert!(Bf16::from_f32(brain.to_f32()).to_f32().is_nan());
            } else {
                assert_eq!(Bf16::from_f32(brain.to_f32()), brain);
            }
        }
    }

    /// Between neighbours: below the middle down, above it up, on it to the even one.
    #[test]
    fn rounding_is_to_nearest_even() {
        for bits in 0..0x7bff_u16 {
            let (low, high) = (F16(bits).to_f32(), F16(bits + 1).to_f32());
            let middle = f32::midpoint(low, high);
            let even = if bits % 2 == 0 { bits } else { bits + 1 };
            assert_eq!(F16::from_f32(middle).0, even, "{middle}");
            assert_eq!(F16::from_f32(middle.next_down()).0, bits);
            assert_eq!(F16::from_f32(-middle.next_up()).0, 0x8000 | (bits + 1));
        }
        for bits in 0..0x7f7f_u16 {
            let middle = f32::from_bits((u32::from(bits) << 16) | 0x8000);
            let even = if bits % 2 == 0 { bits } else { bits + 1 };
            assert_eq!(Bf16::from_f32(middle).0, even);
            assert_eq!(Bf16::from_f32(middle.next_down()).0, bits);
            assert_eq!(Bf16::from_f32(-middle.next_up()).0, 0x8000 | (bits + 1));
        }
    }

    #[test]
    fn the_edges_are_known() {
        assert_eq!(F16::from_f32(65_504.0).0, 0x7bff);
        assert_eq!(F16::from_f32(65_519.996).0, 0x7bff);
        assert_eq!(F16::from_f32(65_520.0).0, 0x7c00);
        assert_eq!(F16::from_f32(f32::NEG_INFINITY).0, 0xfc00);
        assert_eq!(F16::from_f32(-0.0).0, 0x8000);
        assert_eq!(Bf16::from_f32(f32::MAX).0, 0x7f80);
    }
}
