//! The code of the deployed function, compared with the bundled one.

use super::observations::FunctionFacts;
use crate::stack::{Architecture, FunctionArtifact};

/// Returns whether the deployed code is certainly another build than the bundled one.
pub(super) fn is_other_build(function: &FunctionFacts) -> bool {
    bundled(function).is_some_and(|bundled| bundled.sha256_base64() != function.code_sha256)
}

/// Returns how the deployed function differs from the bundled one, if it does.
pub(super) fn difference(function: &FunctionFacts) -> Option<String> {
    let deployed = &function.code_sha256;
    let version = function.version.as_ref().map(|version| format!(", sensorctl {version}")).unwrap_or_default();
    match bundled(function) {
        Some(bundled) if bundled.sha256_base64() == deployed => None,
        Some(bundled) => Some(format!(
            "the deployed function is another build (sha256 {deployed}{version}; bundled: {}, sensorctl {})",
            bundled.sha256_base64(),
            env!("CARGO_PKG_VERSION")
        )),
        None => Some(format!(
            "the deployed function is for {}, which this sensorctl does not bundle, so that they cannot be compared \
             (sha256 {deployed}{version})",
            function.architecture
        )),
    }
}

fn bundled(function: &FunctionFacts) -> Option<FunctionArtifact> {
    FunctionArtifact::bundled(Architecture::named(&function.architecture)?).ok()
}
