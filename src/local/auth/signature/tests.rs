use http::Request;

use super::testing::sign;
use super::*;
use crate::connection_info::AccessKey;

fn access() -> AccessKey {
    AccessKey { key_id: "KEY".to_owned(), secret: "secret".to_owned() }
}

fn request() -> Request<()> {
    let mut request = Request::post("/2015-03-31/functions?a=1").header("host", "127.0.0.1").body(()).unwrap();
    sign(&mut request, &access(), "lambda", b"body");
    request
}

fn payload(headers: &HeaderMap, body: &[u8]) -> Payload {
    let mut payload = Payload::of(headers);
    body.chunks(3).for_each(|piece| payload.update(piece));
    payload
}

fn check(request: Request<()>, body: &str, secret: &str, later: i64) -> Result<(), ServiceError> {
    let parts = request.into_parts().0;
    let signature = Signature::of(&parts.headers, &parts.uri).unwrap();
    let now = Timestamp::from_second(Timestamp::now().as_second() + later).unwrap();
    signature.check(&parts, payload(&parts.headers, body.as_bytes()), secret, None, now)
}

fn refused(request: Request<()>, body: &str, secret: &str, later: i64) -> String {
    let error = check(request, body, secret, later).unwrap_err();
    assert_eq!(error.code, "InvalidSignatureException");
    error.message
}

#[test]
fn signature_of_another_secret_or_request_is_rejected() {
    check(request(), "body", "secret", 0).unwrap();
    let differs = "The request signature we calculated does not match";
    assert!(refused(request(), "body", "Secret", 0).starts_with(differs));
    assert!(refused(request(), "bodY", "secret", 0).starts_with(differs));
    let mut changed = request();
    changed.headers_mut().insert("host", "localhost".parse().unwrap());
    assert!(refused(changed, "body", "secret", 0).starts_with(differs));
    let mut changed = request();
    let date = changed.headers()["x-amz-date"].to_str().unwrap();
    let next = written(moment(date).unwrap().as_second() + 1);
    changed.headers_mut().insert("x-amz-date", next.parse().unwrap());
    // A day later at midnight: another error.
    refused(changed, "body", "secret", 0);
    for line in ["/2015-03-31/functions?a=2", "/2015-03-31/function?a=1", "/2015-03-31/functions"] {
        let mut changed = request();
        *changed.uri_mut() = line.parse().unwrap();
        assert!(refused(changed, "body", "secret", 0).starts_with(differs), "{line}");
    }
    let mut changed = request();
    *changed.method_mut() = http::Method::PUT;
    assert!(refused(changed, "body", "secret", 0).starts_with(differs));
}

#[test]
fn signature_may_cover_the_http_2_authority() {
    let time = Timestamp::now().strftime(FORM).to_string();
    let request = |host: &str, signature: &str| {
        let scope = format!("KEY/{}/us-east-1/kinesis/aws4_request", &time[..8]);
        let signed = "SignedHeaders=:authority;x-amz-date";
        Request::post(format!("http://{host}/"))
            .header("x-amz-date", &time)
            .header("authorization", format!("{ALGORITHM} Credential={scope}, {signed}, Signature={signature}"))
            .body(())
            .unwrap()
    };
    let parts = request("127.0.0.1:4588", "0").into_parts().0;
    let unsigned = Signature::of(&parts.headers, &parts.uri).unwrap();
    let signature = unsigned.compute(&parts, &canonical::hex_sha256(b"{}"), "secret", &time).remove(0);
    check(request("127.0.0.1:4588", &signature), "{}", "secret", 0).unwrap();
    assert!(refused(request("localhost:4588", &signature), "{}", "secret", 0).contains("does not match"));
}

#[test]
fn signature_clock_skew_of_five_minutes_is_accepted() {
    check(request(), "body", "secret", 290).unwrap();
    check(request(), "body", "secret", -290).unwrap();
    let late = refused(request(), "body", "secret", 310);
    assert!(late.starts_with("Signature expired: ") && late.ends_with(" - 5 min.)"), "{late}");
    let early = refused(request(), "body", "secret", -310);
    assert!(early.starts_with("Signature not yet current: ") && early.ends_with(" + 5 min.)"), "{early}");
}

#[test]
fn signature_missing_parts_are_named() {
    for authorization in [
        "AWS4-HMAC-SHA256 Credential=K/20260101/r/s/aws4_request",
        "AWS4-HMAC-SHA256 Credential=K/20260101/r/s/x, SignedHeaders=host",
        "Credential=K/20260101/r/s/aws4_request, SignedHeaders=host, Signature=0",
    ] {
        let mut request = request();
        request.headers_mut().insert("authorization", authorization.parse().unwrap());
        assert_eq!(check(request, "body", "secret", 0).unwrap_err().code, "IncompleteSignatureException");
    }
    let mut undated = request();
    undated.headers_mut().remove("x-amz-date");
    assert_eq!(check(undated, "body", "secret", 0).unwrap_err().code, "IncompleteSignatureException");
    let mut hostless = request();
    let authorization = hostless.headers()["authorization"].to_str().unwrap().replace("host;", "");
    hostless.headers_mut().insert("authorization", authorization.parse().unwrap());
    assert!(refused(hostless, "body", "secret", 0).contains("'Host' or ':authority' must be"));
}

/// The example of the service's own documentation of `SigV4`, as in its test suite (`get-vanilla`).
#[test]
fn signature_matches_the_documented_example() {
    let request = Request::get("/")
        .header("host", "example.amazonaws.com")
        .header("x-amz-date", "20150830T123600Z")
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        )
        .body(())
        .unwrap();
    let parts = request.into_parts().0;
    let signature = Signature::of(&parts.headers, &parts.uri).unwrap();
    let now = "2015-08-30T12:37:00Z".parse().unwrap();
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    signature.check(&parts, payload(&parts.headers, b""), secret, Some("service"), now).unwrap();
}

#[test]
fn presigned_url_expires_after_its_own_lifetime() {
    let time = Timestamp::now().strftime(FORM).to_string();
    let address = |signature: &str| {
        let credential = format!("KEY%2F{}%2Fus-east-1%2Fsts%2Faws4_request", &time[..8]);
        let uri = format!(
            "/?Action=GetCallerIdentity&X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={credential}&X-Amz-Date={time}&\
             X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature={signature}"
        );
        Request::get(uri).header("host", "127.0.0.1").body(()).unwrap()
    };
    let parts = address("0").into_parts().0;
    let unsigned = Signature::of(&parts.headers, &parts.uri).unwrap();
    assert_eq!((unsigned.key_id.as_str(), unsigned.service.as_str()), ("KEY", "sts"));
    let signature = unsigned.compute(&parts, &canonical::hex_sha256(b""), "secret", &time).remove(0);
    check(address(&signature), "", "secret", 800).unwrap();
    assert!(refused(address(&signature), "", "secret", 1000).starts_with("Signature expired"));
    assert!(refused(address(&signature).map(|()| ()), "", "another", 0).contains("does not match"));
}

/// Returns a request signed by [`sign`] and then changed.
fn changed(change: impl FnOnce(&mut HeaderMap)) -> Request<()> {
    let mut changed = request();
    change(changed.headers_mut());
    changed
}

fn authorization_with(from: &str, to: &str) -> Request<()> {
    changed(|headers| {
        let authorization = headers["authorization"].to_str().unwrap();
        assert!(authorization.contains(from), "{authorization}");
        let authorization = authorization.replace(from, to).parse().unwrap();
        headers.insert("authorization", authorization);
    })
}

#[test]
fn signature_must_cover_x_amz_headers() {
    for (name, value) in [
        ("x-amz-target", "Kinesis_20131202.ListStreams"),
        ("x-amz-security-token", "another"),
        ("x-amz-invocation-type", "DryRun"),
    ] {
        let unsigned = changed(|headers| drop(headers.insert(name, value.parse().unwrap())));
        assert!(refused(unsigned, "body", "secret", 0).contains(&format!("'{name}' must be a 'SignedHeader'")));
    }
    // Proxies add and remove other headers.
    check(changed(|headers| drop(headers.insert("x-amzn-trace-id", "Root=1".parse().unwrap()))), "body", "secret", 0)
        .unwrap();
}

#[test]
fn credential_scope_must_match_day_service_and_terminator() {
    let service = |service: &str| {
        let parts = request().into_parts().0;
        let signature = Signature::of(&parts.headers, &parts.uri).unwrap();
        let payload = payload(&parts.headers, b"body");
        signature.check(&parts, payload, "secret", Some(service), Timestamp::now())
    };
    service("lambda").unwrap();
    let error = service("kinesis").unwrap_err();
    assert_eq!(error.message, "Credential should be scoped to correct service: 'kinesis'.");
    for end in ["/aws4_requesT,", "/aws4_request/x,", ","] {
        let error = refused(authorization_with("/aws4_request,", end), "body", "secret", 0);
        assert!(error.contains("valid terminator"), "{end}: {error}");
    }
    let day = written(Timestamp::now().as_second())[..8].to_owned();
    for date in ["", &day[..6], "19700101"] {
        let error = refused(authorization_with(&format!("/{day}/"), &format!("/{date}/")), "body", "secret", 0);
        assert!(error.contains("does not match YYYYMMDD"), "{date}: {error}");
    }
    let error = check(authorization_with("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"), "body", "secret", 0).unwrap_err();
    assert_eq!(error.code, "IncompleteSignatureException");
}

#[test]
fn signature_body_hash_must_match_and_cover_the_whole_body() {
    let with_hash = |said: &str| {
        let mut request = Request::post("/").header("host", "127.0.0.1").header("x-amz-content-sha256", said).body(());
        let request_mut = request.as_mut().unwrap();
        sign(request_mut, &access(), "lambda", b"body");
        request.unwrap()
    };
    check(with_hash(&canonical::hex_sha256(b"body")), "body", "secret", 0).unwrap();
    for said in ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "", &canonical::hex_sha256(b"other")] {
        let error = refused(with_hash(said), "body", "secret", 0);
        assert!(error.contains("does not match what was computed"), "{said}: {error}");
    }
}

#[test]
fn query_parameter_is_decoded_as_signed() {
    let uri: Uri = "/?Action=a+b&X=%2B+%20&Empty&X=2".parse().unwrap();
    assert_eq!(query_parameter(&uri, "Action").unwrap(), "a+b");
    assert_eq!(query_parameter(&uri, "X").unwrap(), "++ ");
    assert_eq!(query_parameter(&uri, "Empty").unwrap(), "");
    let parts = Request::get(uri).body(()).unwrap().into_parts().0;
    let forms = canonical::forms(&parts, &[], "");
    assert!(forms[0].contains("Action=a%2Bb&Empty=&X=%2B%2B%20&X=2"), "{forms:?}");
}
