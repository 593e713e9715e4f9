//! The account and region that every service reports, and the ARNs built from them.

/// Account and region of a local cloud.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// Twelve digits.
    pub account: String,
    /// Region name: `us-east-1`.
    pub region: String,
}

impl Identity {
    /// An account ID that no real account has.
    pub(crate) const ACCOUNT: &'static str = "000000000000";

    /// Name and unique ID of the user whose access key opens this local cloud.
    pub(crate) const OWNER: &'static str = "sensorctl";
    pub(crate) const OWNER_ID: &'static str = "AIDASENSORCTLOWNER00A";

    /// Returns the identity of a local cloud in the given region.
    pub(crate) fn new(region: &str) -> Self {
        Identity { account: Self::ACCOUNT.to_owned(), region: region.to_owned() }
    }

    /// Returns the ARN of a Kinesis stream.
    pub(crate) fn stream_arn(&self, name: &str) -> String {
        self.regional("kinesis", &format!("stream/{name}"))
    }

    /// Returns the ARN of a `DynamoDB` table.
    pub(crate) fn table_arn(&self, name: &str) -> String {
        self.regional("dynamodb", &format!("table/{name}"))
    }

    /// Returns the ARN of a Lambda function.
    pub(crate) fn function_arn(&self, name: &str) -> String {
        self.regional("lambda", &format!("function:{name}"))
    }

    /// Returns the ARN of an event source mapping.
    pub(crate) fn mapping_arn(&self, uuid: &str) -> String {
        self.regional("lambda", &format!("event-source-mapping:{uuid}"))
    }

    /// Returns the ARN of a log group, without the `:*` that stands for its streams.
    pub(crate) fn log_group_arn(&self, name: &str) -> String {
        self.regional("logs", &format!("log-group:{name}"))
    }

    /// Returns the ARN of a role; the path starts and ends with `/`.
    pub(crate) fn role_arn(&self, path: &str, name: &str) -> String {
        format!("arn:aws:iam::{}:role{path}{name}", self.account)
    }

    /// Returns the ARN of a customer managed policy; the path starts and ends with `/`.
    pub(crate) fn policy_arn(&self, path: &str, name: &str) -> String {
        format!("arn:aws:iam::{}:policy{path}{name}", self.account)
    }

    /// Returns the ARN of a role session.
    pub(crate) fn session_arn(&self, role: &str, session: &str) -> String {
        format!("arn:aws:sts::{}:assumed-role/{role}/{session}", self.account)
    }

    /// Returns the ARN of the user whose access key opens this local cloud.
    pub(crate) fn owner_arn(&self) -> String {
        self.user_arn(Self::OWNER)
    }

    /// Returns the ARN of a user.
    pub(crate) fn user_arn(&self, name: &str) -> String {
        format!("arn:aws:iam::{}:user/{name}", self.account)
    }

    fn regional(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }
}
