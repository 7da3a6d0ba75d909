//! Answers of real servers, as `tests/peers/fleet_triton.py` and `fleet_kserve.py` recorded them, are read for what they say.

use std::collections::BTreeMap;

use orrery_oip::{
    DecodeOptions, Dialect, Limits,
    control::{
        self, ErrorBody, LoadResponse, ModelList, ModelMetadata, ModelState, Readiness, RepositoryIndex,
        ServerMetadata, StatisticsResponse,
    },
    decode_response,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

#[derive(Deserialize)]
struct Answer {
    status: u16,
    /// JSON, or text where it was none.
    body: Value,
}

struct Recorded(BTreeMap<String, Answer>);

impl Recorded {
    fn of(text: &str) -> Self {
        Self(serde_json::from_str(text).expect("recorded JSON"))
    }

    fn status(&self, call: &str) -> u16 {
        self.0[call].status
    }

    fn body(&self, call: &str) -> Vec<u8> {
        match &self.0[call].body {
            Value::String(text) => text.clone().into_bytes(),
            json => json.to_string().into_bytes(),
        }
    }

    fn read<T: DeserializeOwned>(&self, call: &str) -> T {
        assert_eq!(self.status(call), 200, "{call}");
        control::decode(&self.body(call), &Limits::default()).expect(call)
    }

    fn readiness(&self, call: &str) -> Readiness {
        Readiness::heard(self.status(call), &self.body(call), &Limits::default())
    }

    fn error(&self, call: &str) -> (u16, String) {
        let heard = ErrorBody::heard(&self.body(call), &Limits::default()).expect("an error");
        (self.status(call), heard.error)
    }
}

#[test]
fn triton_is_read() {
    let triton = Recorded::of(include_str!("servers/triton.json"));
    let server: ServerMetadata = triton.read("GET /v2");
    // Its name is what its operator gave it; what it claims is not.
    assert_eq!((server.name.as_str(), server.has("model_configuration")), ("gpu-7", true));
    assert!(ServerMetadata::EXTENSIONS.iter().all(|extension| server.has(extension)), "{server:?}");
    assert!(triton.readiness("GET /v2/health/ready").is_ready);
    let index: RepositoryIndex = triton.read("POST /v2/repository/index");
    assert!(index.iter().all(|entry| entry.state == Some(ModelState::Ready) && entry.reason.is_none()));
    assert_eq!(
        index.iter().find(|entry| entry.name == "times").and_then(|entry| entry.version.as_deref()),
        Some("2")
    );
    let model: ModelMetadata = triton.read("GET /v2/models/times");
    assert_eq!(
        (model.versions.as_slice(), model.inputs[0].shape.as_slice()),
        (&["2".to_owned()][..], &[-1, 2][..])
    );
    let bare: ModelMetadata = triton.read("GET /v2/models/bare");
    assert!(bare.inputs.is_empty() && bare.outputs.is_empty());
    let statistics: StatisticsResponse = triton.read("GET /v2/models/times/stats");
    assert_eq!(statistics.model_stats[0].version, "2");
    let options = DecodeOptions::of(Dialect::Triton, Limits::default());
    let body = triton.body("POST /v2/models/times/infer");
    let answer = decode_response(&body, None, &options).expect("reads");
    assert_eq!((answer.id.as_deref(), answer.model_version.as_deref()), (Some("7"), Some("2")));
    assert_eq!(answer.outputs[0].as_f32(), Ok(vec![2.0, 4.0]));
    for (call, status) in [
        ("GET /v2/models", 404),
        ("GET /v2/models/nobody", 404),
        ("GET /v2/models/nobody/ready", 400),
        ("GET /v2/models/times/versions/7", 404),
        ("POST /v2/repository/models/nobody/load", 500),
        // A parameter it does not know.
        ("POST /v2/repository/models/times/load", 500),
    ] {
        let (found, words) = triton.error(call);
        assert_eq!(found, status, "{call}");
        assert!(!words.is_empty() && !words.contains('{'), "{call}: {words}");
    }
}

#[test]
fn kserve_is_read() {
    let kserve = Recorded::of(include_str!("servers/kserve.json"));
    let server: ServerMetadata = kserve.read("GET /v2");
    assert_eq!((server.name.as_str(), server.has("model_repository_extension")), ("kserve", true));
    assert!(
        kserve.readiness("GET /v2/health/ready").is_ready && kserve.readiness("GET /v2/health/live").is_ready
    );
    // Its list has what is not ready, too.
    let list: ModelList = kserve.read("GET /v2/models");
    assert!(list.models.iter().any(|name| name == "cold"));
    let cold = kserve.readiness("GET /v2/models/cold/ready");
    assert_eq!((cold.is_ready, cold.reason.as_deref()), (false, Some("Model with name cold is not ready.")));
    assert!(kserve.readiness("GET /v2/models/times/ready").is_ready);
    let model: ModelMetadata = kserve.read("GET /v2/models/times");
    assert_eq!((model.versions.len(), model.inputs[0].datatype.as_str()), (0, "FP32"));
    let bare: ModelMetadata = kserve.read("GET /v2/models/bare");
    assert!(bare.inputs.is_empty() && bare.outputs.is_empty());
    let options = DecodeOptions::of(Dialect::KServe, Limits::default());
    let body = kserve.body("POST /v2/models/times/infer");
    let answer = decode_response(&body, None, &options).expect("reads");
    assert_eq!((answer.id.as_deref(), answer.model_version.as_deref()), (Some("7"), None));
    assert_eq!(answer.outputs[0].as_f32(), Ok(vec![2.0, 4.0]));
    let unloaded: LoadResponse = kserve.read("POST /v2/repository/models/times/unload");
    let loaded: LoadResponse = kserve.read("POST /v2/repository/models/times/load");
    assert_eq!((unloaded.unload, loaded.load), (Some(true), Some(true)));
    for (call, status) in [
        ("POST /v2/repository/index", 404),
        ("GET /v2/models/nobody", 404),
        ("GET /v2/models/times/versions/1", 501),
        ("POST /v2/models/liar/infer", 500),
        ("POST /v2/repository/models/nobody/load", 503),
    ] {
        let (found, words) = kserve.error(call);
        assert_eq!(found, status, "{call}");
        assert!(!words.is_empty() && !words.contains('{'), "{call}: {words}");
    }
}
