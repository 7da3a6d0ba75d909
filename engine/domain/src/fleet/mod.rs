//! The fleet: regions, the servers in them, what runs where, and what a gateway says of the traffic.
//!
//! ```text
//! Region ◄─ FleetEndpoint ─polled► EndpointStatus ─┐
//!                  │                               ├──► FleetState ──► a page
//!            GatewayStatus (its admin API) ────────┤
//! Deployment ◄─ Rollout ─ guards ─ RolloutStep ────┤
//! Drill ─────── DrillReport ───────────────────────┘        FleetEvent: what happened, in order
//! ```
//!
//! Every figure here was measured by whoever filled it in; what nobody measured is `None`.

pub mod command;
pub mod conformance;
pub mod deployment;
pub mod drill;
pub mod endpoint;
pub mod event;
pub mod gateway;
pub mod region;
pub mod simulation;
pub mod state;
pub mod vantage;

pub use command::FleetCommand;
pub use conformance::{Conformance, ConformanceCheck, Finding};
pub use deployment::{
    Deployment, GuardReading, Guards, Rollout, RolloutPlan, RolloutState, RolloutStep, ServerBefore,
    VersionShare,
};
pub use drill::{Drill, DrillPhase};
pub use endpoint::{EndpointStatus, FleetEndpoint, Health, ModelSeen, ServerKind, Sighting};
pub use event::{FleetEvent, FleetEventKind};
pub use gateway::{
    BreakerView, CanaryView, GatewayEndpoint, GatewayStatus, LatencyFigures, LevelView, SloView, StrategyId,
};
pub use region::{Region, RegionHealth, RegionView};
pub use simulation::{Simulation, SimulationRow};
pub use state::{FleetState, GatewayAnswer, LatencyCell, TensorSchema, TryEndpointState};
pub use vantage::{VantageLook, VantageReport};
