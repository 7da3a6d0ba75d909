//! Client: asks one server over HTTP. Bodies are bounded, redirects are not followed, the key goes nowhere else.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use orrery_domain::{Failure, FailureClass, fleet::FleetEndpoint};
use orrery_oip::HEADER_LENGTH;
use reqwest::{Method, StatusCode, Url, header};

/// Largest answer that is read, bytes.
const LARGEST: usize = 64 << 20;
/// Longest that making a connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status.
    pub status: StatusCode,
    /// The body's type.
    pub content_type: String,
    /// Length of the JSON part of a binary answer.
    pub header_length: Option<usize>,
    /// Body.
    pub body: Vec<u8>,
    /// Seconds from the question to the whole answer.
    pub secs: f64,
}

impl Reply {
    /// What the server says is wrong: the protocol's `{"error": …}`, or the body's beginning.
    pub fn complaint(&self) -> String {
        let said: Option<String> =
            serde_json::from_slice::<serde_json::Value>(&self.body).ok().and_then(|json| {
                let text = json.get("error").or_else(|| json.get("detail"))?;
                text.as_str().map(str::to_owned)
            });
        let text = said.unwrap_or_else(|| String::from_utf8_lossy(&self.body).into_owned());
        let mut text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
        if text.is_empty() {
            text.push_str("without a word");
        }
        format!("{} ({text})", self.status.as_u16())
    }

    /// Whether the body is the protocol's error object.
    pub fn is_error_object(&self) -> bool {
        serde_json::from_slice::<serde_json::Value>(&self.body)
            .is_ok_and(|json| json.get("error").is_some_and(serde_json::Value::is_string))
    }
}

/// One server.
#[derive(Clone, Debug)]
pub struct Server {
    http: reqwest::Client,
    base: Url,
    key: Option<header::HeaderValue>,
}

/// The connections that servers of one process share.
///
/// # Errors
/// When TLS cannot be set up.
pub fn connections() -> Result<reqwest::Client, Failure> {
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
        .pool_max_idle_per_host(4)
        .tcp_nodelay(true)
        .user_agent(concat!("orrery/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Failure::new(FailureClass::Bug, format!("The HTTP client did not start: {error}.")))
}

/// Waits for one piece of work, for a command that has nothing else to do.
///
/// # Errors
/// When the system gives no threads.
pub fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(FailureClass::Capacity, format!("The network could not be started: {error}."))
    })?;
    Ok(runtime.block_on(work))
}

/// Checks an address: `http` or `https`, a host, no path beyond `/`, no password.
///
/// # Errors
/// A client failure that says what may stand there.
pub fn address(text: &str) -> Result<Url, Failure> {
    let wrong = |why: &str| {
        let message = format!("'{text}' is no server's address: {why}. Write it as http://HOST:PORT.");
        Failure::new(FailureClass::Client, message)
    };
    let url = Url::parse(text).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it must begin with http:// or https://"));
    }
    if url.host_str().is_none() {
        return Err(wrong("it names no host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it holds a password; keep keys in a file"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("it has a path; /v2 is added by itself"));
    }
    Ok(url)
}

impl Server {
    /// The server of an endpoint; its key is read from its file.
    ///
    /// # Errors
    /// A client failure when the address or the key's file will not do.
    pub fn new(http: reqwest::Client, endpoint: &FleetEndpoint) -> Result<Self, Failure> {
        let key = endpoint.key_file.as_deref().map(read_key).transpose()?;
        Ok(Self { http, base: address(&endpoint.url)?, key })
    }

    /// Its address.
    pub fn url(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    /// Asks with GET.
    ///
    /// # Errors
    /// Why there was no answer: a transient failure.
    pub async fn get(&self, path: &str, patience: Duration) -> Result<Reply, Failure> {
        self.ask(Method::GET, path, None, None, patience).await
    }

    /// Sends JSON with POST.
    ///
    /// # Errors
    /// Why there was no answer: a transient failure.
    pub async fn post(&self, path: &str, body: Vec<u8>, patience: Duration) -> Result<Reply, Failure> {
        self.ask(Method::POST, path, Some(body), None, patience).await
    }

    /// Sends a body with any method; `header_length` marks binary tensors.
    ///
    /// # Errors
    /// Why there was no answer: a transient failure.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
        header_length: Option<usize>,
        patience: Duration,
    ) -> Result<Reply, Failure> {
        let mut url = self.base.clone();
        url.set_path(path);
        let mut request = self.http.request(method, url).timeout(patience);
        if let Some(key) = &self.key {
            request = request.header(header::AUTHORIZATION, key.clone());
        }
        if let Some(body) = body {
            let kind = if header_length.is_some() { "application/octet-stream" } else { "application/json" };
            request = request.header(header::CONTENT_TYPE, kind).body(body);
        }
        if let Some(length) = header_length {
            request = request.header(HEADER_LENGTH, length);
        }
        let began = Instant::now();
        let mut answer = request.send().await.map_err(|error| self.unheard(&error))?;
        let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
        let content_type = header("content-type").unwrap_or_default().to_owned();
        let header_length = header(HEADER_LENGTH).and_then(|text| text.parse().ok());
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(|error| self.unheard(&error))? {
            if body.len() + part.len() > LARGEST {
                let message = format!("{} sent more than {LARGEST} bytes; the rest was not read.", self.base);
                return Err(Failure::new(FailureClass::Data, message));
            }
            body.extend_from_slice(&part);
        }
        Ok(Reply { status, content_type, header_length, body, secs: began.elapsed().as_secs_f64() })
    }

    fn unheard(&self, error: &reqwest::Error) -> Failure {
        // The innermost error says what happened; the outer ones repeat the address.
        let mut inner: &dyn std::error::Error = error;
        while let Some(source) = inner.source() {
            inner = source;
        }
        let what = if error.is_timeout() { "no answer in time".to_owned() } else { inner.to_string() };
        Failure::new(FailureClass::Transient, format!("{}: {what}", self.base.as_str().trim_end_matches('/')))
    }
}

/// Reads a key from its file.
///
/// # Errors
/// When it cannot be read, or holds something that is no key.
pub fn read_key(file: &Path) -> Result<header::HeaderValue, Failure> {
    let wrong = |why: String| {
        let message = format!("The key's file {} will not do: {why}.", file.display());
        Failure::new(FailureClass::Auth, message)
    };
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let mut value = header::HeaderValue::from_str(&format!("Bearer {}", text.trim()))
        .map_err(|_error| wrong("it holds something that is no key".to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_plain() {
        for good in ["http://a", "https://b:8443", "http://127.0.0.1:8000/", "http://[::1]:8000"] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in ["a", "ftp://a", "http://", "http://a/v2", "http://u:p@a", "http://a?x=1", "file:///etc"] {
            assert_eq!(address(bad).map_err(|failure| failure.class), Err(FailureClass::Client), "{bad}");
        }
    }
}
