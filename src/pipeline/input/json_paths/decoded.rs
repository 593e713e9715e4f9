//! JSON within texts: a document is written again with the values that its texts hold, before it is read by paths.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::value::RawValue;

use super::super::mapping::{Decoding, Step};
use super::super::row_error::{RowError, row_error};
use super::{PathTree, elements, members};

/// Takes base64 with padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A document with decoded texts.
pub(in super::super) struct DecodedDocument {
    pub json: Box<RawValue>,
    /// The first text that could not be decoded.
    pub failure: Option<DecodeFailure>,
}

/// Why a text could not be decoded.
#[derive(Clone, Debug)]
pub(in super::super) struct DecodeFailure {
    pub error: RowError,
    /// True if it begins as JSON does; any other text may be meant to be no JSON.
    pub is_broken: bool,
}

impl PathTree {
    pub(super) fn set_decoding(&mut self, path: &[Step], at: usize) {
        let Step::Decoded(decoding) = path[at] else { return };
        if self.decodings.iter().all(|(_, known)| *known != decoding) {
            let keys = path[..at].iter().map(|step| match step {
                Step::Key(key) => key.clone(),
                Step::Index(index) => format!("[{index}]"),
                Step::Each => "[]".to_owned(),
                Step::Members | Step::Name => "*".to_owned(),
                Step::Decoded(decoding) => decoding.step().to_owned(),
            });
            self.decodings.push((keys.collect::<Vec<_>>().join("."), decoding));
        }
    }

    /// Returns the document with an object `{"@json":…}` in place of each text that a path decodes; nothing where no path
    /// does.
    ///
    /// # Errors
    /// When the document is no JSON.
    pub(in super::super) fn decoded(&self, document: &RawValue) -> Result<Option<DecodedDocument>, RowError> {
        if !self.decodes {
            return Ok(None);
        }
        let mut failure = None;
        let mut json = String::with_capacity(document.get().len() + 64);
        self.write_decoded(document, &mut json, &mut failure)?;
        let json = RawValue::from_string(json).map_err(|error| super::not_json(&error))?;
        Ok(Some(DecodedDocument { json, failure }))
    }

    fn write_decoded(
        &self,
        value: &RawValue,
        json: &mut String,
        failure: &mut Option<DecodeFailure>,
    ) -> Result<(), RowError> {
        let text = value.get();
        match text.as_bytes().first() {
            Some(b'"') if !self.decodings.is_empty() => self.write_text(text, json, failure)?,
            Some(b'{') if self.decodes => {
                let mut separator = '{';
                members(value, |name, member| {
                    json.push(separator);
                    separator = ',';
                    sensor_model::json_escape::push_string(json, &name);
                    json.push(':');
                    let child = self.keys.iter().find(|(key, _)| *key == name).map(|(_, child)| child);
                    match child.or(self.members.as_deref()) {
                        Some(child) => child.write_decoded(member, json, failure)?,
                        None => json.push_str(member.get()),
                    }
                    Ok(())
                })?;
                json.push_str(if separator == '{' { "{}" } else { "}" });
            }
            Some(b'[') if self.decodes => {
                let (mut separator, mut at) = ('[', 0);
                elements(value, |element| {
                    json.push(separator);
                    separator = ',';
                    let child = self.indexes.iter().find(|(index, _)| *index == at).map(|(_, child)| child);
                    at += 1;
                    match child.or(self.each.as_deref()) {
                        Some(child) => child.write_decoded(element, json, failure)?,
                        None => json.push_str(element.get()),
                    }
                    Ok(())
                })?;
                json.push_str(if separator == '[' { "[]" } else { "]" });
            }
            _ => json.push_str(text),
        }
        Ok(())
    }

    /// Writes what a text holds, in each way that a path asks for.
    fn write_text(&self, text: &str, json: &mut String, failure: &mut Option<DecodeFailure>) -> Result<(), RowError> {
        let json_text = text;
        let text: String = serde_json::from_str(text).map_err(|error| super::not_json(&error))?;
        // Nothing is no failure.
        if text.is_empty() {
            json.push_str(json_text);
            return Ok(());
        }
        let mut separator = '{';
        for (path, decoding) in &self.decodings {
            json.push(separator);
            separator = ',';
            json.push('"');
            json.push_str(decoding.step());
            json.push_str("\":");
            let child = self.keys.iter().find(|(key, _)| key == decoding.step()).map(|(_, child)| child);
            match (decode(&text, *decoding), child) {
                (Ok(value), Some(child)) => child.write_decoded(&value, json, failure)?,
                (Ok(value), None) => json.push_str(value.get()),
                (Err(Undecoded { code, what, is_broken }), _) => {
                    json.push_str("null");
                    failure.get_or_insert_with(|| {
                        let error = row_error(code, format!("the text at `{path}` is {what}"));
                        DecodeFailure { error, is_broken }
                    });
                }
            }
        }
        json.push('}');
        Ok(())
    }
}

/// Why a text holds no value: the class, and what it is instead.
#[derive(Debug)]
pub(in super::super) struct Undecoded {
    code: &'static str,
    what: &'static str,
    is_broken: bool,
}

/// Returns the JSON value that a text holds.
pub(in super::super) fn decode(text: &str, decoding: Decoding) -> Result<Box<RawValue>, Undecoded> {
    let undecoded = |code, what| Undecoded { code, what, is_broken: false };
    let (text, no_json) = match decoding {
        Decoding::Json => (text.to_owned(), "no JSON"),
        Decoding::Base64 => {
            let no_json = "base64 of something that is no JSON";
            let bytes = BASE64.decode(text.trim()).map_err(|_| undecoded("not-base64", "no base64"))?;
            (String::from_utf8(bytes).map_err(|_| undecoded("not-json", no_json))?, no_json)
        }
        Decoding::Eui64 => {
            let digits = eui64(text.trim())
                .ok_or_else(|| undecoded("not-an-eui", "neither 16 hexadecimal digits nor 8 bytes in base64"))?;
            (format!("\"{digits}\""), "")
        }
    };
    let is_broken = text.trim_start().starts_with(['{', '[']);
    let broken = |_| Undecoded { code: "not-json", what: if is_broken { "broken JSON" } else { no_json }, is_broken };
    RawValue::from_string(text.trim().to_owned()).map_err(broken)
}

/// Returns the identifier of a device as it is printed on it. 16 hexadecimal digits are base64, too, but of 12 bytes.
fn eui64(text: &str) -> Option<String> {
    if text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(text.to_owned());
    }
    let bytes = BASE64.decode(text).ok()?.try_into().ok()?;
    Some(format!("{:016x}", u64::from_be_bytes(bytes)))
}
