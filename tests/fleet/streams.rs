//! Bodies over 1 MiB, which the gateway passes on as they come.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use serde_json::json;

use super::{
    Service,
    backend::{Backend, Manner},
    over, until,
};
use crate::http::{Answer, ask};

const MIB: usize = 1 << 20;

fn infer(gateway: &Service, bytes: usize) -> Answer {
    ask(&gateway.address, "POST", "/v2/models/m/infer", &" ".repeat(bytes))
}

#[test]
fn large_answers_come_whole_and_are_not_held() {
    let backend = Backend::start("a", Manner::Large(48));
    let mut config = over(&[("a", &backend.url())]);
    config["timeouts"] = json!({ "timeout_secs": 20 });
    let gateway = Service::gateway(&config);
    let peak_kib = || {
        let id = gateway.stream.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.and_then(|kib| kib.trim().parse::<usize>().ok())
    };
    let before = peak_kib();
    for _ in 0..3 {
        let answer = infer(&gateway, 2);
        assert_eq!((answer.status, answer.body.len()), (200, 48 * MIB));
        assert_eq!((answer.body[0], answer.body[48 * MIB - 1]), (b'{', b'}'));
        assert_eq!(answer.header("content-length"), Some("50331648"), "its length is told");
    }
    // Only Linux tells the peak here.
    if let (Some(before), Some(after)) = (before, peak_kib()) {
        assert!(after < before + 24 * 1024, "{before} KiB before, {after} KiB at most");
    }
    until("all of it is counted", || gateway.status()["requests"] == 3);
    let endpoint = gateway.endpoint("a");
    assert_eq!((&endpoint["failures"], &endpoint["active"]), (&json!(0), &json!(0)));
}

#[test]
fn a_large_answer_that_breaks_off_is_told_and_counted() {
    let backend = Backend::start("a", Manner::HalfOfLarge(4));
    let mut config = over(&[("a", &backend.url())]);
    config["timeouts"] = json!({ "timeout_secs": 20 });
    let gateway = Service::gateway(&config);
    let answer = infer(&gateway, 2);
    assert_eq!(answer.header("content-length"), Some("4194304"));
    assert!(answer.body.len() < 4 * MIB, "the caller sees that some is missing");
    until("it is counted", || gateway.endpoint("a")["failures"] == 1);
    assert_eq!(gateway.status()["failures"], 1);
    assert_eq!(backend.inferences(), 1, "what has begun cannot be asked elsewhere");
    assert_eq!(gateway.endpoint("a")["active"], 0);
}

#[test]
fn large_requests_arrive_and_are_sent_once() {
    let (good, bad) = (Backend::start("good", Manner::Good), Backend::start("bad", Manner::HangsUp));
    let mut config = over(&[("good", &good.url()), ("bad", &bad.url())]);
    config["outlier_detection"] = json!({ "enforcing_consecutive_5xx": 0, "enforcing_success_rate": 0 });
    config["hedging"] = json!({ "hedge_on_delay_secs": 0.05 });
    config["timeouts"] = json!({ "timeout_secs": 20 });
    let gateway = Service::gateway(&config);
    let statuses: Vec<u16> = (0..10).map(|_| infer(&gateway, 6 * MIB).status).collect();
    let count = |status| statuses.iter().filter(|one| **one == status).count() as u64;
    assert_eq!((count(200), count(502)), (good.inferences(), bad.inferences()), "{statuses:?}");
    assert_eq!((good.inferences() + bad.inferences(), count(200) + count(502)), (10, 10));
    let status = gateway.status();
    assert_eq!((&status["retries"], &status["hedges"]), (&json!(0), &json!(0)));
    // One that takes long is not asked for a second time either.
    bad.behave(Manner::Slow);
    for _ in 0..4 {
        assert_eq!(infer(&gateway, 2 * MIB).status, 200);
    }
    assert_eq!(gateway.status()["hedges"], 0);
}

#[test]
fn what_is_too_large_is_refused_wherever_that_shows() {
    let backend = Backend::start("a", Manner::Good);
    let mut config = over(&[("a", &backend.url())]);
    config["max_body_mib"] = json!(3);
    config["timeouts"] = json!({ "timeout_secs": 20 });
    let gateway = Service::gateway(&config);
    assert_eq!(infer(&gateway, 3 * MIB).status, 200);
    // In chunks, the last of which is empty.
    let mut stream = TcpStream::connect(&gateway.address).expect("it listens");
    let head = "POST /v2/models/m/infer HTTP/1.1\r\nHost: g\r\nConnection: close\r\n";
    let chunk = format!("{MIB:x}\r\n{}\r\n", " ".repeat(MIB));
    let chunks = chunk.repeat(3);
    write!(stream, "{head}Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n").expect("sent");
    assert_eq!(status_of(&mut stream), "200");
    // Told beforehand.
    let mut stream = TcpStream::connect(&gateway.address).expect("it listens");
    write!(stream, "{head}Content-Length: {}\r\n\r\n", 3 * MIB + 1).expect("sent");
    assert_eq!(status_of(&mut stream), "413");
    // Found out on the way, when the server has its beginning.
    let mut stream = TcpStream::connect(&gateway.address).expect("it listens");
    write!(stream, "{head}Transfer-Encoding: chunked\r\n\r\n{chunks}1\r\n \r\n").expect("sent");
    assert_eq!(status_of(&mut stream), "413");
    assert_eq!(backend.inferences(), 2, "no more than its beginning arrived");
    let endpoint = gateway.endpoint("a");
    assert_eq!((&endpoint["failures"], &endpoint["active"]), (&json!(0), &json!(0)), "the caller's fault");

    backend.behave(Manner::Large(4));
    assert_eq!(infer(&gateway, 2).status, 502, "an answer over the limit");
}

fn status_of(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
    let mut head = [0; 12];
    stream.read_exact(&mut head).expect("an answer");
    String::from_utf8_lossy(&head[9..]).into_owned()
}
