//! Alerts of a gateway as whoever is on call gets them: by a real listener, once each, whatever is killed in between.

use std::{
    io::{BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    Service,
    backend::{Backend, Manner},
    over, until,
};
use crate::http::hear;

/// Takes alerts, and says whether it could use them.
struct Listener {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    /// Everything that was posted, whatever it was answered with.
    posted: Mutex<Vec<Value>>,
    takes: AtomicBool,
    /// How many of them it took.
    taken: AtomicUsize,
}

impl Listener {
    fn start(takes: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/alerts", listener.local_addr().expect("an address"));
        let (posted, taken) = (Mutex::default(), AtomicUsize::default());
        let shared = Arc::new(Shared { posted, takes: AtomicBool::new(takes), taken });
        let all = Arc::clone(&shared);
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| take(stream, &all)));
        Self { url, shared }
    }

    fn takes(&self, takes: bool) {
        self.shared.takes.store(takes, Ordering::Relaxed);
    }

    fn taken(&self) -> usize {
        self.shared.taken.load(Ordering::Relaxed)
    }

    fn posted(&self) -> Vec<Value> {
        self.shared.posted.lock().expect("free").clone()
    }
}

fn take(stream: TcpStream, shared: &Shared) {
    let mut reader = BufReader::new(stream);
    let Some((_, body)) = hear(&mut reader) else { return };
    let takes = shared.takes.load(Ordering::Relaxed);
    let status = if takes { "204 No Content" } else { "500 Broken" };
    shared.posted.lock().expect("free").push(serde_json::from_slice(&body).expect("JSON"));
    shared.taken.fetch_add(usize::from(takes), Ordering::Relaxed);
    let answer = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    // A gateway that was killed does not hear the answer.
    let _unheard = reader.get_mut().write_all(answer.as_bytes());
}

/// A gateway whose only objective is missed while half or more of an hour's requests fail.
fn watched(backend: &Backend, listener: &Listener) -> Service {
    let mut config = over(&[("a", &backend.url())]);
    config["name"] = json!("east");
    let alert = json!({ "severity": "page", "long_secs": 3600, "short_secs": 3600, "burn_rate": 1.0 });
    let objective = json!({ "objective_percent": 50.0, "alerts": [alert], "min_requests": 10 });
    config["slos"] = json!([{ "name": "answers", "objective": objective }]);
    config["alert_webhooks"] = json!([listener.url]);
    Service::gateway(&config)
}

fn fail(gateway: &Service, backend: &Backend) {
    backend.behave(Manner::Refuses);
    (0..12).for_each(|_| assert_eq!(gateway.infer().status, 503));
}

/// Time enough for a gateway that looks each second to say what it should not.
fn wait() {
    std::thread::sleep(Duration::from_millis(2_500));
}

#[test]
fn an_alert_fires_once_and_ends_once_across_a_failed_delivery_and_two_crashes() {
    let (backend, listener) = (Backend::start("a", Manner::Good), Listener::start(false));
    let gateway = watched(&backend, &listener);
    wait();
    assert_eq!(listener.posted(), Vec::<Value>::new(), "all is well");

    fail(&gateway, &backend);
    until("it fires", || !listener.posted().is_empty());
    listener.takes(true);
    until("it is sent again, for it was not taken", || listener.taken() > 0);
    let posted = listener.posted();
    assert!(posted.iter().all(|alert| *alert == posted[0]), "the same alert: {posted:?}");
    let told = (&posted[0]["gateway"], &posted[0]["objective"], &posted[0]["alert"]);
    assert_eq!(told, (&json!("east"), &json!("answers"), &json!("page")));
    wait();
    assert_eq!(listener.taken(), 1, "once taken it is over");
    let sent = listener.posted().len();
    let since = gateway.status()["slos"][0]["alert_since"].clone();
    assert!(since.is_number(), "{since}");

    let gateway = gateway.crash_and_start();
    let slo = gateway.status()["slos"][0].clone();
    assert_eq!((&slo["alert"], &slo["alert_since"]), (&json!("page"), &since), "it is the same alert");
    wait();
    assert_eq!(listener.posted().len(), sent, "a restart fires nothing again");

    backend.behave(Manner::Good);
    until("the failures are fewer than half", || {
        gateway.infer();
        listener.posted().len() > sent
    });
    wait();
    let posted = listener.posted();
    assert_eq!(posted[sent]["alert"], Value::Null, "its end is told, though it began before the crash");
    assert!(posted[sent..].iter().all(|alert| *alert == posted[sent]), "{posted:?}");
    let gateway = gateway.crash_and_start();
    wait();
    assert_eq!(listener.posted().len(), posted.len(), "its end is not told again");
    assert_eq!(gateway.status()["slos"][0]["alert"], Value::Null);
}

#[test]
fn an_alert_that_was_not_delivered_before_a_crash_is_delivered_after_it() {
    let (backend, listener) = (Backend::start("a", Manner::Good), Listener::start(false));
    let gateway = watched(&backend, &listener);
    fail(&gateway, &backend);
    until("it is tried", || !listener.posted().is_empty());
    // Killed before the next try is taken.
    let gateway = gateway.crash_and_start();
    assert_eq!(listener.taken(), 0);
    listener.takes(true);
    until("it is tried again", || listener.taken() > 0);
    wait();
    assert_eq!(listener.taken(), 1, "once taken it is over");
    let posted = listener.posted();
    assert!(posted.iter().all(|alert| *alert == posted[0]), "{posted:?}");
    drop(gateway);
}
