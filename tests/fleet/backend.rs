//! A server of a few lines that answers as badly as it is told to.

use std::{
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How it answers inferences. Health checks are answered well, unless a connection's end says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Well, with its own name in it.
    Good,
    /// 503 with an error object.
    Refuses,
    /// Text under a good status.
    Garbage,
    /// Nothing, under a good status.
    Empty,
    /// One row of one column, of which the data hold nothing.
    Unfilled,
    /// Two rows, sound in themselves.
    TwoRows,
    /// Bytes that it says are compressed.
    Compressed,
    /// Half of what it said it would send.
    HalfABody,
    /// Nothing: the connection ends.
    HangsUp,
    /// Nothing, for a long time.
    Silent,
    /// Well, after [`SLOW`].
    Slow,
    /// Well, at so many MiB.
    Large(usize),
    /// Half of so many MiB, then the connection ends.
    HalfOfLarge(usize),
    /// Well, then the connection ends, which nothing in the answer tells.
    ClosesAfter,
    /// Well, but once a connection: it ends when the next request on it was read.
    ClosesOnReuse,
    /// Well, but once a connection: the next request on it gets a few bytes, then it ends.
    BreaksOnReuse,
}

/// How long [`Manner::Slow`] takes.
pub const SLOW: Duration = Duration::from_millis(400);

/// A running one.
pub struct Backend {
    pub address: String,
    shared: Arc<Shared>,
}

struct Shared {
    name: &'static str,
    manner: Mutex<Manner>,
    inferences: AtomicU64,
    /// Connections that ended while their answer was still to come.
    abandoned: AtomicU64,
}

impl Backend {
    pub fn start(name: &'static str, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared {
            name,
            manner: Mutex::new(manner),
            inferences: AtomicU64::new(0),
            abandoned: AtomicU64::new(0),
        });
        let all = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&all);
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn behave(&self, manner: Manner) {
        *self.shared.manner.lock().expect("free") = manner;
    }

    /// Inferences that reached it.
    pub fn inferences(&self) -> u64 {
        self.shared.inferences.load(Ordering::Relaxed)
    }

    /// Connections that ended while their slow answer was still to come.
    pub fn abandoned(&self) -> u64 {
        self.shared.abandoned.load(Ordering::Relaxed)
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    let name = shared.name;
    let mut bytes = Vec::new();
    let mut part = [0; 16_384];
    let mut reused = false;
    loop {
        let end = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            match stream.read(&mut part) {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&part[..count]),
            }
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length: usize = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok())
            .unwrap_or_default();
        while bytes.len() < end + length {
            match stream.read(&mut part) {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&part[..count]),
            }
        }
        // A body in chunks: all of these have data but the last.
        let chunked = head.contains("transfer-encoding: chunked");
        while chunked && !bytes.ends_with(b"\r\n0\r\n\r\n") {
            match stream.read(&mut part) {
                Ok(0) | Err(_) => return,
                Ok(count) => bytes.extend_from_slice(&part[..count]),
            }
        }
        bytes.drain(..if chunked { bytes.len() } else { end + length });
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let told = *shared.manner.lock().expect("free");
        let now = match told {
            Manner::ClosesAfter | Manner::ClosesOnReuse | Manner::BreaksOnReuse => told,
            _ if path.ends_with("/infer") => told,
            _ => Manner::Good,
        };
        if path.ends_with("/infer") {
            shared.inferences.fetch_add(1, Ordering::Relaxed);
        }
        let good = format!(r#"{{"model_name":"m","model_version":"{name}","outputs":[]}}"#);
        let answer = |status: &str, length: usize, body: &str| {
            format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        };
        let tensor = |shape: &str, data: &str| {
            let tensor = format!(r#"{{"name":"y","datatype":"FP32","shape":{shape},"data":{data}}}"#);
            let body = format!(r#"{{"model_name":"m","model_version":"{name}","outputs":[{tensor}]}}"#);
            answer("200 OK", body.len(), &body)
        };
        let large = |mib: usize| format!("{{{}}}", " ".repeat((mib << 20) - 2));
        let text = match now {
            Manner::Large(mib) => answer("200 OK", mib << 20, &large(mib)),
            Manner::HalfOfLarge(mib) => answer("200 OK", mib << 20, &large(mib)[..mib << 19]),
            Manner::ClosesOnReuse if reused => return,
            Manner::Slow if is_abandoned(&stream) => {
                shared.abandoned.fetch_add(1, Ordering::Relaxed);
                return;
            }
            Manner::BreaksOnReuse if reused => "HTTP/1.1 200".to_owned(),
            Manner::Good
            | Manner::Slow
            | Manner::ClosesAfter
            | Manner::ClosesOnReuse
            | Manner::BreaksOnReuse => answer("200 OK", good.len(), &good),
            Manner::Refuses => answer("503 Service Unavailable", 15, r#"{"error":"off"}"#),
            Manner::Garbage => answer("200 OK", 7, "\u{1}garbag"),
            Manner::Empty => answer("200 OK", 0, ""),
            Manner::Unfilled => tensor("[1,1]", "[]"),
            Manner::TwoRows => tensor("[2,1]", "[0.25,0.5]"),
            Manner::Compressed => {
                answer("200 OK", 6, "packed").replacen("\r\n", "\r\nContent-Encoding: br\r\n", 1)
            }
            Manner::HalfABody => answer("200 OK", good.len(), &good[..good.len() / 2]),
            Manner::HangsUp => return,
            Manner::Silent => {
                std::thread::sleep(Duration::from_secs(30));
                return;
            }
        };
        let ends = match now {
            Manner::HalfABody | Manner::HalfOfLarge(_) | Manner::ClosesAfter => true,
            Manner::BreaksOnReuse => reused,
            _ => false,
        };
        if stream.write_all(text.as_bytes()).is_err() || ends {
            return;
        }
        reused = true;
    }
}

/// Waits for [`SLOW`], or until the connection's other end is gone.
fn is_abandoned(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(SLOW)).expect("a timeout");
    // Nothing is sent before the answer: what can be read is the end.
    let gone = match stream.peek(&mut [0]) {
        Ok(bytes) => bytes == 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    };
    stream.set_read_timeout(None).expect("no timeout");
    gone
}
