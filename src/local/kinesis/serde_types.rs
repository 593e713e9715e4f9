//! Members whose encoding depends on the wire format: data and times, in JSON and in CBOR.

use std::fmt;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD as BASE64;
use ciborium::Value as Cbor;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::decode_error::invalid_base64;
use crate::protocol::aws_json::seconds;

/// Data of a request: base64 in JSON, bytes in CBOR.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Blob(pub Vec<u8>);

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;

        impl Visitor<'_> for Form {
            type Value = Blob;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("data")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Blob, E> {
                base64_simd::STANDARD.decode_to_vec(text).map(Blob).map_err(|_| E::custom(invalid_base64(text)))
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }

            fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Blob, E> {
                Ok(Blob(bytes))
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_str(Form)
        } else {
            deserializer.deserialize_byte_buf(Form)
        }
    }
}

/// Data of a response: base64 in JSON, bytes in CBOR.
pub(super) struct BlobRef<'a>(pub &'a [u8]);

impl Serialize for BlobRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&Base64Display::new(self.0, &BASE64))
        } else {
            serializer.serialize_bytes(self.0)
        }
    }
}

/// A time in epoch milliseconds: seconds with a fraction in JSON; tag 1 and milliseconds in CBOR, as Java has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Time(pub u64);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return f64::deserialize(deserializer).map(|seconds| Time(millis(seconds * 1000.0)));
        }
        let mut value = Cbor::deserialize(deserializer)?;
        while let Cbor::Tag(_, tagged) = value {
            value = *tagged;
        }
        match value {
            Cbor::Integer(number) => u64::try_from(number).map(Time).map_err(|_| de::Error::custom("it is not a time")),
            Cbor::Float(number) => Ok(Time(millis(number))),
            _ => Err(de::Error::custom("it is not a time")),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_f64(seconds(self.0))
        } else {
            ciborium::tag::Required::<u64, 1>(self.0).serialize(serializer)
        }
    }
}

/// Converts any number to milliseconds; times before 1970 become 1970.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float stays within the type")]
pub(crate) fn millis(value: f64) -> u64 {
    value.round() as u64
}
