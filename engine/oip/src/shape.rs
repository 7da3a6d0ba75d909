//! Shapes: how many elements one has, and how it is written in messages.

use crate::{Limits, OipError, place::Place};

/// Elements of a shape: the product of its dimensions, 1 for a scalar.
///
/// Lengths beyond what can be counted are refused even where another dimension is 0.
pub(crate) fn elements(shape: &[u64], place: Place<'_>) -> Result<usize, OipError> {
    let overflow = || OipError::ShapeOverflow { place: place.text() };
    let mut product: usize = 1;
    for &length in shape.iter().filter(|length| **length != 0) {
        let length = usize::try_from(length).ok().filter(|length| isize::try_from(*length).is_ok());
        product = length.and_then(|length| product.checked_mul(length)).ok_or_else(overflow)?;
    }
    if isize::try_from(product).is_err() {
        return Err(overflow());
    }
    Ok(if shape.contains(&0) { 0 } else { product })
}

/// Refuses a shape of more dimensions than the limit.
pub(crate) fn check_rank(rank: usize, place: Place<'_>, limits: &Limits) -> Result<(), OipError> {
    if rank > limits.dimensions {
        return Err(OipError::TooMany { place: place.text(), what: "dimensions", limit: limits.dimensions });
    }
    Ok(())
}

/// As in `[2,3]`; long ones are cut.
pub(crate) fn shown(shape: &[u64]) -> String {
    let mut text: Vec<String> = shape.iter().take(8).map(u64::to_string).collect();
    if shape.len() > 8 {
        text.push("…".to_owned());
    }
    format!("[{}]", text.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_are_checked() {
        assert_eq!(elements(&[], Place::Tensor("x")), Ok(1));
        assert_eq!(elements(&[2, 3, 4], Place::Tensor("x")), Ok(24));
        assert_eq!(elements(&[2, 0, 4], Place::Tensor("x")), Ok(0));
        for wrong in [&[u64::MAX][..], &[1 << 32, 1 << 32], &[0, u64::MAX], &[1 << 62, 2], &[3; 60]] {
            assert!(elements(wrong, Place::Tensor("x")).is_err(), "{wrong:?}");
        }
    }
}
