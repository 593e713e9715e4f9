//! `StartStreamEncryption` and `StopStreamEncryption`: they set flags only; records are stored unencrypted.

use serde::Deserialize;

use super::target::Target;
use crate::kinesis::Kinesis;
use crate::kinesis::validation::Checks;
use crate::protocol::aws_json::{Response, ServiceError};
use crate::protocol::wire_format::WireFormat;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_field_names, reason = "the service's names")]
pub(super) struct Encryption {
    #[serde(flatten)]
    target: Target,
    encryption_type: Option<String>,
    key_id: Option<String>,
}

impl Kinesis {
    pub(super) fn start_stream_encryption(
        &self,
        form: WireFormat,
        input: &Encryption,
    ) -> Result<Response, ServiceError> {
        self.set_key(form, input, input.key_id.clone())
    }

    pub(super) fn stop_stream_encryption(
        &self,
        form: WireFormat,
        input: &Encryption,
    ) -> Result<Response, ServiceError> {
        self.set_key(form, input, None)
    }

    fn set_key(&self, form: WireFormat, input: &Encryption, key: Option<String>) -> Result<Response, ServiceError> {
        let kind = input.encryption_type.as_deref();
        let mut checks = Checks::default();
        checks.present("encryptionType", kind.as_ref()).one_of("encryptionType", kind, &["KMS"]);
        checks.present("keyId", input.key_id.as_ref()).length("keyId", input.key_id.as_deref(), 1, 2048).done()?;
        let name = self.target(&input.target)?;
        self.update(&name, |state, _| {
            state.key_id = key;
            Ok(())
        })?;
        Ok(form.empty())
    }
}
