//! The whole table at once: for each client its body, the answer, what is stored.

use super::*;
use crate::clients;

#[tokio::test]
async fn each_client_is_answered_as_it_waits_for_and_its_fixes_are_stored_once() {
    let server = Server::start().await;
    println!("| client | request | answer | stored |\n| --- | --- | --- | --- |");
    for (n, client) in clients::all().iter().enumerate() {
        let unit = format!("PC-{n}");
        let token = server.unit(&unit, 5).await;
        let answer = send(client.request(&server, &token)).await;
        assert_eq!((answer.status, &*answer.text), (StatusCode::OK, client.answer), "{}", client.name);
        let again = send(client.request(&server, &token)).await;
        assert_eq!(again.status, StatusCode::OK, "{}: {}", client.name, again.text);
        let archive = &server.sentinel.reads.archive;
        let stored = archive.fixes(&id(&unit), TimeRange::ALL, 1000).await.expect("reads");
        assert_eq!(stored.len(), client.fixes, "{}: {stored:?}", client.name);
        let said = |text: &str| text.replace('|', "\\|");
        let stored: Vec<String> = stored
            .iter()
            .map(|fix| format!("`{}`", said(&serde_json::to_string(fix).expect("JSON"))))
            .collect();
        let answer = format!("{} `{}`", answer.status, answer.text);
        println!("| {} | `{}` | {answer} | {} |", client.name, said(&client.asks()), stored.join("<br>"));
    }
}
