//! Rust types that are elements of a tensor of fixed size.

use crate::{Bf16, DataType, F16};

mod sealed {
    pub trait Sealed {}
}

/// A Rust type with the same bits as one datatype; `bool`, the integers, [`F16`], [`Bf16`], `f32`, `f64`.
pub trait Element: Copy + sealed::Sealed {
    /// The datatype it stands for.
    const DATATYPE: DataType;
    /// Bytes of one element.
    const SIZE_BYTES: usize;

    /// Appends the element, little-endian.
    fn push(self, out: &mut Vec<u8>);

    /// Reads one element of `SIZE_BYTES` bytes; missing bytes count as zero.
    fn read(bytes: &[u8]) -> Self;
}

macro_rules! numbers {
    ($($type:ty => $datatype:ident),+ $(,)?) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DATATYPE: DataType = DataType::$datatype;
            const SIZE_BYTES: usize = size_of::<$type>();

            fn push(self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }

            fn read(bytes: &[u8]) -> Self {
                bytes.first_chunk().map_or_else(Default::default, |chunk| Self::from_le_bytes(*chunk))
            }
        }
    )+};
}

numbers! {
    u8 => Uint8, u16 => Uint16, u32 => Uint32, u64 => Uint64,
    i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64,
    f32 => Fp32, f64 => Fp64,
}

macro_rules! wrapped {
    ($($type:ident => $datatype:ident, $inner:ty, $wrap:expr, $unwrap:expr);+ $(;)?) => {$(
        impl sealed::Sealed for $type {}
        impl Element for $type {
            const DATATYPE: DataType = DataType::$datatype;
            const SIZE_BYTES: usize = size_of::<$inner>();

            fn push(self, out: &mut Vec<u8>) {
                let unwrap: fn(Self) -> $inner = $unwrap;
                unwrap(self).push(out);
            }

            fn read(bytes: &[u8]) -> Self {
                let wrap: fn($inner) -> Self = $wrap;
                wrap(<$inner>::read(bytes))
            }
        }
    )+};
}

wrapped! {
    bool => Bool, u8, |byte| byte != 0, u8::from;
    F16 => Fp16, u16, F16::from_bits, F16::to_bits;
    Bf16 => Bf16, u16, Bf16::from_bits, Bf16::to_bits;
}
