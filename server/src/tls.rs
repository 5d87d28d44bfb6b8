//! TLS: the cryptography of all connections, and the certificate that Sentinel itself serves.
//!
//! The certificate is read again when its files change (looked at every minute) or on SIGHUP.
//! Connections stay as they are; new ones get the new certificate. Files that are not usable,
//! or not yet, are logged and the last certificate stays.

use parking_lot::{Mutex, RwLock};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    net::TcpStream,
    signal::unix::{SignalKind, signal},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

const LOOK_EVERY: Duration = Duration::from_secs(60);

/// The cryptography of every TLS connection of this process, of the drivers' too. Called
/// once, before anything connects.
pub fn choose_cryptography() {
    // Refused where it is chosen already.
    ring::default_provider().install_default().ok();
}

/// PEM files: the certificate with what it is signed by after it, and its private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the TLS {what} file {path} could not be read")]
    Unreadable { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("the TLS {what} file {path} is no PEM file")]
    Malformed { what: &'static str, path: PathBuf, source: pem::Error },
    #[error("the TLS certificate file {0} has no certificate in it")]
    NoCertificate(PathBuf),
    #[error("the TLS key file {0} has no private key in it that can be used without a password")]
    NoKey(PathBuf),
    #[error("the TLS key in {key} is not the one of the certificate in {certificate}")]
    Mismatch { certificate: PathBuf, key: PathBuf },
    #[error("the TLS certificate in {certificate} with the key in {key} is not usable")]
    Unusable { certificate: PathBuf, key: PathBuf, source: rustls::Error },
}

impl TlsFiles {
    fn load(&self, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
        let path = &self.certificate;
        let wrong = |error| wrong("certificate", path, error);
        let chain = CertificateDer::pem_file_iter(path).map_err(wrong)?;
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        if chain.is_empty() {
            return Err(TlsError::NoCertificate(path.clone()));
        }
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| match error {
            pem::Error::NoItemsFound => TlsError::NoKey(self.key.clone()),
            error => self::wrong("key", &self.key, error),
        })?;
        CertifiedKey::from_der(chain, key, provider).map_err(|error| {
            let (certificate, key) = (self.certificate.clone(), self.key.clone());
            match error {
                rustls::Error::InconsistentKeys(_) => TlsError::Mismatch { certificate, key },
                source => TlsError::Unusable { certificate, key, source },
            }
        })
    }

    /// When each was last written, where it can be told.
    fn written(&self) -> [Option<SystemTime>; 2] {
        [&self.certificate, &self.key]
            .map(|path| std::fs::metadata(path).and_then(|file| file.modified()).ok())
    }
}

fn wrong(what: &'static str, path: &Path, error: pem::Error) -> TlsError {
    let path = path.to_owned();
    match error {
        pem::Error::Io(source) => TlsError::Unreadable { what, path, source },
        source => TlsError::Malformed { what, path, source },
    }
}

/// What HTTPS is served with.
pub struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<Current>,
    provider: Arc<CryptoProvider>,
    files: TlsFiles,
    /// Of the files as they were read last.
    written: Mutex<[Option<SystemTime>; 2]>,
}

#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().clone())
    }
}

impl Tls {
    pub fn open(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(ring::default_provider());
        let written = Mutex::new(files.written());
        let current = Arc::new(Current(RwLock::new(Arc::new(files.load(&provider)?))));
        let mut config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("ring speaks TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Arc::new(Self { acceptor, current, provider, files, written }))
    }

    pub async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        self.acceptor.accept(stream).await
    }

    /// Keeps the certificate as the files have it, until `stop`. SIGHUP is heard from the call on.
    pub fn keep(self: Arc<Self>, stop: CancellationToken) -> impl Future<Output = ()> {
        let hang_up = signal(SignalKind::hangup());
        if let Err(error) = &hang_up {
            tracing::warn!(%error, "SIGHUP cannot be heard; changed certificates are seen by looking");
        }
        let mut hang_up = hang_up.ok();
        async move {
            let mut ticks = tokio::time::interval(LOOK_EVERY);
            loop {
                let asked = async {
                    match &mut hang_up {
                        Some(hang_up) => hang_up.recv().await,
                        None => std::future::pending().await,
                    }
                };
                let is_asked = tokio::select! {
                    _ = ticks.tick() => false,
                    _ = asked => true,
                    () = stop.cancelled() => return,
                };
                let tls = self.clone();
                let renewing = tokio::task::spawn_blocking(move || tls.renew(is_asked));
                if let Err(error) = renewing.await {
                    tracing::error!(%error, "reading the TLS certificate again did not end");
                }
            }
        }
    }

    fn renew(&self, is_asked: bool) {
        let written = self.files.written();
        if std::mem::replace(&mut *self.written.lock(), written) == written && !is_asked {
            return;
        }
        match self.files.load(&self.provider) {
            Ok(key) => {
                *self.current.0.write() = Arc::new(key);
                tracing::info!("the TLS certificate was read again");
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the TLS certificate was not renewed; the last one stays");
            }
        }
    }
}

/// For requests to others: trusts whom the system trusts. Where it trusts nobody, each request by
/// https fails and says so. Reads files.
pub fn trusting_the_system() -> Result<ClientConfig, rustls::Error> {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a certificate of the system could not be read; it is not trusted");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
