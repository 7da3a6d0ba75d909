//! What page Traffic shows, as plain data.

use orrery_domain::fleet::{GatewayEndpoint, GatewayStatus, Simulation, StrategyId};

use super::super::serve;
use crate::{
    format::{self, NONE},
    theme::State,
    widgets::{
        grid::{Cell, GridRow, Look},
        table::TableColumn,
        tile::Tile,
    },
};

/// The columns of a gateway's endpoints.
pub(super) fn endpoint_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Endpoint", 120.0).growing(),
        TableColumn::text("Region", 96.0),
        TableColumn::number("Level", 48.0).help("Failover level: 0 is served first"),
        TableColumn::text("State", 118.0).drawn(),
        TableColumn::text("Share", 180.0)
            .drawn()
            .help("Bar: its share of all requests; mark: what its weight says"),
        TableColumn::number("Weight", 60.0),
        TableColumn::number("Requests/s", 84.0),
        TableColumn::number("Under way", 84.0).help("Requests under way, and how many may be"),
        TableColumn::number("p95", 72.0),
        TableColumn::number("Errors", 62.0),
        TableColumn::text("Breaker", 120.0).drawn().help("With the time until it probes"),
    ]
}

/// State and word of an endpoint at its gateway.
fn state(endpoint: &GatewayEndpoint) -> (State, String, f64) {
    if endpoint.drained {
        return (State::Waiting, "Drained".to_owned(), 1.0);
    }
    if endpoint.ejected_for_secs.is_some() {
        return (State::Warning, "Ejected".to_owned(), 0.5);
    }
    let (state, word) = serve::health(endpoint.health);
    let rank = if state == State::Ok { 3.0 } else { 0.0 };
    (state, word.to_owned(), rank)
}

/// What each endpoint's weight says its share is, within the traffic of its level.
pub(super) fn fair_share(status: &GatewayStatus, endpoint: &GatewayEndpoint) -> Option<f64> {
    let level = status.levels.iter().find(|level| level.priority == endpoint.priority)?;
    let weights: u64 = status
        .endpoints
        .iter()
        .filter(|other| other.priority == endpoint.priority && !other.drained)
        .map(|other| u64::from(other.weight))
        .sum();
    if weights == 0 || endpoint.drained {
        return Some(0.0);
    }
    Some(f64::from(level.percent) / 100.0 * f64::from(endpoint.weight) / weights as f64)
}

/// A gateway's endpoints.
pub(super) fn endpoint_rows(status: &GatewayStatus) -> Vec<GridRow> {
    status.endpoints.iter().map(|endpoint| endpoint_row(status, endpoint)).collect()
}

fn endpoint_row(status: &GatewayStatus, endpoint: &GatewayEndpoint) -> GridRow {
    let (state, word, rank) = state(endpoint);
    let look = match endpoint.ejected_for_secs {
        Some(secs) if !endpoint.drained => Look::Countdown(state, secs),
        _ => Look::State(state),
    };
    let share = match endpoint.share {
        Some(share) => Cell {
            text: format::percent(share),
            number: Some(share),
            look: Look::Bar(share, fair_share(status, endpoint)),
        },
        None => {
            Cell { text: NONE.to_owned(), number: None, look: Look::Bar(0.0, fair_share(status, endpoint)) }
        }
    };
    let hover = [endpoint.reason.as_str(), endpoint.breaker.reason.as_str(), endpoint.url.as_str()];
    GridRow {
        key: endpoint.name.clone(),
        hover: hover.into_iter().filter(|words| !words.is_empty()).collect::<Vec<_>>().join("\n"),
        cells: vec![
            Cell::text(&endpoint.name),
            Cell::text(&endpoint.region),
            Cell::number(Some(f64::from(endpoint.priority)), |level| format!("{level:.0}")),
            Cell { text: word, number: Some(rank), look },
            share,
            Cell::number(Some(f64::from(endpoint.weight)), |weight| format::count(weight as u64)),
            Cell::number(Some(endpoint.requests_per_sec), serve::per_sec),
            Cell {
                text: format!("{} of {}", endpoint.active, format::count(endpoint.max_requests.into())),
                number: Some(f64::from(endpoint.active)),
                look: Look::Plain,
            },
            Cell::number(endpoint.latency.p95, serve::time),
            Cell::number(endpoint.error_ratio, format::percent),
            serve::breaker_cell(Some(&endpoint.breaker)),
        ],
    }
}

/// The tiles of a gateway.
pub(super) fn tiles(status: &GatewayStatus) -> Vec<Tile> {
    let tile = |title: &str, value: String, unit: &str, detail: String, help: &str| Tile {
        title: title.to_owned(),
        value,
        unit: unit.to_owned(),
        detail,
        baseline: None,
        help: help.to_owned(),
    };
    let failed = (status.requests > 0).then(|| status.failures as f64 / status.requests as f64);
    let since = format!("since its start, {} ago", format::duration(status.uptime_secs));
    let minute = || "last minute".to_owned();
    let (p50, p99) = (serve::secs(status.latency.p50), serve::secs(status.latency.p99));
    let at_callers = "As callers see it, measured by the gateway over the last minute";
    vec![
        tile("Requests", serve::per_sec(status.requests_per_sec), "/s", minute(), "Measured by the gateway"),
        tile("p50", p50, "", minute(), at_callers),
        tile("p95", serve::secs(status.latency.p95), "", minute(), at_callers),
        tile("p99", p99, "", minute(), at_callers),
        tile(
            "Failures",
            serve::share(failed),
            "",
            since.clone(),
            "Answered with a failure of ours or an endpoint's",
        ),
        tile("Retries", format::count(status.retries), "", since, "Tries after one that failed"),
    ]
}

/// The columns of the canaries.
pub(super) fn canary_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Model", 120.0).growing(),
        TableColumn::text("Versions", 110.0),
        TableColumn::text("State", 110.0).drawn(),
        TableColumn::text("Share", 150.0).drawn(),
        TableColumn::number("Requests", 84.0).help("To the canary, in this stage"),
        TableColumn::number("Failures", 76.0).help("Of the canary, in this stage"),
        TableColumn::number("p95", 70.0).help("Of the canary, in this stage"),
        TableColumn::number("p95, primary", 92.0),
        TableColumn::number("Drift", 64.0).help("Population stability index of the predictions"),
        TableColumn::text("Why", 160.0).growing(),
    ]
}

/// A gateway's canaries.
pub(super) fn canary_rows(status: &GatewayStatus) -> Vec<GridRow> {
    let row = |canary: &orrery_domain::fleet::CanaryView| {
        let (state, word) = match canary.state.as_str() {
            "running" => (State::Running, "Running"),
            "promoted" => (State::Ok, "Promoted"),
            "rolled_back" => (State::Warning, "Rolled back"),
            "paused" => (State::Waiting, "Paused"),
            _ => (State::Unknown, "Unknown"),
        };
        let share = f64::from(canary.percent) / 100.0;
        GridRow {
            key: format!("{}/{}/{}", canary.model, canary.canary, canary.started_at),
            hover: canary.reason.clone(),
            cells: vec![
                Cell::text(&canary.model),
                Cell::text(format!("v{} beside v{}", canary.canary, canary.primary)),
                Cell::state(word, state, 0.0),
                Cell {
                    text: format!("{}%", canary.percent),
                    number: Some(share),
                    look: Look::Bar(share, None),
                },
                Cell::number(Some(canary.canary_requests as f64), |value| format::count(value as u64)),
                Cell::number(Some(canary.canary_failures as f64), |value| format::count(value as u64)),
                Cell::number(canary.canary_latency.p95, serve::time),
                Cell::number(canary.primary_latency.p95, serve::time),
                Cell::number(canary.drift, |value| format!("{value:.3}")),
                Cell::text(&canary.reason),
            ],
        }
    };
    status.canaries.iter().map(row).collect()
}

/// The columns of a simulation.
pub(super) fn simulation_columns() -> Vec<TableColumn> {
    vec![
        TableColumn::text("Strategy", 170.0).growing(),
        TableColumn::number("p50", 72.0),
        TableColumn::number("p95", 72.0),
        TableColumn::number("p95, compared", 104.0).help("With the strategy in use"),
        TableColumn::number("p99", 72.0),
        TableColumn::number("Errors", 72.0),
        TableColumn::number("Cost", 80.0).help("Price of the traffic, in the configuration's currency"),
        TableColumn::number("Cost, compared", 108.0).help("With the strategy in use"),
    ]
}

/// What each strategy would have done, compared with the present one.
pub(super) fn simulation_rows(simulation: &Simulation, present: Option<StrategyId>) -> Vec<GridRow> {
    let base = simulation.rows.iter().find(|row| Some(row.strategy) == present);
    let compared = |value: Option<f64>, base: Option<f64>| match (value, base) {
        (Some(value), Some(base)) if base > 0.0 => Some(value / base - 1.0),
        _ => None,
    };
    let signed = |share: f64| format!("{:+.1}%", share * 100.0);
    let row = |row: &orrery_domain::fleet::SimulationRow| {
        let own = Some(row.strategy) == present;
        let title =
            if own { format!("{} (in use)", row.strategy.title()) } else { row.strategy.title().to_owned() };
        let p95 = compared(row.latency.p95, base.and_then(|base| base.latency.p95)).filter(|_| !own);
        let cost = compared(Some(row.cost), base.map(|base| base.cost)).filter(|_| !own);
        let shares: Vec<String> =
            row.shares.iter().map(|(name, share)| format!("{name}: {}", format::percent(*share))).collect();
        GridRow {
            key: row.strategy.name().to_owned(),
            hover: shares.join("\n"),
            cells: vec![
                Cell::text(title),
                Cell::number(row.latency.p50, serve::time),
                Cell::number(row.latency.p95, serve::time),
                Cell::number(p95, signed),
                Cell::number(row.latency.p99, serve::time),
                Cell::number(Some(row.error_ratio), format::percent),
                Cell::number(Some(row.cost), |cost| format::significant(cost, 3)),
                Cell::number(cost, signed),
            ],
        }
    };
    simulation.rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::stage::fixture;

    #[test]
    fn a_share_is_held_against_what_the_weight_says() {
        let fleet = fixture::fleet::busy();
        let status = fleet.gateways[0].1.clone().expect("it answers");
        let share = |name: &str| {
            let endpoint = status.endpoints.iter().find(|endpoint| endpoint.name == name).expect("there");
            fair_share(&status, endpoint).expect("its level is known")
        };
        // Level 0 takes 98 percent, by weights 2, 1 and 1; a drained endpoint gets nothing.
        assert!((share("us-east-1") - 0.49).abs() < 1e-12);
        assert!((share("us-east-2") - 0.245).abs() < 1e-12);
        assert!((share("us-west-1") - 0.01).abs() < 1e-12);
        assert!(share("us-west-3").abs() < 1e-12);
    }

    #[test]
    fn strategies_are_compared_with_the_one_in_use() {
        let fleet = fixture::fleet::busy();
        let found = fleet.simulation.expect("made");
        let simulation = found.1.as_ref().expect("it went well");
        let rows = simulation_rows(simulation, Some(StrategyId::LeastRequest));
        assert_eq!(rows.len(), 5);
        assert!(rows[1].cells[0].text.ends_with("(in use)") && rows[1].cells[3].text == NONE);
        assert_eq!(rows[4].cells[7].text, "-32.7%");
    }
}
