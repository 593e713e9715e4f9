//! The desired state of the cloud.
