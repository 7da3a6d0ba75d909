//! `orrery keys`: keys to nodes and gateways.

use clap::Subcommand;
use orrery_domain::{
    Failure, FailureClass,
    access::{KeyRecord, Scope},
    units::UnixSecs,
};
use orrery_engine::{jobs, keys};

use super::{
    Context, Outcome,
    output::{self, Align},
};

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key; it is shown this once and kept only as a hash
    Create {
        /// What to call it
        #[arg(long)]
        name: String,
        /// What it may do: infer (ask models), read (states, metrics), admin (load, unload; includes read)
        #[arg(long = "scope", value_delimiter = ',', required = true, value_name = "SCOPE,…")]
        scopes: Vec<Scope>,
        /// The last day on which it is taken, in UTC [default: it does not expire]
        #[arg(long, value_name = "YYYY-MM-DD")]
        expires: Option<chrono::NaiveDate>,
    },
    /// All keys, without their secrets
    List,
    /// Refuse a key from now on
    Revoke {
        /// Its id, as `orrery keys list` shows it
        id: String,
    },
}

pub fn run(context: &Context, command: KeysCommand) -> Outcome {
    let mut store = context.store()?;
    match command {
        KeysCommand::Create { name, scopes, expires } => {
            let expires = expires.map(end_of).transpose()?;
            let (key, secret) = keys::create(&mut store, &name, &scopes, expires, jobs::now())?;
            output::note("Keep this key now: it is not shown again.");
            if context.json {
                return output::json(&serde_json::json!({ "key": secret, "record": key }));
            }
            output::line(&secret);
            Ok(())
        }
        KeysCommand::List => {
            list(context, &store.keys()?.into_iter().map(|(key, _)| key).collect::<Vec<_>>())
        }
        KeysCommand::Revoke { id } => {
            let key = keys::revoke(&mut store, &id, jobs::now())?;
            output::note(&format!("The key '{}' is refused from now on.", key.name));
            if context.json { output::json(&serde_json::json!({ "revoked": key })) } else { Ok(()) }
        }
    }
}

/// The end of a day in UTC, seconds since 1970.
fn end_of(day: chrono::NaiveDate) -> Result<UnixSecs, Failure> {
    let next = day.succ_opt().and_then(|day| day.and_hms_opt(0, 0, 0));
    let too_far = || Failure::new(FailureClass::Client, format!("{day} is too far away to be a date."));
    Ok(next.ok_or_else(too_far)?.and_utc().timestamp() as f64)
}

fn list(context: &Context, keys: &[KeyRecord]) -> Outcome {
    if context.json {
        return output::json(&serde_json::json!({ "keys": keys }));
    }
    if keys.is_empty() {
        output::note("There are no keys. `orrery keys create --name NAME --scope infer,read` makes one.");
        return Ok(());
    }
    let head = [
        ("Id", Align::Left),
        ("Name", Align::Left),
        ("May", Align::Left),
        ("Made", Align::Left),
        ("State", Align::Left),
    ];
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|key| {
            let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.name()).collect();
            let state = match (key.revoked_at, key.expires_at) {
                (Some(at), _) => format!("revoked {}", output::moment(at)),
                (None, Some(at)) if at <= jobs::now() => format!("expired {}", output::moment(at)),
                (None, Some(at)) => format!("until {}", output::moment(at)),
                (None, None) => "does not expire".to_owned(),
            };
            vec![key.id.clone(), key.name.clone(), scopes.join(", "), output::moment(key.created_at), state]
        })
        .collect();
    output::table(&head, &rows);
    Ok(())
}
