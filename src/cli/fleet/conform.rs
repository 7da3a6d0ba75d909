//! `orrery fleet conform`: what a server supports, and where it says what is not so.

use clap::Args;
use orrery_domain::{
    Failure, FailureClass,
    fleet::{Conformance, ConformanceCheck, Finding, FleetEndpoint},
};
use orrery_engine::fleet::{client, conformance};

use crate::cli::{
    Context, End, Outcome,
    output::{self, Align},
};

#[derive(Debug, Args)]
pub struct ConformArguments {
    /// An endpoint's name, or an address: http://HOST:PORT
    endpoint: String,
    /// Also unload this model and load it again, and look at what the server says in between
    #[arg(long, value_name = "MODEL")]
    control: Option<String>,
    /// File that holds the key, for an address
    #[arg(long, value_name = "FILE")]
    key_file: Option<std::path::PathBuf>,
}

pub fn run(context: &Context, arguments: &ConformArguments) -> Outcome {
    let known = context.store()?.endpoints()?.into_iter().find(|known| known.name == arguments.endpoint);
    let endpoint = match known {
        Some(known) => known,
        None if arguments.endpoint.contains("://") => FleetEndpoint {
            name: arguments.endpoint.clone(),
            url: arguments.endpoint.clone(),
            region: String::new(),
            weight: 1,
            key_file: arguments.key_file.clone(),
            role: orrery_domain::fleet::endpoint::EndpointRole::Server,
        },
        None => return Err(orrery_engine::fleet::setup::no_endpoint(&arguments.endpoint).into()),
    };
    let server = client::Server::new(client::connections()?, &endpoint)?;
    let report = client::block_on(conformance::check(&endpoint.name, &server, arguments.control.as_deref()))?;
    if report.checks.iter().all(|check| matches!(check.finding, Finding::Unchecked | Finding::Deviates)) {
        let why = report.checks.first().map(|check| check.detail.clone()).unwrap_or_default();
        return Err(Failure::new(FailureClass::Transient, format!("Nothing could be checked. {why}")).into());
    }
    show(context, &report)?;
    // Like a linter: what is untrue is an end that scripts see.
    if conformance::lies(&report) { Err(End::Said(1)) } else { Ok(()) }
}

fn show(context: &Context, report: &Conformance) -> Outcome {
    if context.json {
        return output::json(report);
    }
    output::line(&format!("{}: {}", report.endpoint, conformance::who(report)));
    let row = |check: &ConformanceCheck| {
        let finding = match check.finding {
            Finding::Conforms => "ok",
            Finding::Unsupported => "not offered",
            Finding::Deviates => "deviates",
            Finding::Untrue => "UNTRUE",
            Finding::Unchecked => "not checked",
        };
        vec![check.name.clone(), finding.to_owned(), check.detail.clone()]
    };
    let head = [("CHECK", Align::Left), ("FOUND", Align::Left), ("SEEN", Align::Left)];
    output::table(&head, &report.checks.iter().map(row).collect::<Vec<_>>());
    Ok(())
}
