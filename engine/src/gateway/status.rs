//! Status: the gateway's account of itself.

use std::sync::{PoisonError, atomic::Ordering};

use orrery_domain::fleet::{BreakerView, GatewayEndpoint, GatewayStatus, Health};
use orrery_policy::traffic::{Availability, BreakerState, Nanos, Resource};

use super::{live::Live, record, serve::Gateway};
use crate::jobs::now;

/// Everything there is to say.
pub fn status(gateway: &Gateway) -> GatewayStatus {
    let live = gateway.live();
    let time = live.clock.now();
    let recent = gateway.counts.recent(|recent| (recent.per_sec(time, Nanos::ZERO), recent.latency(time)));
    let mut endpoints: Vec<GatewayEndpoint> =
        (0..live.config.endpoints.len()).map(|index| endpoint(&live, index, time)).collect();
    let sent: u64 = endpoints.iter().map(|endpoint| endpoint.requests).sum();
    for endpoint in &mut endpoints {
        endpoint.share = (sent > 0).then(|| endpoint.requests as f64 / sent as f64);
    }
    GatewayStatus {
        name: live.config.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        at: now(),
        uptime_secs: time.as_secs(),
        revision: live.revision,
        strategy: record::strategy_id(&live.config.strategy),
        requests: gateway.counts.requests.load(Ordering::Relaxed),
        failures: gateway.counts.failures.load(Ordering::Relaxed),
        retries: gateway.counts.retries.load(Ordering::Relaxed),
        hedges: gateway.counts.hedges.load(Ordering::Relaxed),
        hedges_won: gateway.counts.hedges_won.load(Ordering::Relaxed),
        requests_per_sec: recent.0,
        latency: recent.1,
        levels: live.levels(),
        canaries: gateway.canaries.views(&live),
        slos: gateway.slos.views(&live.config, &gateway.alerts),
        events: live.events(),
        recording: live.config.recording,
        endpoints,
    }
}

fn endpoint(live: &Live, index: usize, time: Nanos) -> GatewayEndpoint {
    let upstream = &live.config.endpoints[index];
    let tally = &live.tallies[index];
    let (counts, per_sec, latency) = {
        let recent = tally.recent.lock().unwrap_or_else(PoisonError::into_inner);
        (recent.counts(time), recent.per_sec(time, Nanos::ZERO), recent.latency(time))
    };
    let core = live.core();
    let healthy = live.available(&core, index);
    let ejected_for = core.ejected_until[index].map(|until| (until - time).as_secs());
    let check = core.checks[index].is_healthy();
    let (health, reason) = match (healthy, check, ejected_for) {
        (_, false, _) => (Health::Unhealthy, core.check_reason[index].clone()),
        (_, true, Some(secs)) => (Health::Unhealthy, format!("Ejected for {secs:.0} s more.")),
        (Availability::Refusing, true, None) if upstream.drained => {
            (Health::Healthy, "Taken out.".to_owned())
        }
        (Availability::Refusing, true, None) => {
            (Health::Degraded, "Its breaker or its limits refuse requests.".to_owned())
        }
        _ => (Health::Healthy, String::new()),
    };
    GatewayEndpoint {
        name: upstream.name.clone(),
        url: upstream.url.clone(),
        region: upstream.region.clone(),
        priority: upstream.priority,
        weight: upstream.weight,
        health,
        reason,
        ejected_for_secs: ejected_for,
        breaker: breaker(live, &core, index, time),
        active: tally.active.load(Ordering::Relaxed),
        max_requests: live.limits[index].limit(Resource::Request),
        requests: tally.requests.load(Ordering::Relaxed),
        failures: tally.failures.load(Ordering::Relaxed),
        requests_per_sec: per_sec,
        share: None,
        error_ratio: (counts.0 > 0).then(|| counts.1 as f64 / counts.0 as f64),
        latency,
        check_secs: core.check_secs[index],
        drained: upstream.drained,
    }
}

fn breaker(live: &Live, core: &super::live::Core, index: usize, time: Nanos) -> BreakerView {
    let breaker = &core.breakers[index];
    let state = match breaker.state() {
        BreakerState::Closed => "closed",
        BreakerState::Open => "open",
        BreakerState::HalfOpen => "half_open",
        BreakerState::ForcedOpen => "forced_open",
        BreakerState::Disabled => "disabled",
        BreakerState::MetricsOnly => "metrics_only",
    };
    BreakerView {
        state: state.to_owned(),
        since: live.clock.unix(breaker.since()),
        retry_in_secs: breaker.until().map(|until| (until - time).as_secs()),
        reason: Live::breaker_reason(core, index),
        failure_ratio: breaker.failure_rate().map(|percent| percent / 100.0),
    }
}
