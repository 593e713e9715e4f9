//! Verification of Signature Version 4: a caller must have the secret of its key, and the request must be unchanged.
//!
//! The signature is in the header, as the SDKs and the aws CLI send it, or in the query of a presigned URL. `aws-sigv4`
//! only signs requests that it has built itself, and the one crate that verifies them (`scratchstack-aws-signature`)
//! depends on `encoding`, which is unmaintained (RUSTSEC-2021-0153).

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
/// End of a credential scope.
const TERMINATOR: &str = "aws4_request";
/// Prefix of headers that must be signed if present.
const AMZ: &str = "x-amz-";
/// Header with the body's hash from the client.
const CONTENT_HASH: &str = "x-amz-content-sha256";
/// Maximum clock skew of a client, in seconds.
const SKEW: i64 = 300;
/// Format of times in requests.
const FORM: &str = "%Y%m%dT%H%M%SZ";

/// The signature of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    algorithm: String,
    /// Access key ID.
    pub key_id: String,
    /// `20261123`.
    date: String,
    region: String,
    /// Service of the credential scope: `iam`.
    pub service: String,
    /// The part after the service.
    terminator: String,
    signed_headers: Vec<String>,
    /// The signature in hex.
    digits: String,
    place: Place,
}

/// The place of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Header,
    Query,
}

/// A body's hash, computed while the body arrives.
///
/// A large body is hashed while it is in the processor's cache, and while its client still sends.
pub(crate) struct Payload {
    hash: Sha256,
    /// The hash that the client declares.
    said: Option<String>,
}

impl Payload {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        Payload { hash: Sha256::new(), said: text(headers, CONTENT_HASH).map(str::to_owned) }
    }

    /// Hashes the next chunk of the body.
    pub(crate) fn update(&mut self, piece: &[u8]) {
        self.hash.update(piece);
    }

    /// Returns the hash, which must equal the client's.
    ///
    /// # Errors
    /// The hashes differ, or the body is not signed as a whole (`UNSIGNED-PAYLOAD`, `STREAMING-…`), which no service
    /// here accepts.
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
    /// Returns the region of the credential scope.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// Returns the signature of a request, or `None` if nothing in it could be one. Missing parts are empty.
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

    /// Verifies that the sender has this secret, and has signed this request for this service a short while ago.
    ///
    /// All headers that begin with `x-amz-` must be signed, the target among them, since they decide the effect of the
    /// request.
    ///
    /// # Errors
    /// `IncompleteSignatureException` if a part is missing, else `InvalidSignatureException`.
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

    /// Returns the valid signatures: clients differ in how they sign unusual paths and queries.
    fn compute(&self, parts: &Parts, payload: &str, secret: &str, time: &str) -> Vec<String> {
        let scope = format!("{}/{}/{}/{TERMINATOR}", self.date, self.region, self.service);
        let key = generate_signing_key(secret, moment(time).unwrap_or_default().into(), &self.region, &self.service);
        let sign = |request: String| {
            let text = format!("{ALGORITHM}\n{time}\n{scope}\n{}", canonical::hex_sha256(request.as_bytes()));
            calculate_signature(&key, text.as_bytes())
        };
        canonical::forms(parts, &self.signed_headers, payload).into_iter().map(sign).collect()
    }

    /// Returns the signing time in the signature's format.
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
        // A presigned URL contains its own lifetime.
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

/// Compares in constant time.
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && one.iter().zip(other).fold(0, |differs, (one, other)| differs | (one ^ other)) == 0
}

fn wrong(message: String) -> ServiceError {
    ServiceError::bad_request("InvalidSignatureException", message)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Parses a time like `20261123T112233Z`.
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
