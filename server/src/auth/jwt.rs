//! The token that a program gets by signing in: a JWT, HS256, 12 hours.
//!
//! It says who and of which credentials' version; what that person may do is looked
//! up on each use. A changed password, role or scope counts the version up, and
//! every token of the older version is worth nothing.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use sentinel_model::{Time, UserName};
use serde::{Deserialize, Serialize};

/// Longer texts are not looked at.
const MAX_CHARS: usize = 2048;
const ISSUER: &str = "sentinel";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    pub sub: UserName,
    /// `UserRecord::credentials_version` when it was made.
    pub ver: u32,
    /// Seconds since 1970.
    iat: i64,
    exp: i64,
}

impl Claims {
    pub fn expires_at(&self) -> Time {
        Time::from_secs(self.exp)
    }
}

pub struct Signer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl Signer {
    pub fn new(secret: &[u8; 32]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "exp", "sub"]);
        // By our own clock, below.
        validation.validate_exp = false;
        validation.validate_aud = false;
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
            validation,
        }
    }

    /// A token, and when it ends.
    pub fn sign(
        &self,
        user: &UserName,
        version: u32,
        now: Time,
        ttl_s: i64,
    ) -> Result<(String, Time), jsonwebtoken::errors::Error> {
        let iat = now.ms().div_euclid(1000);
        let exp = iat.saturating_add(ttl_s);
        let claims = Claims { iss: ISSUER.into(), sub: user.clone(), ver: version, iat, exp };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)?;
        Ok((token, claims.expires_at()))
    }

    /// What the token claims, if we made it and it has not ended.
    pub fn verify(&self, token: &str, now: Time) -> Option<Claims> {
        if token.len() > MAX_CHARS {
            return None;
        }
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).ok()?.claims;
        (now < claims.expires_at()).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

    const NOW: Time = Time(1_795_226_400_000);

    fn made(signer: &Signer) -> String {
        let user = "chief5".parse().expect("a good name");
        signer.sign(&user, 3, NOW, 60).expect("signs").0
    }

    #[test]
    fn a_token_reads_back_until_it_ends() {
        let signer = Signer::new(&[1; 32]);
        let token = made(&signer);
        let claims = signer.verify(&token, NOW).expect("holds");
        assert_eq!((claims.sub.as_str(), claims.ver), ("chief5", 3));
        assert!(signer.verify(&token, NOW.plus_ms(59_999)).is_some());
        assert!(signer.verify(&token, NOW.plus_ms(60_000)).is_none());
    }

    #[test]
    fn a_token_of_another_key_or_without_signature_is_worth_nothing() {
        let signer = Signer::new(&[1; 32]);
        assert!(signer.verify(&made(&Signer::new(&[2; 32])), NOW).is_none());
        let token = made(&signer);
        let claims = token.split('.').nth(1).unwrap_or_default();
        let unsigned = format!("{}.{claims}.", BASE64.encode(r#"{"alg":"none","typ":"JWT"}"#));
        assert!(signer.verify(&unsigned, NOW).is_none());
        for text in ["", ".", "..", "a.b.c", &"x".repeat(10_000)] {
            assert!(signer.verify(text, NOW).is_none());
        }
    }
}
