//! Signature Version 4, computed again: only who has the secret of a key can call with it, and only once nobody has
//! changed the request on its way.
//!
//! In the header as the SDKs and the aws CLI send it, or in the query of a presigned address. `aws-sigv4` makes signatures
//! of requests that it has put together itself, and the one crate that checks them (`scratchstack-aws-signature`) builds on
//! `encoding`, which nobody keeps any more (RUSTSEC-2021-0153).

mod canonical;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use http::header::{AUTHORIZATION, DATE};
use http::request::Parts;
use http::{HeaderMap, Uri};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use self::canonical::AUTHORITY;
pub(crate) use self::canonical::{query_parameter, query_parameters};
use crate::protocol::aws_json::ServiceError;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// How a credential scope ends.
const TERMINATOR: &str = "aws4_request";
/// Headers that must be signed where they are there.
const AMZ: &str = "x-amz-";
/// What a client says of its body's hash.
const CONTENT_HASH: &str = "x-amz-content-sha256";
/// How far a client's clock may be off, in seconds.
const SKEW: i64 = 300;
/// As time is written in a request.
const FORM: &str = "%Y%m%dT%H%M%SZ";

/// What a request says of who signed it, and how.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    algorithm: String,
    /// Access key id.
    pub key_id: String,
    /// `20261123`.
    date: String,
    region: String,
    /// Service of the credential scope: `iam`.
    pub service: String,
    /// What follows the service.
    terminator: String,
    signed_headers: Vec<String>,
    /// In hex.
    digits: String,
    place: Place,
}

/// Where a signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Header,
    Query,
}

/// A body's hash, put together while the body comes, so that a large one is hashed as long as it is in the processor's
/// cache, and while its client still sends.
pub(crate) struct Payload {
    hash: Sha256,
    /// What the client says that it is.
    said: Option<String>,
}

impl Payload {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Payload { hash: Sha256::new(), said: text(headers, CONTENT_HASH).map(str::to_owned) }
    }

    /// Takes the next piece of the body.
    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.hash.update(piece);
    }

    /// Returns the hash, which must be what the client says.
    ///
    /// # Errors
    /// Also when the body is not signed as a whole (`UNSIGNED-PAYLOAD`, `STREAMING-…`), which no service here takes.
    fn checked(self) -> Result<String, ServiceError> {
        let hash = canonical::hex(&self.hash.finalize());
        match self.said {
            Some(said) if said != hash => Err(wrong(format!(
                "The provided '{CONTENT_HASH}' header does not match what was computed. Sign the body as a whole."
            ))),
            _ => Ok(hash),
        }
    }
}

impl Signature {
    /// The region that it is for.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// The signature of a request; none where there is nothing that could be one. What is missing in it is empty.
    pub(crate) fn of(headers: &HeaderMap, uri: &Uri) -> Option<Signature> {
        let (place, algorithm, credential, signed_headers, digits) = if let Some(header) = headers.get(AUTHORIZATION) {
            let header = header.to_str().ok()?;
            let field = |name: &str| {
                let (_, rest) = header.split_once(&format!("{name}="))?;
                rest.split([',', ' ']).next().map(str::to_owned)
            };
            let algorithm = header.split(' ').next().map(str::to_owned);
            (Place::Header, algorithm, field("Credential")?, field("SignedHeaders"), field("Signature"))
        } else {
            let field = |name: &str| query_parameter(uri, name);
            let credential = field("X-Amz-Credential")?;
            let signed_headers = field("X-Amz-SignedHeaders");
            (Place::Query, field("X-Amz-Algorithm"), credential, signed_headers, field("X-Amz-Signature"))
        };
        // KEY/date/region/service/aws4_request
        let mut scope = credential.splitn(5, '/').map(str::to_owned);
        let (key_id, date, region, service) = (scope.next()?, scope.next()?, scope.next()?, scope.next()?);
        Some(Signature {
            algorithm: algorithm.unwrap_or_default(),
            key_id,
            date,
            region,
            service,
            terminator: scope.next().unwrap_or_default(),
            signed_headers: signed_headers.unwrap_or_default().split(';').map(str::to_owned).collect(),
            digits: digits.unwrap_or_default(),
            place,
        })
    }

    /// Whether who signed it has this secret, and signed this request, for this service, a short while ago. All that
    /// decides what a request asks for is signed: its headers that begin with `x-amz-`, the target among them.
    ///
    /// # Errors
    /// `IncompleteSignatureException` where something is missing, else `InvalidSignatureException`.
    pub(crate) fn check(
        &self,
        parts: &Parts,
        payload: Payload,
        secret: &str,
        service: Option<&str>,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        if self.algorithm != ALGORITHM {
            let message = format!("Unsupported AWS 'algorithm': '{}'.", self.algorithm);
            return Err(ServiceError::bad_request("IncompleteSignatureException", message));
        }
        if self.digits.is_empty() || self.signed_headers == [""] {
            return Err(ServiceError::bad_request(
                "IncompleteSignatureException",
                "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.",
            ));
        }
        if !self.signed_headers.iter().any(|name| name == "host" || name == AUTHORITY) {
            return Err(wrong("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned()));
        }
        self.check_headers(&parts.headers)?;
        self.check_scope(service)?;
        let time = self.time(parts)?;
        self.check_time(&time, parts, now)?;
        let is_signed = self
            .compute(parts, &payload.checked()?, secret, &time)
            .iter()
            .any(|signature| is_same(signature.as_bytes(), self.digits.as_bytes()));
        if is_signed {
            return Ok(());
        }
        Err(wrong(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
                .to_owned(),
        ))
    }

    fn check_headers(&self, headers: &HeaderMap) -> Result<(), ServiceError> {
        let is_left_out =
            |name: &&str| name.starts_with(AMZ) && !self.signed_headers.iter().any(|signed| signed == name);
        match headers.keys().map(http::HeaderName::as_str).find(is_left_out) {
            Some(name) => Err(wrong(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))),
            None => Ok(()),
        }
    }

    fn check_scope(&self, service: Option<&str>) -> Result<(), ServiceError> {
        if self.terminator != TERMINATOR {
            return Err(wrong(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'.",
                self.terminator
            )));
        }
        match service {
            Some(service) if service != self.service => {
                Err(wrong(format!("Credential should be scoped to correct service: '{service}'.")))
            }
            _ => Ok(()),
        }
    }

    /// What the signature may be: clients differ in what they sign of unusual paths and queries.
    fn compute(&self, parts: &Parts, payload: &str, secret: &str, time: &str) -> Vec<String> {
        let scope = format!("{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service);
        let key = generate_signing_key(secret, moment(time).unwrap_or_default().into(), &self.region, &self.service);
        let sign = |request: String| {
            let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", canonical::hex_sha256(request.as_bytes()));
            calculate_signature(&key, text.as_bytes())
        };
        canonical::forms(parts, &self.signed_headers, payload).into_iter().map(sign).collect()
    }

    /// When it was signed, as it is written for signing.
    fn time(&self, parts: &Parts) -> Result<String, ServiceError> {
        let found = match self.place {
            Place::Query => query_parameter(&parts.uri, "X-Amz-Date"),
            Place::Header => text(&parts.headers, "x-amz-date").map(str::to_owned).or_else(|| {
                let date = text(&parts.headers, DATE.as_str())?;
                let date = jiff::fmt::rfc2822::parse(date).ok()?;
                Some(date.timestamp().strftime(FORM).to_string())
            }),
        };
        found.ok_or_else(|| {
            let message = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.";
            ServiceError::bad_request("IncompleteSignatureException", message)
        })
    }

    fn check_time(&self, time: &str, parts: &Parts, now: Timestamp) -> Result<(), ServiceError> {
        let Some(at) = moment(time) else {
            return Err(wrong(format!("Date must be in ISO-8601 'basic format'. Got '{time}'.")));
        };
        if time.get(..8) != Some(self.date.as_str()) {
            return Err(wrong(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{}' != \
                 '{}', from '{time}'.",
                self.date,
                time.split('T').next().unwrap_or_default()
            )));
        }
        let (now, at) = (now.as_second(), at.as_second());
        let expires = match self.place {
            Place::Header => None,
            Place::Query => query_parameter(&parts.uri, "X-Amz-Expires").and_then(|seconds| seconds.parse().ok()),
        };
        // A presigned address says itself how long it is good for.
        let good_for: i64 = expires.unwrap_or(SKEW).clamp(0, 604_800);
        if at > now + SKEW {
            return Err(wrong(format!(
                "Signature not yet current: {time} is still later than {} ({} + 5 min.)",
                written(now + SKEW),
                written(now)
            )));
        }
        if at < now - good_for {
            return Err(wrong(format!(
                "Signature expired: {time} is now earlier than {} ({} - {}.)",
                written(now - good_for),
                written(now),
                if expires.is_some() { format!("{good_for} s") } else { "5 min".to_owned() }
            )));
        }
        Ok(())
    }
}

/// Compares without telling by its time how much is the same.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}

fn wrong(message: String) -> ServiceError {
    ServiceError::bad_request("InvalidSignatureException", message)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// `20261123T112233Z`.
fn moment(time: &str) -> Option<Timestamp> {
    let at = DateTime::strptime(FORM, time).ok()?;
    at.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

fn written(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().strftime(FORM).to_string()
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
