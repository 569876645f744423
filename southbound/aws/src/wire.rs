//! What an answer has to be before it is believed.
//!
//! The SDK's reader takes XML that breaks off for XML that ends there: half a listing would be a complete and shorter one, and
//! an instance that is missing from it would be taken for gone. So every answer is read once before, as a whole.

use aws_sdk_ec2::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeDeserializationInterceptorContextMut,
};
use aws_sdk_ec2::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_ec2::error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;
use xmlparser::{ElementEnd, Token, Tokenizer};

/// A page of a thousand instances has some four megabytes.
const ANSWER_LIMIT: usize = 32 << 20;

/// Refuses answers that are cut short, broken or endless.
#[derive(Debug)]
pub(crate) struct WholeAnswers;

#[dyn_dispatch_hint]
impl Intercept for WholeAnswers {
    fn name(&self) -> &'static str {
        "WholeAnswers"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response_mut().take_body();
        let limited = SdkBody::from_body_1_x(Limited::new(body, ANSWER_LIMIT));
        *context.response_mut().body_mut() = limited;
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        if !response.status().is_success() {
            return Ok(());
        }
        let bytes = response.body().bytes().unwrap_or_default();
        check(bytes).map_err(BoxError::from)
    }
}

/// Whether this is one whole XML document: every element that begins ends, and there is one.
pub(crate) fn check(answer: &[u8]) -> Result<(), String> {
    let text =
        std::str::from_utf8(answer).map_err(|cause| format!("the answer is broken: {cause}"))?;
    let mut open: Vec<&str> = Vec::new();
    let mut elements = 0;
    for token in Tokenizer::from(text) {
        match token.map_err(|cause| format!("the answer is broken: {cause}"))? {
            Token::ElementStart { local, .. } => {
                elements += 1;
                open.push(local.as_str());
            }
            Token::ElementEnd { end, .. } => match end {
                ElementEnd::Open => {}
                ElementEnd::Empty => {
                    open.pop();
                }
                ElementEnd::Close(_, local) => {
                    if open.pop() != Some(local.as_str()) {
                        return Err(format!("the answer is broken at </{local}>"));
                    }
                }
            },
            _ => {}
        }
    }
    match open.last() {
        Some(inside) => Err(format!("the answer is cut short inside <{inside}>")),
        None if elements == 0 => Err("the answer is empty".to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_breaks_off_anywhere_is_refused() {
        let whole = "<?xml version=\"1.0\"?>\n<A xmlns=\"b\"><c>d</c><e/><f g=\"h\">i</f></A>";
        assert_eq!(check(whole.as_bytes()), Ok(()));
        let begin = whole.find("<A").unwrap();
        for end in 0..whole.len() {
            let cut = &whole[..end];
            assert!(check(cut.as_bytes()).is_err(), "{cut:?}, begun at {begin}");
        }
    }

    #[test]
    fn an_answer_whose_elements_cross_is_refused() {
        assert!(check(b"<a><b></a></b>").is_err());
        assert!(check(b"<a></a></a>").is_err());
        assert!(check(b"sorry").is_err());
    }
}
