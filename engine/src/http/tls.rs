//! TLS: a certificate and its key from files, taken up again when they change.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use orrery_domain::{Failure, FailureClass};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

/// How long between two looks at the files.
const LOOK: Duration = Duration::from_secs(1);

/// A certificate and its key, as the files last held a good pair.
#[derive(Clone)]
pub struct Tls {
    shared: Arc<Shared>,
}

struct Shared {
    certificate: PathBuf,
    key: PathBuf,
    /// A change of the files is seen by their content: times of change are too coarse, and secrets of clusters are links.
    held: RwLock<(TlsAcceptor, blake3::Hash)>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.shared.certificate).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads a chain of certificates and its private key, both PEM.
    ///
    /// # Errors
    /// A client failure when a file cannot be read, holds nothing of the kind, or the two do not belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, Failure> {
        let pair = Pair::read(certificate, key)?;
        let held = RwLock::new((pair.acceptor(certificate, key)?, pair.hash()));
        Ok(Self {
            shared: Arc::new(Shared { certificate: certificate.to_owned(), key: key.to_owned(), held }),
        })
    }

    /// What takes the next connection.
    pub fn acceptor(&self) -> TlsAcceptor {
        self.shared.held.read().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Looks at the files each second, for ever. A broken new pair is told in the log, once, and the old one stays.
    pub async fn keep_fresh(self) {
        let mut seen = self.shared.held.read().unwrap_or_else(PoisonError::into_inner).1;
        loop {
            tokio::time::sleep(LOOK).await;
            self.look(&mut seen);
        }
    }

    /// Takes up the files where they are others than those last seen.
    fn look(&self, seen: &mut blake3::Hash) {
        let Shared { certificate, key, held } = &*self.shared;
        let (found, pair) = match Pair::read(certificate, key) {
            Ok(pair) => (pair.hash(), Ok(pair)),
            Err(failure) => (blake3::hash(failure.message.as_bytes()), Err(failure)),
        };
        if found == *seen {
            return;
        }
        *seen = found;
        match pair.and_then(|pair| pair.acceptor(certificate, key)) {
            Ok(acceptor) => {
                *held.write().unwrap_or_else(PoisonError::into_inner) = (acceptor, found);
                log::info!("the certificate was read again from {}", certificate.display());
            }
            Err(failure) => log::error!("{} The certificate in use is kept.", failure.message),
        }
    }
}

/// The files' bytes.
struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Pair {
    fn read(certificate: &Path, key: &Path) -> Result<Self, Failure> {
        let read = |path: &Path| {
            std::fs::read(path)
                .map_err(|error| failure(&format!("{error}. Check the path and who may read it"), path))
        };
        Ok(Self { certificate: read(certificate)?, key: read(key)? })
    }

    fn hash(&self) -> blake3::Hash {
        let length = (self.certificate.len() as u64).to_le_bytes();
        blake3::Hasher::new().update(&length).update(&self.certificate).update(&self.key).finalize()
    }

    fn acceptor(&self, certificate: &Path, key: &Path) -> Result<TlsAcceptor, Failure> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<_, _>>()
            .map_err(|error| failure(&format!("it is no PEM file ({error})"), certificate))?;
        if chain.is_empty() {
            return Err(failure("it holds no certificate: PEM is expected", certificate));
        }
        let private = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_secret| failure("it holds no private key: PEM is expected", key))?;
        let unfit =
            |error| failure(&format!("{error}. Certificate and key must belong together"), certificate);
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_no_client_auth()
            .with_single_cert(chain, private)
            .map_err(unfit)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn failure(why: &str, path: &Path) -> Failure {
    Failure::new(FailureClass::Client, format!("TLS cannot be had from a file: {why}: {}.", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/fixtures").join(name)
    }

    #[test]
    fn what_is_wrong_with_the_files_is_said_and_never_the_key() {
        let (certificate, key) = (fixture("first.pem"), fixture("first.key"));
        assert!(Tls::load(&certificate, &key).is_ok());
        for (certificate, key, words) in [
            (fixture("none.pem"), key.clone(), "Check the path"),
            (key.clone(), key.clone(), "no certificate"),
            (certificate.clone(), certificate.clone(), "no private key"),
            (certificate.clone(), fixture("second.key"), "belong together"),
        ] {
            let failure = Tls::load(&certificate, &key).expect_err(words);
            assert!(failure.message.contains(words), "{failure}");
            assert_eq!(failure.class, FailureClass::Client);
            assert!(!failure.message.contains("BEGIN"), "{failure}");
        }
    }

    #[test]
    fn a_broken_new_pair_keeps_the_old_one_and_a_good_one_takes_its_place() {
        let dir = tempfile::tempdir().expect("a folder");
        let (certificate, key) = (dir.path().join("a.pem"), dir.path().join("a.key"));
        let put = |from: &str, to: &Path| std::fs::copy(fixture(from), to).expect("copied");
        put("first.pem", &certificate);
        put("first.key", &key);
        let tls = Tls::load(&certificate, &key).expect("a pair");
        let config = |tls: &Tls| Arc::as_ptr(tls.acceptor().config());
        let (first, mut seen) = (config(&tls), tls.shared.held.read().expect("free").1);
        // A renewal writes one file after the other: between them the pair is no pair.
        put("second.pem", &certificate);
        tls.look(&mut seen);
        assert_eq!(config(&tls), first);
        put("second.key", &key);
        tls.look(&mut seen);
        let second = config(&tls);
        assert_ne!(second, first);
        tls.look(&mut seen);
        assert_eq!(config(&tls), second, "files that stay are not read anew");
        std::fs::remove_file(&key).expect("removed");
        tls.look(&mut seen);
        assert_eq!(config(&tls), second);
        // The same pair again, after a broken one: taken up, which changes nothing for clients.
        put("second.key", &key);
        tls.look(&mut seen);
        assert!(tls.acceptor().config().alpn_protocols.len() == 1);
    }
}
