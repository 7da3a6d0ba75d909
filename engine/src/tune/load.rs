//! Load: clients on loopback, each with one connection, that ask again as soon as they are answered.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// Longest that an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// Largest head of an answer, bytes.
const HEAD: usize = 16 << 10;

/// A connection that is kept open.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A whole HTTP request.
pub fn request(address: SocketAddr, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn bad(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

/// Where a head ends, its status and the length of what follows; `None` while it is not all there.
fn head(read: &[u8]) -> io::Result<Option<(usize, u16, usize)>> {
    let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if read.len() > HEAD { Err(bad("the answer's head does not end")) } else { Ok(None) };
    };
    let text = std::str::from_utf8(&read[..end]).map_err(|_other| bad("the answer's head is no text"))?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let status = status.ok_or_else(|| bad("the answer has no status"))?;
    let length = length.ok_or_else(|| bad("the answer does not say its length"))?;
    Ok(Some((end + 4, status, length)))
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// What the system says.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, read: Vec::with_capacity(HEAD) })
    }

    /// Sends a request and reads its whole answer; its status, and its body as text.
    ///
    /// # Errors
    /// When the connection breaks or the answer is none.
    pub fn ask(&mut self, request: &[u8]) -> io::Result<(u16, String)> {
        self.stream.write_all(request)?;
        self.read.clear();
        let mut chunk = [0; 16 << 10];
        loop {
            if let Some((start, status, length)) = head(&self.read)? {
                if self.read.len() > start + length {
                    return Err(bad("the answer is longer than it says"));
                }
                if self.read.len() == start + length {
                    let body = if status == 200 { String::new() } else { self.text(start) };
                    return Ok((status, body));
                }
            }
            match self.stream.read(&mut chunk)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                count => self.read.extend_from_slice(&chunk[..count]),
            }
        }
    }

    fn text(&self, start: usize) -> String {
        String::from_utf8_lossy(&self.read[start..]).chars().take(300).collect()
    }
}

/// What clients saw in some time.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Seconds from request to answer, ascending.
    pub secs: Vec<f64>,
    /// From the first request to the last answer.
    pub span: f64,
}

impl Seen {
    /// The latency that this share of requests stays within; 0 without any.
    pub fn latency(&self, share: f64) -> f64 {
        let at = ((self.secs.len() as f64 * share).ceil() as usize).clamp(1, self.secs.len().max(1));
        self.secs.get(at - 1).copied().unwrap_or_default()
    }
}

/// Lets all clients ask until the time is over; each takes the next of `requests` each time.
///
/// # Errors
/// In words: the first thing that went wrong.
pub fn run(clients: &mut [Client], requests: &[Vec<u8>], time: Duration) -> Result<Seen, String> {
    let began = Instant::now();
    let all: Vec<Result<Vec<f64>, String>> = std::thread::scope(|scope| {
        let working: Vec<_> = clients
            .iter_mut()
            .enumerate()
            .map(|(number, client)| scope.spawn(move || keep_asking(client, requests, number, began + time)))
            .collect();
        let broken = || Err("a client broke down".to_owned());
        working.into_iter().map(|client| client.join().unwrap_or_else(|_panic| broken())).collect()
    });
    let span = began.elapsed().as_secs_f64();
    let mut secs = Vec::new();
    for found in all {
        secs.extend(found?);
    }
    secs.sort_by(f64::total_cmp);
    Ok(Seen { secs, span })
}

fn keep_asking(
    client: &mut Client,
    requests: &[Vec<u8>],
    number: usize,
    end: Instant,
) -> Result<Vec<f64>, String> {
    let mut secs = Vec::new();
    let mut next = number;
    loop {
        let asked = Instant::now();
        if asked >= end {
            return Ok(secs);
        }
        let answer = client.ask(&requests[next % requests.len()]);
        match answer {
            Ok((200, _)) => secs.push(asked.elapsed().as_secs_f64()),
            Ok((status, body)) => return Err(format!("the node answered {status}: {body}")),
            Err(error) => return Err(format!("the node does not answer: {error}")),
        }
        next += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn answers_are_read_whole_however_they_come() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            let mut read = [0; 1024];
            for pieces in [
                &["HTTP/1.1 200 OK\r\ncontent-le", "ngth: 5\r\n\r\nhel", "lo"][..],
                &["HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\nbusy"],
            ] {
                let asked = stream.read(&mut read).expect("a request");
                assert!(asked > 0);
                for piece in pieces {
                    stream.write_all(piece.as_bytes()).expect("sent");
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            assert!(stream.read(&mut read).expect("a request") > 0);
        });
        let mut client = Client::connect(address).expect("connected");
        let asked = request(address, "POST", "/x", b"{}");
        assert_eq!(client.ask(&asked).expect("an answer").0, 200);
        assert_eq!(client.ask(&asked).expect("an answer"), (503, "busy".to_owned()));
        assert!(client.ask(&asked).is_err(), "the server is gone");
        server.join().expect("it ends");
    }

    #[test]
    fn latencies_are_taken_from_the_requests_that_took_them() {
        let seen = Seen { secs: (1..=100).map(f64::from).collect(), span: 1.0 };
        assert!((seen.latency(0.5) - 50.0).abs() < 1e-12 && (seen.latency(0.95) - 95.0).abs() < 1e-12);
        assert!((seen.latency(1.0) - 100.0).abs() < 1e-12);
        assert!(Seen { secs: Vec::new(), span: 1.0 }.latency(0.5).abs() < 1e-12);
    }
}
