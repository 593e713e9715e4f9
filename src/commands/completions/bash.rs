//! The script for bash.

/// The place behind which the word before the cursor is known.
const PREVIOUS: &str = "    prev=\"$3\"\n";
/// Bash breaks `--stage=b` into three words at the sign.
const FLAG_BEFORE_SIGN: &str = "    if [[ \"${prev}\" == \"=\" ]]; then prev=\"${COMP_WORDS[COMP_CWORD-2]}\"; fi\n";

/// Returns a script that completes the value behind `--flag=`, too.
pub(super) fn mended(script: &str) -> String {
    script.replacen(PREVIOUS, &format!("{PREVIOUS}{FLAG_BEFORE_SIGN}"), 1)
}
