//! Relay: a wire to a node that spoils what one of its versions answers, as a version that is bad on purpose would.

use std::{
    io::{BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::http::{ask, hear};

/// What becomes of a spoiled version's inferences.
#[derive(Clone, Copy, Debug)]
pub enum Spoiled {
    /// 500 with an error object.
    Fails,
    /// As the node answers, so much later.
    Late(Duration),
}

/// A running one.
pub struct Relay {
    address: String,
    shared: Arc<Shared>,
}

struct Shared {
    node: String,
    spoiled: Mutex<Option<(String, Spoiled)>>,
}

impl Relay {
    /// To the node at this address.
    pub fn start(node: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let shared = Arc::new(Shared { node: node.to_owned(), spoiled: Mutex::default() });
        let all = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&all);
                std::thread::spawn(move || pass(stream, &shared));
            }
        });
        Self { address, shared }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this version is bad.
    pub fn spoil(&self, version: &str, how: Spoiled) {
        *self.shared.spoiled.lock().expect("free") = Some((version.to_owned(), how));
    }
}

/// One request of a connection.
fn pass(stream: TcpStream, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    let Some((first, body)) = hear(&mut reader) else { return };
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let spoiled = shared.spoiled.lock().expect("free").clone();
    let spoiled = spoiled
        .filter(|(version, _)| path.ends_with(&format!("/versions/{version}/infer")))
        .map(|(_, how)| how);
    let (status, answer) = if let Some(Spoiled::Fails) = spoiled {
        (500, br#"{"error":"spoiled"}"#.to_vec())
    } else {
        if let Some(Spoiled::Late(by)) = spoiled {
            std::thread::sleep(by);
        }
        let answer = ask(&shared.node, method, path, &String::from_utf8_lossy(&body));
        (answer.status, answer.body)
    };
    let head = format!(
        "HTTP/1.1 {status} Told\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        answer.len()
    );
    // Who asked may have left.
    let _left = reader.get_mut().write_all(&[head.as_bytes(), &answer].concat());
}
