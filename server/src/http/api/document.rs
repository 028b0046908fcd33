//! The OpenAPI document: generated from the routes, served, and committed as `docs/openapi.json`.

use axum::Json;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayItems, ObjectBuilder, Schema, SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr, Response};
use utoipa::{Modify, OpenApi as _};

use crate::http::problem::Problem;

/// What the document says about itself.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Sekisho",
        description = "Certified shared telework offices: seats, passes, doors and their evidence. Times are RFC 3339 with an offset. \
                       Unknown fields are refused. Send an `Idempotency-Key` with every POST: a repeat gets the first answer again. \
                       Refusals are problem documents (RFC 9457) with a stable `code`. What belongs to another organisation does not exist (404).",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")
    ),
    components(schemas(Problem)),
    security(("token" = [])),
    modifiers(&Tokens)
)]
struct About;

struct Tokens;

impl Modify for Tokens {
    fn modify(&self, document: &mut OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("sek_<id>_<secret>")
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The document without routes: where the router begins.
pub fn about() -> OpenApi {
    About::openapi()
}

/// The document of this version as text, as `docs/openapi.json` holds it.
pub fn document() -> String {
    // A document made of literals always serialises.
    complete().to_pretty_json().unwrap_or_default() + "\n"
}

/// `GET /api/v1/openapi.json`
pub async fn openapi() -> Json<OpenApi> {
    Json(complete())
}

/// The routes' document, with what holds for all of them said once here.
fn complete() -> OpenApi {
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .description(Some("1 to 128 visible ASCII characters. A repeat gets the first answer again; with another body it is refused."))
        .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
        .build();
    let mut document = crate::http::router::documented().to_openapi();
    for (path, item) in &mut document.paths.paths {
        if let Some(operation) = &mut item.get {
            describe(operation, "get", path, None);
        }
        if let Some(operation) = &mut item.put {
            describe(operation, "put", path, None);
        }
        if let Some(operation) = &mut item.delete {
            describe(operation, "delete", path, None);
        }
        if let Some(operation) = &mut item.patch {
            describe(operation, "patch", path, None);
        }
        if let Some(operation) = &mut item.post {
            describe(operation, "post", path, Some(&key));
        }
    }
    let components = document.components.get_or_insert_default();
    components.schemas.values_mut().for_each(untype);
    document
}

/// A field with a description whose schema is inlined is written as "this schema, and an object with this description": no time
/// is an object, so that no answer could be valid. The second part is only to describe.
fn untype(schema: &mut RefOr<Schema>) {
    let RefOr::T(schema) = schema else { return };
    match schema {
        Schema::Object(it) => it.properties.values_mut().for_each(untype),
        Schema::Array(it) => {
            if let ArrayItems::RefOrSchema(items) = &mut it.items {
                untype(items);
            }
        }
        Schema::OneOf(it) => it.items.iter_mut().for_each(untype),
        Schema::AnyOf(it) => it.items.iter_mut().for_each(untype),
        Schema::AllOf(it) => {
            for item in &mut it.items {
                match item {
                    RefOr::T(Schema::Object(only))
                        if only.properties.is_empty() && only.format.is_none() =>
                    {
                        only.schema_type = SchemaType::AnyValue;
                    }
                    other => untype(other),
                }
            }
        }
        _ => {}
    }
}

fn describe(operation: &mut Operation, method: &str, path: &str, key: Option<&Parameter>) {
    // Unique, and stable as long as the route is.
    let words = path
        .trim_start_matches("/api/v1/")
        .split(['/', '-', '.'])
        .map(|word| if word.starts_with('{') { "one" } else { word });
    operation.operation_id = Some(words.fold(method.to_owned(), |id, word| id + "_" + word));
    if let Some(key) = key {
        operation
            .parameters
            .get_or_insert_default()
            .push(key.clone().into());
    }
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            describe_response(status, response);
        }
    }
}

fn describe_response(status: &str, response: &mut Response) {
    let description = match status {
        "200" => "The answer.",
        "201" => "Made; `Location` says where it is.",
        _ => "A refusal (4xx) or a failure (5xx), as a problem document.",
    };
    description.clone_into(&mut response.description);
    if status == "default" {
        let content = std::mem::take(&mut response.content).into_values();
        response.content = content
            .map(|content| ("application/problem+json".to_owned(), content))
            .collect();
    }
}
