//! A service behind TLS, with its own certificate authority.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, Response};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, SupportedProtocolVersion};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::http::serve_connection;
use super::scripted::stored;

/// A running service, which stores everything.
pub struct TlsScripted {
    /// `https://localhost:port`
    pub url: String,
    /// The PEM file of its certificate authority.
    pub authority: NamedTempFile,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
}

impl TlsScripted {
    /// Starts a service that supports only this version of TLS.
    pub async fn start(version: &'static SupportedProtocolVersion) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_certificate = authority.self_signed(&authority_key).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let certificate = names.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (connections, requests) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (seen, answered) = (Arc::clone(&connections), Arc::clone(&requests));
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                seen.fetch_add(1, Ordering::Relaxed);
                let (acceptor, answered) = (acceptor.clone(), Arc::clone(&answered));
                tokio::spawn(async move {
                    // A client that does not trust it closes the connection.
                    let Ok(socket) = acceptor.accept(socket).await else { return };
                    let answer = move |_: Request<Bytes>| {
                        answered.fetch_add(1, Ordering::Relaxed);
                        async { Response::new(Full::from(stored().1.to_string())) }
                    };
                    serve_connection(socket, answer).await;
                });
            }
        });
        let authority = NamedTempFile::new().unwrap();
        std::fs::write(authority.path(), authority_certificate.pem()).unwrap();
        TlsScripted { url, authority, connections, requests }
    }

    /// Returns the number of connections.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Returns the number of requests that arrived.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}
