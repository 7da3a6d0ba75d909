//! `orrery fleet regions` and `orrery fleet endpoints`: what there is, and changes of it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use orrery_domain::fleet::{FleetEndpoint, Region, endpoint::EndpointRole};
use orrery_engine::fleet::setup;

use crate::cli::{
    Context, Outcome,
    output::{self, Align},
};

#[derive(Debug, Subcommand)]
pub enum RegionsCommand {
    /// All regions
    List,
    /// Add a region, or change the one of that name
    Set(RegionArguments),
    /// Remove a region that has no endpoints
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct RegionArguments {
    /// Its name: a-z, 0-9 and -
    name: String,
    /// Failover level: 0 is served first
    #[arg(long, value_name = "N")]
    priority: Option<u32>,
    /// Price of 1,000 requests
    #[arg(long, value_name = "PRICE")]
    price: Option<f64>,
    /// Residency tags of its endpoints
    #[arg(long = "tag", value_delimiter = ',', value_name = "TAG,…")]
    tags: Option<Vec<String>>,
    /// Let its endpoints be contacted
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// Contact its endpoints no more
    #[arg(long)]
    disable: bool,
}

#[derive(Debug, Subcommand)]
pub enum EndpointsCommand {
    /// All endpoints
    List,
    /// Add an endpoint, or change the one of that name
    Add(EndpointArguments),
    /// Forget an endpoint; its server is left alone
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Args)]
pub struct EndpointArguments {
    /// Its name: a-z, 0-9 and -
    name: String,
    /// Its address, http://HOST:PORT
    url: String,
    /// The region it is in
    #[arg(long)]
    region: String,
    /// Share of the traffic within its level
    #[arg(long, default_value_t = 1)]
    weight: u32,
    /// File that holds its key; the key is kept nowhere else
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    /// What stands there
    #[arg(long, value_enum, default_value_t = Role::Server)]
    role: Role,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// A server with models
    Server,
    /// An orrery gateway
    Gateway,
}

pub fn regions(context: &Context, command: RegionsCommand) -> Outcome {
    let mut store = context.store()?;
    match command {
        RegionsCommand::List => {}
        RegionsCommand::Set(asked) => {
            let known = store.regions()?.into_iter().find(|region| region.name == asked.name);
            let known = known.unwrap_or(Region {
                name: asked.name.clone(),
                priority: 0,
                price_per_1000: 0.0,
                tags: Vec::new(),
                enabled: false,
            });
            let region = Region {
                name: asked.name,
                priority: asked.priority.unwrap_or(known.priority),
                price_per_1000: asked.price.unwrap_or(known.price_per_1000),
                tags: asked.tags.unwrap_or(known.tags),
                enabled: (known.enabled || asked.enable) && !asked.disable,
            };
            setup::put_region(&mut store, &region)?;
        }
        RegionsCommand::Remove { name } => setup::remove_region(&mut store, &name)?,
    }
    let regions = store.regions()?;
    if context.json {
        return output::json(&serde_json::json!({ "regions": regions }));
    }
    let head = [
        ("REGION", Align::Left),
        ("PRIORITY", Align::Right),
        ("PRICE/1000", Align::Right),
        ("TAGS", Align::Left),
        ("CONTACTED", Align::Left),
    ];
    let row = |region: &Region| {
        vec![
            region.name.clone(),
            region.priority.to_string(),
            output::number(region.price_per_1000),
            region.tags.join(","),
            if region.enabled { "yes" } else { "no" }.to_owned(),
        ]
    };
    output::table(&head, &regions.iter().map(row).collect::<Vec<_>>());
    Ok(())
}

pub fn endpoints(context: &Context, command: EndpointsCommand) -> Outcome {
    let mut store = context.store()?;
    match command {
        EndpointsCommand::List => {}
        EndpointsCommand::Add(asked) => {
            let endpoint = FleetEndpoint {
                name: asked.name,
                url: asked.url.trim_end_matches('/').to_owned(),
                region: asked.region,
                weight: asked.weight,
                key_file: asked.key_file.map(std::path::absolute).transpose().map_err(|error| {
                    orrery_domain::Failure::new(
                        orrery_domain::FailureClass::Client,
                        format!("The key's file has no place: {error}."),
                    )
                })?,
                role: match asked.role {
                    Role::Server => EndpointRole::Server,
                    Role::Gateway => EndpointRole::Gateway,
                },
            };
            setup::put_endpoint(&mut store, &endpoint)?;
        }
        EndpointsCommand::Remove { name } => setup::remove_endpoint(&mut store, &name)?,
    }
    let endpoints = store.endpoints()?;
    if context.json {
        return output::json(&serde_json::json!({ "endpoints": endpoints }));
    }
    if endpoints.is_empty() {
        output::note(
            "There are no endpoints. `orrery fleet endpoints add NAME URL --region REGION` adds one.",
        );
        return Ok(());
    }
    let head = [
        ("ENDPOINT", Align::Left),
        ("REGION", Align::Left),
        ("ADDRESS", Align::Left),
        ("WEIGHT", Align::Right),
        ("KEY", Align::Left),
        ("ROLE", Align::Left),
    ];
    let row = |endpoint: &FleetEndpoint| {
        vec![
            endpoint.name.clone(),
            endpoint.region.clone(),
            endpoint.url.clone(),
            endpoint.weight.to_string(),
            if endpoint.key_file.is_some() { "from a file" } else { "none" }.to_owned(),
            if endpoint.role == EndpointRole::Gateway { "gateway" } else { "server" }.to_owned(),
        ]
    };
    output::table(&head, &endpoints.iter().map(row).collect::<Vec<_>>());
    Ok(())
}
