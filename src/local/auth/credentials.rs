//! The access keys that this local cloud accepts: its owner's, and those of role sessions.
//!
//! Temporary sessions are stored on the disk until they expire; sessions of functions end with the processes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_sigv4::sign::v4::calculate_signature;
use http::{HeaderMap, Uri};
use parking_lot::Mutex;
use rand::Rng;
use serde::{Deserialize, Serialize};

use super::signature::{Signature, is_same, query_parameter};
use crate::connection_info::{AccessKey, OWNER_KEY_PREFIX};
use crate::data_dir::read_json;
use crate::durability::Durability;
use crate::error::Error;
use crate::protocol::aws_json::{ServiceError, now_ms};

/// The access keys of one local cloud; clones share them.
#[derive(Clone)]
pub(crate) struct CredentialStore(Arc<Inner>);

struct Inner {
    owner: AccessKey,
    sessions: Mutex<BTreeMap<String, Session>>,
    /// Held while the sessions are written to the disk.
    writing: Mutex<()>,
    /// The file of the sessions that expire.
    path: PathBuf,
    durability: Durability,
}

#[derive(Clone, Serialize, Deserialize)]
struct Session {
    role_arn: String,
    name: String,
    secret: String,
    token: String,
    /// Expiry in epoch milliseconds; `None`: valid until revoked.
    ends: Option<u64>,
}

impl Session {
    fn has_ended(&self) -> bool {
        self.ends.is_some_and(|ends| ends <= now_ms())
    }
}

/// The sender of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The user of this machine.
    Owner,
    /// A session of a role.
    Role {
        /// ARN of the role.
        arn: String,
        /// Name of the session.
        session: String,
    },
}

/// The credentials of a role session.
pub(crate) struct SessionKeys {
    /// Access key ID.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// Session token.
    pub session_token: String,
}

#[derive(Serialize, Deserialize)]
struct KeyFile {
    access_key_id: String,
    secret_access_key: String,
}

impl CredentialStore {
    /// Opens the keys of this file; generates and stores the owner's on first use.
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<CredentialStore, Error> {
        let file = if let Some(file) = read_json::<KeyFile>(path)? {
            file
        } else {
            let file = KeyFile { access_key_id: key_id(OWNER_KEY_PREFIX), secret_access_key: secret(40) };
            durability.write_json(path, &file)?;
            file
        };
        let owner = AccessKey { key_id: file.access_key_id, secret: file.secret_access_key };
        let path = path.with_file_name("sessions.json");
        let sessions = Mutex::new(read_json(&path)?.unwrap_or_default());
        Ok(CredentialStore(Arc::new(Inner { owner, sessions, writing: Mutex::new(()), path, durability })))
    }

    /// Returns the owner's key.
    pub(crate) fn owner(&self) -> AccessKey {
        self.0.owner.clone()
    }

    /// Returns whether this is the owner's access key ID.
    pub(crate) fn is_owner(&self, key_id: &str) -> bool {
        key_id == self.0.owner.key_id
    }

    /// Returns whether this is the token of the control endpoint.
    pub(crate) fn opens_control(&self, token: &str) -> bool {
        is_same(token.as_bytes(), control_token(&self.0.owner.secret).as_bytes())
    }

    /// Returns the secret of an access key ID.
    pub(crate) fn secret(&self, key_id: &str) -> Option<String> {
        if self.is_owner(key_id) {
            return Some(self.0.owner.secret.clone());
        }
        self.sessions().get(key_id).map(|session| session.secret.clone())
    }

    /// Creates credentials for a session of a role, valid until they are revoked or this process ends.
    pub(crate) fn issue(&self, role_arn: &str, name: &str) -> SessionKeys {
        let (keys, session) = new_session(role_arn, name, None);
        self.sessions().insert(keys.access_key_id.clone(), session);
        keys
    }

    /// Creates credentials that expire after this time.
    ///
    /// # Errors
    /// They cannot be written to the disk.
    pub(crate) fn issue_for(
        &self,
        role_arn: &str,
        name: &str,
        lifetime: Duration,
    ) -> Result<SessionKeys, ServiceError> {
        let ends = now_ms().saturating_add(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX));
        let (keys, session) = new_session(role_arn, name, Some(ends));
        // One writer at a time; a lookup of a key does not wait for the disk.
        let _writing = self.0.writing.lock();
        let mut kept = self.sessions().clone();
        // Drop expired sessions, and those that are not stored.
        kept.retain(|_, session| session.ends.is_some() && !session.has_ended());
        kept.insert(keys.access_key_id.clone(), session.clone());
        let written = self.0.durability.write_json(&self.0.path, &kept);
        written.map_err(|error| ServiceError::internal(error.to_string()))?;
        let mut sessions = self.sessions();
        sessions.retain(|_, session| !session.has_ended());
        sessions.insert(keys.access_key_id.clone(), session);
        drop(sessions);
        Ok(keys)
    }

    /// Revokes session credentials.
    pub(crate) fn revoke(&self, access_key_id: &str) {
        self.sessions().remove(access_key_id);
    }

    /// Returns the owner of a request's access key.
    ///
    /// The signature check then proves that the request was signed with its secret.
    ///
    /// # Errors
    /// `MissingAuthenticationTokenException` without any credential, `UnrecognizedClientException` with a wrong one.
    pub(crate) fn check(&self, headers: &HeaderMap, uri: &Uri) -> Result<Caller, ServiceError> {
        let signature = Signature::of(headers, uri).ok_or_else(unsigned)?;
        if self.is_owner(&signature.key_id) {
            return Ok(Caller::Owner);
        }
        let token = headers
            .get("x-amz-security-token")
            .and_then(|value| value.to_str().ok().map(str::to_owned))
            .or_else(|| query_parameter(uri, "X-Amz-Security-Token"));
        match self.sessions().get(&signature.key_id) {
            Some(session) if token.as_ref() == Some(&session.token) => {
                if session.has_ended() {
                    let message = "The security token included in the request is expired";
                    return Err(ServiceError::bad_request("ExpiredTokenException", message));
                }
                // A session of the owner (`GetSessionToken`).
                if session.role_arn.contains(":user/") {
                    return Ok(Caller::Owner);
                }
                Ok(Caller::Role { arn: session.role_arn.clone(), session: session.name.clone() })
            }
            _ => Err(ServiceError::bad_request(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            )),
        }
    }

    fn sessions(&self) -> parking_lot::MutexGuard<'_, BTreeMap<String, Session>> {
        self.0.sessions.lock()
    }
}

/// Returns the token that opens the control endpoint (`/_sensorctl/…`).
///
/// It is derived from the owner's secret. The access key ID does not open the endpoint, since it appears in logs and
/// presigned URLs.
pub(crate) fn control_token(secret: &str) -> String {
    calculate_signature(secret, b"sensorctl control")
}

/// Returns the error for an unsigned request.
pub(crate) fn unsigned() -> ServiceError {
    ServiceError::bad_request("MissingAuthenticationTokenException", "Request is missing Authentication Token")
}

fn new_session(role_arn: &str, name: &str, ends: Option<u64>) -> (SessionKeys, Session) {
    let keys = SessionKeys { access_key_id: key_id("LSIA"), secret_access_key: secret(40), session_token: secret(120) };
    let session = Session {
        role_arn: role_arn.to_owned(),
        name: name.to_owned(),
        secret: keys.secret_access_key.clone(),
        token: keys.session_token.clone(),
        ends,
    };
    (keys, session)
}

/// Returns twenty characters with a prefix that no AWS key has.
fn key_id(prefix: &str) -> String {
    format!("{prefix}{}", random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16))
}

fn secret(length: usize) -> String {
    random(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", length)
}

fn random(alphabet: &[u8], length: usize) -> String {
    let mut rng = rand::rng();
    (0..length).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
}

#[cfg(test)]
mod tests {
    use http::header::AUTHORIZATION;

    use super::*;

    fn signed(key_id: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={key_id}/20261123/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0"
        );
        headers.insert(AUTHORIZATION, value.parse().unwrap());
        headers
    }

    #[test]
    fn owner_key_survives_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let first = CredentialStore::open(&path, Durability::Process).unwrap().owner();
        let again = CredentialStore::open(&path, Durability::Process).unwrap();
        assert_eq!((first.key_id.len(), first.secret.len()), (20, 40));
        assert_eq!(again.check(&signed(&first.key_id), &Uri::from_static("/")).unwrap(), Caller::Owner);
    }

    #[test]
    fn session_needs_its_token_and_ends_when_revoked() {
        let dir = tempfile::tempdir().unwrap();
        let keys = CredentialStore::open(&dir.path().join("keys.json"), Durability::Process).unwrap();
        let session = keys.issue("arn:aws:iam::000000000000:role/r", "s");
        let uri = Uri::from_static("/");
        let mut headers = signed(&session.access_key_id);
        assert_eq!(keys.check(&headers, &uri).unwrap_err().code, "UnrecognizedClientException");
        headers.insert("x-amz-security-token", session.session_token.parse().unwrap());
        assert!(matches!(keys.check(&headers, &uri).unwrap(), Caller::Role { .. }));
        keys.revoke(&session.access_key_id);
        assert!(keys.check(&headers, &uri).is_err());
        let short = keys.issue_for("arn:aws:iam::000000000000:role/r", "s", Duration::ZERO).unwrap();
        let mut headers = signed(&short.access_key_id);
        headers.insert("x-amz-security-token", short.session_token.parse().unwrap());
        assert_eq!(keys.check(&headers, &uri).unwrap_err().code, "ExpiredTokenException");
    }

    #[test]
    fn session_survives_a_restart_only_if_it_expires() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keys.json");
        let keys = CredentialStore::open(&path, Durability::Process).unwrap();
        let hour = Duration::from_hours(1);
        let role = "arn:aws:iam::000000000000:role/r";
        let (lasting, fleeting) = (keys.issue_for(role, "s", hour).unwrap(), keys.issue(role, "f"));
        keys.issue_for(role, "another", hour).unwrap();
        drop(keys);
        let keys = CredentialStore::open(&path, Durability::Process).unwrap();
        let check = |session: &SessionKeys| {
            let mut headers = signed(&session.access_key_id);
            headers.insert("x-amz-security-token", session.session_token.parse().unwrap());
            keys.check(&headers, &Uri::from_static("/"))
        };
        assert_eq!(check(&lasting).unwrap(), Caller::Role { arn: role.to_owned(), session: "s".to_owned() });
        assert_eq!(check(&fleeting).unwrap_err().code, "UnrecognizedClientException");
    }
}
