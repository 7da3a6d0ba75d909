//! Kept connections that their server ended: no caller, no budget and no endpoint pays for that.

use serde_json::json;

use super::{
    Service,
    backend::{Backend, Manner},
    over,
};
use crate::program::text;

/// A gateway over one server that is never tried again.
fn without_retries(backend: &Backend) -> Service {
    let mut config = over(&[("a", &backend.url())]);
    config["retries"] = json!({ "num_retries": 0 });
    Service::gateway(&config)
}

#[test]
fn a_server_that_ends_its_connections_fails_no_request_and_costs_no_retry() {
    for manner in [Manner::ClosesAfter, Manner::ClosesOnReuse] {
        let backend = Backend::start("a", manner);
        let gateway = without_retries(&backend);
        for _ in 0..40 {
            let answer = gateway.infer();
            assert_eq!(answer.status, 200, "{manner:?}: {}", text(&answer.body));
        }
        let (status, endpoint) = (gateway.status(), gateway.endpoint("a"));
        assert_eq!((&status["retries"], &status["failures"]), (&json!(0), &json!(0)), "{manner:?}");
        assert_eq!((&endpoint["requests"], &endpoint["failures"]), (&json!(40), &json!(0)), "{manner:?}");
        assert_eq!(endpoint["health"], "healthy", "{manner:?}");
        if manner == Manner::ClosesOnReuse {
            let metrics = text(&gateway.get("/metrics").body);
            let counted = metrics.lines().find_map(|line| {
                line.strip_prefix(
                    r#"orrery_gateway_endpoint_stale_connections_total{endpoint="a",region="a"} "#,
                )
            });
            assert!(counted.is_some_and(|count| count != "0"), "{metrics}");
        }
    }
}

#[test]
fn what_is_no_stale_connection_is_a_failure_as_ever() {
    let backend = Backend::start("a", Manner::BreaksOnReuse);
    let gateway = without_retries(&backend);
    let statuses: Vec<u16> = (0..10).map(|_| gateway.infer().status).collect();
    assert!(statuses.contains(&502), "an answer that began and broke off: {statuses:?}");
    assert!(gateway.endpoint("a")["failures"].as_u64() > Some(0));

    // What was sent and may not be sent twice is not, whatever the connection was.
    let backend = Backend::start("a", Manner::ClosesOnReuse);
    let mut config = over(&[("a", &backend.url())]);
    config["infer_is_idempotent"] = json!(false);
    let gateway = Service::gateway(&config);
    let good = (0..10).filter(|_| gateway.infer().status == 200).count() as u64;
    assert!(good < 10, "some met a kept connection");
    assert_eq!(backend.inferences(), 10, "each was sent once");
}
