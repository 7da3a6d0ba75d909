//! From a request to an endpoint: residency first, then level, then health, then the strategy.

use std::collections::BTreeSet;

use super::{
    balance::{Balancer, Choice, Strategy},
    config::ConfigError,
    endpoint::{Endpoint, Load},
    priority::{self, LevelHealth, LevelLoad, PriorityConfig},
    random::Random,
    residency::Residency,
    time::Nanos,
};

/// Whether an endpoint may be asked now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Availability {
    /// Active and passive health and its breaker say yes.
    #[default]
    Healthy,
    /// A health check failed or it is ejected: asked only in panic.
    Unhealthy,
    /// It would be refused anyway (its breaker is open, it drains, its limits are reached): never asked.
    Refusing,
}

/// An endpoint's state at the time of a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EndpointState {
    /// Whether it may be asked.
    pub availability: Availability,
    /// What it carries.
    pub load: Load,
}

/// What of a request matters to the choice.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Where its data may go.
    pub residency: &'a Residency,
    /// Hash of its key, for consistent hashing.
    pub key: Option<u64>,
    /// Endpoints already tried for it, by index: avoided while there are others.
    pub tried: &'a [usize],
    /// Whether they may be asked again where nobody else is left.
    pub again: bool,
    /// When it is.
    pub now: Nanos,
}

/// Why no endpoint was picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoEndpoint {
    /// No endpoint carries the tags.
    #[error("No endpoint has every residency tag that this request requires; it was sent nowhere.")]
    Residency,
    /// There are some, all of them refuse or are ill.
    #[error("No endpoint is available; the request was sent nowhere. Try again later.")]
    Unavailable,
    /// Too few are healthy, and the configuration refuses traffic then.
    #[error(
        "Too few endpoints are healthy (fail_traffic_on_panic); the request was sent nowhere. Try again later."
    )]
    Panic,
}

/// The endpoints of one route with the state of its strategy.
#[derive(Clone, Debug)]
pub struct Pool {
    endpoints: Vec<Endpoint>,
    levels: Vec<Level>,
    config: PriorityConfig,
}

#[derive(Clone, Debug)]
struct Level {
    /// Indices into the pool's endpoints; a balancer's own index is a place in here.
    members: Vec<usize>,
    balancer: Balancer,
}

impl Pool {
    /// A pool with a fresh state.
    ///
    /// # Errors
    /// Names the first field that may not be as it is, with the endpoint it belongs to.
    pub fn new(
        endpoints: Vec<Endpoint>,
        strategy: &Strategy,
        config: PriorityConfig,
    ) -> Result<Self, ConfigError> {
        strategy.validate().map_err(|error| error.within("strategy"))?;
        config.validate()?;
        let mut names = BTreeSet::new();
        for (index, endpoint) in endpoints.iter().enumerate() {
            endpoint.validate().map_err(|error| error.within(&format!("endpoints[{index}]")))?;
            if !names.insert(&endpoint.name) {
                let field = format!("endpoints[{index}].name");
                return Err(ConfigError::new(&field, &endpoint.name, "a name that no other endpoint has"));
            }
        }
        let priorities: BTreeSet<u32> = endpoints.iter().map(|endpoint| endpoint.priority).collect();
        let levels = priorities
            .into_iter()
            .map(|priority| {
                let members: Vec<usize> =
                    (0..endpoints.len()).filter(|&index| endpoints[index].priority == priority).collect();
                let balancer = Balancer::new(strategy, members.iter().map(|&index| &endpoints[index]));
                Level { members, balancer }
            })
            .collect();
        Ok(Self { endpoints, levels, config })
    }

    /// The endpoints, in the order in which [`Self::pick`] numbers them.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// What each level takes of traffic under this residency, the level served first at the front.
    pub fn loads(&self, states: &[EndpointState], residency: &Residency) -> Vec<LevelLoad> {
        let health = |level: &Level| {
            let mut health = LevelHealth::default();
            for &index in &level.members {
                if residency.allows(&self.endpoints[index].tags) {
                    health.total += 1;
                    health.healthy += u32::from(states[index].availability == Availability::Healthy);
                }
            }
            health
        };
        let health: Vec<LevelHealth> = self.levels.iter().map(health).collect();
        priority::loads(&self.config, &health)
    }

    /// The endpoint that takes a request, by its index. `states` holds one entry an endpoint.
    ///
    /// Tags are looked at before anything else and never given up, not even in panic. The level is drawn by its load; where it has
    /// nobody to ask, the others follow in order. An endpoint already tried is asked again only when nobody else is left, and only where the request says so.
    ///
    /// # Errors
    /// Says why nobody can be asked.
    pub fn pick(
        &mut self,
        states: &[EndpointState],
        request: &Request<'_>,
        random: &mut dyn Random,
    ) -> Result<usize, NoEndpoint> {
        if !self.endpoints.iter().any(|endpoint| request.residency.allows(&endpoint.tags)) {
            return Err(NoEndpoint::Residency);
        }
        let loads = self.loads(states, request.residency);
        let drawn = priority::level(&loads, random.below(100) as u32);
        if self.config.fail_traffic_on_panic && drawn.is_some_and(|level| loads[level].panic) {
            return Err(NoEndpoint::Panic);
        }
        let order = drawn.into_iter().chain((0..self.levels.len()).filter(|&level| Some(level) != drawn));
        let order: Vec<usize> = order.collect();
        for again in [false, true].into_iter().filter(|again| request.again || !again) {
            for &level in &order {
                let anybody = loads[level].panic && !self.config.fail_traffic_on_panic;
                if let Some(index) = self.pick_in(level, states, request, anybody, again, random) {
                    return Ok(index);
                }
            }
        }
        Err(NoEndpoint::Unavailable)
    }

    /// Lets the strategy pick within one level.
    fn pick_in(
        &mut self,
        level: usize,
        states: &[EndpointState],
        request: &Request<'_>,
        anybody: bool,
        again: bool,
        random: &mut dyn Random,
    ) -> Option<usize> {
        let Level { members, balancer } = &mut self.levels[level];
        let may = |index: usize| {
            let well = match states[index].availability {
                Availability::Healthy => true,
                Availability::Unhealthy => anybody,
                Availability::Refusing => false,
            };
            well && request.residency.allows(&self.endpoints[index].tags)
                && (again || !request.tried.contains(&index))
        };
        let eligible: Vec<usize> = (0..members.len()).filter(|&place| may(members[place])).collect();
        let loads: Vec<Load> = members.iter().map(|&index| states[index].load).collect();
        let choice = Choice { eligible: &eligible, loads: &loads, now: request.now, key: request.key };
        balancer.pick(&choice, random).map(|place| members[place])
    }
}
