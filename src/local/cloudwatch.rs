//! `CloudWatch`: `GetMetricData` of the metrics that the services of this local cloud count.
//!
//! Points are available at once, where the service takes a minute or two. A restart deletes them.

mod data_query;
mod query_parameters;
mod wire_form;

use self::data_query::GetMetricData;
pub(crate) use self::wire_form::{CloudWatchForm, TARGET};
use crate::metrics::MetricStore;
use crate::protocol::aws_json::{Request, Response, ServiceError};

/// The service of one local cloud.
pub(crate) struct CloudWatch {
    pub(super) kinesis: MetricStore,
    pub(super) lambda: MetricStore,
    pub(super) dynamodb: MetricStore,
}

impl CloudWatch {
    /// Handles a request.
    pub(crate) fn handle(&self, form: CloudWatchForm, request: &Request) -> Response {
        match self.answer(form, request) {
            Ok(response) => response,
            Err(error) => form.refuse(&error),
        }
    }

    fn answer(&self, form: CloudWatchForm, request: &Request) -> Result<Response, ServiceError> {
        let operation = form.operation(request);
        if operation != "GetMetricData" {
            return Err(ServiceError::not_implemented("cloudwatch", &operation));
        }
        let input = GetMetricData::parse(form.read(request)?)?;
        let results = input.results(|namespace| match namespace {
            "AWS/Kinesis" => &self.kinesis,
            "AWS/DynamoDB" => &self.dynamodb,
            _ => &self.lambda,
        });
        Ok(form.answer(&results))
    }
}
