//! mongo-java-server with ordered indexes finds what it finds by reading everything.
//!
//! Each document is in two collections: one with the indexes, one without; there no index knows the
//! `_id` by its other name, `number`.

use mongodb::{
    Client, Collection, IndexModel,
    bson::{DateTime, Document, doc},
    error::ErrorKind,
    options::ReturnDocument,
};
use sentinel_services::{Database, Kind};
use std::{mem, sync::Arc};
use tokio::{sync::Barrier, task::JoinSet};

/// Coprime to the count of documents: they are stored in no order.
const STEP: i64 = 7;
const DOCUMENTS: i64 = 300;

fn of(client: &Client, name: &str) -> Collection<Document> {
    client.default_database().expect("the URI names the database").collection(name)
}

async fn client(database: &Database) -> Client {
    Client::with_uri_str(database.uri()).await.expect("the URI is well formed")
}

fn index(keys: Document) -> IndexModel {
    IndexModel::builder().keys(keys).build()
}

fn at(minute: i64) -> DateTime {
    DateTime::from_millis(1_800_000_000_000 + minute * 60_000)
}

/// Ten minutes of one of three units; every third is not ended.
fn patrol(number: i64) -> Document {
    let unit = ["PC-1", "PC-2", "PC-3"][usize::try_from(number * 5 % 3).expect("it is 0 to 2")];
    let mut patrol = doc! {
        "_id": number, "number": number, "unit": unit, "first": at(number / 2), "last": at(number / 2 + 10),
        "hour": number / 60, "slot": number % 11,
    };
    if number % 3 > 0 {
        patrol.insert("ended", number % 50);
    }
    patrol
}

struct Both {
    indexed: Collection<Document>,
    plain: Collection<Document>,
}

impl Both {
    async fn filled(database: &Database) -> Self {
        let client = client(database).await;
        let both = Self { indexed: of(&client, "indexed"), plain: of(&client, "plain") };
        both.store((0..DOCUMENTS).map(|n| patrol(n * STEP % DOCUMENTS)).collect()).await;
        // Made over what is there; what comes later is added to it.
        let keys = [
            doc! { "unit": 1, "first": 1, "last": 1 },
            doc! { "last": 1 },
            doc! { "slot": 1, "hour": 1 },
            doc! { "ended": 1, "first": 1 },
        ];
        both.indexed.create_indexes(keys.map(index)).await.expect("it makes indexes");
        both
    }

    async fn store(&self, documents: Vec<Document>) {
        self.indexed.insert_many(&documents).await.expect("they are stored");
        let unnamed = documents.into_iter().map(|mut document| {
            document.remove("_id");
            document
        });
        self.plain.insert_many(unnamed).await.expect("they are stored");
    }

    async fn update(&self, filter: Document, update: Document) {
        let there = self.indexed.update_many(filter.clone(), update.clone()).await.expect("it updates");
        let here = self.plain.update_many(by_number(filter), update).await.expect("it updates");
        assert_eq!(there.matched_count, here.matched_count);
        assert!(there.matched_count > 0, "nothing was updated");
    }

    async fn delete(&self, filter: Document) {
        let there = self.indexed.delete_many(filter.clone()).await.expect("it deletes");
        let here = self.plain.delete_many(by_number(filter)).await.expect("it deletes");
        assert_eq!(there.deleted_count, here.deleted_count);
        assert!(there.deleted_count > 0, "nothing was deleted");
    }

    /// Compares what all queries find.
    async fn agree(&self, when: &str) {
        let mut found = 0;
        for filter in queries() {
            let plain = numbers(&self.plain, by_number(filter.clone()), doc! { "number": 1 }, 0).await;
            let indexed = numbers(&self.indexed, filter.clone(), doc! { "number": 1 }, 0).await;
            assert_eq!(indexed, plain, "{when}: {filter}");
            found += usize::from(!plain.is_empty());
            for (sort, limit) in sorts() {
                let what = format!("{when}: {filter} by {sort}, {limit}");
                let indexed = numbers(&self.indexed, filter.clone(), sort.clone(), limit).await;
                let plain = numbers(&self.plain, by_number(filter.clone()), by_number(sort), limit).await;
                assert_eq!(indexed, plain, "{what}");
            }
        }
        assert!(found > queries().len() / 2, "{when}: only {found} queries find anything");
    }
}

/// Those that Sentinel sends, and their neighbours.
fn queries() -> Vec<Document> {
    let some = doc! { "$in": ["PC-1", "PC-3", "none"] };
    vec![
        doc! {},
        doc! { "unit": "PC-2" },
        doc! { "unit": "PC-2", "first": { "$gte": at(40), "$lt": at(70) }, "last": { "$gte": at(60) } },
        doc! { "unit": "PC-2", "first": { "$gt": at(40), "$lte": at(70) } },
        doc! { "unit": "PC-2", "first": { "$lte": at(90) } },
        doc! { "unit": "PC-2", "first": { "$gte": at(70), "$lt": at(40) } },
        doc! { "unit": "PC-2", "first": at(30), "last": { "$ne": at(0) } },
        doc! { "unit": some.clone(), "first": { "$lt": at(50) } },
        doc! { "unit": some.clone(), "ended": null },
        doc! { "unit": { "$in": [] } },
        doc! { "first": { "$gte": at(100) } },
        doc! { "last": { "$lt": at(30) } },
        doc! { "last": { "$lt": 30 } },
        doc! { "slot": { "$lt": 5 }, "hour": { "$lt": 2 } },
        doc! { "slot": { "$in": [9.0, 3] }, "hour": { "$gte": 1, "$lt": 4 } },
        doc! { "slot": -0.0, "hour": { "$lte": 2 } },
        doc! { "ended": null },
        doc! { "ended": { "$gt": 20 }, "first": { "$lte": at(60) } },
        doc! { "ended": { "$exists": false } },
        doc! { "$or": [
            { "ended": null, "first": { "$lte": at(60) } },
            { "ended": { "$gt": 20 }, "first": { "$lte": at(60) } },
        ] },
        doc! { "$or": [{ "_id": { "$in": [4, 5, 9] } }, { "unit": some, "ended": null }] },
        doc! { "unit": "PC-1", "$or": [{ "ended": null }, { "hour": 3 }] },
        doc! { "_id": 17 },
        doc! { "_id": 17, "hour": { "$lt": 1 } },
        doc! { "_id": { "$gt": 250 } },
        doc! { "_id": { "$gt": 50, "$lte": 60 } },
        doc! { "_id": { "$lt": 20.5, "$gte": 3 } },
        doc! { "_id": { "$in": [3, 1000, 200, 3, "PC-1"] } },
        doc! { "_id": { "$ne": 17 }, "unit": "PC-1", "last": { "$gte": at(80) } },
        doc! { "_id": { "$gt": "a" } },
    ]
}

/// Orders without ties, forwards and backwards, with an index and without.
fn sorts() -> [(Document, i64); 7] {
    [
        (doc! { "_id": 1 }, 4),
        (doc! { "_id": -1 }, 1),
        (doc! { "first": -1, "_id": 1 }, 3),
        (doc! { "first": 1, "last": 1, "_id": 1 }, 0),
        (doc! { "unit": 1, "first": 1, "last": 1, "_id": 1 }, 0),
        (doc! { "unit": -1, "first": -1, "last": -1, "_id": -1 }, 5),
        (doc! { "slot": 1, "hour": -1, "_id": 1 }, 7),
    ]
}

/// The same for who does not have the `_id`.
fn by_number(mut document: Document) -> Document {
    for (key, value) in mem::take(&mut document) {
        if let ("$or", Some(alternatives)) = (key.as_str(), value.as_array()) {
            let alternatives = alternatives.iter().filter_map(|one| one.as_document().cloned());
            document.insert(key, alternatives.map(by_number).collect::<Vec<_>>());
        } else {
            document.insert(if key == "_id" { "number".to_owned() } else { key }, value);
        }
    }
    document
}

async fn numbers(of: &Collection<Document>, filter: Document, sort: Document, limit: i64) -> Vec<i64> {
    let mut found = of.find(filter).sort(sort).limit(limit).batch_size(50).await.expect("it finds");
    let mut numbers = Vec::new();
    while found.advance().await.expect("it goes on") {
        let document = found.deserialize_current().expect("it is BSON");
        numbers.push(document.get_i64("number").expect("each has a number"));
    }
    numbers
}

#[tokio::test]
async fn an_index_finds_what_reading_everything_finds_also_after_changes() {
    let Some(database) = sentinel_services::mongo_of(Kind::JavaServer) else { return };
    let both = Both::filled(&database).await;
    both.agree("stored").await;

    both.update(doc! { "unit": "PC-2", "first": { "$lt": at(50) } }, doc! { "$set": { "unit": "PC-1" } })
        .await;
    both.update(doc! { "slot": 4 }, doc! { "$set": { "first": at(45), "ended": 30 }, "$inc": { "hour": 1 } })
        .await;
    both.update(doc! { "_id": { "$gte": 100, "$lt": 130 } }, doc! { "$unset": { "ended": 1, "last": 1 } })
        .await;
    both.agree("updated").await;

    both.delete(doc! { "unit": "PC-3", "first": { "$gte": at(90) } }).await;
    both.delete(doc! { "last": { "$lt": at(20) } }).await;
    both.delete(doc! { "_id": { "$in": [125, 126, 127] } }).await;
    both.delete(doc! { "_id": { "$lt": 30, "$gt": 12 } }).await;
    both.agree("deleted").await;

    both.store((20..30).map(patrol).chain((DOCUMENTS..DOCUMENTS + 40).map(patrol)).collect()).await;
    both.agree("stored again").await;
}

#[tokio::test]
async fn ids_are_unique_whatever_was_deleted_or_replaced() {
    let Some(database) = sentinel_services::mongo_of(Kind::JavaServer) else { return };
    let Both { indexed, .. } = Both::filled(&database).await;
    assert!(indexed.insert_one(patrol(8)).await.is_err(), "it is there");
    assert_eq!(indexed.delete_one(doc! { "_id": 8 }).await.expect("it deletes").deleted_count, 1);
    indexed.insert_one(patrol(8)).await.expect("it is gone");
    assert!(indexed.insert_one(patrol(8)).await.is_err(), "it is there again");

    let replaced = indexed.find_one_and_replace(doc! { "_id": 8 }, doc! { "number": 8_i64, "unit": "PC-9" });
    let replaced = replaced.return_document(ReturnDocument::After).await.expect("it replaces");
    assert_eq!(replaced, Some(doc! { "_id": 8_i64, "number": 8_i64, "unit": "PC-9" }));
    assert!(indexed.insert_one(patrol(8)).await.is_err(), "it is there still");
    let of_unit = doc! { "unit": "PC-9", "first": null };
    assert_eq!(numbers(&indexed, of_unit, doc! {}, 0).await, [8]);
    let range = doc! { "_id": { "$gt": 6, "$lt": 10 } };
    assert_eq!(numbers(&indexed, range, doc! { "_id": 1 }, 0).await, [7, 8, 9]);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_who_make_a_collection_at_once_share_it() {
    const AT_ONCE: usize = 8;
    const EXISTS: i32 = 48;
    let Some(database) = sentinel_services::mongo_of(Kind::JavaServer) else { return };
    for round in 0..10 {
        let (mut makers, begin) = (JoinSet::new(), Arc::new(Barrier::new(AT_ONCE)));
        for number in (0..).take(AT_ONCE) {
            let (client, begin) = (client(&database).await, begin.clone());
            client.list_database_names().await.expect("it answers");
            makers.spawn(async move {
                let collection = of(&client, &format!("made-{round}"));
                begin.wait().await;
                let database = client.default_database().expect("the URI names the database");
                if let Err(error) = database.create_collection(collection.name()).await {
                    let ErrorKind::Command(refused) = &*error.kind else { panic!("{error}") };
                    assert_eq!(refused.code, EXISTS, "{error}");
                }
                let of_unit = index(doc! { "unit": 1, "first": 1 });
                collection.create_index(of_unit).await.expect("it makes an index");
                collection.insert_one(patrol(number)).await.expect("it is stored");
            });
        }
        makers.join_all().await;
        let collection = of(&client(&database).await, &format!("made-{round}"));
        let all = numbers(&collection, doc! {}, doc! { "_id": 1 }, 0).await;
        assert_eq!(all, (0..).take(AT_ONCE).collect::<Vec<_>>(), "round {round}");
        let by_index = doc! { "unit": { "$in": ["PC-1", "PC-2", "PC-3"] }, "first": { "$gte": at(0) } };
        assert_eq!(numbers(&collection, by_index, doc! { "number": 1 }, 0).await, all, "round {round}");
    }
}
