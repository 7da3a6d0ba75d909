//! Where the JSON of a body ends and its binary tail begins.

use crate::{Limits, OipError, error::shown};

/// The HTTP header that tells how many bytes of the body are JSON, where binary tensors follow.
pub const HEADER_LENGTH: &str = "Inference-Header-Content-Length";

/// The number in that header.
///
/// # Errors
/// When it is no number of bytes: digits alone.
pub fn parse_header_length(value: &str) -> Result<usize, OipError> {
    let digits = value.trim();
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten().ok_or_else(|| OipError::HeaderLength { value: shown(value) })
}

/// A body's two parts. Without the header all of it is JSON, and no tensor may be binary.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub json: &'a [u8],
    pub tail: Option<&'a [u8]>,
}

pub(super) fn split<'a>(
    body: &'a [u8],
    header_length: Option<usize>,
    limits: &Limits,
) -> Result<Parts<'a>, OipError> {
    if body.len() > limits.body_bytes {
        return Err(OipError::BodyTooLarge { bytes: body.len(), limit: limits.body_bytes });
    }
    let Some(header_length) = header_length else {
        return Ok(Parts { json: body, tail: None });
    };
    let (json, tail) = body
        .split_at_checked(header_length)
        .ok_or(OipError::HeaderBeyondBody { header_length, bytes: body.len() })?;
    Ok(Parts { json, tail: Some(tail) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_digits_alone() {
        assert_eq!(parse_header_length("0"), Ok(0));
        assert_eq!(parse_header_length(" 120 "), Ok(120));
        let wrong = [
            "",
            " ",
            "-1",
            "+5",
            "1.5",
            "0x10",
            "1e3",
            "12,12",
            "12 12",
            "١٢",
            "99999999999999999999",
            "\u{0}7",
        ];
        for value in wrong {
            let error = parse_header_length(value).expect_err(value);
            assert_eq!(error.status(), 400);
            assert!(!error.to_string().contains(char::is_control), "{error}");
        }
    }
}
