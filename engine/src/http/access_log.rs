//! Access log: one JSON line a request on standard error. No key, no value and no path of a request is in it.

use std::io::Write;

use serde::Serialize;

use super::trace::TraceContext;
use crate::jobs::now;

/// A request that was answered.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Line<'a> {
    /// Its kind: the last word of the path, as in the metrics.
    pub route: &'static str,
    /// Status of the answer.
    pub status: u16,
    /// Seconds from the request's head to the answer's.
    pub secs: f64,
    /// Its id, the client's own where there was one.
    pub request_id: &'a str,
}

#[derive(Serialize)]
struct Whole<'a> {
    time: String,
    level: &'static str,
    #[serde(flatten)]
    line: Line<'a>,
    trace_id: String,
    span_id: String,
    /// The step that the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
}

/// The line as text, without its end.
fn text(line: Line<'_>, trace: TraceContext, secs: f64) -> String {
    let level = match line.status {
        500.. => "error",
        400.. => "warn",
        _ => "info",
    };
    let time = chrono::DateTime::from_timestamp_micros((secs * 1e6) as i64).unwrap_or_default();
    let whole = Whole {
        time: time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        level,
        line,
        trace_id: format!("{:032x}", trace.trace),
        span_id: format!("{:016x}", trace.span),
        parent_id: trace.parent.map(|parent| format!("{parent:016x}")),
    };
    // Plain strings and numbers cannot fail to be JSON.
    serde_json::to_string(&whole).unwrap_or_default()
}

/// Writes the line.
pub fn write(line: Line<'_>, trace: TraceContext) {
    // Standard error may be closed: then nobody reads the log.
    let _unread = std::io::stderr().write_all((text(line, trace, now()) + "\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object_whatever_the_client_called_its_request() {
        let trace = TraceContext { trace: 0xab, span: 0xcd, flags: 1, parent: Some(0xef) };
        let line = Line { route: "infer", status: 503, secs: 0.25, request_id: "a\"\n{}" };
        let text = text(line, trace, 1_790_000_000.25);
        assert!(!text.contains('\n'), "{text}");
        let read: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let expected = serde_json::json!({
            "time": "2026-09-21T14:13:20.250Z", "level": "error", "route": "infer", "status": 503, "secs": 0.25,
            "request_id": "a\"\n{}", "trace_id": format!("{:032x}", 0xab), "span_id": format!("{:016x}", 0xcd),
            "parent_id": format!("{:016x}", 0xef),
        });
        assert_eq!(read, expected);
    }
}
