//! The gateway over servers that speak TLS: whose certificate is believed, and what becomes of one that is not.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Service, over, until};
use crate::program::{Program, put, text};

fn fixture(name: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("engine/src/http/fixtures").join(name);
    path.to_str().expect("UTF-8").to_owned()
}

/// A node with a certificate for localhost and 127.0.0.1.
fn node(listen: &str) -> Service {
    let (certificate, key) = (fixture("first.pem"), fixture("first.key"));
    let arguments = ["node", "--tls-cert", &certificate, "--tls-key", &key];
    Service::launch(Program::new(), &arguments, listen)
}

fn port(service: &Service) -> &str {
    service.address.rsplit_once(':').expect("a port").1
}

/// A gateway over one server at this address, ready or not.
fn gateway(url: &str, authorities: Option<&str>) -> Service {
    let mut config = over(&[("a", url)]);
    if let Some(file) = authorities {
        config["endpoints"][0]["ca_file"] = json!(fixture(file));
    }
    let program = Program::new();
    let file = program.home().join("gateway.json");
    put(&file, config.to_string().as_bytes());
    let file = file.to_str().expect("UTF-8").to_owned();
    Service::launch(program, &["gateway", "--config", &file], "127.0.0.1:0")
}

fn is_healthy(endpoint: &Value) -> bool {
    endpoint["health"] == "healthy" && endpoint["check_secs"].is_number()
}

#[test]
fn a_server_with_a_certificate_of_the_given_authority_is_asked() {
    let node = node("127.0.0.1:0");
    for name in ["127.0.0.1", "localhost"] {
        let gateway = gateway(&format!("https://{name}:{}", port(&node)), Some("ca.pem"));
        until("its checks pass", || is_healthy(&gateway.endpoint("a")));
        let answer = gateway.get("/v2");
        assert_eq!(answer.status, 200, "{}", text(&answer.body));
        assert_eq!(answer.json()["name"], "orrery");
        assert_eq!(gateway.infer().status, 404, "the node's own answer: it has no such model");
        assert_eq!(gateway.endpoint("a")["failures"], 0);
    }
}

#[test]
fn a_wrong_certificate_is_refused_and_counted() {
    let here = node("127.0.0.1:0");
    let url = format!("https://127.0.0.1:{}", port(&here));
    let mut wrong = vec![(url.clone(), None, "unknown"), (url, Some("second.pem"), "unknown")];
    // Another name than the certificate's. Only Linux has all of 127.0.0.0/8 without being asked.
    let elsewhere = cfg!(target_os = "linux").then(|| node("127.0.0.2:0"));
    if let Some(elsewhere) = &elsewhere {
        wrong.push((format!("https://127.0.0.2:{}", port(elsewhere)), Some("ca.pem"), "not valid for name"));
    }
    for (url, authorities, why) in wrong {
        let gateway = gateway(&url, authorities);
        until("its checks fail", || gateway.endpoint("a")["health"] == "unhealthy");
        let answer = gateway.get("/v2");
        assert_eq!(answer.status, 502, "{}", text(&answer.body));
        let endpoint = gateway.endpoint("a");
        assert!(endpoint["failures"].as_u64() > Some(0), "{endpoint}");
        let reason = endpoint["reason"].as_str().expect("a reason").to_lowercase();
        assert!(reason.contains("certificate is refused") && reason.contains(why), "{reason}");
        let metrics = text(&gateway.get("/metrics").body);
        let name = r#"orrery_gateway_endpoint_untrusted_certificates_total{endpoint="a",region="a"} "#;
        let counted = metrics.lines().find_map(|line| line.strip_prefix(name));
        assert!(counted.is_some_and(|count| count != "0"), "{metrics}");
    }
}

#[test]
fn an_authority_can_be_given_while_it_runs_and_a_file_that_is_none_is_refused() {
    let node = node("127.0.0.1:0");
    let gateway = gateway(&format!("https://127.0.0.1:{}", port(&node)), None);
    until("its checks fail", || gateway.endpoint("a")["health"] == "unhealthy");
    for wrong in ["first.key", "nothing.pem"] {
        let order = json!({ "ca_file": fixture(wrong) });
        let refused =
            crate::http::ask(&gateway.address, "PUT", "/api/gateway/endpoints/a", &order.to_string());
        let said = text(&refused.body);
        assert!(refused.status == 400 && said.contains("`endpoints[0].ca_file`"), "{said}");
    }
    let order = json!({ "ca_file": fixture("ca.pem") });
    assert_eq!(gateway.put("/api/gateway/endpoints/a", &order), 204);
    until("its checks pass", || is_healthy(&gateway.endpoint("a")));
    assert_eq!(gateway.get("/v2").status, 200);
}
