//! The control endpoint: `GET`, `PUT`, `DELETE /_sensorctl/faults` and `GET /_sensorctl/calls`.

use bytes::Bytes;
use http::Method;
use serde_json::json;

use super::{FaultPlan, Faults};
use crate::protocol::aws_json;
use crate::protocol::aws_json::{Response, ServiceError};

impl Faults {
    /// Handles a request of the owner to the control endpoint.
    ///
    /// `GET faults` returns the current plan; `PUT faults` sets a plan from text; `DELETE faults` ends all faults.
    /// Setting and ending restart the call numbers. `GET calls` lists the calls since the start or the last restart.
    pub(crate) fn control(&self, method: &Method, path: &str, body: &Bytes) -> Response {
        match (method, path) {
            (&Method::GET, "/_sensorctl/faults") => self.told(),
            (&Method::PUT, "/_sensorctl/faults") => {
                let text = String::from_utf8_lossy(body);
                match text.trim_end().parse::<FaultPlan>() {
                    Ok(plan) => {
                        self.set(plan);
                        self.told()
                    }
                    Err(error) => ServiceError::bad_request("InvalidFaults", error.to_string()).rest(),
                }
            }
            (&Method::DELETE, "/_sensorctl/faults") => {
                self.set(FaultPlan::default());
                self.told()
            }
            (&Method::GET, "/_sensorctl/calls") => {
                let state = self.state();
                aws_json::json(200, &json!({"calls": state.calls, "left_out": state.left_out}))
            }
            _ => ServiceError::new(404, "NotFound", format!("no {method} {path} here")).rest(),
        }
    }

    /// Returns the current faults in the form of `--faults`.
    pub(crate) fn spec(&self) -> String {
        self.state().plan.to_string()
    }

    fn told(&self) -> Response {
        aws_json::json(200, &json!({"faults": self.spec()}))
    }
}
