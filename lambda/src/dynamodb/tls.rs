//! Configures TLS: trusted certificate authorities and the cryptography provider.

use std::path::Path;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Returns the provider ring. It is small and fast but compiles some C, and a machine that cross-compiles has no C
/// compiler for the target.
#[cfg(not(target_arch = "aarch64"))]
fn provider() -> CryptoProvider {
    rustls::crypto::ring::default_provider()
}

/// Returns a provider in Rust and assembly. At the first handshake, not before, it requires the processor's aes, pmull
/// and sha2. Every arm64 processor of Lambda has them (Graviton2 and later). Small boards lack them, but there the
/// function writes to the local cloud, without TLS.
#[cfg(target_arch = "aarch64")]
fn provider() -> CryptoProvider {
    rustls_graviola::default_provider()
}

/// Returns a configuration that trusts the public certificate authorities, or instead those in a file
/// (`AWS_CA_BUNDLE`).
///
/// # Errors
/// If the file has no certificates.
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
