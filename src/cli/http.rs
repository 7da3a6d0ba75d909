//! What every command that listens asks about connections and TLS.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use orrery_engine::http::ServeLimits;

/// How requests are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Not one by one
    Text,
    /// A line of JSON each, on standard error: time, level, route, status, secs, request id, trace id
    Json,
}

#[derive(Debug, Args)]
pub struct HttpArguments {
    /// Longest that requests under way are waited for at the end, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 30.0)]
    drain: f64,
    /// Most connections at once; more wait until one ends
    #[arg(long, value_name = "N", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    connections: u32,
    /// Longest that a connection may be without a whole request head, in seconds
    #[arg(long, value_name = "SECS", default_value_t = 60.0)]
    head_timeout: f64,
    /// Speak TLS with this certificate (PEM, with its chain); read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// How requests are logged
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// End with standard input, as a child does whose parent is gone
    #[arg(long, hide = true)]
    end_with_stdin: bool,
}

/// Seconds as a span; what is no span is without end.
pub fn span(secs: f64) -> Duration {
    Duration::try_from_secs_f64(secs).unwrap_or(Duration::MAX)
}

impl HttpArguments {
    /// Connections, and how they end.
    pub fn limits(&self) -> ServeLimits {
        ServeLimits {
            connections: self.connections as usize,
            head: span(self.head_timeout),
            drain: span(self.drain),
            end_with_stdin: self.end_with_stdin,
        }
    }

    /// Whether each request is logged as a line of JSON.
    pub fn logs_requests(&self) -> bool {
        self.log_format == LogFormat::Json
    }

    /// Certificate and key.
    pub fn tls(&self) -> Option<(PathBuf, PathBuf)> {
        self.tls_cert.clone().zip(self.tls_key.clone())
    }
}
