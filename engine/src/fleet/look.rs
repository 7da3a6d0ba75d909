//! Look: one small question whether a server is ready, and what several in a row say.

use std::time::{Duration, Instant};

use orrery_domain::fleet::VantageLook;
use orrery_policy::traffic::{
    Nanos,
    active_health::{ActiveHealth, ActiveHealthConfig, Check},
};

use super::client::Server;

/// Time between two looks.
pub const EVERY: Duration = Duration::from_secs(1);
/// Longest that a look may take.
pub const LOOK_PATIENCE: Duration = Duration::from_secs(1);
/// Looks in a row that change the looker's own mind.
const THRESHOLDS: ActiveHealthConfig = ActiveHealthConfig {
    healthy_threshold: 2,
    unhealthy_threshold: 3,
    interval_secs: 1.0,
    timeout_secs: 1.0,
};

/// Looks at one server.
pub struct Looker {
    /// The server.
    pub server: Server,
    health: ActiveHealth,
    began: Instant,
}

impl Looker {
    /// One that has not looked yet.
    pub fn new(server: Server) -> Self {
        Self { server, health: ActiveHealth::new(Nanos::ZERO), began: Instant::now() }
    }

    /// Looks once: [`EVERY`] second, [`LOOK_PATIENCE`] at most.
    pub async fn look(&mut self) -> VantageLook {
        let looked = self.server.get("/v2/health/ready", LOOK_PATIENCE).await;
        let (check, latency_secs, reason) = match &looked {
            // The status decides: servers differ in the body, and the specification is wrong about it.
            Ok(reply) if reply.status.is_success() => (Check::Passed, Some(reply.secs), String::new()),
            Ok(reply) if matches!(reply.status.as_u16(), 401 | 403) => {
                (Check::NotReady, Some(reply.secs), format!("The key is refused: {}.", reply.complaint()))
            }
            Ok(reply) => (Check::NotReady, Some(reply.secs), format!("Not ready: {}.", reply.complaint())),
            Err(failure) => (Check::Failed, None, failure.message.clone()),
        };
        self.health.record(&THRESHOLDS, check, Nanos::from_secs(self.began.elapsed().as_secs_f64()));
        VantageLook {
            url: self.server.url(),
            age_secs: 0.0,
            healthy: self.health.is_healthy(),
            latency_secs,
            reason,
        }
    }
}
