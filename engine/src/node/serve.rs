//! Serve: listens, answers, and on request ends without cutting off anyone.

use std::{
    net::SocketAddr,
    num::NonZero,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use orrery_domain::{Failure, FailureClass, device::DeviceChoice};
use orrery_learn::threads;
use tokio::net::TcpListener;

use super::{
    api::{self, ApiSettings, Node},
    batcher::BatchSettings,
    compute::Compute,
    metrics::Metrics,
    repository::Repository,
    source::Source,
    watch,
};
use crate::{
    Workspace,
    auth::Auth,
    fleet::vantage,
    http::{self, CutOff, Lanes, ServeLimits, Tls},
};

/// How a node serves.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command, and none goes with another"
)]
pub struct NodeOptions {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Batches and queues of each version.
    pub batch: BatchSettings,
    /// Largest body, bytes.
    pub body_bytes: usize,
    /// Longest that a request may take.
    pub timeout: Duration,
    /// Whether each request is logged as a line of JSON on standard error.
    pub log_requests: bool,
    /// What our models compute with; foreign files always use the CPU.
    pub device: DeviceChoice,
    /// Whether the CPU takes over when the device is lost.
    pub cpu_fallback: bool,
    /// This program, which tries a stranger's files in a process of its own.
    pub program: PathBuf,
    /// A v2 model repository to serve instead of the registry.
    pub models: Option<PathBuf>,
    /// Whether what was applied to a model (`orrery tune apply`) goes before `batch`.
    pub tuned: bool,
    /// Connections, and how they end.
    pub http: ServeLimits,
    /// Certificate and private key, PEM files: TLS is spoken.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Whether it looks at the servers of the workspace's enabled regions, and tells what it sees.
    pub vantage: bool,
}

/// Where a node has begun to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listening {
    /// Address, with the port that was found.
    pub address: SocketAddr,
    /// Whether a key is asked for.
    pub keyed: bool,
    /// Whether TLS is spoken.
    pub tls: bool,
}

/// Serves a workspace's models, or a folder's, until the process is asked to end. `listening` is called once, with the address.
///
/// # Errors
/// A client failure when there is no certificate or key where they were named, when the address cannot be listened on, or is reachable from elsewhere without a key; what the store
/// says; a hardware failure when the device was lost and there is no fallback.
pub fn serve(
    workspace: Workspace,
    options: NodeOptions,
    listening: impl FnOnce(Listening),
) -> Result<(), Failure> {
    let tls = options.tls.as_ref().map(|(certificate, key)| Tls::load(certificate, key)).transpose()?;
    let auth = Auth::new(workspace.clone())?;
    if !auth.any_key() && !options.listen.ip().is_loopback() {
        return Err(Failure::new(
            FailureClass::Client,
            format!(
                "There is no key, so that anyone who reaches {} could use the models. Make one with `orrery keys create`, or listen on \
                 127.0.0.1. Nothing was started.",
                options.listen
            ),
        ));
    }
    let source = match options.models.clone() {
        Some(folder) => Source::Folder { folder, tried_by: Some(options.program.clone()) },
        None => Source::Registry(workspace.clone()),
    };
    // What cannot be read at all is told at once.
    source.list()?;
    let compute = Arc::new(Compute::new(options.device, options.cpu_fallback));
    let node = Arc::new(Node {
        repository: Repository::new(source, options.batch, options.tuned, Arc::clone(&compute)),
        compute,
        auth,
        metrics: Metrics::new(),
        settings: ApiSettings {
            body_bytes: options.body_bytes,
            timeout: options.timeout,
            log_requests: options.log_requests,
        },
        aside: Arc::new(tokio::sync::Semaphore::new(api::AT_ONCE)),
        vantage: options.vantage.then(Arc::default),
        settled: false.into(),
        draining: false.into(),
    });
    let unstarted = |error: std::io::Error| {
        Failure::new(FailureClass::Capacity, format!("The node's threads could not be started: {error}."))
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(unstarted)?;
    // Small models are computed where their requests are read: such a thread divides its work with no other.
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let lanes = Lanes::start(cores, threads::alone).map_err(unstarted)?;
    runtime.block_on(run(node, workspace, options, tls, lanes, listening))
}

async fn run(
    node: Arc<Node>,
    workspace: Workspace,
    options: NodeOptions,
    tls: Option<Tls>,
    lanes: Lanes,
    listening: impl FnOnce(Listening),
) -> Result<(), Failure> {
    let unheard = |error: std::io::Error| {
        let message = format!(
            "The node cannot listen on {}: {error}. Choose another address with --listen.",
            options.listen
        );
        Failure::new(FailureClass::Client, message)
    };
    let listener = TcpListener::bind(options.listen).await.map_err(unheard)?;
    let address = listener.local_addr().map_err(unheard)?;
    listening(Listening { address, keyed: node.auth.any_key(), tls: tls.is_some() });
    let loader = Arc::clone(&node);
    tokio::task::spawn_blocking(move || {
        // Looked at before the models are: what is applied while they load is then seen as a change.
        let watch = watch::Watch::new(&loader);
        if let Err(failure) = loader.repository.load_all() {
            log::error!("the models cannot be read: {failure}");
        }
        loader.settled.store(true, Ordering::Release);
        if let Some(watch) = watch {
            std::thread::spawn(move || watch.run(&loader));
        }
    });
    if let Some(vantage) = node.vantage.clone() {
        tokio::spawn(async move {
            if let Err(failure) = vantage::look_around(workspace, vantage).await {
                log::error!("this node is no vantage point any more. {}", failure.message);
            }
        });
    }
    let draining = Arc::clone(&node);
    let end = async move {
        tokio::select! {
            () = http::asked_to_end(options.http.end_with_stdin) => {}
            () = draining.compute.dead() => {}
        }
        draining.draining.store(true, Ordering::Release);
    };
    let compute = Arc::clone(&node.compute);
    let served = http::serve(listener, tls, api::router(node), options.http, lanes, end).await;
    if compute.is_dead() {
        return Err(compute.failure());
    }
    served.map_err(|CutOff { connections }| {
        let secs = options.http.drain.as_secs();
        let message = format!(
            "Requests on {connections} connections were still under way {secs} s after the node was asked to end; they were cut off."
        );
        Failure::new(FailureClass::Capacity, message)
    })
}
