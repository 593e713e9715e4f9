//! The desired state of the cloud.

#[allow(dead_code)]
mod artifact;
