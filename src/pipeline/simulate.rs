//! Simulated sensors: their readings, the steady rate at which they are sent, and the comparison with the table.

pub(crate) mod curve;
pub(crate) mod deletion;
pub(crate) mod feeder;
pub(crate) mod generator;
pub(crate) mod outcome;
pub(crate) mod plan;
pub(crate) mod random;
pub(crate) mod reconciliation;
pub(crate) mod rejected;
pub(crate) mod verification;
