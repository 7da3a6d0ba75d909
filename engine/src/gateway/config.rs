//! Config: the gateway's file. JSON with Envoy's names and defaults; a field that is unknown or out of its range is an error.

use std::{collections::BTreeMap, path::Path, path::PathBuf};

use orrery_domain::{Failure, FailureClass, fleet::Guards, units::UnixSecs};
use orrery_policy::fleet::plan::guards_refusal;
use orrery_policy::traffic::{
    Endpoint, LimitsConfig, OutlierConfig, PriorityConfig, RateLimitPolicy, RetryConfig, Strategy, Tag,
    active_health::ActiveHealthConfig, breaker::BreakerConfig, burn_rate::SloConfig, config::ConfigError,
    hedge::HedgeConfig, timeouts::TimeoutConfig,
};
use serde::{Deserialize, Serialize};

use super::sound::AnswerCheck;
use crate::{files, fleet::client};

/// One server, and how it is reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Unique name; consistent hashing stands on it.
    pub name: String,
    /// Address: `http://HOST:PORT` or `https://…`.
    pub url: String,
    /// Region.
    #[serde(default)]
    pub region: String,
    /// Failover level: 0 is served first.
    #[serde(default)]
    pub priority: u32,
    /// Share of the traffic within its level.
    #[serde(default = "one")]
    pub weight: u32,
    /// Price of 1,000 requests.
    #[serde(default)]
    pub price_per_1000: f64,
    /// Residency tags it carries.
    #[serde(default)]
    pub tags: std::collections::BTreeSet<Tag>,
    /// File that holds its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
    /// File of the authorities, PEM, that must have signed its certificate; none: the public ones. Read at the start and with each change
    /// of the configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Taken out by a person: gets nothing.
    #[serde(default)]
    pub drained: bool,
}

fn one() -> u32 {
    1
}

impl Upstream {
    /// As the decisions see it.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            name: self.name.clone(),
            url: self.url.clone(),
            region: self.region.clone(),
            priority: self.priority,
            weight: self.weight,
            price_per_1000: self.price_per_1000,
            tags: self.tags.clone(),
        }
    }
}

/// A canary with where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CanaryConfig {
    /// The version that has the rest.
    pub primary: String,
    /// The version that is tried.
    pub canary: String,
    /// Percents it goes through.
    pub stages: Vec<u32>,
    /// Seconds each lasts at least.
    pub stage_secs: f64,
    /// What ends it.
    #[serde(default)]
    pub guards: Guards,
    /// Which stage it is at.
    #[serde(default)]
    pub stage: usize,
    /// `running`, `promoted` or `rolled_back`.
    #[serde(default = "running")]
    pub state: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// When it began; 0 until it does.
    #[serde(default)]
    pub started_at: UnixSecs,
}

fn running() -> String {
    "running".to_owned()
}

/// An objective by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// Name.
    pub name: String,
    /// Objective and alerts.
    #[serde(default)]
    pub objective: SloConfig,
}

/// Where a request's data may go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResidencyConfig {
    /// Header in which callers name the tags they require.
    pub header: Option<String>,
    /// Refuse a request without that header.
    pub required: bool,
    /// Tags that every request requires.
    pub tags: Vec<Tag>,
}

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// Its name, as fleets show it.
    #[serde(default = "gateway")]
    pub name: String,
    /// The servers.
    pub endpoints: Vec<Upstream>,
    /// How traffic is spread within a level.
    #[serde(default)]
    pub strategy: Strategy,
    /// Header whose value consistent hashing goes by.
    #[serde(default = "hash_header")]
    pub hash_header: String,
    /// Active checks.
    #[serde(default)]
    pub health_checks: ActiveHealthConfig,
    /// Passive checks.
    #[serde(default)]
    pub outlier_detection: OutlierConfig,
    /// Breaker of each endpoint.
    #[serde(default)]
    pub circuit_breaker: BreakerConfig,
    /// Limits of each endpoint.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// Retries.
    #[serde(default)]
    pub retries: RetryConfig,
    /// Tries beside one that takes long.
    #[serde(default)]
    pub hedging: HedgeConfig,
    /// Whether an inference may be sent again after it was sent: it changes nothing on a server, so that twice is as good as once.
    #[serde(default = "yes")]
    pub infer_is_idempotent: bool,
    /// How far good answers to inferences are looked into.
    #[serde(default)]
    pub answer_check: AnswerCheck,
    /// Timeouts.
    #[serde(default)]
    pub timeouts: TimeoutConfig,
    /// Failover between levels, and panic.
    #[serde(default)]
    pub priority: PriorityConfig,
    /// Limits of each key (of each address, where there are no keys).
    #[serde(default)]
    pub rate_limits: Vec<RateLimitPolicy>,
    /// Data residency.
    #[serde(default)]
    pub residency: ResidencyConfig,
    /// Objectives.
    #[serde(default)]
    pub slos: Vec<Slo>,
    /// Where alerts are sent: addresses that take JSON by POST.
    #[serde(default)]
    pub alert_webhooks: Vec<String>,
    /// Canaries, by model.
    #[serde(default)]
    pub canaries: BTreeMap<String, CanaryConfig>,
    /// Versions that models are held at, by model: what a canary ended with.
    #[serde(default)]
    pub versions: BTreeMap<String, String>,
    /// Whether traffic is recorded: times, statuses, endpoints; no bodies.
    #[serde(default)]
    pub recording: bool,
    /// Largest body, MiB.
    #[serde(default = "max_body_mib")]
    pub max_body_mib: u32,
}

fn gateway() -> String {
    "gateway".to_owned()
}

fn hash_header() -> String {
    "x-hash-key".to_owned()
}

fn yes() -> bool {
    true
}

fn max_body_mib() -> u32 {
    64
}

impl GatewayConfig {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// A client failure that names the place or the field.
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let bytes = std::fs::read(path)
            .map_err(|error| files::failure("The configuration cannot be read", &error, path))?;
        Self::parse(&bytes).map_err(|why| {
            Failure::new(
                FailureClass::Data,
                format!("The configuration {} will not do: {why}", path.display()),
            )
        })
    }

    /// Reads and checks a text.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let config: Self = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        config.validate()?;
        Ok(config)
    }

    /// Largest body, of requests and of answers, bytes.
    pub fn max_body_bytes(&self) -> usize {
        self.max_body_mib as usize * (1 << 20)
    }

    /// Checks every field.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn validate(&self) -> Result<(), String> {
        self.checked().map_err(|error| error.to_string())?;
        for (index, upstream) in self.endpoints.iter().enumerate() {
            client::address(&upstream.url)
                .map_err(|failure| format!("`endpoints[{index}].url`: {}", failure.message))?;
        }
        for (index, url) in self.alert_webhooks.iter().enumerate() {
            let fits = reqwest::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
            if !fits {
                return Err(format!("`alert_webhooks[{index}]` is no http or https address."));
            }
        }
        for (index, slo) in self.slos.iter().enumerate() {
            if self.slos[..index].iter().any(|before| before.name == slo.name) {
                return Err(format!("`slos[{index}].name`: another objective has the name '{}'.", slo.name));
            }
        }
        for (model, canary) in &self.canaries {
            let wrong = |what: &str| Err(format!("`canaries.{model}`: {what}"));
            if canary.stages.is_empty() || canary.stages.iter().any(|percent| *percent > 100) {
                return wrong("stages are percents from 0 to 100.");
            }
            if canary.primary == canary.canary || canary.primary.is_empty() || canary.canary.is_empty() {
                return wrong("primary and canary are two versions.");
            }
            if !(0.1..=86_400.0).contains(&canary.stage_secs) {
                return wrong("a stage lasts 0.1 to 86,400 seconds.");
            }
            if let Some(why) = guards_refusal(&canary.guards) {
                return wrong(why);
            }
        }
        let version = |version: &String| {
            !version.is_empty()
                && version.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        let named = self.canaries.values().flat_map(|canary| [&canary.primary, &canary.canary]);
        if let Some(odd) = named.chain(self.versions.values()).find(|text| !version(text)) {
            return Err(format!("'{odd}' is no version: use letters, digits, '.', '_' and '-'."));
        }
        Ok(())
    }

    fn checked(&self) -> Result<(), ConfigError> {
        let endpoints: Vec<Endpoint> = self.endpoints.iter().map(Upstream::endpoint).collect();
        orrery_policy::traffic::Pool::new(endpoints, &self.strategy, self.priority)?;
        self.health_checks.validate().map_err(|error| error.within("health_checks"))?;
        self.outlier_detection.validate().map_err(|error| error.within("outlier_detection"))?;
        self.circuit_breaker.validate().map_err(|error| error.within("circuit_breaker"))?;
        self.limits.validate().map_err(|error| error.within("limits"))?;
        self.retries.validate().map_err(|error| error.within("retries"))?;
        self.timeouts.validate().map_err(|error| error.within("timeouts"))?;
        self.hedging.validate(&self.timeouts).map_err(|error| error.within("hedging"))?;
        for (index, policy) in self.rate_limits.iter().enumerate() {
            policy.validate().map_err(|error| error.within(&format!("rate_limits[{index}]")))?;
        }
        for (index, slo) in self.slos.iter().enumerate() {
            slo.objective.validate().map_err(|error| error.within(&format!("slos[{index}].objective")))?;
        }
        if !(1..=4096).contains(&self.max_body_mib) {
            return Err(ConfigError::new("max_body_mib", self.max_body_mib, "1 to 4096"));
        }
        Ok(())
    }

    /// Writes the file, beside it first.
    ///
    /// # Errors
    /// When the disk refuses; the file is as before.
    pub fn save(&self, path: &Path) -> Result<(), Failure> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|error| {
            Failure::new(FailureClass::Bug, format!("The configuration is no JSON: {error}."))
        })?;
        files::write_atomic(path, &bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_read_with_envoys_defaults_and_refuse_what_is_wrong_by_its_name() {
        let config = GatewayConfig::parse(br#"{"endpoints":[{"name":"a","url":"http://127.0.0.1:1"}]}"#)
            .expect("read");
        assert_eq!(config.outlier_detection.consecutive_5xx, 5);
        assert_eq!(config.priority.overprovisioning_factor, 140);
        assert_eq!(config.limits.max_requests, 1024);
        let text = serde_json::to_vec(&config).expect("written");
        assert_eq!(GatewayConfig::parse(&text).expect("read back"), config);
        let endpoints = r#""endpoints":[{"name":"a","url":"http://h"}]"#;
        for (wrong, named) in [
            (format!("{{{endpoints},\"retrys\":{{}}}}"), "retrys"),
            (format!("{{{endpoints},\"timeouts\":{{\"timeout_secs\":0}}}}"), "timeouts.timeout_secs"),
            (r#"{"endpoints":[{"name":"a","url":"http://h/v2"}]}"#.to_owned(), "endpoints[0].url"),
            (
                r#"{"endpoints":[{"name":"a","url":"http://h"},{"name":"a","url":"http://i"}]}"#.to_owned(),
                "endpoints[1].name",
            ),
            (
                format!("{{{endpoints},\"hedging\":{{\"hedge_on_delay_secs\":-1}}}}"),
                "hedging.hedge_on_delay_secs",
            ),
            (
                format!("{{{endpoints},\"hedging\":{{\"hedge_on_delay_secs\":15}}}}"),
                "less than a try's time-out of 15 s",
            ),
            (
                format!(
                    r#"{{{endpoints},"canaries":{{"m":{{"primary":"1","canary":"2","stages":[5],"stage_secs":1,
                    "guards":{{"significance_level":1}}}}}}}}"#
                ),
                "`canaries.m`: The significance level",
            ),
            (format!(r#"{{{endpoints},"slos":[{{"name":"x"}},{{"name":"x"}}]}}"#), "slos[1].name"),
            (format!("{{{endpoints},\"versions\":{{\"m\":\"../1\"}}}}"), "../1"),
            (
                format!("{{{endpoints},\"circuit_breaker\":{{\"sliding_window_size\":0}}}}"),
                "circuit_breaker.sliding_window_size",
            ),
            ("{}".to_owned(), "endpoints"),
        ] {
            let why = GatewayConfig::parse(wrong.as_bytes()).expect_err("refused");
            assert!(why.contains(named), "{wrong}: {why}");
        }
    }
}
