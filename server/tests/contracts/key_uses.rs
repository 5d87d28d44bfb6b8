//! When keys were last used, which records keep beside their commits.

use crate::{NOW, registry::Store};

pub async fn when_keys_were_last_used_is_kept_and_never_goes_back(store: &impl Store) {
    let registry = store.open().await;
    let note = async |uses: &[(&str, i64)]| {
        let uses = uses.iter().map(|(id, ms)| ((*id).to_owned(), NOW.plus_ms(*ms))).collect();
        registry.note_key_uses(uses).await.expect("notes");
    };
    assert_eq!(registry.key_uses().await.expect("reads"), [].into());
    note(&[("a", 5), ("b", 7)]).await;
    note(&[("a", 9), ("b", 3), ("c", 1)]).await;
    note(&[]).await;
    let expected = [("a", 9), ("b", 7), ("c", 1)].map(|(id, ms)| (id.to_owned(), NOW.plus_ms(ms)));
    assert_eq!(registry.key_uses().await.expect("reads"), expected.clone().into());
    drop(registry);
    let registry = store.open().await;
    assert_eq!(registry.key_uses().await.expect("reads"), expected.into());
    assert_eq!(registry.load(NOW).await.expect("loads").at, 0, "it is no commit");
}
