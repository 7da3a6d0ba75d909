//! Overload: what a node says when too many ask or one waits too long, and that its end loses nobody who waits.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{body, outputs, start, with_model};
use crate::{http::ask, program::text};

const INFER: &str = "/v2/models/small/infer";

#[test]
fn a_full_queue_refuses_at_once_and_says_when_to_ask_again() {
    let program = with_model("small");
    // Whoever comes waits 5 s for others: two may wait, more are refused.
    let node = start(&program, &["--queue", "2", "--queue-delay", "5000000"]);
    let row = body(&[9.0], &["a"]);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let began = Instant::now();
                    (node.post(INFER, &row), began.elapsed())
                })
            })
            .collect();
        asked.into_iter().map(|one| one.join().expect("answered")).collect()
    });
    let (good, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|(answer, _)| answer.status == 200);
    assert_eq!((good.len(), refused.len()), (2, 6), "two wait");
    for (answer, took) in refused {
        assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
        let said = answer.json();
        assert!(said["error"].as_str().is_some_and(|error| error.contains("Too many")), "{said}");
        assert!(*took < Duration::from_secs(4), "it does not wait for its refusal: {took:?}");
    }
    for (answer, _) in good {
        assert_eq!(outputs(answer)[0]["data"], json!(["yes"]));
    }
    let metrics = text(&node.get("/metrics").body);
    let counted = r#"orrery_inference_requests_total{model="small",version="1",outcome="refused"} 6"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(node.end(), Some(0));
}

#[test]
fn a_request_whose_time_is_over_is_told_so_in_time() {
    let program = with_model("small");
    let node = start(&program, &["--timeout", "0.4", "--queue-delay", "3000000"]);
    let began = Instant::now();
    let late = node.post(INFER, &body(&[9.0], &["a"]));
    let took = began.elapsed();
    assert_eq!(late.status, 504, "{}", text(&late.body));
    assert!(late.json()["error"].as_str().is_some_and(|error| error.contains("time was over")));
    assert!((Duration::from_millis(400)..Duration::from_millis(2_500)).contains(&took), "{took:?}");
    let metrics = text(&node.get("/metrics").body);
    let counted = r#"orrery_inference_requests_total{model="small",version="1",outcome="timeout"} 1"#;
    assert!(metrics.contains(counted), "{metrics}");
    assert_eq!(node.end(), Some(0), "nobody waits any more");
}

#[test]
fn an_end_loses_none_of_the_requests_that_wait() {
    let program = with_model("small");
    // Whoever comes waits 5 s for others. A ninth is refused once eight wait, and so tells that they do.
    let node = start(&program, &["--queue", "8", "--queue-delay", "5000000"]);
    let (address, row) = (node.address.clone(), body(&[9.0], &["a"]));
    std::thread::scope(|scope| {
        let waiting: Vec<_> = (0..9).map(|_| scope.spawn(|| ask(&address, "POST", INFER, &row))).collect();
        let counted = r#"orrery_inference_requests_total{model="small",version="1",outcome="refused"} 1"#;
        let end = Instant::now() + Duration::from_secs(30);
        while !text(&node.get("/metrics").body).contains(counted) {
            assert!(Instant::now() < end, "eight do not wait");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(node.end(), Some(0));
        let answers: Vec<_> = waiting.into_iter().map(|one| one.join().expect("answered")).collect();
        let (good, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((good.len(), refused.len()), (8, 1), "none of those that waited is lost");
        for answer in good {
            assert_eq!(outputs(answer)[0]["data"], json!(["yes"]));
        }
    });
}
