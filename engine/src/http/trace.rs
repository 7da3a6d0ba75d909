//! Trace: the W3C Trace Context of a request: taken over where it is valid, made where there is none.

use std::fmt;

use axum::http::HeaderMap;

/// The header.
pub const TRACEPARENT: &str = "traceparent";

/// One step of a trace (W3C Trace Context, level 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The whole trace; never 0.
    pub trace: u128,
    /// This step; never 0.
    pub span: u64,
    /// Bit 0: sampled.
    pub flags: u8,
    /// The step before, where this one is not the first.
    pub parent: Option<u64>,
}

impl TraceContext {
    /// What a `traceparent` says; `None` where it is not valid.
    pub fn parse(header: &str) -> Option<Self> {
        let mut fields = header.split('-');
        let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let version = hex(version, 2)?;
        // Later versions may add fields, this one has none.
        if version == 0xff || (version == 0 && fields.next().is_some()) {
            return None;
        }
        let context = Self {
            trace: hex(trace, 32)?,
            span: hex(span, 16)? as u64,
            flags: hex(flags, 2)? as u8,
            parent: None,
        };
        (context.trace != 0 && context.span != 0).then_some(context)
    }

    /// The next step of a request's trace, or the first of a new one.
    pub fn of(headers: &HeaderMap) -> Self {
        let mut given = headers.get_all(TRACEPARENT).iter();
        let parent = match (given.next(), given.next()) {
            (Some(only), None) => only.to_str().ok().and_then(Self::parse),
            // Two of them are none.
            _ => None,
        };
        let (trace, span) = random();
        match parent {
            Some(parent) => Self { span, parent: Some(parent.span), ..parent },
            None => Self { trace, span, flags: 0, parent: None },
        }
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, self.flags)
    }
}

/// A field of exactly so many lower-case hexadecimal digits.
fn hex(field: &str, digits: usize) -> Option<u128> {
    let plain =
        field.len() == digits && field.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    plain.then(|| u128::from_str_radix(field, 16).ok()).flatten()
}

/// Names of a trace and of a step, neither 0, by one call of the system.
fn random() -> (u128, u64) {
    let (mut trace, mut span) = ([0; 16], [0; 8]);
    let mut bytes = [0; 24];
    // Without randomness the trace has an odd name, nothing more.
    if let Err(error) = getrandom::fill(&mut bytes) {
        log::debug!("no randomness for a trace's name: {error}");
    }
    trace.copy_from_slice(&bytes[..16]);
    span.copy_from_slice(&bytes[16..]);
    (u128::from_le_bytes(trace) | 1, u64::from_le_bytes(span) | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the recommendation, section 3.2.4.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_recommendations_example_is_read_and_what_it_forbids_is_not() {
        let context = TraceContext::parse(EXAMPLE).expect("valid");
        assert_eq!(context.to_string(), EXAMPLE);
        let later = EXAMPLE.replacen("00", "cc", 1) + "-what-the-future-brings";
        assert_eq!(TraceContext::parse(&later), Some(context));
        for wrong in [
            String::new(),
            EXAMPLE.to_uppercase(),
            EXAMPLE.replacen("00", "ff", 1),
            EXAMPLE.to_owned() + "-more",
            EXAMPLE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            EXAMPLE.replace("00f067aa0ba902b7", &"0".repeat(16)),
            EXAMPLE.replace("-01", "-1"),
            EXAMPLE.replace("-01", "-+1"),
            EXAMPLE.replace("4bf9", "4bf"),
            EXAMPLE.replace('-', "_"),
        ] {
            assert_eq!(TraceContext::parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_trace_goes_on_with_a_step_of_its_own_and_begins_where_there_is_none() {
        let with = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(TRACEPARENT, axum::http::HeaderValue::from_static(value));
            }
            TraceContext::of(&headers)
        };
        let (parent, child) = (TraceContext::parse(EXAMPLE).expect("valid"), with(&[EXAMPLE]));
        assert_eq!((child.trace, child.flags, child.parent), (parent.trace, 1, Some(parent.span)));
        assert_ne!(child.span, parent.span);
        for headers in [&[][..], &["nonsense"], &[EXAMPLE, EXAMPLE]] {
            let made = with(headers);
            assert_ne!(made.trace, parent.trace);
            assert_eq!(TraceContext::parse(&made.to_string()), Some(made));
        }
        assert_ne!(with(&[]).trace, with(&[]).trace);
    }
}
