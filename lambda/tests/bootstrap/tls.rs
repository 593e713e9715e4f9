//! Tests of real TLS handshakes with trusted and untrusted services.

use rustls::version::{TLS12, TLS13};

use crate::support::{Function, PARTIAL, TlsScripted, event, plain, sequence};

#[tokio::test]
async fn tls_service_trusted_by_ca_bundle_gets_readings() {
    for version in [&TLS13, &TLS12] {
        let service = TlsScripted::start(version).await;
        let settings = [
            ("AWS_ENDPOINT_URL_DYNAMODB", service.url.as_str()),
            ("AWS_CA_BUNDLE", service.authority.path().to_str().unwrap()),
        ];
        let mut function = Function::start("", &settings).await;
        for _ in 0..2 {
            assert_eq!(function.invoke(&event((1..=60).map(plain))).await.failures(), [""; 0]);
        }
        assert_eq!(service.requests(), 6, "{version:?}");
        assert!(service.connections() <= 3, "connections are kept: {}", service.connections());
    }
}

#[tokio::test]
async fn tls_untrusted_service_gets_nothing_and_is_not_retried() {
    let service = TlsScripted::start(&TLS13).await;
    let settings = [("AWS_ENDPOINT_URL_DYNAMODB", service.url.as_str()), PARTIAL];
    let mut function = Function::start("", &settings).await;
    assert_eq!(function.invoke(&event([plain(1)])).await.failures(), [sequence(1)]);
    assert_eq!((service.connections(), service.requests()), (1, 0));
    let log = function.log_line().await;
    assert!(log["Error"].as_str().unwrap().contains("UnknownIssuer"), "{log}");
}

#[tokio::test]
async fn ca_bundle_without_certificates_fails_every_invocation_with_its_path() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    for path in ["/nowhere.pem", empty.path().to_str().unwrap()] {
        let mut function = Function::start("127.0.0.1:1", &[("AWS_CA_BUNDLE", path), PARTIAL]).await;
        let answer = function.invoke(&event([plain(1)])).await;
        assert!(answer.error().contains("AWS_CA_BUNDLE") && answer.error().contains(path), "{answer:?}");
    }
}
