//! Signatures after the Standard Webhooks specification, and the secrets they are made with.

use crate::ports::{SigningSecret, WebhookRecord};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sentinel_model::Time;
use standardwebhooks::{Webhook, WebhookError};

/// For how long what is sent is signed with the secret before, too.
pub const OVERLAP_MS: i64 = 24 * 3600 * 1000;

/// Secrets that sign at once: whoever changes it more often in a day loses the oldest.
const SECRETS_MAX: usize = 3;

/// 256 random bits; the specification asks for 24 to 64 bytes.
pub fn new_secret() -> SigningSecret {
    let text = format!("whsec_{}", STANDARD.encode(rand::random::<[u8; 32]>()));
    SigningSecret { text, until: None }
}

/// The secrets with a new one at the head; the one before goes on for a day.
pub fn rotated(secrets: &[SigningSecret], new: SigningSecret, now: Time) -> Vec<SigningSecret> {
    let ends = now.plus_ms(OVERLAP_MS);
    let older = secrets.iter().filter(|secret| holds(secret, now));
    let older = older
        .map(|secret| SigningSecret { until: Some(secret.until.unwrap_or(ends)), text: secret.text.clone() });
    [new].into_iter().chain(older).take(SECRETS_MAX).collect()
}

/// The header `webhook-signature`: one signature for each secret that holds, the newest first.
pub fn signatures(webhook: &WebhookRecord, id: &str, now: Time, body: &str) -> Result<String, WebhookError> {
    let signing = webhook.secrets.iter().filter(|secret| holds(secret, now));
    let signed = signing
        .map(|secret| Webhook::new(&secret.text)?.sign(id, timestamp(now), body.as_bytes()))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(signed.join(" "))
}

/// The header `webhook-timestamp`: seconds since 1970.
pub fn timestamp(now: Time) -> i64 {
    now.ms().div_euclid(1000)
}

fn holds(secret: &SigningSecret, now: Time) -> bool {
    secret.until.is_none_or(|until| until > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_before_signs_for_another_day_and_of_many_the_newest_do() {
        let now = Time(1_795_226_400_000);
        let first = new_secret();
        assert!(first.text.starts_with("whsec_") && !format!("{first:?}").contains(&first.text));
        assert_eq!(STANDARD.decode(&first.text[6..]).map(|bytes| bytes.len()), Ok(32));
        let second = new_secret();
        let secrets = rotated(std::slice::from_ref(&first), second.clone(), now);
        assert_eq!(
            secrets.iter().map(|s| s.until).collect::<Vec<_>>(),
            [None, Some(now.plus_ms(OVERLAP_MS))]
        );
        let later = rotated(&secrets, new_secret(), now.plus_ms(OVERLAP_MS / 2));
        assert_eq!(later.len(), 3);
        assert_eq!(later[2].until, secrets[1].until, "its end does not move");
        let last = rotated(&later, new_secret(), now.plus_ms(OVERLAP_MS + 1));
        assert!(last.iter().all(|secret| secret.text != first.text), "it has ended");
        assert_eq!(rotated(&last, new_secret(), now.plus_ms(OVERLAP_MS + 2)).len(), SECRETS_MAX);
    }
}
