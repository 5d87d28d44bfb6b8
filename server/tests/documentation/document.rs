//! What a reader needs is there for every address.

use crate::server::Server;
use serde_json::Value;
use std::collections::BTreeSet;

async fn document() -> Value {
    Server::start().await.get("", "/api/openapi.json").await.json
}

fn operations(document: &Value) -> Vec<(String, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, item)| {
        let item: &Value = item;
        let each = item.as_object().expect("an item").iter();
        each.map(move |(method, operation)| (format!("{method} {path}"), operation)).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).collect()
}

#[tokio::test]
async fn every_address_has_a_name_a_summary_a_group_and_an_answer() {
    let document = document().await;
    let groups: BTreeSet<_> = document["tags"]
        .as_array()
        .expect("tags")
        .iter()
        .map(|tag| &tag["name"])
        .map(Value::to_string)
        .collect();
    let mut names = BTreeSet::new();
    for (at, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap_or_else(|| panic!("{at} has no name"));
        assert!(names.insert(name), "{at} is called {name}, as another one is");
        assert!(operation["summary"].as_str().is_some_and(|words| words.len() > 10), "{at} has no summary");
        let group = operation["tags"][0].to_string();
        assert!(groups.contains(&group), "{at} is in no group of the document: {group}");
        let answers = operation["responses"].as_object().expect("answers");
        assert!(answers.keys().any(|status| status.starts_with(['1', '2', '3'])), "{at} has no good answer");
        for (status, answer) in answers.iter().filter(|(status, _)| status.starts_with(['4', '5'])) {
            let shape = &resolved(&document, answer)["content"]["application/json"]["schema"];
            assert!(shape.is_object(), "{at} answers {status} in no stated shape");
        }
    }
}

#[tokio::test]
async fn a_form_that_is_not_read_is_refused_by_the_code_that_it_is_refused_with() {
    let document = document().await;
    let of = |path: &str| {
        let answer = resolved(&document, &document["paths"][path]["post"]["responses"]["415"]);
        answer["content"]["application/json"]["example"]["code"].as_str()
    };
    for path in ["/api/v1/locations", "/api/v1/units/{id}/location", "/api/v1/units/{id}/import"] {
        assert_eq!(of(path), Some("unsupported"), "{path}");
    }
    assert_eq!(of("/api/v1/patrols"), None, "one that packs nothing");
}

#[tokio::test]
async fn every_parameter_is_explained_and_every_body_has_an_example() {
    let document = document().await;
    for (at, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let told = parameter["description"].is_string() || parameter["name"] == "limit";
            assert!(told, "{at}: {} is not explained", parameter["name"]);
        }
        for (kind, content) in operation["requestBody"]["content"].as_object().into_iter().flatten() {
            let has_example = !content["example"].is_null() || !content["examples"].is_null();
            assert!(has_example || kind.ends_with("urlencoded"), "{at} has no example of its {kind}");
        }
    }
}

#[tokio::test]
async fn what_the_document_refers_to_is_in_it() {
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = document().await;
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        let at = reference.strip_prefix('#').expect("within the document");
        assert!(document.pointer(at).is_some(), "{reference} is not there");
    }
}

#[tokio::test]
async fn the_pages_load_nothing_from_elsewhere() {
    let server = Server::start().await;
    for path in
        ["/api/docs", "/api/docs/recipes", "/api/docs/look.js", "/api/docs/start.js", "/api/docs/page.css"]
    {
        let answer = server.get("", path).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.status);
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        let pages = answer.text.split("<pre>").map(|part| part.rsplit("</pre>").next().unwrap_or(part));
        assert!(!pages.collect::<String>().contains("://"), "{path} names another server");
    }
    let recipes = server.get("", "/api/docs/recipes").await.text;
    assert!(recipes.contains("<h2>Post a position</h2>"), "{recipes}");
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|at| document.pointer(at)).unwrap_or(value)
}
