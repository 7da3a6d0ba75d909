//! Tests of the accept loop: limits, TLS and the end.

use std::{path::Path, sync::Arc};

use axum::routing::get;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{Notify, oneshot},
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

use super::*;

struct Served {
    address: SocketAddr,
    /// A request is under way that takes its time.
    began: Arc<Notify>,
    end: oneshot::Sender<()>,
    result: JoinHandle<Result<(), CutOff>>,
}

async fn start(limits: ServeLimits, tls: Option<Tls>) -> Served {
    start_on(limits, tls, Lanes::default()).await
}

async fn start_on(limits: ServeLimits, tls: Option<Tls>, lanes: Lanes) -> Served {
    let began = Arc::new(Notify::new());
    let (slow, never) = (Arc::clone(&began), Arc::clone(&began));
    let slowly = async move || {
        slow.notify_one();
        tokio::time::sleep(Duration::from_millis(300)).await;
        "slow"
    };
    let never = async move || {
        never.notify_one();
        std::future::pending::<&'static str>().await
    };
    let who = async |request: Request<Body>| match request.extensions().get::<Peer>() {
        Some(peer) => peer.0.to_string(),
        None => String::new(),
    };
    let router = Router::new()
        .route("/", get(async || "here"))
        .route("/who", get(who))
        .route("/thread", get(async || std::thread::current().name().unwrap_or_default().to_owned()))
        .route("/slow", get(slowly))
        .route("/never", get(never));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (end, ended) = oneshot::channel();
    let shutdown = async {
        ended.await.ok();
    };
    Served {
        address,
        began,
        end,
        result: tokio::spawn(serve(listener, tls, router, limits, lanes, shutdown)),
    }
}

const GET: &str = "GET / HTTP/1.1\r\nHost: here\r\n\r\n";

async fn said(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = [0; 1024];
    let read = stream.read(&mut bytes).await.expect("readable");
    String::from_utf8_lossy(&bytes[..read]).into_owned()
}

async fn asked(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), path: &str) -> String {
    stream.write_all(GET.replace("GET /", &format!("GET {path}")).as_bytes()).await.expect("sent");
    said(stream).await
}

#[tokio::test]
async fn who_sends_no_head_is_cut_off_and_others_are_answered() {
    let limits = ServeLimits { head: Duration::from_millis(200), ..ServeLimits::default() };
    let served = start(limits, None).await;
    let mut slow = TcpStream::connect(served.address).await.expect("connected");
    slow.write_all(b"GET / HTTP/1.1\r\nHost:").await.expect("sent");
    let mut quick = TcpStream::connect(served.address).await.expect("connected");
    let own = quick.local_addr().expect("an address").to_string();
    assert!(asked(&mut quick, "/who").await.ends_with(&own));
    let mut rest = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(20), slow.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "it is closed");
    assert!(!String::from_utf8_lossy(&rest).contains("200 OK"));
}

#[tokio::test]
async fn a_connection_too_many_waits_for_another_to_end() {
    let served = start(ServeLimits { connections: 1, ..ServeLimits::default() }, None).await;
    let mut first = TcpStream::connect(served.address).await.expect("connected");
    assert!(asked(&mut first, "/").await.ends_with("here"));
    let mut second = TcpStream::connect(served.address).await.expect("in the system's queue");
    second.write_all(GET.as_bytes()).await.expect("sent");
    assert!(tokio::time::timeout(Duration::from_millis(200), said(&mut second)).await.is_err(), "it waits");
    assert!(asked(&mut first, "/").await.ends_with("here"));
    drop(first);
    assert!(said(&mut second).await.ends_with("here"));
}

#[tokio::test]
async fn at_the_end_idle_connections_go_and_requests_under_way_are_answered() {
    let served = start(ServeLimits::default(), None).await;
    let mut idle = TcpStream::connect(served.address).await.expect("connected");
    assert!(asked(&mut idle, "/").await.ends_with("here"));
    let mut slow = TcpStream::connect(served.address).await.expect("connected");
    slow.write_all(GET.replace("GET /", "GET /slow").as_bytes()).await.expect("sent");
    served.began.notified().await;
    served.end.send(()).expect("it serves");
    assert_eq!(said(&mut idle).await, "", "closed");
    assert!(said(&mut slow).await.ends_with("slow"));
    assert_eq!(served.result.await.expect("it ends"), Ok(()));
    assert!(TcpStream::connect(served.address).await.is_err(), "nobody listens");
}

#[tokio::test]
async fn what_never_ends_is_cut_off() {
    let limits = ServeLimits { drain: Duration::from_millis(100), ..ServeLimits::default() };
    let served = start(limits, None).await;
    let mut never = TcpStream::connect(served.address).await.expect("connected");
    never.write_all(GET.replace("GET /", "GET /never").as_bytes()).await.expect("sent");
    served.began.notified().await;
    served.end.send(()).expect("it serves");
    assert_eq!(served.result.await.expect("it ends"), Err(CutOff { connections: 1 }));
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/fixtures").join(name)
}

/// A client that trusts the fixtures' authority.
fn client() -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(fixture("ca.pem")).expect("a certificate")).expect("taken");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

#[tokio::test]
async fn tls_is_spoken_and_a_new_certificate_is_shown_to_new_connections_while_old_ones_stay() {
    let dir = tempfile::tempdir().expect("a folder");
    let (certificate, key) = (dir.path().join("a.pem"), dir.path().join("a.key"));
    let put = |from: &str, to: &Path| std::fs::copy(fixture(from), to).expect("copied");
    put("first.pem", &certificate);
    put("first.key", &key);
    let served = start(ServeLimits::default(), Some(Tls::load(&certificate, &key).expect("a pair"))).await;
    let connect = async || {
        let stream = TcpStream::connect(served.address).await.expect("connected");
        let stream = client().connect(ServerName::try_from("localhost").expect("a name"), stream).await;
        let stream = stream.expect("a certificate that is trusted");
        let shown = stream.get_ref().1.peer_certificates().expect("shown")[0].to_vec();
        (stream, shown)
    };
    let held = |name: &str| CertificateDer::from_pem_file(fixture(name)).expect("a certificate").to_vec();
    let (mut old, shown) = connect().await;
    assert_eq!(shown, held("first.pem"));
    assert!(asked(&mut old, "/").await.ends_with("here"));
    // No TLS is no answer.
    let mut plain = TcpStream::connect(served.address).await.expect("connected");
    assert!(!asked(&mut plain, "/").await.contains("200 OK"));
    put("second.pem", &certificate);
    put("second.key", &key);
    let end = tokio::time::Instant::now() + Duration::from_secs(20);
    while connect().await.1 != held("second.pem") {
        assert!(tokio::time::Instant::now() < end, "the new certificate is not shown");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(asked(&mut old, "/").await.ends_with("here"));
}

#[tokio::test]
async fn a_connection_stays_on_its_thread_and_the_end_waits_for_it_there() {
    let lanes = Lanes::start(2, |work| work()).expect("threads");
    let served = start_on(ServeLimits::default(), None, lanes).await;
    let mut first = TcpStream::connect(served.address).await.expect("connected");
    let mut second = TcpStream::connect(served.address).await.expect("connected");
    for _ in 0..3 {
        assert!(asked(&mut first, "/thread").await.ends_with("lane-0"));
        assert!(asked(&mut second, "/thread").await.ends_with("lane-1"));
    }
    second.write_all(GET.replace("GET /", "GET /slow").as_bytes()).await.expect("sent");
    served.began.notified().await;
    served.end.send(()).expect("it serves");
    assert_eq!(said(&mut first).await, "", "closed");
    assert!(said(&mut second).await.ends_with("slow"));
    assert_eq!(served.result.await.expect("it ends"), Ok(()));
}
