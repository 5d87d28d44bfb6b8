//! Certificates of the test's own.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Who signs certificates, and whom clients trust.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// PEM files.
pub struct Files {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("no names are fine");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(DnType::CommonName, "the test's authority");
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("signs"))
    }

    /// Writes a new certificate for 127.0.0.1 to the same two files every time.
    pub fn write_certificate(&self, folder: &Path) -> (Files, CertificateDer<'static>) {
        let files = Files { certificate: folder.join("cert.pem"), key: folder.join("key.pem") };
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("a good name");
        let certificate = params.signed_by(&key, &self.0).expect("signs");
        std::fs::write(&files.certificate, certificate.pem()).expect("writes");
        std::fs::write(&files.key, key.serialize_pem()).expect("writes");
        (files, certificate.der().clone())
    }

    pub fn write_own(&self, folder: &Path) -> PathBuf {
        let path = folder.join("authority.pem");
        std::fs::write(&path, self.0.pem()).expect("writes");
        path
    }

    /// A client that trusts this authority and nobody else.
    pub fn client(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a certificate");
        Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    }
}
