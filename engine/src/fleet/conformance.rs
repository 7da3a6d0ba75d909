//! Conformance: asks a server everything the protocol names, and reports what it supports and where it says what is not so.
//!
//! Only reading and inference by default. Load and unload change the server, so they are tried on a model that a person names.

use std::time::Duration;

use orrery_domain::fleet::{Conformance, ConformanceCheck, Finding, ModelSeen, ServerKind};
use orrery_oip::{
    InferRequest, RequestedOutput,
    control::{LoadRequest, ModelMetadata, StatisticsResponse},
};

use super::{
    client::{Reply, Server},
    identity::{self, Identity, Listing},
    probe::{self, Proof},
};
use crate::jobs::now;

/// Longest that a check may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// A model that no server has.
const NOBODY: &str = "orrery-conformance-no-such-model";

struct Report<'a> {
    server: &'a Server,
    identity: Identity,
    checks: Vec<ConformanceCheck>,
}

/// Checks a server. `control` names a model that may be unloaded and loaded again.
pub async fn check(endpoint: &str, server: &Server, control: Option<&str>) -> Conformance {
    let identity = identity::identify(server).await;
    let mut report = Report { server, identity: identity.clone().unwrap_or_default(), checks: Vec::new() };
    match &identity {
        Ok(identity) => {
            let extensions = match identity.extensions.as_slice() {
                [] => "no extensions".to_owned(),
                some => some.join(", "),
            };
            let who = identity.version.clone().unwrap_or_default();
            report.add("server metadata", Finding::Conforms, format!("{who}; {extensions}"));
        }
        Err(failure) => report.add("server metadata", Finding::Deviates, failure.message.clone()),
    }
    report.health().await;
    report.unknown_model().await;
    let model = report.listing(control).await;
    if let Some((model, version)) = &model {
        report.model(model, version.as_deref()).await;
    } else {
        report.add("model", Finding::Unchecked, "It lists no model that is ready.".to_owned());
    }
    if let Some(model) = control {
        report.control(model).await;
    }
    Conformance {
        endpoint: endpoint.to_owned(),
        at: now(),
        server: report.identity.kind,
        server_version: report.identity.version,
        checks: report.checks,
    }
}

impl Report<'_> {
    fn add(&mut self, name: &str, finding: Finding, detail: String) {
        self.checks.push(ConformanceCheck { name: name.to_owned(), finding, detail });
    }

    /// Adds what came of one question, where `judge` is asked about an answer.
    fn judge(
        &mut self,
        name: &str,
        reply: &Result<Reply, orrery_domain::Failure>,
        judge: impl FnOnce(&Reply) -> (Finding, String),
    ) {
        let (finding, detail) = match reply {
            Ok(reply) => judge(reply),
            Err(failure) => (Finding::Unchecked, failure.message.clone()),
        };
        self.add(name, finding, detail);
    }

    async fn health(&mut self) {
        for (name, path) in [("live", "/v2/health/live"), ("ready", "/v2/health/ready")] {
            let reply = self.server.get(path, PATIENCE).await;
            self.judge(name, &reply, |reply| {
                let body = if reply.body.is_empty() { "no body" } else { "a body" };
                let finding = if reply.status.is_success() { Finding::Conforms } else { Finding::Deviates };
                (finding, format!("{} with {body}; the status decides", reply.status.as_u16()))
            });
        }
    }

    async fn unknown_model(&mut self) {
        let reply = self.server.get(&identity::path(NOBODY, None), PATIENCE).await;
        self.judge("unknown model", &reply, |reply| {
            let client = reply.status.is_client_error();
            match (client, reply.is_error_object()) {
                (true, true) => (Finding::Conforms, reply.complaint()),
                (true, false) => {
                    (Finding::Deviates, format!("{}, without an error object", reply.complaint()))
                }
                (false, _) => (Finding::Deviates, format!("{}; 4xx was expected", reply.complaint())),
            }
        });
    }

    /// What it has, and the model that further checks ask.
    async fn listing(&mut self, wanted: Option<&str>) -> Option<(String, Option<String>)> {
        match identity::models(self.server, self.identity.kind).await {
            Ok((listing, models)) => {
                let ready = models.iter().filter(|model| model.state == "READY").count();
                let detail = format!("{} models, {ready} ready", models.len());
                match listing {
                    Listing::Index => self.add("repository index", Finding::Conforms, detail),
                    Listing::Names => {
                        let detail = format!("{detail}; by GET /v2/models instead");
                        self.add("repository index", Finding::Unsupported, detail);
                    }
                    Listing::None => self.add("repository index", Finding::Unsupported, String::new()),
                }
                let fits = |model: &ModelSeen| {
                    model.state == "READY" && wanted.is_none_or(|wanted| model.name == wanted)
                };
                let model = self.most_telling(models.into_iter().filter(fits)).await?;
                Some((model.name, Some(model.version).filter(|version| !version.is_empty())))
            }
            Err(failure) => {
                self.add("repository index", Finding::Unchecked, failure.message);
                None
            }
        }
    }

    /// The first model that says what it takes, else the first.
    async fn most_telling(&self, models: impl Iterator<Item = ModelSeen>) -> Option<ModelSeen> {
        let mut first = None;
        for model in models.take(20) {
            let metadata = identity::metadata(self.server, &model.name, None).await;
            if metadata.is_ok_and(|metadata| !metadata.inputs.is_empty()) {
                return Some(model);
            }
            first = first.or(Some(model));
        }
        first
    }

    async fn model(&mut self, model: &str, version: Option<&str>) {
        let reply = self.server.get(&format!("{}/ready", identity::path(model, None)), PATIENCE).await;
        let says_ready = reply.as_ref().is_ok_and(|reply| reply.status.is_success());
        self.judge("model ready", &reply, |reply| {
            if reply.status.is_success() {
                (Finding::Conforms, format!("'{model}': {}", reply.status.as_u16()))
            } else {
                (Finding::Deviates, format!("'{model}' is listed as ready: {}", reply.complaint()))
            }
        });
        let metadata = match identity::metadata(self.server, model, None).await {
            Ok(metadata) => metadata,
            Err(failure) => return self.add("model metadata", Finding::Deviates, failure.message),
        };
        if metadata.inputs.is_empty() || metadata.outputs.is_empty() {
            let detail =
                "It names no inputs or no outputs; their names must be known from elsewhere.".to_owned();
            self.add("model metadata", Finding::Deviates, detail);
        } else {
            let detail = format!("{} inputs, {} outputs", metadata.inputs.len(), metadata.outputs.len());
            self.add("model metadata", Finding::Conforms, detail);
        }
        let proof = probe::prove(self.server, identity::dialect(self.identity.kind), model, None).await;
        match &proof {
            Proof::Answers => {
                self.add("ready is true", Finding::Conforms, "A probe was answered.".to_owned());
            }
            Proof::Unproved(why) => self.add("ready is true", Finding::Unchecked, why.clone()),
            Proof::Fails(why) if says_ready => self.add("ready is true", Finding::Untrue, why.clone()),
            Proof::Fails(why) => self.add("ready is true", Finding::Deviates, why.clone()),
        }
        if let (Proof::Answers, Ok(request)) = (&proof, probe::made_up(&metadata)) {
            self.inference(model, version, &metadata, request).await;
        }
        self.malformed(model).await;
        self.statistics(model).await;
    }

    async fn inference(
        &mut self,
        model: &str,
        version: Option<&str>,
        metadata: &ModelMetadata,
        request: InferRequest<'static>,
    ) {
        let dialect = identity::dialect(self.identity.kind);
        match probe::infer(self.server, dialect, model, None, &request).await {
            Ok((response, _)) => {
                let same = response.id == request.id;
                let finding = if same { Finding::Conforms } else { Finding::Deviates };
                self.add("request id", finding, format!("{:?} came back for {:?}", response.id, request.id));
            }
            Err(failure) => self.add("request id", Finding::Deviates, failure.message),
        }
        if let Some(output) = metadata.outputs.last() {
            let wanted = RequestedOutput { name: output.name.clone(), ..RequestedOutput::default() };
            let one = InferRequest { outputs: vec![wanted], ..request.clone() };
            match probe::infer(self.server, dialect, model, None, &one).await {
                Ok((response, _)) => {
                    let names: Vec<&str> =
                        response.outputs.iter().map(|tensor| tensor.name.as_ref()).collect();
                    let just = names == [output.name.as_str()];
                    let finding = if just { Finding::Conforms } else { Finding::Deviates };
                    self.add(
                        "outputs selection",
                        finding,
                        format!("asked for '{}', got {names:?}", output.name),
                    );
                }
                Err(failure) => self.add("outputs selection", Finding::Deviates, failure.message),
            }
        }
        self.binary(model, request.clone()).await;
        if let Some(version) = version {
            match probe::infer(self.server, dialect, model, Some(version), &request).await {
                Ok(_) => self.add("by version", Finding::Conforms, format!("version {version} answers")),
                Err(failure) => self.add("by version", Finding::Deviates, failure.message),
            }
        } else {
            self.add("by version", Finding::Unsupported, "It names no version.".to_owned());
        }
    }

    async fn binary(&mut self, model: &str, request: InferRequest<'static>) {
        let claims = self.identity.extensions.iter().any(|extension| extension == "binary_tensor_data");
        // Written as Triton takes it, whatever server it is: that is what is checked.
        let dialect = orrery_oip::Dialect::Triton;
        let sent = probe::send(self.server, dialect, model, None, &probe::in_binary(request)).await;
        let outcome = match &sent {
            Err(failure) => Err(failure.message.clone()),
            Ok(reply) if !reply.status.is_success() => Err(reply.complaint()),
            Ok(reply) if reply.header_length.is_none() => {
                Err(format!("the answer has no {}", probe::BINARY_HEADER))
            }
            Ok(reply) => probe::read(reply, dialect).map_err(|failure| failure.message),
        };
        let (finding, detail) = match (claims, outcome) {
            (_, Ok(_)) => (Finding::Conforms, "both ways".to_owned()),
            (true, Err(why)) => (Finding::Untrue, format!("It claims binary_tensor_data: {why}")),
            (false, Err(why)) => (Finding::Unsupported, why),
        };
        self.add("binary tensors", finding, detail);
    }

    async fn malformed(&mut self, model: &str) {
        let path = format!("{}/infer", identity::path(model, None));
        let reply = self.server.post(&path, b"{\"inputs\":[".to_vec(), PATIENCE).await;
        self.judge("malformed body", &reply, |reply| {
            match (reply.status.is_client_error(), reply.is_error_object()) {
                (true, true) => (Finding::Conforms, reply.complaint()),
                (true, false) => {
                    (Finding::Deviates, format!("{}, without an error object", reply.complaint()))
                }
                (false, _) => (Finding::Deviates, format!("{}; 4xx was expected", reply.complaint())),
            }
        });
    }

    async fn statistics(&mut self, model: &str) {
        let reply = self.server.get(&format!("{}/stats", identity::path(model, None)), PATIENCE).await;
        self.judge("statistics", &reply, |reply| {
            if !reply.status.is_success() {
                return (Finding::Unsupported, reply.complaint());
            }
            match serde_json::from_slice::<StatisticsResponse>(&reply.body) {
                Ok(statistics) => (Finding::Conforms, format!("{} entries", statistics.model_stats.len())),
                Err(error) => (Finding::Deviates, error.to_string()),
            }
        });
        let reply = self.server.get("/metrics", PATIENCE).await;
        self.judge("metrics on the same port", &reply, |reply| {
            if reply.status.is_success() {
                (Finding::Conforms, reply.content_type.clone())
            } else {
                (Finding::Unsupported, format!("{}; it may have a port of its own", reply.status.as_u16()))
            }
        });
    }

    /// Unloads a model and loads it again, and looks at what the server says and does in between.
    async fn control(&mut self, model: &str) {
        // What was uploaded is in no repository: unloaded, it could not be loaded again.
        let listed = identity::index(self.server).await;
        if let Ok(Some(listed)) = &listed
            && !listed.iter().any(|known| known.name == model)
        {
            let detail =
                format!("'{model}' is not in the index: it might not come back, and was left alone.");
            return self.add("unload", Finding::Unchecked, detail);
        }
        let order = |what: &str| format!("/v2/repository/models/{model}/{what}");
        let unloaded = self.server.post(&order("unload"), b"{}".to_vec(), PATIENCE).await;
        let went = unloaded.as_ref().is_ok_and(|reply| reply.status.is_success());
        self.judge("unload", &unloaded, |reply| {
            if reply.status.is_success() {
                (Finding::Conforms, String::new())
            } else {
                (Finding::Unsupported, reply.complaint())
            }
        });
        if !went {
            return;
        }
        let kind = self.identity.kind;
        let still = identity::models(self.server, kind).await.is_ok_and(|(_, models)| {
            models.iter().any(|known| known.name == model && known.state == "READY")
        });
        let ready = self.server.get(&format!("{}/ready", identity::path(model, None)), PATIENCE).await;
        let says = ready.is_ok_and(|reply| reply.status.is_success());
        let (finding, detail) = match (still, says) {
            (false, false) => (Finding::Conforms, String::new()),
            (true, _) => (Finding::Untrue, "The list of its models still says READY.".to_owned()),
            (false, true) => (Finding::Untrue, "The model's own ready says yes.".to_owned()),
        };
        self.add("not ready after unload", finding, detail);
        let loaded = self.server.post(&order("load"), b"{}".to_vec(), Duration::from_mins(1)).await;
        let went = loaded.as_ref().is_ok_and(|reply| reply.status.is_success());
        self.judge("load", &loaded, |reply| {
            if reply.status.is_success() {
                (Finding::Conforms, String::new())
            } else {
                (Finding::Deviates, format!("{}; the model stays unloaded", reply.complaint()))
            }
        });
        if went {
            let dialect = identity::dialect(self.identity.kind);
            match probe::prove(self.server, dialect, model, None).await {
                Proof::Answers => self.add("answers after load", Finding::Conforms, String::new()),
                Proof::Unproved(why) => self.add("answers after load", Finding::Unchecked, why),
                Proof::Fails(why) => self.add("answers after load", Finding::Untrue, why),
            }
            self.load_settings(model).await;
        }
    }

    /// Loads with a configuration that is none: who takes it does not read it, and would take an upload in the same way.
    async fn load_settings(&mut self, model: &str) {
        let path = format!("/v2/repository/models/{model}/load");
        let request = LoadRequest { config: Some("no configuration".to_owned()), ..LoadRequest::default() };
        let reply = self.server.post(&path, request.encode(), Duration::from_mins(1)).await;
        self.judge("load settings", &reply, |reply| {
            if reply.status.is_success() {
                let detail = "It took a load with a configuration that is none: such settings are ignored.";
                (Finding::Unsupported, detail.to_owned())
            } else {
                (
                    Finding::Conforms,
                    format!("a configuration that is none was refused: {}", reply.complaint()),
                )
            }
        });
    }
}

/// Whether a report names something untrue.
pub fn lies(report: &Conformance) -> bool {
    report.checks.iter().any(|check| check.finding == Finding::Untrue)
}

/// Which server a report is about, for messages.
pub fn who(report: &Conformance) -> String {
    let kind = if report.server == ServerKind::Unknown { "an unknown server" } else { report.server.title() };
    report.server_version.as_ref().map_or_else(|| kind.to_owned(), |version| format!("{kind} ({version})"))
}
