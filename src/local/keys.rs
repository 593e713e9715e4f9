//! Stand-in.
#[derive(Clone, Default)]
pub(crate) struct Keys;
pub(crate) struct SessionKeys {
    pub access_key_id: String,
    pub secret_access_key: String,
    pub session_token: String,
}
impl Keys {
    #[allow(clippy::unused_self)]
    pub(crate) fn issue(&self, _role_arn: &str) -> SessionKeys {
        SessionKeys { access_key_id: "ASIAX".into(), secret_access_key: "s".into(), session_token: "t".into() }
    }
    #[allow(clippy::unused_self)]
    pub(crate) fn revoke(&self, _access_key_id: &str) {}
}
