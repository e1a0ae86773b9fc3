//! What time it is at AWS, by the answers of its services.

use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;

use crate::clock::Clock;

/// Reads every answer's date.
#[derive(Debug)]
pub(super) struct Dated(pub(super) Clock);

impl Intercept for Dated {
    fn name(&self) -> &'static str {
        "Dated"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.read(context.response().headers().get("date"));
        Ok(())
    }
}
