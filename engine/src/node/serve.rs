//! Serve: listens, answers, and on request ends without cutting off anyone.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use orrery_domain::{Failure, FailureClass};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};
use tokio::net::TcpListener;

use super::{
    api::{self, ApiSettings, Node},
    batcher::BatchSettings,
    metrics::Metrics,
    repository::Repository,
};
use crate::{Workspace, auth::Auth, signals};

/// Seconds between two looks at this process.
const LOOK_SECS: u64 = 5;

/// How a node serves.
#[derive(Clone, Copy, Debug)]
pub struct NodeOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Batches and queues of each version.
    pub batch: BatchSettings,
    /// Largest body, bytes.
    pub body_bytes: usize,
    /// Longest that a request may take.
    pub timeout: Duration,
    /// Longest that requests under way are waited for at the end.
    pub drain: Duration,
}

/// Serves a workspace's models until the process is asked to end. `listening` is called once, with the address.
///
/// # Errors
/// A client failure when the address cannot be listened on, or is reachable from elsewhere without a key; what the store says.
pub fn serve(
    workspace: Workspace,
    options: NodeOptions,
    listening: impl FnOnce(SocketAddr, bool),
) -> Result<(), Failure> {
    let auth = Auth::new(workspace.clone())?;
    let keyed = auth.any_key();
    if !keyed && !options.listen.ip().is_loopback() {
        return Err(Failure::new(
            FailureClass::Client,
            format!(
                "There is no key, so that anyone who reaches {} could use the models. Make one with `orrery keys create`, or listen on \
                 127.0.0.1. Nothing was started.",
                options.listen
            ),
        ));
    }
    let node = Arc::new(Node {
        repository: Repository::new(workspace, options.batch),
        auth,
        metrics: Metrics::new(),
        settings: ApiSettings { body_bytes: options.body_bytes, timeout: options.timeout },
        settled: false.into(),
        draining: false.into(),
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|error| {
        Failure::new(FailureClass::Capacity, format!("The node's threads could not be started: {error}."))
    })?;
    runtime.block_on(run(node, options, keyed, listening))
}

async fn run(
    node: Arc<Node>,
    options: NodeOptions,
    keyed: bool,
    listening: impl FnOnce(SocketAddr, bool),
) -> Result<(), Failure> {
    let unheard = |error: std::io::Error| {
        let message = format!(
            "The node cannot listen on {}: {error}. Choose another address with --listen.",
            options.listen
        );
        Failure::new(FailureClass::Client, message)
    };
    let listener = TcpListener::bind(options.listen).await.map_err(unheard)?;
    listening(listener.local_addr().map_err(unheard)?, keyed);
    let loader = Arc::clone(&node);
    tokio::task::spawn_blocking(move || {
        if let Err(failure) = loader.repository.load_all() {
            log::error!("the registry cannot be read: {failure}");
        }
        loader.settled.store(true, Ordering::Release);
    });
    tokio::spawn(look_at_process(Arc::clone(&node)));
    let (ended, end) = tokio::sync::oneshot::channel::<()>();
    let draining = Arc::clone(&node);
    let asked_to_end = async move {
        signals::asked_to_end().await;
        draining.draining.store(true, Ordering::Release);
        if ended.send(()).is_err() {
            log::debug!("the server ended by itself");
        }
    };
    let server = axum::serve(listener, api::router(node)).with_graceful_shutdown(asked_to_end);
    let patience = async {
        // Without an end there is nothing to be patient for.
        if end.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(options.drain).await;
    };
    tokio::select! {
        served = std::future::IntoFuture::into_future(server) => served.map_err(unheard),
        () = patience => Err(Failure::new(
            FailureClass::Capacity,
            format!(
                "Requests were still under way {} s after the node was asked to end; they were cut off.",
                options.drain.as_secs()
            ),
        )),
    }
}

/// Keeps the process's own figures fresh.
async fn look_at_process(node: Arc<Node>) {
    let Ok(mut system) = System::new() else { return };
    let pid = Pid::from_u32(std::process::id());
    let what = ProcessRefreshKind::nothing().with_memory().with_cpu();
    loop {
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
        if let Some(process) = system.process(pid) {
            node.metrics.process(process.memory() as f64, f64::from(process.cpu_usage()) / 100.0);
        }
        tokio::time::sleep(Duration::from_secs(LOOK_SECS)).await;
    }
}
