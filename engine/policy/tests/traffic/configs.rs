//! Configuration types: Envoy's and Resilience4j's defaults, read back, strangers refused, every range enforced.

use std::fmt::Debug;

use orrery_policy::traffic::{
    BreakerConfig, LimitsConfig, OutlierConfig, PriorityConfig, RateLimitPolicy, RetryConfig, Strategy,
    active_health::ActiveHealthConfig, burn_rate::SloConfig, hedge::HedgeConfig, timeouts::TimeoutConfig,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

/// An empty object is the default, the default reads back, and a field nobody knows is refused by its name.
fn reads<T: Default + Debug + PartialEq + Serialize + DeserializeOwned>() {
    let empty: T = serde_json::from_value(json!({})).unwrap();
    assert_eq!(empty, T::default());
    let mut value = serde_json::to_value(&empty).unwrap();
    assert_eq!(serde_json::from_value::<T>(value.clone()).unwrap(), empty);
    value["stranger"] = json!(1);
    let error = serde_json::from_value::<T>(value).unwrap_err().to_string();
    assert!(error.contains("stranger"), "{error}");
}

#[test]
fn every_configuration_reads_back() {
    reads::<ActiveHealthConfig>();
    reads::<BreakerConfig>();
    reads::<HedgeConfig>();
    reads::<LimitsConfig>();
    reads::<OutlierConfig>();
    reads::<PriorityConfig>();
    reads::<RetryConfig>();
    reads::<SloConfig>();
    reads::<TimeoutConfig>();
    assert!(
        serde_json::from_value::<RateLimitPolicy>(json!({"name": "a", "quota": 1, "window": 1})).is_err()
    );
    assert!(serde_json::from_value::<Strategy>(json!({"name": "random"})).is_err());
}

#[test]
fn defaults_are_envoys_and_resilience4js() {
    let outlier = serde_json::to_value(OutlierConfig::default()).unwrap();
    let expected = json!({
        "consecutive_5xx": 5, "interval_secs": 10.0, "base_ejection_time_secs": 30.0, "max_ejection_time_secs": 300.0,
        "max_ejection_time_jitter_secs": 0.0, "max_ejection_percent": 10, "enforcing_consecutive_5xx": 100,
        "consecutive_gateway_failure": 5, "enforcing_consecutive_gateway_failure": 0, "enforcing_success_rate": 100,
        "success_rate_minimum_hosts": 5, "success_rate_request_volume": 100, "success_rate_stdev_factor": 1900,
        "failure_percentage_threshold": 85, "enforcing_failure_percentage": 0, "failure_percentage_minimum_hosts": 5,
        "failure_percentage_request_volume": 50, "successful_active_health_check_uneject_host": true,
    });
    assert_eq!(outlier, expected);
    let limits = serde_json::to_value(LimitsConfig::default()).unwrap();
    let expected = json!({
        "max_connections": 1024, "max_pending_requests": 1024, "max_requests": 1024, "max_retries": 3,
        "retry_budget": {"budget_percent": 20.0, "min_retry_concurrency": 3},
    });
    assert_eq!(limits, expected);
    let breaker = serde_json::to_value(BreakerConfig::default()).unwrap();
    let expected = json!({
        "failure_rate_threshold": 50.0, "slow_call_rate_threshold": 100.0, "slow_call_duration_threshold_secs": 60.0,
        "sliding_window_size": 100, "minimum_number_of_calls": 100, "wait_duration_in_open_state_secs": 60.0,
        "permitted_number_of_calls_in_half_open_state": 10, "max_wait_duration_in_half_open_state_secs": 0.0,
    });
    assert_eq!(breaker, expected);
    let priority = serde_json::to_value(PriorityConfig::default()).unwrap();
    let expected = json!({"overprovisioning_factor": 140, "healthy_panic_threshold": 50, "fail_traffic_on_panic": false});
    assert_eq!(priority, expected);
}

/// Each number of a configuration put far outside: validation names that field, or it is not a range of ours.
fn ranges<T: Serialize + DeserializeOwned>(whole: T, validate: impl Fn(&T) -> Option<String>) {
    assert_eq!(validate(&whole), None);
    let value = serde_json::to_value(whole).unwrap();
    let fields: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
    for field in fields.iter().filter(|field| value[*field].is_number()) {
        let mut wrong = value.clone();
        wrong[field] = if value[field].is_f64() { json!(-1.0) } else { json!(4_000_000_000_u32) };
        let named = validate(&serde_json::from_value(wrong).unwrap());
        assert_eq!(named.as_ref(), Some(field), "{field} takes any number");
    }
    // What serde writes for not-a-number is null, and that is no number for serde: it cannot come from a file.
    assert!(fields.iter().all(|field| value[field] != Value::Null || field == "retry_budget"));
}

#[test]
fn every_number_has_a_range_and_errors_name_the_field() {
    ranges(ActiveHealthConfig::default(), |config| config.validate().err().map(|error| error.field));
    ranges(BreakerConfig::default(), |config| config.validate().err().map(|error| error.field));
    ranges(HedgeConfig::default(), |config| {
        config.validate(&TimeoutConfig::default()).err().map(|error| error.field)
    });
    ranges(LimitsConfig::default(), |config| config.validate().err().map(|error| error.field));
    ranges(PriorityConfig::default(), |config| config.validate().err().map(|error| error.field));
    ranges(RetryConfig::default(), |config| config.validate().err().map(|error| error.field));
    ranges(TimeoutConfig::default(), |config| config.validate().err().map(|error| error.field));
    ranges(OutlierConfig::default(), |config| config.validate().err().map(|error| error.field));
}
