//! What addresses refuse, and how: one shape for all, so that handlers only say when.

use axum::http::StatusCode;
use serde_json::json;
use utoipa::openapi::{
    Content, ContentBuilder, HeaderBuilder, Object, Ref, RefOr, Response, SecurityRequirement,
    path::Operation, schema::Type,
};

/// A refusal that many addresses share: its status, its name in the document, when it is.
const SHARED: &[(&str, &str, &str)] = &[
    (
        "400",
        "BadRequest",
        "Something in the query, the path or the body does not read; the message says what",
    ),
    ("401", "Unauthorized", "No credential, or one that is not known here, has expired or was revoked"),
    ("403", "Forbidden", "The credential is good, but this is not within what it allows"),
    ("408", "Timeout", "The request took longer than a minute to arrive and be answered; try again"),
    ("413", "TooLarge", "The body is larger than this address takes"),
    (
        "415",
        "Unsupported",
        "The body is packed in a way that is not read here (`Content-Encoding`): send it as it is, or by gzip",
    ),
    ("500", "Internal", "Something failed on the server; the operator finds it in the log by the request id"),
    ("503", "Unavailable", "What is needed is away or overloaded right now; nothing was lost, try again"),
];

/// Adds to an operation what its kind may refuse, and to each refusal its shape.
pub fn complete(operation: &mut Operation) {
    let signed = operation.security.as_ref().is_none_or(|needs| !needs.is_empty() && !allows_anyone(needs));
    let has_body = operation.request_body.is_some();
    let has_parameters = operation.parameters.as_ref().is_some_and(|all| !all.is_empty());
    for (status, name, _) in SHARED {
        let applies = match *status {
            "400" => has_body || has_parameters,
            "401" | "403" => signed,
            "413" => has_body,
            // What devices post, they may pack.
            "415" => has_body && operation.tags.iter().flatten().any(|tag| tag == "Positions"),
            _ => true,
        };
        if applies {
            let shared = || RefOr::Ref(Ref::from_response_name(*name));
            operation.responses.responses.entry((*status).to_owned()).or_insert_with(shared);
        }
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with(['4', '5'])
            && response.content.is_empty()
        {
            shape(status, response);
        }
    }
}

pub fn shared() -> impl Iterator<Item = (String, RefOr<Response>)> {
    SHARED.iter().map(|(status, name, when)| {
        let mut response = Response::new(*when);
        shape(status, &mut response);
        ((*name).to_owned(), RefOr::T(response))
    })
}

fn allows_anyone(needs: &[SecurityRequirement]) -> bool {
    needs.contains(&SecurityRequirement::default())
}

fn shape(status: &str, response: &mut Response) {
    response.content.insert("application/json".into(), RefOr::T(error_body(status, &response.description)));
    let mut header = |name: &str, kind: Type, words: &str| {
        let header = HeaderBuilder::new().schema(Some(Object::with_type(kind))).description(Some(words));
        response.headers.insert(name.to_owned(), RefOr::T(header.build()));
    };
    match status {
        "401" => header("WWW-Authenticate", Type::String, "`Bearer`"),
        "429" | "503" => header("Retry-After", Type::Integer, "Seconds"),
        _ => {}
    }
}

fn error_body(status: &str, when: &str) -> Content {
    let code = match status.parse().ok().and_then(|status| StatusCode::from_u16(status).ok()) {
        Some(StatusCode::BAD_REQUEST) => "bad_request",
        Some(StatusCode::UNAUTHORIZED) => "unauthorized",
        Some(StatusCode::FORBIDDEN) => "forbidden",
        Some(StatusCode::NOT_FOUND) => "not_found",
        Some(StatusCode::REQUEST_TIMEOUT) => "timeout",
        Some(StatusCode::CONFLICT) => "conflict",
        Some(StatusCode::PAYLOAD_TOO_LARGE) => "too_large",
        Some(StatusCode::UNSUPPORTED_MEDIA_TYPE) => "unsupported",
        Some(StatusCode::UPGRADE_REQUIRED) => "upgrade_required",
        Some(StatusCode::TOO_MANY_REQUESTS) => "too_many_requests",
        Some(StatusCode::SERVICE_UNAVAILABLE) => "unavailable",
        _ => "internal",
    };
    let example = json!({ "code": code, "message": when, "request_id": "5f1c9e0a7b3d2468" });
    ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).example(Some(example)).build()
}
