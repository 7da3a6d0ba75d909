//! A client of a few lines: one request a connection; and what a server of as few hears.

use std::{
    io::{BufRead, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// What came back.
pub struct Answer {
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{}: no JSON ({error}): {}", self.status, String::from_utf8_lossy(&self.body))
        })
    }
}

/// A request as a server of a test hears it: its first line and its body; `None` where the connection ends before.
pub fn hear(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let (mut first, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => return None,
            Ok(_) if line.trim().is_empty() => break,
            Ok(_) => {}
        }
        if let Some(told) = line.to_lowercase().strip_prefix("content-length:") {
            length = told.trim().parse().expect("a length");
        }
        if first.is_empty() {
            first = line;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, body))
}

/// Sends a request without a key.
pub fn ask(address: &str, method: &str, path: &str, body: &str) -> Answer {
    ask_with(address, method, path, None, body)
}

/// Sends a request.
pub fn ask_with(address: &str, method: &str, path: &str, key: Option<&str>, body: &str) -> Answer {
    let key = key.map_or(String::new(), |key| format!("Authorization: Bearer {key}\r\n"));
    ask_headed(address, method, path, &key, body)
}

/// Sends a request with these headers, each with its line's end.
pub fn ask_headed(address: &str, method: &str, path: &str, headers: &str, body: &str) -> Answer {
    ask_bytes(address, method, path, headers, body.as_bytes())
}

/// Sends a request whose body need not be text.
pub fn ask_bytes(address: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("sent");
    // A server that refuses a large body may stop reading.
    let _refused = stream.write_all(body);
    let mut bytes = Vec::new();
    let _reset = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let body = bytes[end + 4..].to_vec();
    assert!(!head.to_lowercase().contains("transfer-encoding: chunked"), "a length is told: {head}");
    Answer { status, head, body }
}
