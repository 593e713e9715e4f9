//! Access control: credentials, signatures, permissions, and the origin of a request.

pub(crate) mod authorization;
pub(crate) mod credentials;
pub(crate) mod origin;
pub(crate) mod peer;
pub(crate) mod permissions;
pub(crate) mod signature;
#[cfg(target_os = "linux")]
mod socket_owner;
