//! Whom a connection trusts, and with which cryptography.

use std::path::Path;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// ring is small and fast, but compiles some C; a machine that builds for another architecture has no C compiler for it.
#[cfg(not(target_arch = "aarch64"))]
fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// In Rust and assembly of its own. At the first handshake, not before, it insists on the processor's aes, pmull and sha2,
/// which every processor of Lambda's arm64 has (Graviton2 and later). Small boards lack them; there the function writes to
/// the local cloud, without TLS.
#[cfg(target_arch = "aarch64")]
fn provider() -> CryptoProvider {
    rustls_graviola::default_provider()
}

/// Trusts the certificate authorities of the web, or instead of them those in a file (`AWS_CA_BUNDLE`).
///
/// # Errors
/// When the file has no certificates.
pub(super) fn config(ca_bundle: Option<&Path>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match ca_bundle {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let unusable = |problem: String| format!("AWS_CA_BUNDLE: {}: {problem}", path.display());
            let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
            let certificates = certificates.map_err(|error| unusable(error.to_string()))?;
            for certificate in certificates {
                roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unusable("no certificate in it".to_owned()));
            }
        }
    }
    let config = ClientConfig::builder_with_provider(provider().into())
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("no TLS: {error}"))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
